import { LRUCache } from 'lru-cache';
import { languageOf, primaryLanguage } from './languages.ts';
import type { Language } from './languages.ts';

/** One index term and where its word stands: UTF-16 offsets into the analysed text, `end` exclusive. */
export interface Term {
  readonly term: string;
  readonly start: number;
  readonly end: number;
}

/** Longer words (encoded data, mostly) are cut, so that a term always fits an index page. */
const maxTermLength = 64;

/** Distinct words whose terms are remembered per language, about 8 MB when full. */
const rememberedWords = 50_000;

/** Beyond this a run without spaces is cut into pieces, because the segmenter's time is not linear in its length. */
const maxRunLength = 4_096;

// Numbers keep inner points and commas (3.14, v1.2), words their inner apostrophes, which `kept` then resolves.
const words = /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:(?<=\p{N})[.,]\p{N}[\p{L}\p{N}\p{M}]*|['’][\p{L}\p{M}]+)*/gu;
const spaceless =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const accents = /(?<=[\p{Script=Latin}\p{Script=Greek}][\u{300}-\u{36f}]*)[\u{300}-\u{36f}]/gu;
const ascii = /^[\0-\x7f]*$/u;

const segmenter = new Intl.Segmenter('und', { granularity: 'word' });

/** Removes accents from Latin and Greek letters; marks of other scripts are vowels or sounds and stay. */
const fold = (word: string): string =>
  ascii.test(word) ? word : word.normalize('NFD').replace(accents, '').normalize('NFC');

const lower = (word: string, language: string): string => {
  const plain = ascii.test(word) ? word : word.normalize('NFKC');
  return language === 'tr' ? plain.toLocaleLowerCase('tr') : plain.toLowerCase();
};

/** Turns one word into its term; the empty string when it is a stop word. */
class Terms {
  readonly #code: string;
  readonly #language: Language;
  readonly #stopWords: ReadonlySet<string>;
  readonly #known = new LRUCache<string, string>({ max: rememberedWords });

  constructor(code: string) {
    this.#code = code;
    this.#language = languageOf(code);
    this.#stopWords = new Set(this.#language.stopWords.flatMap((word) => [lower(word, code), fold(lower(word, code))]));
  }

  of(word: string): string {
    const short = word.length > maxTermLength ? word.slice(0, maxTermLength) : word;
    const known = this.#known.get(short);
    if (known !== undefined) return known;
    const term = this.#compute(short);
    this.#known.set(short, term);
    return term;
  }

  #compute(word: string): string {
    const plain = lower(word, this.#code).replaceAll('’', "'");
    if (this.#stopWords.has(plain)) return '';
    return fold(this.#language.stem(this.#language.foldsFirst ? fold(plain) : plain)).slice(0, maxTermLength);
  }
}

const termsByLanguage = new Map<string, Terms>();

/** One memory per language with rules of its own; all others share one, so that odd tags cannot fill the memory. */
const termsOf = (tag: string | null | undefined): Terms => {
  const code = languageOf(tag) === languageOf('') ? '' : primaryLanguage(tag);
  const terms = termsByLanguage.get(code) ?? new Terms(code);
  termsByLanguage.set(code, terms);
  return terms;
};

type Visit = (term: string, start: number, end: number) => void;

const apostropheBefore = (word: string, end: number): number =>
  Math.max(word.lastIndexOf("'", end - 1), word.lastIndexOf('’', end - 1));

/**
 * The part of a word with an apostrophe that carries the meaning: the head of `engine's`, `don't`, `we'll` (at most two
 * letters follow), else the tail of `l'élève`, `dell'arte`, `O'Brien`. Offsets relative to the word.
 */
const kept = (word: string): readonly [start: number, end: number] => {
  let end = word.length;
  let at = apostropheBefore(word, end);
  while (at > 0 && end - at - 1 <= 2) {
    end = at;
    at = apostropheBefore(word, end);
  }
  return [at + 1, end];
};

const visitWord = (word: string, offset: number, terms: Terms, visit: Visit): void => {
  const [start, end] = kept(word);
  // A contraction may be a stop word as a whole though its head is not.
  if (end - start < word.length && terms.of(word) === '') return;
  const term = terms.of(word.slice(start, end));
  if (term !== '') visit(term, offset + start, offset + end);
};

const visitRun = (run: string, offset: number, terms: Terms, visit: Visit): void => {
  for (let from = 0; from < run.length; from += maxRunLength) {
    for (const { segment, index, isWordLike } of segmenter.segment(run.slice(from, from + maxRunLength)))
      if (isWordLike) visitWord(segment, offset + from + index, terms, visit);
  }
};

const visitTerms = (text: string, language: string | null | undefined, visit: Visit): void => {
  const terms = termsOf(language);
  const spaced = ascii.test(text);
  for (const { 0: word, index } of text.matchAll(words)) {
    if (!spaced && spaceless.test(word)) visitRun(word, index, terms, visit);
    else visitWord(word, index, terms, visit);
  }
};

/**
 * The index terms of a text in reading order: words by Unicode letters and digits (by dictionary in scripts that write
 * no spaces), lower case, NFKC, without stop words, stemmed and without accents. `language` is an ISO 639-1 code or a
 * tag that begins with one; an unknown one means no stop words and no stems.
 */
export const analyze = (text: string, language?: string | null): Term[] => {
  const found: Term[] = [];
  visitTerms(text, language, (term, start, end) => found.push({ term, start, end }));
  return found;
};

/** How often each term of `analyze` occurs, in order of first appearance. */
export const termFrequencies = (text: string, language?: string | null): Map<string, number> => {
  const frequencies = new Map<string, number>();
  visitTerms(text, language, (term) => frequencies.set(term, (frequencies.get(term) ?? 0) + 1));
  return frequencies;
};
