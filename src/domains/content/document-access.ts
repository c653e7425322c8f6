import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { SetDocumentAccessInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { filesOfDocument, renewFileReaders } from './file-readers.ts';
import { documentFields } from './loaders.ts';
import { lockedDocument, ofDocument, recordDocument } from './operations.ts';
import { readersFor } from './readers.ts';
import { documents, type DocumentRow } from './tables.ts';

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
    const document = sole(
      await database.update(documents).set({ readers }).where(ofDocument(transaction, id)).returning(documentFields),
    );
    await renewFileReaders(unit, await filesOfDocument(unit.organizationId, id));
    recordDocument(unit, 'document.access_set', document, { access: kind, readers });
    return document;
  });
};
