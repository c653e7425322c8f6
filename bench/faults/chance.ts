import { unsafeUniformIntDistribution, xoroshiro128plus } from 'pure-rand';

/** Choices that a seed repeats. What the processes make of them at the same time is never repeated exactly. */
export interface Chance {
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number;
  /** One of these. */
  oneOf<Choice>(choices: readonly [Choice, ...Choice[]]): Choice;
  /** True in so many of a hundred cases. */
  percent(share: number): boolean;
  /** A source of its own, so that one consumer's choices do not shift another's. */
  split(): Chance;
}

export const chanceFrom = (seed: number): Chance => {
  const generator = xoroshiro128plus(seed);
  const between = (least: number, most: number) => unsafeUniformIntDistribution(least, most, generator);
  return {
    between,
    oneOf: ([first, ...others]) => others[between(0, others.length) - 1] ?? first,
    percent: (share) => between(1, 100) <= share,
    split: () => chanceFrom(between(0, 0x7fff_ffff)),
  };
};
