import { sentencesOf } from './sentences.ts';

/** One number of a marker such as [2] or [1, 2] in an answer, and the words it stands for. */
export type Marker = {
  /** Counted from 1, as it is written. */
  number: number;
  /** The statement before the marker, back to the marker before it or the sentence's beginning; offsets into the answer. */
  start: number;
  end: number;
  /** Where a quotation that ends before the marker may begin: it can be longer than the last sentence. */
  quotation: number;
};

/** A sentence of an answer with its markers blanked; offsets into the answer. */
export type Statement = { start: number; end: number; text: string };

// Not a link's text ([1](…)), and no more digits than a list of passages could have.
const marker = /\[\s*(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\s*\](?!\()/gu;

const blanked = (answer: string): string => answer.replace(marker, (all) => ' '.repeat(all.length));

/** The sentences of an answer; markers belong to none of them. */
export const statementsOf = (answer: string, language: string): Statement[] =>
  sentencesOf(blanked(answer), language).map(({ text, start, end }) => ({ text, start, end }));

/** The statement that ends where a marker stands, or else the one around it. */
const statementAt = (statements: readonly Statement[], at: number): Statement | undefined =>
  statements.findLast(({ start }) => start < at);

/** How far back a quotation before a marker may begin. */
const longestQuotation = 2_000;

type Claim = Pick<Marker, 'start' | 'end' | 'quotation'>;

const claimBetween = (text: string, from: number, after: number, at: number): Claim | undefined => {
  const said = text.slice(from, at);
  if (!/[\p{L}\p{N}]/u.test(said)) return undefined;
  const start = from + (said.length - said.trimStart().length);
  const end = from + said.trimEnd().length;
  return {
    start,
    end,
    quotation: /["”“»]$/u.test(text.slice(start, end)) ? Math.max(after, end - longestQuotation) : start,
  };
};

/** All markers of an answer in order, a marker of several numbers as several. */
export const markersOf = (answer: string, language: string): Marker[] => {
  const statements = statementsOf(answer, language);
  const text = blanked(answer);
  const markers: Marker[] = [];
  let claim: Claim = { start: 0, end: 0, quotation: 0 };
  let after = 0;
  for (const { 0: written, 1: numbers = '', index } of answer.matchAll(marker)) {
    const from = Math.max(statementAt(statements, index)?.start ?? index, after);
    // A marker right behind another one stands for the same words.
    claim = claimBetween(text, from, after, index) ?? claim;
    for (const number of numbers.split(/[,;]/u)) markers.push({ number: Number(number), ...claim });
    after = index + written.length;
  }
  return markers;
};
