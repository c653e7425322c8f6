import { termFrequencies } from './analysis.ts';

/** The name under which embeddings of this recipe are stored; a new recipe needs a new name. */
export const hashingModel = 'tessera-hashing-1';

/** Numbers in every embedding of ours. */
export const dimensions = 1536;

/** How rare a feature is expected to be, at least 0; only ratios matter. */
export type Rarity = (feature: string) => number;

const gramLength = 4;
const gramWeight = 0.5;
const termSeed = 0x9747b28c;
const gramSeed = 0x5bd1e995;
const decimals = 1e6;

const informativeLength = 10;
const digit = /\p{N}/u;

/**
 * Stands in for the inverse document frequency, because counts shared between tenants would betray what others write, and
 * counts of one tenant would change the meaning of every stored vector with each document. Long words are rare ones: the
 * information a word carries grows about linearly with its length (Piantadosi, Tily and Gibson, "Word lengths are
 * optimized for efficient communication", PNAS 2011; Zipf's law of abbreviation), until all are rare. Words with digits
 * (part numbers, years, error codes) name single things however short they are.
 */
export const rarityByLength: Rarity = (feature) =>
  digit.test(feature) ? 1 : Math.min(feature.length, informativeLength) / informativeLength;

/** 32 bits that depend on every character alike: FNV-1a over UTF-16 units, then the finalizer of MurmurHash3. */
const hash = (text: string, seed: number): number => {
  let bits = seed;
  for (let at = 0; at < text.length; at++) bits = Math.imul(bits ^ text.charCodeAt(at), 0x01000193);
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
};

const gramsOf = (terms: ReadonlyMap<string, number>): Map<string, number> => {
  const grams = new Map<string, number>();
  for (const [term, frequency] of terms) {
    const padded = `_${term}_`;
    for (let at = 0; at + gramLength <= padded.length; at++) {
      const gram = padded.slice(at, at + gramLength);
      grams.set(gram, (grams.get(gram) ?? 0) + frequency);
    }
  }
  return grams;
};

const addFeatures = (
  vector: Float64Array,
  features: ReadonlyMap<string, number>,
  seed: number,
  weight: number,
  rarity: Rarity,
): void => {
  for (const [feature, frequency] of features) {
    const bits = hash(feature, seed);
    const index = (bits >>> 1) % dimensions;
    const value = weight * (1 + Math.log(frequency)) * Math.sqrt(rarity(feature));
    vector[index] = (vector[index] ?? 0) + (bits & 1 ? value : -value);
  }
};

/** Rounded, so that a vector as text is a third as long; the length stays within 0.0001 of one. */
const unitLength = (vector: Float64Array): number[] => {
  const length = Math.hypot(...vector) || 1;
  return Array.from(vector, (value) => Math.round((value / length) * decimals) / decimals);
};

/**
 * Embeds a text without a model: 1536 numbers, unit length, all zero when the text has no terms. The same text gives the
 * same vector in every process. Each stem, and at half weight each run of four characters of one (so that compounds, typing
 * errors and endings the stemmer missed still meet), is added to one coordinate with a sign, both chosen by a hash
 * (Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009), so that collisions cancel out on
 * average. Weights are 1 + ln tf times the square root of the rarity, so that the product of two vectors holds it once.
 */
export const embedText = (text: string, language?: string | null, rarity: Rarity = rarityByLength): number[] => {
  const vector = new Float64Array(dimensions);
  const terms = termFrequencies(text, language);
  addFeatures(vector, terms, termSeed, 1, rarity);
  addFeatures(vector, gramsOf(terms), gramSeed, gramWeight, rarity);
  return unitLength(vector);
};
