import { and, asc, count, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction, UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict } from '../../errors.ts';
import { workspaces } from '../tenancy/tables.ts';
import type { Context } from '../context.ts';
import { changed, isDocument, lockedDocument } from './document-changes.ts';
import type { Passage } from './retrieval.ts';
import { documentChunks, documents, type DocumentRow } from './tables.ts';

/** Documents that can be pinned in a workspace at a time. */
const maxPinned = 20;
/** Passages of pinned documents in one prompt, however short they are. */
const maxPassages = 1000;

/**
 * Has a document stand in every prompt of its workspace; one that is pinned stays so. Throws NotFound, Forbidden (needs EDITOR), Conflict (20
 * are pinned, the workspace is archived).
 */
export const pinDocument = (context: Context, id: string): Promise<DocumentRow> =>
  context.unit.transact(async (transaction) => {
    // Before the document, as whoever deletes the workspace does. Of two pins at a time one is counted by the other.
    await lockWorkspaceOf(transaction, id);
    const current = await lockedDocument(context, transaction, id);
    if (current.pinned) return current;
    const { organizationId } = transaction;
    const ofWorkspace = and(
      eq(documents.organizationId, organizationId),
      eq(documents.workspaceId, current.workspaceId),
      documents.pinned,
    );
    const { pinned } = sole(await database.select({ pinned: count() }).from(documents).where(ofWorkspace));
    if (pinned >= maxPinned)
      throw new Conflict('id', `A workspace has at most ${maxPinned} pinned documents.`, { limit: maxPinned });
    return changed(context, transaction, id, { pinned: true }, { action: 'document.pinned' });
  });

/** Lets a document be found by search alone again. Throws NotFound, Forbidden (needs EDITOR), Conflict (the workspace is archived). */
export const unpinDocument = (context: Context, id: string): Promise<DocumentRow> =>
  context.unit.transact(async (transaction) => {
    const current = await lockedDocument(context, transaction, id);
    if (!current.pinned) return current;
    return changed(context, transaction, id, { pinned: false }, { action: 'document.unpinned' });
  });

const lockWorkspaceOf = ({ organizationId }: Transaction, documentId: string): Promise<unknown> =>
  database
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(
      and(
        eq(workspaces.organizationId, organizationId),
        eq(
          workspaces.id,
          database
            .select({ id: documents.workspaceId })
            .from(documents)
            .where(isDocument({ organizationId }, documentId)),
        ),
      ),
    )
    .for('no key update');

/** What of the pinned documents goes into a prompt. */
export interface Pinned {
  /** In reading order, the oldest document first. */
  readonly passages: readonly Passage[];
  /** The documents that stand there with all their passages; of others the end, or all, found no room. */
  readonly wholeDocumentIds: readonly string[];
}

/**
 * The enabled passages of the pinned READY documents that the viewer sees, as far as they have `maxTokens` model tokens in all, in one
 * statement. Passages and not texts, because answers cite passages.
 */
export const pinnedPassages = async (unit: UnitOfWork, workspaceId: string, maxTokens: number): Promise<Pinned> => {
  const rows = await unit.run(() => passagesUpTo(unit.organizationId, workspaceId, maxTokens));
  const fitting = rows.filter(({ total }, place) => total <= maxTokens && place < maxPassages);
  const cut = rows[fitting.length]?.documentId;
  const passages = fitting.map((row): Passage => {
    const { chunkId, documentId, documentVersion, title, text, start, headings, page } = row;
    const place = { chunkId, documentId, documentVersion, title, text, start, headings, page };
    return Object.assign(place, { score: 1, similarity: null, lexicalRank: null, vectorRank: null });
  });
  const documentIds = new Set(passages.map(({ documentId }) => documentId));
  return { passages, wholeDocumentIds: [...documentIds].filter((id) => id !== cut) };
};

/** With the first passage that does not fit, which tells that its document is cut. */
const passagesUpTo = (organizationId: string, workspaceId: string, maxTokens: number) => {
  const first = database
    .select({
      chunkId: documentChunks.id,
      documentId: documentChunks.documentId,
      documentVersion: documents.version,
      title: documents.title,
      text: documentChunks.text,
      start: documentChunks.start,
      headings: documentChunks.headings,
      page: documentChunks.page,
      tokens: documentChunks.tokens,
      addedAt: sql<string>`${documents.createdAt}`.as('added_at'),
      position: documentChunks.position,
    })
    .from(documents)
    .innerJoin(
      documentChunks,
      and(eq(documentChunks.organizationId, organizationId), eq(documentChunks.documentId, documents.id)),
    )
    .where(
      and(
        eq(documents.organizationId, organizationId),
        eq(documents.workspaceId, workspaceId),
        documents.pinned,
        eq(documents.status, 'READY'),
        documentChunks.enabled,
      ),
    )
    .orderBy(asc(documents.createdAt), asc(documents.id), asc(documentChunks.position))
    .limit(maxPassages + 1)
    .as('first');
  const { addedAt, position, ...passage } = first._.selectedFields;
  const order = sql`${addedAt}, ${first.documentId}, ${position}`;
  const summed = database
    .select({ ...passage, total: sql<number>`sum(${first.tokens}) over (order by ${order})::integer`.as('total') })
    .from(first)
    .orderBy(order)
    .as('summed');
  return database
    .select(summed._.selectedFields)
    .from(summed)
    .where(sql`${summed.total} - ${summed.tokens} <= ${maxTokens}`)
    .orderBy(summed.total);
};
