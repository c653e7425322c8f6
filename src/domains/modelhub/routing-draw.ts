import { hash } from 'node:crypto';

/** What is drawn from: the greater the weight, the more often it comes first. */
export interface Weighted {
  readonly id: string;
  /** 0: never drawn. */
  readonly weight: number;
}

/** A number above 0 and below 1 that is the same for the same words, and otherwise as good as random. */
const numberOf = (words: string): number => {
  // 52 bits, so that the half added still fits into the 53 of a number and none becomes 1.
  const bits = Number.parseInt(hash('sha256', words, 'hex').slice(0, 13), 16);
  return (bits + 0.5) / 2 ** 52;
};

/**
 * Draws one by weight; undefined where none has any. With `stickyTo` the same words draw the same one as long as it is among the entries, and when
 * another goes or comes only those move that were drawn to it: weighted rendezvous hashing, by the score −w / ln(h) of C. Schindelhauer and
 * G. Schomaker, "Weighted Distributed Hash Tables" (SPAA 2005, https://doi.org/10.1145/1073970.1074008), the logarithmic method.
 */
export const drawn = <Entry extends Weighted>(
  entries: readonly Entry[],
  stickyTo: string | null,
  random: () => number = Math.random,
): Entry | undefined => {
  const weighted = entries.filter(({ weight }) => weight > 0);
  return stickyTo === null ? byChance(weighted, random) : byScore(weighted, stickyTo);
};

const byChance = <Entry extends Weighted>(entries: readonly Entry[], random: () => number): Entry | undefined => {
  let left = random() * entries.reduce((sum, { weight }) => sum + weight, 0);
  return entries.find(({ weight }) => (left -= weight) < 0) ?? entries.at(-1);
};

const byScore = <Entry extends Weighted>(entries: readonly Entry[], stickyTo: string): Entry | undefined => {
  let best: Entry | undefined;
  let bestScore = -Infinity;
  for (const entry of entries) {
    const score = -entry.weight / Math.log(numberOf(`${stickyTo} ${entry.id}`));
    if (score > bestScore) [best, bestScore] = [entry, score];
  }
  return best;
};
