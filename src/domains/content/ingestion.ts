import { hash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { setImmediate as breathe } from 'node:timers/promises';
import { and, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { JobHandler } from '../../queue/queue.ts';
import { chunkTerms, type ChunkTerms } from '../../search/chunk-terms.ts';
import type { Work } from '../services.ts';
import { settingsNow } from '../tenancy/setting-values.ts';
import { workspaces } from '../tenancy/tables.ts';
import { abandonCalls } from '../modelhub/calls.ts';
import { announceChange } from './announcing.ts';
import { planned, type PlannedChunk } from '../../search/chunking/plan.ts';
import { currentChunks, replaceChunks, stillWanted } from './chunk-set.ts';
import { lastingFault, modelFault, neededKeys } from '../modelhub/embedder.ts';
import { DocumentVectors } from './document-vectors.ts';
import { indexedText, type ChunkOptions } from '../../search/chunking/chunk.ts';
import { chunkAside, parse } from './parsing/parse.ts';
import type { ParsedDocument } from '../../search/chunking/parsed-document.ts';
import { UnreadableDocument } from './parsing/unreadable-document.ts';
import { chunkOverlapTokens, chunkTokens } from './setting-keys.ts';
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

/** How often a reading is tried again that failed. */
export const ingestRetries = 3;

/**
 * Reads a document's text or file into chunks that search finds, replaced as one set. Done twice it changes nothing, and for a
 * version that is no longer the document's it ends without effect. A file that cannot be read ends FAILED at once, as does a document whose
 * workspace has a model that cannot be used.
 */
export const ingest: JobHandler<Work>['run'] = async (work, data, run) => {
  const task = taskOf(data);
  try {
    const claimed = await claim(work, task, run.attempt);
    if (claimed === null) return await leave(work, task);
    const parsed = await parse(await sourceOf(work, claimed));
    await run.progress(20);
    return await index(work, task, claimed, parsed, run.signal);
  } catch (error) {
    const reason = finalReason(error, run.attempt > ingestRetries);
    if (reason === null) throw error;
    await fail(work, task, reason);
    return { status: 'FAILED', reason };
  }
};

/** What a person is told of a failure after which the reading is not tried again; null where it is, or where there is nothing to tell. */
const finalReason = (error: unknown, isLast: boolean): string | null => {
  if (error instanceof UnreadableDocument) return error.message;
  return isLast ? modelFault(error) : lastingFault(error);
};

/** Ends a document FAILED whose reading failed to the last try, be it that it crashed whoever read it, or was cancelled. */
export const giveUpIngestion: JobHandler<Work>['giveUp'] = (work, data, why) =>
  fail(
    work,
    taskOf(data),
    why === 'CANCELLED' ? cancelledReading : 'This document could not be processed. Try again later.',
  );

const cancelledReading = 'Reading this document was cancelled.';

export const taskOf = (data: Readonly<Record<string, unknown>>): Task => ({
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
const claim = ({ unit, services }: Work, task: Task, attempt: number) =>
  unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    if (attempt > 1) await abandonCalls(unit, task.id);
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
        embeddingModelId: workspaces.embeddingModelId,
        nextEmbeddingModelId: workspaces.nextEmbeddingModelId,
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
    if (found === undefined || found.version !== task.version) return null;
    if (!open) {
      // Whoever brought it to its end may have crashed before telling.
      announceChange(unit, services.bus, { id: task.id, workspaceId: found.workspaceId });
      return null;
    }
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
  const { unit } = work;
  const { organizationId, workspaceId, language, title } = claimed;
  const chunks = await chunkAside(parsed, await chunkOptions(work, workspaceId));
  // Terms and vectors depend on the language and the title, so that after a change of either nothing is kept.
  const reusable = claimed.analysedAs === language;
  const current = reusable ? await unit.run(() => currentChunks(organizationId, task.id)) : [];
  await unit.rest();
  const plan = planned(chunks, current);
  const terms = await termsOf(claimed, plan);
  const embedding = { workspaceId, targetId: task.id, language, signal };
  const vectors = new DocumentVectors(work, plan, (chunk) => indexedText(title, chunk), embedding);
  let needed = neededKeys(claimed);
  for (;;) {
    await vectors.embed(needed);
    const outcome = await store(work, task, { claimed, parsed, chunks, plan, terms, vectors });
    if (outcome.kind === 'stored') return outcome.result ?? leave(work, task);
    // The workspace has chosen another model meanwhile.
    needed = outcome.needed;
  }
};

/** How the documents of a workspace are cut now. */
const chunkOptions = async ({ unit, services }: Work, workspaceId: string): Promise<ChunkOptions> => {
  const settings = await settingsNow({ unit, services }, { workspaceId });
  await unit.rest();
  return { maxTokens: settings.of(chunkTokens), overlapTokens: settings.of(chunkOverlapTokens) };
};

/** What was made of a document, to be written. */
interface Indexed {
  readonly claimed: Claimed;
  readonly parsed: ParsedDocument;
  readonly chunks: readonly PlannedChunk['chunk'][];
  readonly plan: readonly PlannedChunk[];
  readonly terms: ReadonlyMap<string, ChunkTerms>;
  readonly vectors: DocumentVectors;
}

type Stored =
  | { readonly kind: 'stored'; readonly result: Record<string, unknown> | undefined }
  /** Nothing was written: vectors of these models are needed too. */
  | { readonly kind: 'lacking'; readonly needed: string[] };

const store = (work: Work, task: Task, indexed: Indexed): Promise<Stored> => {
  const { unit, services } = work;
  return unit.transact(async ({ organizationId }) => {
    const { claimed, parsed, chunks, plan, terms, vectors } = indexed;
    // It may have been moved, or been given other readers, meanwhile.
    const owner = await stillWanted(organizationId, task.id, task.version);
    // Whoever gave it another title has it read once more, because the title is part of what is indexed.
    if (owner === null || owner.title !== claimed.title) return { kind: 'stored', result: undefined };
    // It was moved to where other words are told apart: the next try reads it as one does there.
    if (owner.rules.language !== claimed.language)
      throw new Error('The document was analysed in the language of another workspace.');
    const needed = neededKeys(owner.rules);
    if (!vectors.covers(needed)) return { kind: 'lacking', needed };
    const kept = plan.filter((each) => each.kind === 'kept').length;
    await replaceChunks(owner, plan, terms, vectors.byKey);
    const counts = {
      chunkCount: plan.length,
      tokenCount: sum(chunks.map((chunk) => chunk.tokens)),
      termCount: sum(plan.map((each) => (each.kind === 'kept' ? each.current : terms.get(each.id))?.termCount ?? 0)),
    };
    await database
      .update(documents)
      .set({
        ...counts,
        status: 'READY',
        text: parsed.text,
        contentHash: hash('sha256', parsed.text),
        language: claimed.language,
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
    return { kind: 'stored', result: { status: 'READY', chunks: plan.length, embedded: vectors.count } };
  });
};

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Chunks analysed at a stretch, in this thread, which other requests need too. */
const stretch = 32;

/** Terms of new chunks, by the chunks' ids. */
const termsOf = async ({ title, language }: Claimed, plan: readonly PlannedChunk[]) => {
  const terms = new Map<string, ChunkTerms>();
  const added = plan.filter((each) => each.kind === 'new');
  for (const [at, { id, chunk }] of added.entries()) {
    terms.set(id, chunkTerms(indexedText(title, chunk), language));
    if (at % stretch === stretch - 1) await breathe();
  }
  return terms;
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
