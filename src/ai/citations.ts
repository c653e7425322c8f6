import type { Passage } from './deployment.ts';
import { locator, type Place } from './locate.ts';
import { markersOf, statementsOf, type Marker } from './markers.ts';
import { stemsOf } from './query-terms.ts';
import { sentencesOf } from './sentences.ts';

/** A place in a passage that supports a place in the answer. */
export type Citation = {
  /** Place of the passage in the list, counted from 0. */
  passage: number;
  /** Exactly `slice(start, end)` of the passage's text. */
  quote: string;
  start: number;
  end: number;
  /** The words of the answer that it supports, UTF-16 offsets. */
  answerStart: number;
  answerEnd: number;
  /** Share of the answer's content words found in the quote, 0 to 1; 1 when the answer itself quotes it. */
  support: number;
};

export type Verified = {
  /** In the order of the markers. */
  citations: Citation[];
  /** Markers whose number no passage has; they cite nothing. */
  unknownMarkers: number;
};

/** Shorter strings in quotation marks are names and terms rather than quotes. */
const shortestQuote = 12;
/** Support from which a statement counts as borne out by its citation. */
const enoughSupport = 0.3;

type Quoted = Place & { answerStart: number };

/** Strings in quotation marks between two places of an answer, longest first: a quote may hold marks of its own. */
const quotedIn = (answer: string, from: number, to: number): Place[] => {
  const said = answer.slice(from, to);
  const opens = [...said.matchAll(/["“„«‟]/gu)].map(({ index }) => from + index + 1).slice(-8);
  const closes = [...said.matchAll(/["”“»]/gu)].map(({ index }) => from + index).slice(-8);
  return opens
    .flatMap((start) => closes.map((end) => ({ start, end })))
    .filter(({ start, end }) => end - start >= shortestQuote)
    .sort((a, b) => b.end - b.start - (a.end - a.start));
};

/** A passage made ready for many look-ups: an answer can hold hundreds of markers. */
type Source = { text: string; find: ReturnType<typeof locator>; sentences: (Place & { stems: Set<string> })[] };

const sourceOf = ({ text }: Passage, language: string): Source => ({
  text,
  find: locator(text),
  sentences: sentencesOf(text, language).map(({ start, end, text: sentence }) => ({
    start,
    end,
    stems: new Set(stemsOf(sentence, language)),
  })),
});

/** The longest thing the answer quotes before a marker that stands in the passage. */
const quotedPlace = (answer: string, { quotation, end }: Marker, { find }: Source): Quoted | undefined => {
  for (const quoted of quotedIn(answer, quotation, end)) {
    const place = find(answer.slice(quoted.start, quoted.end));
    if (place) return { ...place, answerStart: quoted.start - 1 };
  }
  return undefined;
};

/** The sentence that has most of the statement's words; the shorter of equal ones, since it says less beside. */
const bestSentence = (claim: string, { text, sentences }: Source, language: string): Place & { support: number } => {
  const wanted = new Set(stemsOf(claim, language));
  const [first = { start: 0, end: text.length }] = sentences;
  let best = { start: first.start, end: first.end, support: 0 };
  for (const { start, end, stems } of sentences) {
    const support = wanted.size === 0 ? 0 : wanted.intersection(stems).size / wanted.size;
    const shorter = support > 0 && support === best.support && end - start < best.end - best.start;
    if (support > best.support || shorter) best = { start, end, support };
  }
  return best;
};

const citationOf = (answer: string, marker: Marker, source: Source, language: string): Citation => {
  const quoted = quotedPlace(answer, marker, source);
  const place = quoted ?? bestSentence(answer.slice(marker.start, marker.end), source, language);
  return {
    passage: marker.number - 1,
    quote: source.text.slice(place.start, place.end),
    start: place.start,
    end: place.end,
    answerStart: Math.min(marker.start, quoted?.answerStart ?? marker.start),
    answerEnd: marker.end,
    support: 'support' in place ? place.support : 1,
  };
};

/**
 * The citations of an answer: for each marker [n] the place in passage n that the answer quotes there, else the sentence of
 * passage n with most of the statement's content words. Where they share none (an answer in another language than the
 * passage) the passage's first sentence is given, with support 0.
 */
export const verifiedCitations = (answer: string, passages: readonly Passage[], language: string): Verified => {
  const markers = markersOf(answer, language);
  const sources = new Map<number, Source>();
  const citations = markers.flatMap((marker) => {
    const passage = passages[marker.number - 1];
    if (!passage || passage.text.trim() === '') return [];
    const source = sources.get(marker.number) ?? sourceOf(passage, language);
    sources.set(marker.number, source);
    return [citationOf(answer, marker, source, language)];
  });
  return { citations, unknownMarkers: markers.length - citations.length };
};

/** Sentences of an answer that state something: not questions, and not those that only announce what follows. */
const claimsOf = (answer: string, language: string) =>
  statementsOf(answer, language).filter(({ text }) => !/[:：?？]["”»]?$/u.test(text));

/** How far an answer can be trusted, and what that is made of; each 0 to 1. */
export type Confidence = {
  /** The share of its statements that a citation bears out (support of at least 0.3). */
  support: number;
  /** The mean retrieval score of the passages it cites. */
  relevance: number;
  /** 0.6 × support + 0.4 × relevance. */
  total: number;
};

/** How far an answer can be trusted; 0 throughout without citations. */
export const confidence = (
  answer: string,
  citations: readonly Citation[],
  passages: readonly Passage[],
  language: string,
): Confidence => {
  const claims = claimsOf(answer, language);
  if (citations.length === 0 || claims.length === 0) return { support: 0, relevance: 0, total: 0 };
  const borne = claims.filter(({ start, end }) =>
    citations.some((one) => one.support >= enoughSupport && one.answerStart < end && start < one.answerEnd),
  );
  const scores = [...new Set(citations.map(({ passage }) => passage))].map((index) => passages[index]?.score ?? 0);
  const relevance = scores.reduce((sum, score) => sum + Math.min(1, Math.max(0, score)), 0) / scores.length;
  const support = borne.length / claims.length;
  return { support, relevance, total: 0.6 * support + 0.4 * relevance };
};
