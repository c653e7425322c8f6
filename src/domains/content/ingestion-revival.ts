import { database } from '../../database/client.ts';
import { Conflict } from '../../errors.ts';
import type { Revive } from '../../queue/queue.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import type { Reviving } from '../services.ts';
import { changed, isDocument, waiting } from './document-changes.ts';
import { taskOf } from './ingestion.ts';
import { documents } from './tables.ts';

/** Has a document wait again for its reading, as whoever may change it. The sync run that brought it in has counted it as failed, and does not count it again. */
export const reviveIngestion: Revive<Reviving> = ({ unit, services, viewer }, data) =>
  unit.transact(async (transaction) => {
    const { id, version } = taskOf(data);
    const { workspaceId, status } = documents;
    const [document] = await database
      .select({ workspaceId, status, version: documents.version })
      .from(documents)
      .where(isDocument(transaction, id))
      .for('update');
    if (document === undefined) throw new Conflict('target', 'The document is gone.');
    requirePermission(viewer, 'DOCUMENT_WRITE', document.workspaceId);
    requireActive(viewer, document.workspaceId);
    if (document.version !== version)
      throw new Conflict('target', 'The document has another text by now, which is read by a job of its own.');
    if (document.status !== 'FAILED')
      throw new Conflict('target', 'Another job reads this document, or has read it.', { status: document.status });
    await changed({ unit, services }, transaction, id, waiting, { action: 'document.reprocessed' });
    return { data: { documentId: id, version } };
  });
