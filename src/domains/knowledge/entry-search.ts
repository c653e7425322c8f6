import { sql, type SQL } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import { database } from '../../database/client.ts';
import { analyze } from '../../search/analysis.ts';
import { termShares, type TermShare } from '../../search/explanation.ts';
import {
  hybridSearch,
  searchSettings,
  type Hit,
  type HybridQuery,
  type QueryVector,
} from '../../search/hybrid-search.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { queryVector, vectorKey } from '../modelhub/embedder.ts';
import type { Work } from '../services.ts';
import { defaultSettings } from './bank-settings.ts';
import { knowledgeOf } from './schema.ts';
import { banks, entryChunks, entrySearchTables, knowledgeEntries } from './tables.ts';

/** A passage of an entry that a search found. */
export interface FoundPassage {
  readonly hit: Hit;
  readonly entryId: string;
  /** The entry's version now. */
  readonly version: number;
  readonly title: string;
  readonly text: string;
  /** Headings above it, outermost first. */
  readonly headings: readonly string[];
  /** Place in the entry, counted from 0. */
  readonly position: number;
  /** Span in the entry's content, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** Who sees the entry; null: all members. */
  readonly readers: readonly string[] | null;
}

/** What is looked for in the bank. */
export interface EntryRetrieval {
  readonly query: string;
  /** How many passages at most. */
  readonly first: number;
  /** A condition on entries; all published and active ones are looked in when absent. */
  readonly where?: SQL | undefined;
  /** Cosine below which a passage is not found by its vector alone. */
  readonly minimumSimilarity?: number;
  /** The workspace that it is looked for in the name of; null for none. */
  readonly workspaceId: string | null;
  /** A vector of the query that is there already, and the language in which its words were stemmed. */
  readonly known?: { readonly vector: QueryVector; readonly language: string } | undefined;
}

/** What a search of the bank found, and what it asked for, by which it is explained. */
export interface SearchedEntries {
  readonly asked: HybridQuery;
  /** The language of the bank. */
  readonly language: string;
  readonly found: readonly FoundPassage[];
}

/** By what a bank is searched. */
interface Manner {
  readonly language: string;
  readonly embeddingModelId: string | null;
}

/**
 * How banks were last searched. Each search tells how it is to be done by now, and is made once more where that has changed: so neither a
 * statement of its own is needed for it, nor does a process search by settings of yesterday.
 */
const lastManners = new LRUCache<string, Manner>({ max: 10_000 });
const maxTries = 5;

/**
 * The best passages of published, active entries for a query, best first, by words and by meaning, in one statement; only what the unit's viewer
 * sees is found or counted. The query is embedded first, with no connection held; where its model cannot be called, words rank alone. Throws
 * Unavailable when the bank cannot be reached.
 */
export const searchEntries = async (work: Work, retrieval: EntryRetrieval): Promise<SearchedEntries> => {
  const bank = knowledgeOf(work.unit);
  const { organizationId } = bank;
  for (let tries = 1; ; tries++) {
    const manner = lastManners.get(organizationId) ?? defaultSettings;
    const asked = await queryOf(work, organizationId, retrieval, manner);
    const { now, found } = await searchedBy(bank, asked, manner);
    if (isSame(now, manner) || tries === maxTries) return { asked, language: manner.language, found };
    lastManners.set(organizationId, now);
  }
};

const isSame = (one: Manner, other: Manner): boolean =>
  one.language === other.language && one.embeddingModelId === other.embeddingModelId;

const queryOf = async (
  work: Work,
  organizationId: string,
  { query, first, where, minimumSimilarity, workspaceId, known }: EntryRetrieval,
  { language, embeddingModelId: modelId }: Manner,
): Promise<HybridQuery> => {
  const key = vectorKey(modelId);
  // What a trained model makes of a query does not depend on the language that words are stemmed in.
  const fits = known?.vector.model === key && (modelId !== null || known.language === language);
  const embed = async () => {
    if (modelId !== null) await work.unit.rest();
    return queryVector(work, { workspaceId, modelId, query, language });
  };
  return {
    organizationId,
    documents: where && entriesWhere(organizationId, where),
    terms: analyze(query, language).map(({ term }) => term),
    vector: fits ? known.vector : await embed(),
    first,
    minimumSimilarity,
  };
};

const entriesWhere = (organizationId: string, condition: SQL): SQL => sql`
  select ${knowledgeEntries.id} from ${knowledgeEntries}
  where ${knowledgeEntries.organizationId} = ${organizationId} and ${condition}`;

type Row = Record<string, unknown> & Manner & (FoundRow | { readonly chunkId: null });
type FoundRow = Omit<FoundPassage, 'hit'> & Hit;

/** The hits with their passages and entries, and how the bank is to be searched; none where that is not how it was asked. */
const searchedBy = async (
  bank: UnitOfWork,
  asked: HybridQuery,
  manner: Manner,
): Promise<{ readonly now: Manner; readonly found: FoundPassage[] }> => {
  const { organizationId } = asked;
  const { language, embeddingModelId } = manner;
  const statement = database.execute<Row>(sql`
    select manner.language, manner.model_id as "embeddingModelId", hit.*, entry.id as "entryId", entry.version, entry.title, entry.readers,
      chunk.text, chunk.headings, chunk.position, chunk.start, chunk."end"
    from (
      select coalesce(max(${banks.language}), ${defaultSettings.language}) as language, max(${banks.embeddingModelId}::text)::uuid as model_id
      from ${banks} where ${banks.organizationId} = ${organizationId}
    ) as manner
    left join (${hybridSearch(entrySearchTables, asked)}) as hit
      on manner.language = ${language} and manner.model_id is not distinct from ${embeddingModelId}::uuid
    left join ${entryChunks} chunk on chunk.organization_id = ${organizationId} and chunk.id = hit."chunkId"
    left join ${knowledgeEntries} entry on entry.organization_id = ${organizationId} and entry.id = chunk.entry_id
    order by hit.score desc, hit."chunkId"`);
  const rows = await bank.runUnder(searchSettings, statement);
  const [first] = rows;
  const now = first === undefined ? manner : { language: first.language, embeddingModelId: first.embeddingModelId };
  const found = rows.flatMap((row): FoundPassage[] => {
    if (row.chunkId === null) return [];
    // The cast is safe: a row with a hit has all of it.
    const { chunkId, score, lexicalRank, vectorRank, bm25, similarity, ...passage } = row as FoundRow;
    return [{ ...passage, hit: { chunkId, score, lexicalRank, vectorRank, bm25, similarity } }];
  });
  return { now, found };
};

/** What each term adds to each hit of a search, by the hits' passages, in one statement. */
export const explainedEntries = async (
  unit: UnitOfWork,
  { asked, found }: SearchedEntries,
): Promise<Map<string, TermShare[]>> => {
  const chunkIds = found.map(({ hit }) => hit.chunkId);
  if (chunkIds.length === 0) return new Map();
  const statement = database.execute<{ [Name in keyof TermShare]: TermShare[Name] }>(
    termShares(entrySearchTables, asked, chunkIds),
  );
  const rows = await knowledgeOf(unit).runUnder(searchSettings, statement);
  return Map.groupBy(rows, ({ chunkId }) => chunkId);
};
