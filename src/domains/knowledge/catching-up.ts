import { setImmediate as breathe } from 'node:timers/promises';
import { and, asc, eq, gt, not, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { JobHandler } from '../../queue/queue.ts';
import { indexedText } from '../../search/chunking/chunk.ts';
import { abandonCalls } from '../modelhub/calls.ts';
import { batchSize, embedded, embedderByKey, lastingFault, vectorKey } from '../modelhub/embedder.ts';
import type { Work } from '../services.ts';
import { keysOf, settingsOfBank, type BankSettings } from './bank-settings.ts';
import { enqueueCatchUp } from './catching-up-soon.ts';
import { dropVectorsBut, lackingPassages, markEmbedded, storeVectors, type Text } from './entry-vectors.ts';
import { indexEntry } from './indexing.ts';
import { knowledgeOf } from './schema.ts';
import { banks, knowledgeEntries } from './tables.ts';

/** Entries whose passages are made in one transaction, up to some hundred kilobytes each. */
const entriesAtOnce = 10;

const beforeAll = '00000000-0000-0000-0000-000000000000';

/** Has every bank catch up that the settings of are not followed yet, or that lacks vectors: what a crash left behind is among that. */
export const catchUpAll = async ({ unit, services }: Work, signal: AbortSignal): Promise<void> => {
  const bank = knowledgeOf(unit);
  const waiting = await bank.run(() =>
    database.execute<{ id: string }>(sql`select waiting_banks as id from knowledge.waiting_banks()`),
  );
  await bank.rest();
  for (const { id } of waiting) if (!signal.aborted) await enqueueCatchUp(services, id);
};

/**
 * Brings the passages of a bank to what its settings ask for: makes them anew where they were analysed in another language, embeds those that
 * lack a vector, and lets the model take over that is to, once no passage lacks its vector. Begun again, it goes on with what is missing. A model
 * that is to take over and cannot be used is given up.
 */
export const catchUp: JobHandler<Work>['run'] = async (work, _data, { signal, attempt }) => {
  const { unit } = work;
  const bank = knowledgeOf(unit);
  if (attempt > 1) await unit.transact(() => abandonCalls(unit, unit.organizationId));
  const indexed = await analyseAll(bank, signal);
  let count = 0;
  for (;;) {
    const settings = await bank.run(() => settingsOfBank(bank.organizationId));
    await bank.rest();
    count += await embedLacking(work, bank, settings, vectorKey(settings.embeddingModelId), signal);
    const next = settings.nextEmbeddingModelId;
    if (next !== null) count += await embedNext(work, bank, settings, next, signal);
    if (await caughtUp(bank)) break;
    signal.throwIfAborted();
  }
  await dropOthers(bank, signal);
  return { indexed, embedded: count };
};

/** Nothing is left half done: what is missing is found again. */
export const giveUpCatchingUp: JobHandler<Work>['giveUp'] = async () => undefined;

/** Makes the passages of all entries that were analysed in another language than the bank's, or never. */
const analyseAll = async (bank: UnitOfWork, signal: AbortSignal): Promise<number> => {
  let count = 0;
  for (;;) {
    signal.throwIfAborted();
    const done = await bank.transact(async ({ organizationId }) => {
      const { language } = await settingsOfBank(organizationId);
      const entries = await database
        .select()
        .from(knowledgeEntries)
        .where(
          and(
            eq(knowledgeEntries.organizationId, organizationId),
            sql`${knowledgeEntries.language} is distinct from ${language}`,
          ),
        )
        .orderBy(asc(knowledgeEntries.id))
        .limit(entriesAtOnce)
        .for('update');
      for (const entry of entries) await indexEntry(bank, entry);
      return entries.length;
    });
    count += done;
    if (done < entriesAtOnce) return count;
    await breathe();
  }
};

/** Embeds the passages that lack a vector of a model, and notes for that of the bank whose are complete. Gives their number. */
const embedLacking = async (
  { unit, services }: Work,
  bank: UnitOfWork,
  settings: BankSettings,
  key: string,
  signal: AbortSignal,
): Promise<number> => {
  const { organizationId } = bank;
  const inUse = key === vectorKey(settings.embeddingModelId);
  const without = new Set<string>();
  let count = 0;
  const texts = inUse ? await unembedded(bank) : [];
  for (let after = beforeAll; ;) {
    signal.throwIfAborted();
    const embedder = await embedderByKey(unit, services, key);
    const passages = await bank.run(() =>
      lackingPassages(organizationId, key, after, without).limit(batchSize(embedder)),
    );
    await unit.rest();
    await bank.rest();
    if (passages.length === 0) break;
    const vectors = new Map<string, readonly number[]>();
    for (const [language, some] of Map.groupBy(passages, (passage) => passage.language ?? settings.language)) {
      const given = await embedded(unit, services, embedder, {
        workspaceId: null,
        targetId: organizationId,
        texts: some.map((passage) => indexedText(passage.title, passage)),
        language,
        signal,
      });
      for (const [at, { id }] of some.entries()) {
        const vector = given[at] ?? [];
        if (vector.some((value) => value !== 0)) vectors.set(id, vector);
        else without.add(id);
      }
    }
    await bank.transact(() => storeVectors(organizationId, key, vectors));
    count += vectors.size;
    after = passages.at(-1)?.id ?? after;
    await breathe();
  }
  if (inUse) await bank.transact(() => markEmbedded(organizationId, key, texts, without));
  else await takeOver(bank, settings, key, without);
  return count;
};

/** Entries of which it is not known that all passages have a vector of the bank's model, the first thousands of them. */
const unembedded = async (bank: UnitOfWork): Promise<Text[]> => {
  const { organizationId } = bank;
  const atOnce = 1000;
  const texts: Text[] = [];
  for (let after = beforeAll; ;) {
    const some = await bank.run(() =>
      database
        .select({ id: knowledgeEntries.id, version: knowledgeEntries.version })
        .from(knowledgeEntries)
        .where(
          and(
            eq(knowledgeEntries.organizationId, organizationId),
            not(knowledgeEntries.embedded),
            gt(knowledgeEntries.id, after),
          ),
        )
        .orderBy(asc(knowledgeEntries.id))
        .limit(atOnce),
    );
    texts.push(...some);
    const last = some.at(-1);
    if (last === undefined || some.length < atOnce) return texts;
    after = last.id;
  }
};

/** The same by the model that is to take over; one that cannot be used is given up. */
const embedNext = async (
  work: Work,
  bank: UnitOfWork,
  settings: BankSettings,
  modelId: string,
  signal: AbortSignal,
): Promise<number> => {
  try {
    return await embedLacking(work, bank, settings, vectorKey(modelId), signal);
  } catch (error) {
    const reason = lastingFault(error);
    if (reason === null) throw error;
    await bank.transact(async ({ organizationId }) => {
      const { nextEmbeddingModelId } = await settingsOfBank(organizationId, 'update');
      if (nextEmbeddingModelId !== modelId) return;
      await database.update(banks).set({ nextEmbeddingModelId: null }).where(eq(banks.organizationId, organizationId));
      record(bank, 'knowledge_bank.reembedding_failed', { modelId, reason });
    });
    return 0;
  }
};

/** Lets a model take over unless a passage lacks its vector, or something else was chosen meanwhile. Searches see the one or the other, never both. */
const takeOver = (
  bank: UnitOfWork,
  { nextEmbeddingModelId }: BankSettings,
  key: string,
  without: ReadonlySet<string>,
): Promise<void> =>
  bank.transact(async ({ organizationId }) => {
    const now = await settingsOfBank(organizationId, 'update');
    if (now.nextEmbeddingModelId === null || now.nextEmbeddingModelId !== nextEmbeddingModelId) return;
    const missing = await lackingPassages(organizationId, key, beforeAll, without).limit(1);
    if (missing.length > 0) return;
    // The built-in embedder is nobody's choice.
    const embeddingModelId = key === nextEmbeddingModelId ? nextEmbeddingModelId : null;
    await database
      .update(banks)
      .set({ embeddingModelId, nextEmbeddingModelId: null })
      .where(eq(banks.organizationId, organizationId));
    record(bank, 'knowledge_bank.reembedded', { modelId: embeddingModelId });
  });

/** Notes that the settings are followed; false where something has changed meanwhile. */
const caughtUp = (bank: UnitOfWork): Promise<boolean> =>
  bank.transact(async ({ organizationId }) => {
    const settings = await settingsOfBank(organizationId, 'update');
    if (settings.nextEmbeddingModelId !== null) return false;
    const [other] = await database
      .select({ id: knowledgeEntries.id })
      .from(knowledgeEntries)
      .where(
        and(
          eq(knowledgeEntries.organizationId, organizationId),
          sql`${knowledgeEntries.language} is distinct from ${settings.language}`,
        ),
      )
      .limit(1);
    // Whoever changed the language meanwhile has this done once more.
    if (settings.behind && other === undefined)
      await database.update(banks).set({ behind: false }).where(eq(banks.organizationId, organizationId));
    return true;
  });

const dropOthers = async (bank: UnitOfWork, signal: AbortSignal): Promise<void> => {
  const dropSome = () =>
    bank.transact(async ({ organizationId }) =>
      dropVectorsBut(organizationId, keysOf(await settingsOfBank(organizationId, 'update'))),
    );
  while ((await dropSome()) > 0) signal.throwIfAborted();
};

const record = (bank: UnitOfWork, action: string, data: Record<string, unknown>): void =>
  bank.record({ action, type: 'Organization', id: bank.organizationId, data });
