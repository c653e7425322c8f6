import { termFrequencies } from './analysis.ts';

/** The columns of `chunkColumns` for a chunk's text. */
export interface ChunkTerms {
  readonly terms: string[];
  readonly frequencies: number[];
  readonly termCount: number;
}

/** The largest count a `smallint` holds; BM25 saturates long before. */
const maxFrequency = 32_767;

/** What the lexical index keeps of a chunk. */
export const chunkTerms = (text: string, language?: string | null): ChunkTerms => {
  const counts = termFrequencies(text, language);
  const frequencies = Array.from(counts.values(), (count) => Math.min(count, maxFrequency));
  return { terms: [...counts.keys()], frequencies, termCount: frequencies.reduce((sum, count) => sum + count, 0) };
};
