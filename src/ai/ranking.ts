import type { Passage } from './deployment.ts';
import { phrasesOf } from './phrases.ts';
import { queryTerms, stemsOf, type Asked } from './query-terms.ts';
import { quotables, type Quotable } from './quotable.ts';

/** A quotable with what speaks for it. */
export type Ranked = Quotable & {
  score: number;
  /** Share of what was asked that it covers, 0 to 1, rare words counting more. */
  coverage: number;
  /** The part of that share that stands in its own words. */
  ownCoverage: number;
  /** Stems of the question that it has in its own words. */
  shared: Set<string>;
  /** Stems of the question that it speaks to, in its own words or by the heading or question above it. */
  covered: Set<string>;
};

/** How rare a stem is among the quotables: BM25's inverse document frequency with a sentence as the document. */
const rarity = (all: readonly Quotable[]) => {
  const holders = new Map<string, number>();
  for (const { stems } of all) for (const stem of new Set(stems)) holders.set(stem, (holders.get(stem) ?? 0) + 1);
  return (stem: string): number => {
    // A stem that stands nowhere counts no more than one that stands once: it may be missing by its wording only.
    const count = holders.get(stem) ?? 1;
    return Math.log(1 + (all.length - count + 0.5) / (count + 0.5));
  };
};

/** What a longer or shorter form of a stem counts (`appli` for `applic`, the head of a German compound). */
const kinship = 0.6;
const shortestKin = 5;
/** Weight from which the surroundings say what a sentence is about: a heading's or a question's, not a title's. */
const spokenTo = 0.5;
/** Weight that only a question of the document gives to the sentence right below it, which is likely its answer. */
const answeredBelow = 0.8;

const beginsWith = (long: string, short: string): boolean => short.length >= shortestKin && long.startsWith(short);

/** 1 when the stem itself is there, less when only a relative of it is, else 0. */
const sameness = (stem: string, stems: readonly string[]): number => {
  if (stems.includes(stem)) return 1;
  return stems.some((other) => beginsWith(other, stem) || beginsWith(stem, other)) ? kinship : 0;
};

/** Favours sentences people quote: not a fragment, not a wall of text. */
const byLength = (stems: number): number => (stems < 3 ? 0.6 : stems > 45 ? 0.7 : stems > 30 ? 0.85 : 1);

/** Words that stand next to each other in the question and here as well. */
const pairsShared = (asked: readonly string[], stems: readonly string[]): number => {
  const pairs = new Set(stems.slice(1).map((stem, index) => `${stems[index]} ${stem}`));
  return asked.slice(1).filter((stem, index) => pairs.has(`${asked[index]} ${stem}`)).length;
};

/** What the question's form asks for: a number, or a sentence that says what something is. */
const byForm = ({ question, language }: Asked, text: string, firstShared: boolean): number => {
  const { amount, definition, is } = phrasesOf(language);
  if (amount.test(question)) return /\p{N}/u.test(text) ? 1.3 : 1;
  return definition.test(question) && firstShared && is.test(text) ? 1.3 : 1;
};

/**
 * The quotables that share something with the question, best first; equal ones in reading order. The score is the
 * rarity of the shared stems, those of the surroundings at less, times small factors for length, place in the passage,
 * place of the passage, neighbouring words, the form of the question, and a like question right above.
 */
export const ranked = (asked: Asked, passages: readonly Passage[]): Ranked[] => {
  const all = quotables(passages, asked.language);
  const rare = rarity(all);
  const wanted = [...queryTerms(asked)].map(([stem, weight]) => ({ stem, weight: weight * rare(stem) }));
  const total = wanted.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return [];
  const inOrder = stemsOf(asked.question, asked.language);

  const judged = all.map((quotable): Ranked => {
    const own = wanted.map(({ stem, weight }) => weight * sameness(stem, quotable.stems));
    const shared = new Set(wanted.filter((_, index) => (own[index] ?? 0) > 0).map(({ stem }) => stem));
    const ownMatched = own.reduce((sum, weight) => sum + weight, 0);
    const matched = wanted.reduce(
      (sum, { stem, weight }, index) => sum + Math.max(own[index] ?? 0, weight * (quotable.context.get(stem) ?? 0)),
      0,
    );
    const covered = wanted.filter(({ stem }) => shared.has(stem) || (quotable.context.get(stem) ?? 0) >= spokenTo);
    const text = passages[quotable.passage]?.text.slice(quotable.start, quotable.end) ?? '';
    const first = quotable.stems.slice(0, 2).some((stem) => shared.has(stem));
    const score =
      matched *
      byLength(quotable.stems.length) *
      (1 + 0.1 / (1 + quotable.place)) *
      (1 - 0.03 * Math.min(quotable.passage, 10)) *
      (1 + 0.15 * Math.min(pairsShared(inOrder, quotable.stems), 3)) *
      byForm(asked, text, first) *
      (wanted.some(({ stem }) => (quotable.context.get(stem) ?? 0) >= answeredBelow) ? 1.3 : 1);
    return Object.assign(quotable, {
      score,
      coverage: matched / total,
      ownCoverage: ownMatched / total,
      shared,
      covered: new Set(covered.map(({ stem }) => stem)),
    });
  });
  return judged.filter(speaksToIt).sort((a, b) => b.score - a.score);
};

/** Own words, or a heading or question right above that shares some; a title alone makes no sentence an answer. */
const speaksToIt = ({ shared, covered, leads }: Ranked): boolean => shared.size > 0 || (leads && covered.size > 0);
