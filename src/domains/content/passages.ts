import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { NotFound } from '../../errors.ts';
import type { Context } from '../context.ts';
import { lockedDocument } from './document-changes.ts';
import { chunkFields } from './loaders.ts';
import { documentChunks, type DocumentChunkRow } from './tables.ts';

/**
 * Lets a passage be found, cited and given to models, or keeps it from that. It stays so when its document is read again, as long as its words do.
 * Throws NotFound, Forbidden (needs EDITOR), Conflict (the workspace is archived).
 */
export const setChunkEnabled = (context: Context, id: string, enabled: boolean): Promise<DocumentChunkRow> =>
  context.unit.transact(async (transaction) => {
    const isChunk = and(eq(documentChunks.organizationId, transaction.organizationId), eq(documentChunks.id, id));
    const ofChunk = { documentId: documentChunks.documentId };
    const [seen] = await database.select(ofChunk).from(documentChunks).where(isChunk);
    if (seen === undefined) throw new NotFound('DocumentChunk', id);
    // Locked as by who replaces its passages: none is replaced by one that knows nothing of this.
    const document = await lockedDocument(context, transaction, seen.documentId);
    const [current] = await database.select(chunkFields).from(documentChunks).where(isChunk);
    if (current === undefined) throw new NotFound('DocumentChunk', id);
    if (current.enabled === enabled) return current;
    const [chunk] = await database.update(documentChunks).set({ enabled }).where(isChunk).returning(chunkFields);
    if (chunk === undefined) throw new NotFound('DocumentChunk', id);
    context.unit.record({
      action: enabled ? 'document_chunk.enabled' : 'document_chunk.disabled',
      type: 'DocumentChunk',
      id,
      workspaceId: document.workspaceId,
      data: { documentId: document.id },
    });
    return chunk;
  });
