import type { SetDocumentAccessInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { changed, lockedDocument } from './document-changes.ts';
import { filesOfDocument, renewFileReaders } from './file-readers.ts';
import { readersFor } from './readers.ts';
import type { DocumentRow } from './tables.ts';

/**
 * Says who may read a document: all who see its workspace, or only those named, the organization's administrators and whoever narrows it.
 * Its passages, versions, labels, the citations of it and the files it is made from follow in the same transaction. Throws BadUserInput,
 * NotFound, Forbidden (needs EDITOR), Conflict (archived).
 */
export const setDocumentAccess = (context: Context, input: SetDocumentAccessInput): Promise<DocumentRow> => {
  const { unit } = context;
  const { id, access: kind, groupIds, userIds } = input;
  return unit.transact(async (transaction) => {
    const current = await lockedDocument(context, transaction, id);
    const readers = await readersFor(context, current.workspaceId, { kind, groupIds, userIds }, '');
    const event = { action: 'document.access_set', data: { access: kind, readers } };
    const document = await changed(context, transaction, id, { readers }, event);
    await renewFileReaders(unit, await filesOfDocument(unit.organizationId, id));
    return document;
  });
};
