import { and, eq, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict, NotFound } from '../../errors.ts';
import { apiKeys } from '../tenancy/tables.ts';
import { documents, documentVersions, everybody, files, type FileRow } from './tables.ts';

/** Workspaces in which something that all may read is made from the file. */
const workspacesOf = (uses: typeof documents | typeof documentVersions): SQL => sql`
  select ${uses.workspaceId} from ${uses}
  where ${uses.organizationId} = ${files.organizationId} and ${uses.fileId} = ${files.id} and ${uses.readers} is null`;

/**
 * Who may read a file, by all that it is used for: the organization, whoever uploaded it (their user, or the key they did it with),
 * everybody while it is public, and the workspaces in which it was dropped into a conversation or a document is made from it, now or
 * in an earlier version. A narrowed document adds nobody here: the policy `files_of_documents` shows its file with it.
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
)`;

/**
 * Gives files the readers that their uses call for; each operation that changes what a document is made from, where it is, who may read
 * it, or whether it is there, ends with it. The running transaction sees the whole organization meanwhile: a file may serve documents
 * that the viewer does not see.
 */
export const renewFileReaders = async (unit: UnitOfWork, fileIds: readonly (string | null)[]): Promise<void> => {
  const ids = fileIds.filter((id) => id !== null);
  if (ids.length === 0) return;
  const named = and(eq(files.organizationId, unit.organizationId), sql`${files.id} = any(${uuidArray(ids)}::uuid[])`);
  await unit.nested(whole(unit.organizationId), async () => {
    // Whoever waits for another's change of a file looks at its uses only afterwards.
    await database.select({ id: files.id }).from(files).where(named).orderBy(files.id).for('update');
    await database.update(files).set({ readers: fileReadersOf }).where(named);
  });
};

/** Sees all of an organization, as its jobs do. */
const whole = (organizationId: string) => ({
  ...nowhere,
  organizationId,
  principals: [organizationId],
  workspaces: '*' as const,
});

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
      : await unit.nested(whole(unit.organizationId), () => database.select().from(files).where(isFile).for('update'));
  if (file === undefined) throw new NotFound('File', id);
  if (file.status !== 'STORED') throw new Conflict('fileId', 'The bytes of this file have not arrived yet.');
  return file;
};
