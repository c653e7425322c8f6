import { stemmer as arabic } from '@orama/stemmers/arabic';
import { stemmer as armenian } from '@orama/stemmers/armenian';
import { stemmer as bulgarian } from '@orama/stemmers/bulgarian';
import { stemmer as danish } from '@orama/stemmers/danish';
import { stemmer as dutch } from '@orama/stemmers/dutch';
import { stemmer as english } from '@orama/stemmers/english';
import { stemmer as finnish } from '@orama/stemmers/finnish';
import { stemmer as french } from '@orama/stemmers/french';
import { stemmer as german } from '@orama/stemmers/german';
import { stemmer as greek } from '@orama/stemmers/greek';
import { stemmer as hungarian } from '@orama/stemmers/hungarian';
import { stemmer as hindi } from '@orama/stemmers/indian';
import { stemmer as indonesian } from '@orama/stemmers/indonesian';
import { stemmer as irish } from '@orama/stemmers/irish';
import { stemmer as italian } from '@orama/stemmers/italian';
import { stemmer as lithuanian } from '@orama/stemmers/lithuanian';
import { stemmer as nepali } from '@orama/stemmers/nepali';
import { stemmer as norwegian } from '@orama/stemmers/norwegian';
import { stemmer as portuguese } from '@orama/stemmers/portuguese';
import { stemmer as romanian } from '@orama/stemmers/romanian';
import { stemmer as russian } from '@orama/stemmers/russian';
import { stemmer as serbian } from '@orama/stemmers/serbian';
import { stemmer as spanish } from '@orama/stemmers/spanish';
import { stemmer as swedish } from '@orama/stemmers/swedish';
import { stemmer as tamil } from '@orama/stemmers/tamil';
import { stemmer as turkish } from '@orama/stemmers/turkish';
import { stemmer as ukrainian } from '@orama/stemmers/ukrainian';
import * as stopWords from 'stopword';

/** How the words of one language become index terms. */
export interface Language {
  /** Cuts a lower-case word down to its stem; the same word when the language has no stemmer. */
  readonly stem: (word: string) => string;
  /** Lower-case words that carry no meaning of their own. */
  readonly stopWords: readonly string[];
  /** True where the stemmer does not know accents, so that they go before it and not after. */
  readonly foldsFirst: boolean;
}

const unchanged = (word: string) => word;

const stemming = (stem: Language['stem'], stopWords: readonly string[] = []): Language => ({
  stem,
  stopWords,
  foldsFirst: false,
});

const unstemmed = (stopWords: readonly string[]): Language => ({ stem: unchanged, stopWords, foldsFirst: true });

/** What an unknown language gets: no stop words, no stems. */
export const unknownLanguage: Language = unstemmed([]);

// The list of the package has no contractions, whose heads (don, isn) would become terms.
const englishContractions =
  "aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't let's mustn't needn't shan't shouldn't wasn't weren't won't wouldn't".split(
    ' ',
  );

const languages: ReadonlyMap<string, Language> = new Map<string, Language>([
  ['ar', stemming(arabic, stopWords.ara)],
  ['bg', stemming(bulgarian, stopWords.bul)],
  ['ca', unstemmed(stopWords.cat)],
  ['cs', unstemmed(stopWords.ces)],
  ['da', stemming(danish, stopWords.dan)],
  ['de', stemming(german, stopWords.deu)],
  ['el', stemming(greek, stopWords.ell)],
  ['en', { ...stemming(english, [...stopWords.eng, ...englishContractions]), foldsFirst: true }],
  ['es', stemming(spanish, stopWords.spa)],
  ['et', unstemmed(stopWords.est)],
  ['fa', unstemmed(stopWords.fas)],
  ['fi', stemming(finnish, stopWords.fin)],
  ['fr', stemming(french, stopWords.fra)],
  ['ga', stemming(irish, stopWords.gle)],
  ['he', unstemmed(stopWords.heb)],
  ['hi', stemming(hindi, stopWords.hin)],
  ['hr', unstemmed(stopWords.hrv)],
  ['hu', stemming(hungarian, stopWords.hun)],
  ['hy', stemming(armenian, stopWords.hye)],
  ['id', { ...stemming(indonesian, stopWords.ind), foldsFirst: true }],
  ['it', stemming(italian, stopWords.ita)],
  ['ja', unstemmed(stopWords.jpn)],
  ['ko', unstemmed(stopWords.kor)],
  ['lt', stemming(lithuanian, stopWords.lit)],
  ['lv', unstemmed(stopWords.lav)],
  ['nb', stemming(norwegian, stopWords.nob)],
  ['ne', stemming(nepali)],
  ['nl', stemming(dutch, stopWords.nld)],
  ['no', stemming(norwegian, stopWords.nob)],
  ['pl', unstemmed(stopWords.pol)],
  ['pt', stemming(portuguese, stopWords.por)],
  ['ro', stemming(romanian, stopWords.ron)],
  ['ru', stemming(russian, stopWords.rus)],
  ['sk', unstemmed(stopWords.slk)],
  ['sl', unstemmed(stopWords.slv)],
  ['sr', stemming(serbian)],
  ['sv', stemming(swedish, stopWords.swe)],
  ['ta', stemming(tamil)],
  ['th', unstemmed(stopWords.tha)],
  ['tr', stemming(turkish, stopWords.tur)],
  ['uk', stemming(ukrainian, stopWords.ukr)],
  ['vi', unstemmed(stopWords.vie)],
  ['zh', unstemmed(stopWords.zho)],
]);

/** The primary subtag of a language tag: `en` of `en-GB`; empty when there is none. */
export const primaryLanguage = (tag: string | null | undefined): string =>
  tag?.trim().toLowerCase().split(/[-_]/u, 1)[0] ?? '';

/** The rules of an ISO 639-1 language or a tag that begins with one; `unknownLanguage` where there are none. */
export const languageOf = (tag: string | null | undefined): Language =>
  languages.get(primaryLanguage(tag)) ?? unknownLanguage;
