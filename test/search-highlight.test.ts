import { expect, test } from '@jest/globals';
import { highlight, type Span } from '../src/search/highlight.ts';

const cut = (text: string, { start, end }: Span) => text.slice(start, end);

test('words that share a stem with the query are matched, stop words are not', () => {
  const text = 'The wings of an aeroplane; each wing carries the load.';
  const { matches, snippet } = highlight(text, 'the load of a wing', 'en');
  expect(matches.map((match) => cut(text, match))).toEqual(['wings', 'wing', 'load']);
  expect(cut(text, snippet)).toBe(text);
});

test('the snippet is where most different terms of the query stand, cut between words', () => {
  const filler = 'lorem ipsum dolor sit amet consectetur '.repeat(20);
  const text = `wing wing wing ${filler}the load on a swept wing ${filler}`;
  const { snippet } = highlight(text, 'swept wing load', 'en', 80);
  expect(cut(text, snippet)).toBe('sit amet consectetur the load on a swept wing lorem ipsum dolor sit amet');
});

test('a text without a match begins the snippet at its beginning', () => {
  const text = 'Nothing to see here, move along please';
  expect(highlight(text, 'boundary layer', 'en', 15)).toEqual({ snippet: { start: 0, end: 14 }, matches: [] });
  expect(highlight('', 'wing', 'en')).toEqual({ snippet: { start: 0, end: 0 }, matches: [] });
  expect(highlight(text, 'the', 'en').matches).toEqual([]);
});

test('no snippet begins or ends within a character', () => {
  const text = `${'🚀'.repeat(101)} wing ${'🚀'.repeat(101)}`;
  for (let length = 4; length < 60; length++) {
    const piece = cut(text, highlight(text, 'wing', 'en', length).snippet);
    expect(piece.isWellFormed()).toBe(true);
    expect(piece).toContain('wing');
  }
});

test('Chinese is matched by words', () => {
  const text = '我们使用手机搜索文档';
  expect(highlight(text, '搜索', 'zh').matches.map((match) => cut(text, match))).toEqual(['搜索']);
});
