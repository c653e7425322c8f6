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

export const stemsOf = (text: string, language: string): string[] => analyze(text, language).map(({ term }) => term);

/** The stems of what is asked about; words that only shape the question ("must", "need", "explain") are left out. */
const subjectOf = (question: string, language: string): string[] => {
  const { light } = phrasesOf(language);
  const words = analyze(question, language).filter(({ start, end }) => !light.test(question.slice(start, end)));
  return words.map(({ term }) => term);
};

/**
 * Whether a question cannot be understood without the one before it: it has no content word, or few and a beginning or a
 * pronoun that leans on something said ("and how long does it take?").
 */
export const isFollowUp = (question: string, language: string): boolean => {
  const terms = new Set(subjectOf(question, language));
  return terms.size === 0 || (terms.size <= fewTerms && phrasesOf(language).leaning.test(question));
};

/** The question to search for: a follow-up carries the earlier question in front of it. */
export const standaloneQuestion = ({ question, earlier, language }: Asked): string =>
  earlier !== undefined && isFollowUp(question, language) ? `${earlier}\n${question}` : question;

/** The stems asked for with their weights: 1 for those of the question, less for those it borrows. */
export const queryTerms = ({ question, earlier, language }: Asked): Map<string, number> => {
  const own = subjectOf(question, language);
  const borrowed = earlier !== undefined && isFollowUp(question, language) ? subjectOf(earlier, language) : [];
  const weights = new Map<string, number>(borrowed.map((term) => [term, earlierWeight]));
  for (const term of own) weights.set(term, 1);
  // A question of nothing but light words is taken by them.
  return weights.size > 0 ? weights : new Map(stemsOf(question, language).map((term) => [term, 1]));
};
