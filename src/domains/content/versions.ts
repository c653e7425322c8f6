import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Transaction } from '../../database/unit-of-work.ts';
import { newId } from '../../ids.ts';
import { documents, documentVersions, type DocumentRow } from './tables.ts';

/** Texts that a document had before, at most. */
const keptVersions = 50;

/**
 * Keeps the text that a locked document has now, before another one takes its place, in the running transaction; the oldest beyond fifty go. A
 * text that was never read is not kept.
 */
export const keepVersion = async (
  { organizationId }: Transaction,
  { id: documentId }: Pick<DocumentRow, 'id'>,
): Promise<void> => {
  const [current] = await database
    .select({
      organizationId: documents.organizationId,
      workspaceId: documents.workspaceId,
      readers: documents.readers,
      version: documents.version,
      title: documents.title,
      mimeType: documents.mimeType,
      text: documents.text,
      contentHash: documents.contentHash,
      fileId: documents.fileId,
    })
    .from(documents)
    .where(and(eq(documents.organizationId, organizationId), eq(documents.id, documentId)));
  if (current === undefined) return;
  const { text, contentHash } = current;
  if (text === null || contentHash === null) return;
  await database.insert(documentVersions).values({ ...current, id: newId(), documentId, text, contentHash });
  await database
    .delete(documentVersions)
    .where(
      and(
        eq(documentVersions.organizationId, organizationId),
        eq(documentVersions.documentId, documentId),
        sql`${documentVersions.version} <= ${current.version - keptVersions}`,
      ),
    );
};
