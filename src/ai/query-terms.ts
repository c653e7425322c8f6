import { analyze } from '../search/analysis.ts';
import { phrasesOf } from './phrases.ts';

/** A question and what it may lean on. */
export type Asked = {
  question: string;
  /** The user's message before this one. */
  earlier?: string | undefined;
  /** ISO 639-1 code or a tag that begins with one. */
  language: string;
};

/** A follow-up question has at most this many content words of its own. */
const fewTerms = 3;
/** What a word of the earlier question counts beside a word of the question itself. */
const earlierWeight = 0.5;
/** What a word counts that only shapes the question ("must", "need", "explain"). */
const lightWeight = 0.25;

export const stemsOf = (text: string, language: string): string[] => analyze(text, language).map(({ term }) => term);

/**
 * Whether a question cannot be understood without the one before it: it has no content word, or few and a beginning or a
 * pronoun that leans on something said ("and how long does it take?").
 */
export const isFollowUp = (question: string, language: string): boolean => {
  const { light } = phrasesOf(language);
  const words = analyze(question, language).filter(({ start, end }) => !light.test(question.slice(start, end)));
  const terms = new Set(words.map(({ term }) => term));
  return terms.size === 0 || (terms.size <= fewTerms && phrasesOf(language).leaning.test(question));
};

/** The question to search for: a follow-up carries the earlier question in front of it. */
export const standaloneQuestion = ({ question, earlier, language }: Asked): string =>
  earlier !== undefined && isFollowUp(question, language) ? `${earlier}\n${question}` : question;

const weighted = (text: string, language: string, factor: number): (readonly [string, number])[] => {
  const { light } = phrasesOf(language);
  return analyze(text, language).map(
    ({ term, start, end }) => [term, light.test(text.slice(start, end)) ? lightWeight * factor : factor] as const,
  );
};

/** The stems asked for with their weights: 1 for those of the question, less for those it borrows or that say little. */
export const queryTerms = ({ question, earlier, language }: Asked): Map<string, number> => {
  const borrowed = earlier !== undefined && isFollowUp(question, language);
  return new Map([...(borrowed ? weighted(earlier, language, earlierWeight) : []), ...weighted(question, language, 1)]);
};
