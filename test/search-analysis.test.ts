import { expect, test } from '@jest/globals';
import { analyze, termFrequencies } from '../src/search/analysis.ts';

const terms = (text: string, language?: string | null) => analyze(text, language).map(({ term }) => term);

test('English words are lower-cased, stemmed and freed of stop words', () => {
  expect(terms('The boundary layers of the WINGS were measured.', 'en')).toEqual([
    'boundari',
    'layer',
    'wing',
    'measur',
  ]);
});

test('a region does not change the language and an unknown one changes no word', () => {
  expect(terms('The Wings', 'en-GB')).toEqual(['wing']);
  expect(terms('The Wings', 'tlh')).toEqual(['the', 'wings']);
  expect(terms('The Wings', null)).toEqual(['the', 'wings']);
});

test('every term carries the offsets of its word, also behind characters of two units and in scripts without spaces', () => {
  const text = '🚀 naïve 手机搜索, l’élève';
  const found = analyze(text, 'fr').map(({ term, start, end }) => [term, text.slice(start, end)]);
  expect(found).toEqual([
    ['naiv', 'naïve'],
    ['手机', '手机'],
    ['搜索', '搜索'],
    ['elev', 'élève'],
  ]);
});

test.each([
  ['en', 'don’t', []],
  ['en', "we'll", []],
  ['en', "O'Brien's engine’s", ['brien', 'engin']],
  ['it', "dell'arte", ['arte']],
  ['en', '3.14 1,000 v1.2.3 ERR-4711', ['3.14', '1,000', 'v1.2.3', 'err', '4711']],
])('in %s, %s gives %j', (language, text, expected) => {
  expect(terms(text, language)).toEqual(expected);
});

test('accents go from Latin and Greek, marks that are sounds of other scripts stay', () => {
  expect(terms('Café cafe\u0301 Ωμέγα', 'xx')).toEqual(['cafe', 'cafe', 'ωμεγα']);
  expect(terms('किताबें がぎ й', 'xx')).toEqual(['किताबें', 'が', 'ぎ', 'й']);
  expect(terms('élèves eleves', 'fr')).toEqual(['elev', 'elev']);
});

test('compatibility forms and the Turkish dotless i meet their plain letters', () => {
  expect(terms('ﬁne ＡＢＣ', 'xx')).toEqual(['fine', 'abc']);
  expect(terms('ISPARTA', 'tr')).toEqual(terms('ısparta', 'tr'));
});

test('frequencies count the terms of analyze', () => {
  expect([...termFrequencies('Wings, a wing and winged things', 'en')]).toEqual([
    ['wing', 3],
    ['thing', 1],
  ]);
});

test('text without words and words without end give bounded terms', () => {
  expect(terms('— … 🚀 \u0301', 'en')).toEqual([]);
  expect(terms('x'.repeat(100_000), 'en')).toEqual(['x'.repeat(64)]);
});
