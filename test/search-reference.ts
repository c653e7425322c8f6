/** A chunk as the plain formulas see it. */
export interface ReferenceChunk {
  readonly id: string;
  readonly frequencies: ReadonlyMap<string, number>;
}

const lengthOf = ({ frequencies }: ReferenceChunk) => [...frequencies.values()].reduce((sum, count) => sum + count, 0);

/** What one term adds to one chunk under BM25 (k1 1.2, b 0.75), by the statistics of `chunks`. */
const gain = (chunks: readonly ReferenceChunk[], chunk: ReferenceChunk, term: string): number => {
  const frequency = chunk.frequencies.get(term);
  if (frequency === undefined) return 0;
  const holding = chunks.filter(({ frequencies }) => frequencies.has(term)).length;
  const meanLength = chunks.reduce((sum, each) => sum + lengthOf(each), 0) / chunks.length;
  const idf = Math.log(1 + (chunks.length - holding + 0.5) / (holding + 0.5));
  return (idf * frequency * 2.2) / (frequency + 1.2 * (0.25 + (0.75 * lengthOf(chunk)) / meanLength));
};

export type Ranking = readonly { readonly id: string; readonly score: number }[];

const ranked = (chunks: readonly ReferenceChunk[], score: (chunk: ReferenceChunk) => number): Ranking =>
  chunks
    .map((chunk) => ({ id: chunk.id, score: score(chunk) }))
    .filter(({ score }) => score > 0)
    .sort((left, right) => right.score - left.score || (left.id < right.id ? -1 : 1));

/** Textbook BM25 of a query's terms, repetitions included. */
export const bm25 = (chunks: readonly ReferenceChunk[], terms: readonly string[]): Ranking =>
  ranked(chunks, (chunk) => terms.reduce((sum, term) => sum + gain(chunks, chunk, term), 0));

/** The weights that RM3 gives with 5 chunks, 10 terms and half of the weight left to the query. */
const widened = (chunks: readonly ReferenceChunk[], terms: readonly string[]): Map<string, number> => {
  const weights = new Map<string, number>();
  for (const term of terms) weights.set(term, (weights.get(term) ?? 0) + 0.5 / terms.length);
  const relevant = bm25(chunks, terms).slice(0, 5);
  const total = relevant.reduce((sum, { score }) => sum + score, 0);
  const likely = new Map<string, number>();
  for (const { id, score } of relevant) {
    const chunk = chunks.find((each) => each.id === id);
    if (chunk === undefined) throw new Error('The ranking names an unknown chunk.');
    for (const [term, count] of chunk.frequencies)
      likely.set(term, (likely.get(term) ?? 0) + (score / total) * (count / lengthOf(chunk)));
  }
  const best = [...likely].sort(([one, left], [other, right]) => right - left || (one < other ? -1 : 1)).slice(0, 10);
  const sum = best.reduce((total, [, weight]) => total + weight, 0);
  for (const [term, weight] of best) weights.set(term, (weights.get(term) ?? 0) + (0.5 * weight) / sum);
  return weights;
};

/** BM25 of the query widened by feedback. */
export const bm25WithFeedback = (chunks: readonly ReferenceChunk[], terms: readonly string[]): Ranking => {
  const weights = [...widened(chunks, terms)];
  return ranked(chunks, (chunk) =>
    weights.reduce((sum, [term, weight]) => sum + weight * gain(chunks, chunk, term), 0),
  );
};
