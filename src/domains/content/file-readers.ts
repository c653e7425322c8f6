import { and, eq, isNotNull, sql, type SQL, type SQLWrapper } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf, type UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict, NotFound } from '../../errors.ts';
import { newId } from '../../ids.ts';
import { apiKeys } from '../tenancy/tables.ts';
import { documents, documentVersions, everybody, files, type FileRow } from './tables.ts';

/** Workspaces in which something that all may read is made from the file. */
const workspacesOf = (uses: typeof documents | typeof documentVersions): SQL => sql`
  select ${uses.workspaceId} from ${uses}
  where ${uses.organizationId} = ${files.organizationId} and ${uses.fileId} = ${files.id} and ${uses.readers} is null`;

/**
 * Who may read a file, by all that it is used for: the organization, whoever uploaded it (their user, or the key they did it with),
 * everybody while it is public, the workspaces in which it was dropped into a conversation or sent with a message, or a document is made from it,
 * now or in an earlier version, the rooms in which it was sent: the workspace of an open one, else the room, which is a principal of whoever has
 * entered it, and the projects to whose tasks it was put, with their workspaces. A narrowed document adds nobody here: its readers see its file only as long as they see its workspace.
 */
const fileReadersOf: SQL = sql`array(
  select ${files.organizationId}
  union select '${sql.raw(everybody)}'::uuid where ${files.visibility} = 'PUBLIC'
  union select reader from unnest(${files.readers}) as reader
    where reader = ${files.uploadedById} or exists (select from ${apiKeys}
      where ${apiKeys.organizationId} = ${files.organizationId} and ${apiKeys.id} = reader and ${apiKeys.userId} = ${files.uploadedById})
  union ${workspacesOf(documents)}
  union ${workspacesOf(documentVersions)}
  union select parsed.workspace_id from parsed_files as parsed
    where parsed.organization_id = ${files.organizationId} and parsed.file_id = ${files.id}
  union select message.workspace_id from messages as message
    where message.organization_id = ${files.organizationId} and message.file_id = ${files.id}
  union select coalesce(attachment.open_to_id, attachment.room_id) from room_attachments as attachment
    where attachment.organization_id = ${files.organizationId} and attachment.file_id = ${files.id}
  union select reader from task_attachments as attachment
    join projects as project on project.organization_id = attachment.organization_id and project.id = attachment.project_id
    cross join unnest(array[project.id, project.workspace_id]) as reader
    where attachment.organization_id = ${files.organizationId} and attachment.file_id = ${files.id} and reader is not null
)`;

/** Narrowed documents and earlier versions of an organization that are made from files for which the condition holds. */
const narrowedUses = (organizationId: SQLWrapper | string, condition: (fileId: SQLWrapper) => SQL): SQL =>
  sql.join(
    [documents, documentVersions].map(
      (uses) => sql`select ${uses.fileId} as file_id, ${uses.workspaceId} as workspace_id, ${uses.readers} as readers
        from ${uses} where ${uses.organizationId} = ${organizationId} and ${condition(uses.fileId)} and ${uses.readers} is not null`,
    ),
    sql` union all `,
  );
const usesOfFile = narrowedUses(files.organizationId, (fileId) => sql`${fileId} = ${files.id}`);
/** Whose narrowed documents they are: those of one workspace, see `apart`. */
const narrowedWorkspace: SQL = sql`(select narrowed.workspace_id from (${usesOfFile}) as narrowed limit 1)`;
const narrowedReaders: SQL = sql`(
  select array_agg(distinct reader) from (${usesOfFile}) as narrowed cross join unnest(narrowed.readers) as reader)`;

/**
 * Gives files the readers that their uses call for; each operation that changes what a document is made from, where it is, who may read
 * it, or whether it is there, ends with it. The running transaction sees the whole organization meanwhile: a file may serve documents
 * that the viewer does not see.
 */
export const renewFileReaders = async (unit: UnitOfWork, fileIds: readonly (string | null)[]): Promise<void> => {
  const ids = fileIds.filter((id) => id !== null);
  if (ids.length === 0) return;
  const { organizationId } = unit;
  await unit.nested(wholeOf(organizationId), async () => {
    // Whoever waits for another's change of a file looks at its uses only afterwards.
    await database
      .select({ id: files.id })
      .from(files)
      .where(among(organizationId, ids))
      .orderBy(files.id)
      .for('update');
    const all = [...ids, ...(await apart(organizationId, ids))];
    await database
      .update(files)
      .set({ readers: fileReadersOf, narrowedWorkspaceId: narrowedWorkspace, narrowedReaders })
      .where(among(organizationId, all));
  });
};

const among = (organizationId: string, ids: readonly string[]) =>
  and(eq(files.organizationId, organizationId), sql`${files.id} = any(${uuidArray(ids)}::uuid[])`);

/**
 * A row of a file can say who may read the narrowed documents of one workspace: those of each further one get a row of their own with the same
 * bytes. Gives the ids of the new rows.
 */
const apart = async (organizationId: string, ids: readonly string[]): Promise<string[]> => {
  const uses = narrowedUses(organizationId, (fileId) => sql`${fileId} = any(${uuidArray(ids)}::uuid[])`);
  const places = await database.execute<{ fileId: string; workspaceId: string }>(
    sql`select distinct file_id as "fileId", workspace_id as "workspaceId" from (${uses}) as narrowed order by 1, 2`,
  );
  const further = Array.from(Map.groupBy(places, ({ fileId }) => fileId).values()).flatMap(([, ...others]) => others);
  const made: string[] = [];
  for (const { fileId, workspaceId } of further) {
    const original = sole(
      await database
        .select()
        .from(files)
        .where(among(organizationId, [fileId])),
    );
    const { createdAt: _createdAt, updatedAt: _updatedAt, ...same } = original;
    const row = { ...same, id: newId(), visibility: 'PRIVATE' as const, downloadCount: 0 };
    // Its readers are renewed with the others'.
    await database.insert(files).values({ ...row, readers: [organizationId] });
    for (const table of [documents, documentVersions])
      await database
        .update(table)
        .set({ fileId: row.id })
        .where(
          and(
            eq(table.organizationId, organizationId),
            eq(table.fileId, fileId),
            eq(table.workspaceId, workspaceId),
            isNotNull(table.readers),
          ),
        );
    made.push(row.id);
  }
  return made;
};

/** Files that a document and its earlier versions are made from. */
export const filesOfDocument = async (organizationId: string, documentId: string): Promise<string[]> => {
  const rows = await database.execute<{ id: string }>(sql`
    select ${documents.fileId} as id from ${documents}
    where ${documents.organizationId} = ${organizationId} and ${documents.id} = ${documentId} and ${documents.fileId} is not null
    union
    select ${documentVersions.fileId} from ${documentVersions}
    where ${documentVersions.organizationId} = ${organizationId} and ${documentVersions.documentId} = ${documentId}
      and ${documentVersions.fileId} is not null`);
  return Array.from(rows, ({ id }) => id);
};

/**
 * A file that a document is about to be made from, locked for the transaction. Throws NotFound, Conflict (its bytes have not arrived).
 */
export const lockedFile = async (unit: UnitOfWork, id: string): Promise<FileRow> => {
  const isFile = and(eq(files.organizationId, unit.organizationId), eq(files.id, id));
  const [seen] = await database.select({ id: files.id }).from(files).where(isFile);
  // Whoever sees it by a narrowed document alone may not change the row, and so not lock it.
  const [file] =
    seen === undefined
      ? []
      : await unit.nested(wholeOf(unit.organizationId), () =>
          database.select().from(files).where(isFile).for('update'),
        );
  if (file === undefined) throw new NotFound('File', id);
  if (file.status !== 'STORED') throw new Conflict('fileId', 'The bytes of this file have not arrived yet.');
  return file;
};
