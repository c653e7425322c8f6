import { hash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { setImmediate as breathe } from 'node:timers/promises';
import { and, eq, inArray, sql } from 'drizzle-orm';
import { embedAll } from '../../ai/embedding.ts';
import { database } from '../../database/client.ts';
import type { JobHandler } from '../../queue/queue.ts';
import { chunkTerms, type ChunkTerms } from '../../search/chunk-terms.ts';
import type { Work } from '../services.ts';
import { workspaces } from '../tenancy/tables.ts';
import { announceChange } from './announcing.ts';
import { currentChunks, idOf, planned, replaceChunks, stillWanted, type PlannedChunk } from './chunk-set.ts';
import { embedder } from './embedder.ts';
import { embeddedText } from './parsing/chunk.ts';
import { chunkAside, parse } from './parsing/parse.ts';
import type { ParsedDocument } from './parsing/parsed-document.ts';
import { UnreadableDocument } from './parsing/unreadable-document.ts';
import { countReading, settleWithout } from './sync-readings.ts';
import { documents, files } from './tables.ts';
import { fileKey } from './stored-bytes.ts';
import { documentTopic } from './waiting.ts';

/** One text of one document, to be read. */
interface Task {
  readonly id: string;
  readonly version: number;
  /** The sync run that brought the text in, and counts what comes of it; null for what people bring in. */
  readonly executionId: string | null;
}

/**
 * Reads a document's text or file into chunks that search finds, replaced as one set. Done twice it changes nothing, and for a
 * version that is no longer the document's it ends without effect. A file that cannot be read ends FAILED at once.
 */
export const ingest: JobHandler<Work>['run'] = async (work, data, run) => {
  const task = taskOf(data);
  try {
    const claimed = await claim(work, task);
    if (claimed === null) return await leave(work, task);
    const parsed = await parse(await sourceOf(work, claimed));
    await run.progress(20);
    return await index(work, task, claimed, parsed, run.signal);
  } catch (error) {
    if (error instanceof UnreadableDocument) {
      await fail(work, task, error.message);
      return { status: 'FAILED', reason: error.message };
    }
    throw error;
  }
};

/** Ends a document FAILED whose reading failed to the last try, be it that it crashed whoever read it, or was cancelled. */
export const giveUpIngestion: JobHandler<Work>['giveUp'] = (work, data, why) =>
  fail(
    work,
    taskOf(data),
    why === 'CANCELLED' ? cancelledReading : 'This document could not be processed. Try again later.',
  );

const cancelledReading = 'Reading this document was cancelled.';

const taskOf = (data: Readonly<Record<string, unknown>>): Task => ({
  id: String(data.documentId),
  version: Number(data.version),
  executionId: typeof data.executionId === 'string' ? data.executionId : null,
});

/** Ends without effect: the text is no longer the document's, or was read before. */
const leave = async (work: Work, { executionId }: Task): Promise<undefined> => {
  if (executionId !== null) await settleWithout(work, executionId);
};

const is = (organizationId: string, { id }: Task) =>
  and(eq(documents.organizationId, organizationId), eq(documents.id, id));

/** Marks the document as being read and gives what reading needs; null when there is nothing to do. */
const claim = ({ unit, services }: Work, task: Task) =>
  unit.transact(async ({ organizationId }) => {
    const [found] = await database
      .select({
        workspaceId: documents.workspaceId,
        status: documents.status,
        version: documents.version,
        title: documents.title,
        mimeType: documents.mimeType,
        text: documents.text,
        contentHash: documents.contentHash,
        chunkCount: documents.chunkCount,
        analysedAs: documents.language,
        language: workspaces.language,
        fileName: files.name,
        sha256: files.sha256,
      })
      .from(documents)
      .innerJoin(
        workspaces,
        and(eq(workspaces.organizationId, organizationId), eq(workspaces.id, documents.workspaceId)),
      )
      .leftJoin(files, and(eq(files.organizationId, organizationId), eq(files.id, documents.fileId)))
      .where(is(organizationId, task))
      .for('update', { of: documents });
    const open = found?.status === 'PENDING' || found?.status === 'PROCESSING';
    if (found === undefined || found.version !== task.version || !open) return null;
    await database.update(documents).set({ status: 'PROCESSING' }).where(is(organizationId, task));
    unit.afterCommit(() => services.bus.publish(documentTopic(task.id), { status: 'PROCESSING' }));
    announceChange(unit, services.bus, { id: task.id, workspaceId: found.workspaceId });
    return { ...found, organizationId };
  });
type Claimed = NonNullable<Awaited<ReturnType<typeof claim>>>;

/** A file's bytes where there is one. What an earlier reading made of a text is plain: read as HTML again, it would lose its lines. */
const sourceOf = async ({ services: { store } }: Work, claimed: Claimed) => {
  const { organizationId, sha256, fileName, mimeType, text, contentHash } = claimed;
  if (sha256 === null)
    return { bytes: Buffer.from(text ?? ''), mimeType: contentHash === null ? mimeType : 'text/plain', name: '' };
  const bytes = await buffer(await store.read(fileKey(organizationId, sha256)));
  return { bytes, mimeType, name: fileName ?? '' };
};

const index = async (work: Work, task: Task, claimed: Claimed, parsed: ParsedDocument, signal: AbortSignal) => {
  const { unit, services } = work;
  const { organizationId, language } = claimed;
  const chunks = await chunkAside(parsed);
  // Terms and vectors depend on the language and the title, so that after a change of either nothing is kept.
  const reusable = claimed.analysedAs === language;
  const current = reusable ? await unit.run(() => currentChunks(organizationId, task.id, embedder.model)) : [];
  await unit.rest();
  const plan = planned(chunks, current);
  const kept = plan.filter((each) => each.kind === 'kept').length;
  const { terms, vectors } = await analysed(claimed, plan, signal);
  const termCounts = plan.map((each) => (each.kind === 'kept' ? each.current : terms.get(idOf(each)))?.termCount ?? 0);
  const read = await unit.transact(async () => {
    // It may have been moved, or been given other readers, meanwhile.
    const owner = await stillWanted(organizationId, task.id, task.version);
    if (owner === null) return undefined;
    // It was moved to where other words are told apart: the next try reads it as one does there.
    if (owner.language !== language) throw new Error('The document was analysed in the language of another workspace.');
    await replaceChunks(owner, plan, terms, vectors, embedder.model);
    const counts = {
      chunkCount: plan.length,
      tokenCount: sum(chunks.map((chunk) => chunk.tokens)),
      termCount: sum(termCounts),
    };
    await database
      .update(documents)
      .set({
        ...counts,
        status: 'READY',
        text: parsed.text,
        contentHash: hash('sha256', parsed.text),
        language,
        processedAt: sql`now()`,
      })
      .where(is(organizationId, task));
    unit.record({
      action: 'document.processed',
      type: 'Document',
      id: task.id,
      workspaceId: owner.workspaceId,
      data: counts,
    });
    if (task.executionId !== null)
      await countReading(work, task.executionId, task.id, {
        status: 'READY',
        reused: kept,
        added: plan.length - kept,
        removed: claimed.chunkCount - kept,
      });
    unit.afterCommit(() => services.bus.publish(documentTopic(task.id), { status: 'READY' }));
    announceChange(unit, services.bus, { id: task.id, workspaceId: owner.workspaceId });
    return { status: 'READY', chunks: plan.length, embedded: vectors.size };
  });
  return read ?? leave(work, task);
};

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Chunks analysed at a stretch; the built-in embedder works in this thread, which other requests need too. */
const stretch = 32;

/** The document's title above what is embedded of a chunk; worth 0.04 of nDCG@10 on Cranfield (`docs/retrieval.md`). */
const indexedText = (title: string, chunk: PlannedChunk['chunk']): string =>
  chunk.headings[0] === title ? embeddedText(chunk) : `${title}\n${embeddedText(chunk)}`;

/** Terms of new chunks and vectors of those that have none, by the chunks' ids. */
const analysed = async ({ title, language }: Claimed, plan: readonly PlannedChunk[], signal: AbortSignal) => {
  const terms = new Map<string, ChunkTerms>();
  const vectors = new Map<string, readonly number[]>();
  const due = plan.filter((each) => each.kind === 'new' || !each.current.embedded);
  for (let from = 0; from < due.length; from += stretch) {
    const part = due.slice(from, from + stretch);
    const texts = part.map(({ chunk }) => indexedText(title, chunk));
    const embedded = await embedAll(embedder, texts, signal, language);
    for (const [at, each] of part.entries()) {
      if (each.kind === 'new') terms.set(idOf(each), chunkTerms(texts[at] ?? '', language));
      const vector = embedded.vectors[at] ?? [];
      // A text without a single word has a vector of zeros, which is near to nothing.
      if (vector.some((value) => value !== 0)) vectors.set(idOf(each), vector);
    }
    await breathe();
  }
  return { terms, vectors };
};

const fail = (work: Work, task: Task, reason: string): Promise<void> => {
  const { unit, services } = work;
  return unit.transact(async ({ organizationId }) => {
    // PENDING, where not even the claim came about.
    const open = and(eq(documents.version, task.version), inArray(documents.status, ['PENDING', 'PROCESSING']));
    const [failed] = await database
      .update(documents)
      .set({ status: 'FAILED', failure: reason, processedAt: sql`now()` })
      .where(and(is(organizationId, task), open))
      .returning({ workspaceId: documents.workspaceId });
    if (failed === undefined) return;
    const { workspaceId } = failed;
    unit.record({ action: 'document.failed', type: 'Document', id: task.id, workspaceId, data: { reason } });
    if (task.executionId !== null) await countReading(work, task.executionId, task.id, { status: 'FAILED', reason });
    unit.afterCommit(() => services.bus.publish(documentTopic(task.id), { status: 'FAILED' }));
    announceChange(unit, services.bus, { id: task.id, workspaceId });
  });
};
