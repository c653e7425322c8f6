import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { brokenReference } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf, type Transaction } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden, NotFound } from '../../errors.ts';
import type { UpdateFileInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context, type Viewer } from '../context.ts';
import { revokeTokens } from '../identity/tokens.ts';
import { atLeast, organizationRanks } from '../permissions.ts';
import { nameIssues } from './file-rules.ts';
import { removeUnused } from './stored-bytes.ts';
import { documents, everybody, files, type FileRow } from './tables.ts';

/** Whether somebody who sees a file may change it: who uploaded it, and administrators of the organization. */
export const manages = ({ userId, role }: Viewer, { uploadedById }: FileRow): boolean =>
  uploadedById === userId || atLeast(organizationRanks, role, 'ADMIN');

/** Renames a file, or lets everybody see it or no longer so. Throws BadUserInput, NotFound, Forbidden. */
export const updateFile = (context: Context, { id, name, visibility }: UpdateFileInput): Promise<FileRow> => {
  const issues = nameIssues(name ?? undefined);
  if (issues.length > 0) throw new BadUserInput(issues);
  return context.unit.transact(async (transaction) => {
    const current = await lockedFile(context, transaction, id);
    const changes = {
      ...(typeof name === 'string' && name !== current.name && { name }),
      ...(visibility && visibility !== current.visibility && { visibility, readers: readersFor(visibility) }),
    };
    if (Object.keys(changes).length === 0) return current;
    const file = sole(await database.update(files).set(changes).where(is(transaction, id)).returning());
    const data = { fields: Object.keys(changes).filter((field) => field !== 'readers'), visibility: file.visibility };
    context.unit.record({ action: 'file.updated', type: 'File', id, data });
    return file;
  });
};

/**
 * Deletes a file with its links; its bytes go when no other file of the organization has the same. Throws NotFound, Forbidden, Conflict
 * (field `id`, and what uses it).
 */
export const deleteFile = async (context: Context, id: string): Promise<string> => {
  const { unit, services } = context;
  const { sha256, organizationId } = await unit.transact(async (transaction) => {
    const file = await lockedFile(context, transaction, id);
    await requireUnused(transaction, id);
    await revokeTokens(unit, [id]);
    await database
      .delete(files)
      .where(is(transaction, id))
      .catch((error: unknown) => {
        throw usedBy(brokenReference(error)) ?? error;
      });
    unit.record({ action: 'file.deleted', type: 'File', id, data: { name: file.name, size: file.size } });
    return file;
  });
  if (sha256 === null) return id;
  // Should this fail, or the process end before it, the bytes are an orphan that is collected at night.
  await removeUnused(unit.as(wholeOf(organizationId)), services.store, sha256).catch((error: unknown) => {
    services.log.warn(
      { message: Error.isError(error) ? error.message : '' },
      'The bytes of a file could not be removed.',
    );
  });
  return id;
};

const is = ({ organizationId }: Transaction, id: string) =>
  and(eq(files.organizationId, organizationId), eq(files.id, id));

const readersFor = (visibility: FileRow['visibility']) =>
  visibility === 'PUBLIC'
    ? sql`array_append(${files.readers}, ${everybody}::uuid)`
    : sql`array_remove(${files.readers}, ${everybody}::uuid)`;

const lockedFile = async (context: Context, transaction: Transaction, id: string): Promise<FileRow> => {
  const [file] = await database.select().from(files).where(is(transaction, id)).for('update');
  if (file === undefined) throw new NotFound('File', id);
  if (!manages(viewerOf(context), file))
    throw new Forbidden('ORGANIZATION_MANAGE', 'Only who uploaded a file, and administrators, can change it.');
  return file;
};

/** Names the document, where there is one that the viewer sees; the others are told by their references. */
const requireUnused = async ({ organizationId }: Transaction, fileId: string): Promise<void> => {
  const [document] = await database
    .select({ title: documents.title })
    .from(documents)
    .where(and(eq(documents.organizationId, organizationId), eq(documents.fileId, fileId)))
    .limit(1);
  if (document !== undefined) throw new Conflict('id', `The document “${document.title}” is made from this file.`);
};

const users: Readonly<Record<string, string>> = {
  documents_file_id_fkey: 'a document',
  document_versions_file_id_fkey: 'an earlier version of a document',
  parsed_files_file_id_fkey: 'a conversation',
  messages_file_id_fkey: 'a message of a conversation',
  room_attachments_file_id_fkey: 'a message of a room',
  task_attachments_file_id_fkey: 'a task',
  email_attachments_file_id_fkey: 'an e-mail',
};

const usedBy = (reference: string | null): Conflict | null =>
  reference === null ? null : new Conflict('id', `This file is used by ${users[reference] ?? 'something else'}.`);
