import { lazily } from '../../database/loader.ts';
import { BadUserInput } from '../../errors.ts';
import type { TermShare } from '../../search/explanation.ts';
import { damping, type Hit, type HybridQuery } from '../../search/hybrid-search.ts';
import { originalWeight } from '../../search/lexical.ts';
import { viewerOf, type Context } from '../context.ts';
import { found as existing } from '../nodes.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { explained, searchChunks } from './retrieval.ts';
import type { SearchEdgeRow, SearchExplanationRow } from './rows.ts';
import { issuesOf } from './validation.ts';

const maxHits = 50;

/** What is looked for, and where. */
interface SearchRequest {
  readonly workspaceId: string;
  readonly query: string;
  readonly first: number;
  readonly filter?: unknown;
}

/** Searches a workspace and notes that for its administrators. Throws BadUserInput, NotFound (workspace). */
export const search = async (
  context: Context,
  { workspaceId, query, first, filter }: SearchRequest,
): Promise<SearchEdgeRow[]> => {
  const issues = issuesOf('query', query, 2000);
  if (first < 1 || first > maxHits)
    issues.push({ field: 'first', message: `A search gives 1 to ${maxHits} passages.` });
  if (issues.length > 0) throw new BadUserInput(issues);
  const { unit, services } = context;
  const workspace = await existing('Workspace', workspaceId, workspaceById(unit));
  const began = performance.now();
  const searched = await searchChunks({ unit, services }, { workspace, query, first, filter });
  const { asked, found } = searched;
  services.searches.note({
    organizationId: unit.organizationId,
    workspaceId,
    userId: viewerOf(context).userId,
    query,
    filter: filter ?? null,
    hitCount: found.length,
    topScore: found[0]?.hit.score ?? null,
    latencyMs: Math.round(performance.now() - began),
  });
  const shares = lazily(() => explained(unit, searched));
  return found.map(({ hit, chunk }) => ({
    hit,
    node: chunk,
    query,
    language: workspace.language,
    explain: async () => ({ hit, asked, shares: (await shares()).get(hit.chunkId) ?? [] }),
  }));
};

/** What stands beside the terms of an explanation. */
interface Fusion {
  readonly lexicalScore: number;
  readonly lexicalShare: number;
  readonly weight: number;
  readonly vectorShare: number;
}

const sum = (shares: readonly TermShare[]): number =>
  shares.reduce((total, { contribution }) => total + contribution, 0);

const vote = (rank: number | null, counts: number): number => (rank === null ? 0 : counts / (damping + rank));

/** The votes that a hit's score is made of. */
export const fusionOf = ({ hit, asked, shares }: SearchExplanationRow): Fusion => {
  const weight = asked.vector?.weight ?? 0;
  return {
    lexicalScore: (originalWeight * hit.bm25) / Math.max(asked.terms.length, 1) + sum(feedbackOf(shares)),
    lexicalShare: vote(hit.lexicalRank, 1),
    weight,
    vectorShare: vote(hit.vectorRank, weight),
  };
};

/** What the query's own terms add. */
export const termsOf = (shares: readonly TermShare[]): TermShare[] => shares.filter(({ origin }) => origin === 'QUERY');
/** What the terms add that feedback widens the query by. */
export const feedbackOf = (shares: readonly TermShare[]): TermShare[] =>
  shares.filter(({ origin }) => origin === 'FEEDBACK');

/** An explanation in a sentence. */
export const sentenceOf = ({ hit, asked, shares }: SearchExplanationRow): string => {
  const own = termsOf(shares).map(({ term }) => `“${term}”`);
  return `Score ${hit.score.toFixed(3)}: ${byWords(hit, own)}, ${byMeaning(hit, asked)}.`;
};

const byWords = ({ lexicalRank, bm25 }: Hit, own: readonly string[]): string => {
  if (lexicalRank === null) return 'the words did not find it';
  const reason = own.length === 0 ? 'for words that the best passages share' : `for ${own.join(', ')}`;
  return `place ${lexicalRank} by words ${reason} (BM25 ${bm25.toFixed(2)})`;
};

const byMeaning = ({ vectorRank, similarity }: Hit, { vector }: HybridQuery): string => {
  if (vector === null) return 'the query has no vector to compare';
  if (vectorRank === null || similarity === null) return 'its vector is not among the nearest';
  return `place ${vectorRank} by meaning (cosine ${similarity.toFixed(2)}, which counts ${vector.weight} beside the words)`;
};
