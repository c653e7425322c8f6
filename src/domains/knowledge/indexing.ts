import { hash } from 'node:crypto';
import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { chunkTerms, type ChunkTerms } from '../../search/chunk-terms.ts';
import { chunk, indexedText } from '../../search/chunking/chunk.ts';
import { idOf, planned, type CurrentChunk, type KeptChunk, type PlannedChunk } from '../../search/chunking/plan.ts';
import { embedText, hashingModel } from '../../search/hashing-embedding.ts';
import { vectorKey } from '../modelhub/embedder.ts';
import type { Services } from '../services.ts';
import { keysOf, settingsOfBank } from './bank-settings.ts';
import { catchUpSoon } from './catching-up-soon.ts';
import { documentOf } from './entry-blocks.ts';
import { storeVectors } from './entry-vectors.ts';
import { entryChunks, entryEmbeddings, knowledgeEntries, type KnowledgeEntryRow } from './tables.ts';

/** What an entry's passages are made of, and who sees them. */
export type IndexedEntry = Pick<
  KnowledgeEntryRow,
  'id' | 'title' | 'content' | 'readers' | 'status' | 'active' | 'language'
>;

/**
 * Makes the passages of an entry anew from its text, in the unit's running transaction, which holds the entry: those whose words and headings
 * stay, under the same title, keep their row and their vectors. The built-in embedder embeds at once. With another model the vectors that are
 * missing come later: a schedule finds them, sooner with `services`, once that is committed.
 */
export const indexEntry = (
  bank: UnitOfWork,
  entry: IndexedEntry,
  services?: Pick<Services, 'pool' | 'ledger' | 'queue' | 'log'>,
): Promise<void> =>
  bank.transact(async ({ organizationId }) => {
    // Whoever lets another model take over waits, so that no passage is left without its vector unnoticed.
    const settings = await settingsOfBank(organizationId, 'key share');
    const { language } = settings;
    const chunks = chunk(documentOf(entry.content));
    // What is embedded of a passage holds the title too.
    for (const each of chunks) each.hash = hash('sha256', indexedText(entry.title, each));
    const plan = planned(chunks, await currentPassages(organizationId, entry.id));
    const analysedAnew = entry.language !== language;
    const terms = new Map<string, ChunkTerms>();
    for (const each of plan)
      if (each.kind === 'new' || analysedAnew)
        terms.set(idOf(each), chunkTerms(indexedText(entry.title, each.chunk), language));
    const kept = plan.filter((each) => each.kind === 'kept');
    await removeOthers(organizationId, entry.id, kept);
    await moveKept(organizationId, entry.id, kept);
    if (analysedAnew) await analyseAnew(organizationId, kept, terms);
    await addNew(organizationId, entry, plan, terms);
    const keys = keysOf(settings);
    if (keys.includes(hashingModel)) {
      const due = plan.filter((each) => analysedAnew || lacks(each, hashingModel));
      await storeVectors(organizationId, hashingModel, builtinVectors(entry.title, due, language));
    }
    const key = vectorKey(settings.embeddingModelId);
    const embedded = key === hashingModel || !plan.some((each) => lacks(each, key));
    await database
      .update(knowledgeEntries)
      .set({ language, embedded, chunkCount: plan.length, termCount: sumOfTerms(plan, terms) })
      .where(and(eq(knowledgeEntries.organizationId, organizationId), eq(knowledgeEntries.id, entry.id)));
    if (services !== undefined && !embedded) bank.afterCommit(() => catchUpSoon(services, organizationId));
  });

/** Whether a passage has no vector of a model yet. */
const lacks = (each: PlannedChunk, key: string): boolean =>
  each.kind === 'new' || !each.current.embeddedBy.includes(key);

/** The passages an entry has now, without their texts. */
const currentPassages = (organizationId: string, entryId: string): Promise<CurrentChunk[]> =>
  database
    .select({
      id: entryChunks.id,
      position: entryChunks.position,
      hash: entryChunks.hash,
      termCount: entryChunks.termCount,
      embeddedBy: sql<string[]>`array(
        select embedding.model from ${entryEmbeddings} embedding
        where embedding.organization_id = ${entryChunks.organizationId} and embedding.chunk_id = ${entryChunks.id}
      )`,
    })
    .from(entryChunks)
    .where(and(eq(entryChunks.organizationId, organizationId), eq(entryChunks.entryId, entryId)))
    .orderBy(entryChunks.position);

const ofEntry = (organizationId: string, entryId: string) =>
  and(eq(entryChunks.organizationId, organizationId), eq(entryChunks.entryId, entryId));

const removeOthers = (organizationId: string, entryId: string, kept: readonly KeptChunk[]): Promise<unknown> =>
  database
    .delete(entryChunks)
    .where(
      and(ofEntry(organizationId, entryId), sql`not ${entryChunks.id} = any(${uuidArray(kept.map(idOf))}::uuid[])`),
    );

const numbers = (values: readonly number[]): string => `{${values.join(',')}}`;

/** Moved passages first leave their places (below 0), so that none is in the way of another. */
const moveKept = async (organizationId: string, entryId: string, kept: readonly KeptChunk[]): Promise<void> => {
  if (kept.length === 0) return;
  const moved = kept.filter((each) => each.chunk.position !== each.current.position).map(idOf);
  if (moved.length > 0)
    await database
      .update(entryChunks)
      .set({ position: sql`-1 - ${entryChunks.position}` })
      .where(and(ofEntry(organizationId, entryId), sql`${entryChunks.id} = any(${uuidArray(moved)}::uuid[])`));
  const places = sql`unnest(
    ${uuidArray(kept.map(idOf))}::uuid[], ${numbers(kept.map((each) => each.chunk.position))}::integer[],
    ${numbers(kept.map((each) => each.chunk.start))}::integer[], ${numbers(kept.map((each) => each.chunk.end))}::integer[]
  ) as place (id, position, starts, ends)`;
  await database
    .update(entryChunks)
    .set({ position: sql`place.position`, start: sql`place.starts`, end: sql`place.ends` })
    .from(places)
    .where(and(ofEntry(organizationId, entryId), sql`${entryChunks.id} = place.id`));
};

/** Gives passages that stay the words of another language; what the built-in embedder made of the old ones goes. */
const analyseAnew = async (
  organizationId: string,
  kept: readonly KeptChunk[],
  terms: ReadonlyMap<string, ChunkTerms>,
): Promise<void> => {
  for (const each of kept) {
    const isChunk = and(eq(entryChunks.organizationId, organizationId), eq(entryChunks.id, each.current.id));
    const words = terms.get(each.current.id);
    if (words !== undefined) await database.update(entryChunks).set(words).where(isChunk);
  }
  await database
    .delete(entryEmbeddings)
    .where(
      and(
        eq(entryEmbeddings.organizationId, organizationId),
        eq(entryEmbeddings.model, hashingModel),
        sql`${entryEmbeddings.chunkId} = any(${uuidArray(kept.map(idOf))}::uuid[])`,
      ),
    );
};

/** Rows of one statement: passages are some kilobytes each. */
const rowsAtOnce = 200;

const addNew = async (
  organizationId: string,
  entry: IndexedEntry,
  plan: readonly PlannedChunk[],
  terms: ReadonlyMap<string, ChunkTerms>,
): Promise<void> => {
  const enabled = entry.active && entry.status === 'PUBLISHED';
  const rows = plan.flatMap((each) => {
    const words = terms.get(idOf(each));
    if (each.kind === 'kept' || words === undefined) return [];
    const { page: _, ...passage } = each.chunk;
    return [{ organizationId, readers: entry.readers, entryId: entry.id, ...passage, ...words, id: each.id, enabled }];
  });
  for (let from = 0; from < rows.length; from += rowsAtOnce)
    await database.insert(entryChunks).values(rows.slice(from, from + rowsAtOnce));
};

/** A text without a single word has a vector of zeros, which is near to nothing, and is left out. */
const builtinVectors = (title: string, due: readonly PlannedChunk[], language: string): Map<string, number[]> =>
  new Map(
    due
      .map((each): [string, number[]] => [idOf(each), embedText(indexedText(title, each.chunk), language)])
      .filter(([, vector]) => vector.some((value) => value !== 0)),
  );

const sumOfTerms = (plan: readonly PlannedChunk[], terms: ReadonlyMap<string, ChunkTerms>): number =>
  plan.reduce(
    (sum, each) => sum + (terms.get(idOf(each)) ?? (each.kind === 'kept' ? each.current : { termCount: 0 })).termCount,
    0,
  );
