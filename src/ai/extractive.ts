import type { Passage } from './deployment.ts';
import { phrasesOf } from './phrases.ts';
import type { Asked } from './query-terms.ts';
import { ranked, type Ranked } from './ranking.ts';

const mostQuotes = 4;
const mostChars = 900;
/** Below this coverage of the question the quotes are offered as the closest passage, not as the answer. */
const directCoverage = 0.55;
/** What a further quote must reach of the best one's score to be worth reading. */
const worthReading = 0.55;
/** What a further quote must reach of the best one's score and own coverage when it adds no word of the question. */
const asGood = 0.8;
/** Share of stems in common above which a quote only repeats another. */
const repeats = 0.6;

const likeness = (a: Ranked, b: Ranked): number => {
  const [left, right] = [new Set(a.stems), new Set(b.stems)];
  const common = left.intersection(right).size;
  return common === 0 ? 0 : common / Math.min(left.size, right.size);
};

const overlaps = (a: Ranked, b: Ranked): boolean => a.passage === b.passage && a.start < b.end && b.start < a.end;

/**
 * The quotes of an answer: the best first, then each time the one that adds most, its likeness to those already chosen
 * taken off (Carbonell and Goldstein, maximal marginal relevance, SIGIR 1998).
 */
const chosen = (candidates: readonly Ranked[]): Ranked[] => {
  const [best] = candidates;
  if (!best) return [];
  const picked = [best];
  const said = new Set(best.covered);
  const adds = (one: Ranked): boolean =>
    [...one.covered].some((stem) => !said.has(stem)) ||
    (one.ownCoverage >= asGood * best.ownCoverage && one.score >= asGood * best.score);
  let rest = candidates.slice(1).filter(({ score }) => score >= worthReading * best.score);
  while (picked.length < mostQuotes && rest.length > 0) {
    rest = rest.filter(
      (one) => adds(one) && picked.every((other) => !overlaps(one, other) && likeness(one, other) < repeats),
    );
    const gain = (one: Ranked): number =>
      one.score *
      (1 - Math.max(...picked.map((other) => likeness(one, other)))) *
      ([...one.covered].some((stem) => !said.has(stem)) ? 1.5 : 1);
    const [next] = rest.toSorted((a, b) => gain(b) - gain(a));
    if (!next || gain(next) < 0.4 * best.score) break;
    picked.push(next);
    for (const stem of next.covered) said.add(stem);
    rest = rest.filter((one) => one !== next);
  }
  return picked;
};

/** As many quotes from the front as an answer should hold, but always the first. */
const short = (quotes: readonly Ranked[]): Ranked[] => {
  let chars = 0;
  return quotes.filter(({ start, end }, index) => (chars += end - start) <= mostChars || index === 0);
};

/** Quotes of one passage side by side and in reading order, the passage of the best quote first. */
const inReadingOrder = (quotes: readonly Ranked[]): Ranked[] => {
  const passages = [...new Set(quotes.map(({ passage }) => passage))];
  return passages.flatMap((passage) =>
    quotes.filter((quote) => quote.passage === passage).sort((a, b) => a.start - b.start),
  );
};

/** Titles in the order of the quotes, each once; a title may hold anything, so it is kept to one line of moderate length. */
const titlesOf = (
  quotes: readonly Ranked[],
  passages: readonly Passage[],
  [open, close]: readonly [string, string],
) => {
  const titles = quotes.map(({ passage }) => (passages[passage]?.title ?? '').replaceAll(/\s+/gu, ' ').trim());
  return [...new Set(titles)].map((title) => `${open}${title.slice(0, 120)}${close}`).join(', ');
};

/**
 * Answers from the passages alone: a lead, then one to four sentences in quotation marks, word for word as they stand
 * there, each with its passage's number as [n]. Says so when no sentence shares a content word with the question, and
 * when there are no passages. The same question over the same passages gives the same answer.
 */
export const extractiveAnswer = (asked: Asked & { passages: readonly Passage[] }): string => {
  const { passages, language } = asked;
  const { found, near, none, noDocuments, quotes: marks } = phrasesOf(language);
  if (passages.length === 0) return noDocuments;

  const candidates = ranked(asked, passages);
  const [best] = candidates;
  if (!best) return none;
  const direct = best.coverage >= directCoverage;
  const quotes = inReadingOrder(short(direct ? chosen(candidates) : [best]));
  const lead = (direct ? found : near)(titlesOf(quotes, passages, marks));
  const [open, close] = marks;
  const lines = quotes.map(
    ({ passage, start, end }) => `${open}${passages[passage]?.text.slice(start, end)}${close} [${passage + 1}]`,
  );
  return [lead, ...lines].join('\n\n');
};
