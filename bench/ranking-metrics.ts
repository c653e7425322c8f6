/** Graded relevance of documents to one query, by document; what is missing was judged, or is taken, to be 0. */
export type Judgements = ReadonlyMap<string, number>;

/** Sum of rel / log2(rank + 1) over ranks counted from 1. */
const discountedGain = (relevances: readonly number[]): number =>
  relevances.reduce((sum, relevance, at) => sum + relevance / Math.log2(at + 2), 0);

const relevant = (judgements: Judgements): number[] => [...judgements.values()].filter((relevance) => relevance > 0);

/**
 * Normalised discounted cumulative gain of the first `depth` documents, 0 to 1, with linear gain rel / log2(rank + 1): the
 * `ndcg_cut` of trec_eval and pytrec_eval. (The exponential gain 2^rel - 1 of Burges et al. gives the same where relevance is
 * 0 or 1.) The ideal ranking holds all judged documents. 0 when none is relevant.
 */
export const ndcg = (ranking: readonly string[], judgements: Judgements, depth: number): number => {
  const ideal = relevant(judgements).sort((left, right) => right - left);
  const found = ranking.slice(0, depth).map((document) => judgements.get(document) ?? 0);
  return ideal.length === 0 ? 0 : discountedGain(found) / discountedGain(ideal.slice(0, depth));
};

/** One over the rank of the first relevant document, counted from 1; 0 when none is among the first `depth`. */
export const reciprocalRank = (ranking: readonly string[], judgements: Judgements, depth: number): number => {
  const at = ranking.slice(0, depth).findIndex((document) => (judgements.get(document) ?? 0) > 0);
  return at < 0 ? 0 : 1 / (at + 1);
};

/** Share of all relevant documents that are among the first `depth`; 0 when none is relevant. */
export const recall = (ranking: readonly string[], judgements: Judgements, depth: number): number => {
  const wanted = relevant(judgements).length;
  const found = ranking.slice(0, depth).filter((document) => (judgements.get(document) ?? 0) > 0).length;
  return wanted === 0 ? 0 : found / wanted;
};
