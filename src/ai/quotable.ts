import type { Passage } from './deployment.ts';
import { phrasesOf } from './phrases.ts';
import { stemsOf } from './query-terms.ts';
import { sentencesOf, type Sentence } from './sentences.ts';

/** Something an answer may quote: one sentence, or a few that only make sense together. */
export type Quotable = {
  /** Place of the passage in the list, counted from 0. */
  passage: number;
  /** Offsets into the passage's text. */
  start: number;
  end: number;
  /** Stems of the quoted words, in order. */
  stems: string[];
  /** Stems the sentence can count on without saying them, by weight 0 to 1: title, heading, question above, sentence before. */
  context: Map<string, number>;
  /** Whether a heading or a question stands right above. */
  leads: boolean;
  /** Number among the quotables of its passage, counted from 0. */
  place: number;
};

/** What the surroundings of a sentence are worth beside its own words. */
const worth = { title: 0.3, heading: 0.5, question: 0.8, before: 0.5 };
const longestAnnounced = 600;
const longestNeighbour = 300;

/** What was said above the sentence that is being looked at. */
type Above = { heading: string; question: string; before: Sentence | undefined; leads: boolean };

const isQuestion = (text: string): boolean => /[?？؟]["'”’»)]*$/u.test(text);

/** Index behind the list or code that a sentence ending in a colon announces, as far as it stays short. */
const announcedEnd = (sentences: readonly Sentence[], index: number): number => {
  const lead = sentences[index];
  if (!lead || !/[:：]$/u.test(lead.text)) return index + 1;
  let end = index + 1;
  for (
    let next = sentences[end];
    (next?.kind === 'item' || next?.kind === 'code') && next.end - lead.start <= longestAnnounced;
    next = sentences[end]
  )
    end++;
  return end;
};

/** Where a quote has to begin so that its first word refers to something: one sentence back when it leans on that. */
const startOf = (sentence: Sentence, before: Sentence | undefined, language: string): number =>
  before?.block === sentence.block &&
  phrasesOf(language).dependent.test(sentence.text) &&
  before.end - before.start <= longestNeighbour
    ? before.start
    : sentence.start;

const contextOf = (title: string, { heading, question, before }: Above, block: number, language: string) => {
  const context = new Map<string, number>();
  const say = (text: string, weight: number): void => {
    for (const stem of stemsOf(text, language)) context.set(stem, Math.max(weight, context.get(stem) ?? 0));
  };
  say(title, worth.title);
  say(heading, worth.heading);
  say(question, worth.question);
  if (before?.block === block) say(before.text, worth.before);
  return context;
};

/**
 * What can be quoted from one passage, in order. Headings and questions are not quoted, they say what
 * stands below them; code only with the sentence that announces it.
 */
const quotablesOf = ({ title, text }: Passage, passage: number, language: string): Quotable[] => {
  const found: Quotable[] = [];
  const sentences = sentencesOf(text, language);
  let above: Above = { heading: '', question: '', before: undefined, leads: true };
  for (let index = 0; index < sentences.length;) {
    const sentence = sentences[index];
    if (!sentence) break;
    const end = sentence.kind === 'heading' ? index + 1 : announcedEnd(sentences, index);
    if (isQuestion(sentence.text))
      above = { heading: above.heading, question: sentence.text, before: undefined, leads: true };
    else if (sentence.kind === 'heading')
      above = { heading: sentence.text, question: '', before: undefined, leads: true };
    else if (sentence.kind !== 'code') {
      const start = startOf(sentence, above.before, language);
      const stop = sentences[end - 1]?.end ?? sentence.end;
      found.push({
        passage,
        start,
        end: stop,
        stems: stemsOf(text.slice(start, stop), language),
        context: contextOf(title, above, sentence.block, language),
        leads: above.leads,
        place: found.length,
      });
      above = { heading: above.heading, question: '', before: sentence, leads: false };
    }
    index = end;
  }
  return found;
};

/** Everything that can be quoted from the passages, in order. */
export const quotables = (passages: readonly Passage[], language: string): Quotable[] =>
  passages.flatMap((passage, index) => quotablesOf(passage, index, language));
