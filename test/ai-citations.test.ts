import { expect, test } from '@jest/globals';
import { array, assert, constantFrom, nat, pre, property, tuple } from 'fast-check';
import { confidence, verifiedCitations } from '../src/ai/citations.ts';
import { sentencesOf } from '../src/ai/sentences.ts';

const passages = [
  {
    title: 'Leave',
    score: 0.8,
    text: 'Employees get 25 days of leave. Unused days\n  expire on 31 March. Ask Ms. Lee about it.',
  },
  { title: 'Sites', score: 0.4, text: 'The office in Bern has a “quiet room”. The office in Basel has a canteen.' },
];
const cite = (answer: string) => verifiedCitations(answer, passages, 'en');
const confidenceOf = (answer: string): number => confidence(answer, cite(answer).citations, passages, 'en').total;
const wordsOf = (text: string): string[] => text.match(/\p{L}{4,}/gu) ?? [];

test('a marker is given the sentence that supports its statement, and the words it stands for', () => {
  const answer = 'You have 25 days of leave [1]. There is a canteen in the Basel office. [2] That is all.';
  const { citations, unknownMarkers } = cite(answer);
  expect(unknownMarkers).toBe(0);
  expect(citations.map(({ passage, quote }) => [passage, quote])).toEqual([
    [0, 'Employees get 25 days of leave.'],
    [1, 'The office in Basel has a canteen.'],
  ]);
  expect(citations.map(({ answerStart, answerEnd }) => answer.slice(answerStart, answerEnd))).toEqual([
    'You have 25 days of leave',
    'There is a canteen in the Basel office.',
  ]);
});

test('markers in one sentence each stand for their own part, markers side by side for the same', () => {
  const answer = 'Unused days expire in March [1] and Bern has a quiet room [2][1].';
  const { citations } = cite(answer);
  expect(citations.map(({ answerStart, answerEnd }) => answer.slice(answerStart, answerEnd))).toEqual([
    'Unused days expire in March',
    'and Bern has a quiet room',
    'and Bern has a quiet room',
  ]);
  expect(cite('Both hold [1, 2].').citations.map(({ passage }) => passage)).toEqual([0, 1]);
});

test('a quotation in the answer is the quote, white space, case and marks aside', () => {
  const answer = 'It says "unused days expire on 31 march" [1] and «The office in Bern has a "quiet room"» [2].';
  expect(cite(answer).citations.map(({ quote, support }) => [quote, support])).toEqual([
    ['Unused days\n  expire on 31 March', 1],
    ['The office in Bern has a “quiet room”', 1],
  ]);
});

test('a quotation of several sentences is the quote as a whole', () => {
  const answer = 'In short:\n\n“Employees get 25 days of leave. Unused days\n  expire on 31 March.” [1]';
  expect(cite(answer).citations[0]).toMatchObject({ start: 0, answerStart: 11, support: 1 });
  expect(cite(answer).citations[0]?.quote).toBe('Employees get 25 days of leave. Unused days\n  expire on 31 March.');
});

test('an invented quotation is not a quote: the sentence that comes nearest is', () => {
  expect(cite('It says “Employees get 99 days of leave” [1].').citations[0]?.quote).toBe(
    'Employees get 25 days of leave.',
  );
});

test('numbers without a passage are dropped and counted; links and other brackets are no markers', () => {
  expect(cite('A [3]. B [0]. C [1, 9]. See [1](http://x.y) and [note].')).toMatchObject({
    citations: [{ passage: 0 }],
    unknownMarkers: 3,
  });
});

test('a statement that shares no word with its passage has no support', () => {
  expect(cite('Es gibt eine Kantine [2].').citations[0]).toMatchObject({ support: 0, start: 0 });
});

test('confidence falls with statements nothing bears out, and is 0 without citations', () => {
  expect(confidenceOf('You get 25 days of leave [1].')).toBeCloseTo(0.6 + 0.4 * 0.8, 10);
  expect(confidenceOf('You get 25 days of leave [1]. The moon is made of cheese.')).toBeCloseTo(0.3 + 0.4 * 0.8, 10);
  expect(confidenceOf('You get 25 days of leave.')).toBe(0);
  expect(confidenceOf('Es gibt eine Kantine [2].')).toBeCloseTo(0.4 * 0.4, 10);
});

const word = constantFrom(
  'days',
  'Leave',
  'a.m.',
  'Bern',
  '“quiet”',
  '25',
  'ß',
  '𝒳',
  'İ',
  '[1]',
  '[2]',
  '[7]',
  '"',
  '”',
  'März',
  '- ',
  '#',
  '```',
);
const space = constantFrom(' ', '  ', '\n', '\n\n', '. ', '! ', '.\n', ': ', '\u00a0');
const text = array(tuple(word, space), { maxLength: 60 }).map((parts) => parts.flat().join(''));

test('property: every quote is exactly the slice it names, every span lies in the answer', () => {
  assert(
    property(text, text, text, (answer, first, second) => {
      const sources = [first, second].map((source) => ({ title: 'T', text: source, score: 0.5 }));
      const { citations, unknownMarkers } = verifiedCitations(answer, sources, 'en');
      for (const { passage, quote, start, end, answerStart, answerEnd, support } of citations) {
        expect(quote).toBe(sources[passage]?.text.slice(start, end));
        expect(quote.trim()).not.toBe('');
        expect(0 <= answerStart && answerStart <= answerEnd && answerEnd <= answer.length).toBe(true);
        expect(support >= 0 && support <= 1).toBe(true);
      }
      expect(unknownMarkers).toBeGreaterThanOrEqual(answer.split('[7]').length - 1);
      const sure = confidence(answer, citations, sources, 'en').total;
      expect(sure >= 0 && sure <= 1).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('property: whatever an answer quotes from a passage is found there', () => {
  assert(
    property(text, nat(), nat(), (source, from, length) => {
      const start = from % (source.length + 1);
      const quote = source.slice(start, start + 12 + (length % 40)).trim();
      pre(quote.length >= 12 && !quote.includes('['));
      const { citations } = verifiedCitations(
        `It says “${quote}” [1].`,
        [{ title: 'T', text: source, score: 1 }],
        'en',
      );
      expect(citations[0]).toMatchObject({ quote, support: 1 });
    }),
    { numRuns: 300 },
  );
});

test('property: sentences are slices in order that do not overlap, and lose no word', () => {
  assert(
    property(text, (source) => {
      let last = 0;
      for (const { text: sentence, start, end } of sentencesOf(source, 'en')) {
        expect(sentence).toBe(source.slice(start, end));
        expect(start).toBeGreaterThanOrEqual(last);
        last = end;
      }
      expect(sentencesOf(source, 'en').flatMap((sentence) => wordsOf(sentence.text))).toEqual(wordsOf(source));
    }),
    { numRuns: 300 },
  );
});

test('thousands of markers are worked off in bounded time', () => {
  const began = performance.now();
  const { citations } = cite('“Employees get no leave at all” [1] '.repeat(2_000));
  expect(citations).toHaveLength(2_000);
  expect(performance.now() - began).toBeLessThan(3_000);
});
