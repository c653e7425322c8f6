import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { joined } from '../src/domains/conversations/bounded-text.ts';
import { filledPieces, namesIn } from '../src/domains/conversations/placeholders.ts';
import { commandNameOf, isNumberedWhole, usesIn, writtenPieces } from '../src/domains/conversations/slash-grammar.ts';

const prompts = new Map([
  ['sum', 'Summarize this:'],
  ['polite', 'Be polite.'],
  ['to', 'Translate into {1}:'],
  ['swap', '{2} before {1}'],
  ['quote', '“{input}” is what they said.'],
  ['say', 'In {1}: {input}.'],
  ['loop', 'Again /loop and /sum {input}'],
  ['braces', 'Print {{1}} and {"a": {1}} and {10} of {1}'],
]);
const written = (text: string): string => [...writtenPieces(text, prompts, 'text')].join('');

describe('a command is found', () => {
  test.each([
    ['at the beginning', '/sum', ['sum']],
    ['before white space', '/sum this', ['sum']],
    ['after white space of every kind', 'a /b\t/c\n/d\u00a0/e', ['b', 'c', 'd', 'e']],
    ['without regard to case', '/SuM', ['sum']],
    ['with digits, underscores and hyphens', '/a-1_b', ['a-1_b']],
  ])('%s', (_where, text, names) => {
    expect(usesIn(text).map(({ name }) => name)).toEqual(names);
  });

  test.each([
    'and/or',
    'either /or.',
    '/sum,',
    '"/sum"',
    '`/sum`',
    '(/sum)',
    '/etc/passwd',
    '/usr/',
    '//sum',
    '\\/sum',
    'https://example.com/sum',
    'https://example.com /',
    '1/2 and /2 of it',
    '/-a /_b',
    '/größe /naïve',
    `/${'a'.repeat(65)}`,
    '<br /> </p>',
    '',
  ])('not in %j', (text) => {
    expect(usesIn(text)).toEqual([]);
  });

  test('where its name stands', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('/', 'a', 'B', '1', '_', '-', ' ', '\n', '.', 'é') }), (text) => {
        for (const { name, start, end } of usesIn(text)) {
          expect(text.slice(start, end).toLowerCase()).toBe(`/${name}`);
          expect(commandNameOf(name)).toBe(name);
          expect(`${text.slice(0, start).at(-1) ?? ' '}${text.charAt(end) || ' '}`).toMatch(/^\s\s$/);
        }
      }),
    );
  });
});

describe('a command is written out', () => {
  test.each([
    ['what follows stands behind it', '/sum  this\nand that', 'Summarize this:  this\nand that'],
    ['within a text', 'Please /sum this.', 'Please Summarize this: this.'],
    ['several of them', '/polite /sum this', 'Be polite. Summarize this: this'],
    ['the same twice', '/polite /polite', 'Be polite. Be polite.'],
    ['unknown ones stay', '/polite /unknown a/b', 'Be polite. /unknown a/b'],
    ['an argument, and the rest behind', '/to German Good day', 'Translate into German: Good day'],
    ['arguments in another order', '/swap one two three', 'two before one three'],
    ['an argument in quotes', '/to "Swiss German" Good day', 'Translate into Swiss German: Good day'],
    ['an empty one in quotes', '/swap "" b', 'b before '],
    ['a quotation mark without another', '/to "Swiss German', 'Translate into "Swiss: German'],
    ['all that follows', '/quote  Yes,\n"no". ', '“Yes,\n"no".” is what they said. '],
    ['nothing that follows', '/quote', '“” is what they said.'],
    ['all that follows the arguments', '/say German Good day', 'In German: Good day.'],
    ['up to the next command', '/say German Good day /polite', 'In German: Good day. Be polite.'],
    ['up to the next that exists', '/say German Good /day', 'In German: Good /day.'],
    ['what is put in is not looked through', '/loop x {input}', 'Again /loop and /sum x {input}'],
    ['an argument that looks like a placeholder', '/swap {2} /sum', null],
    ['doubled braces and JSON stay', '/braces it', 'Print {{1}} and {"a": {1}} and {10} of it'],
    ['a text without commands', 'a /b $& $1 c', 'a /b $& $1 c'],
  ])('%s', (_what, text, expected) => {
    if (expected === null) expect(() => written(text)).toThrow('the argument 2 is missing');
    else expect(written(text)).toBe(expected);
  });

  test('with a special replacement in it', () => {
    expect(written('/to $& $1')).toBe('Translate into $&: $1');
  });

  test('a text without the slash stays as it is, and so does one of unknown commands', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect([...writtenPieces(text, new Map(), 'text')].join('')).toBe(text);
        expect(written(text.replaceAll('/', ''))).toBe(text.replaceAll('/', ''));
      }),
    );
  });

  test('nothing that was written gets lost', () => {
    const word = fc.constantFrom(
      '/sum',
      '/say',
      '/to',
      '/quote',
      '/no',
      'word',
      '"two words"',
      '{1}',
      '{input}',
      'a/b',
    );
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const text = words.join(' ');
        let out: string;
        try {
          out = written(text);
        } catch {
          return;
        }
        for (const each of words.filter((one) => ['/no', 'word', '{1}', '{input}', 'a/b'].includes(one)))
          expect(out).toContain(each);
        expect(out).not.toMatch(/(?<!\S)\/(sum|say|to|quote)(?!\S)/);
      }),
    );
  });

  test('no more than a hundred', () => {
    expect(written('/polite '.repeat(100))).toBe('Be polite. '.repeat(100));
    expect(() => written('/polite '.repeat(101))).toThrow('A text has at most 100 commands.');
    expect(written('/no '.repeat(101))).toBe('/no '.repeat(101));
  });

  test('a missing argument is told', () => {
    expect(() => written('/swap one')).toThrow('The command /swap takes 2 arguments; the argument 2 is missing.');
    expect(() => written('/to')).toThrow('The command /to takes 1 argument; the argument 1 is missing.');
    expect(() => written('/to /sum this')).toThrow('missing');
  });
});

test('names and prompts of commands are checked', () => {
  expect(['Sum', '/sum', ' a-b_1 ', 'a'.repeat(64)].map(commandNameOf)).toEqual([
    'sum',
    'sum',
    'a-b_1',
    'a'.repeat(64),
  ]);
  expect(['', '/', '1a', '-a', 'a b', 'a.b', 'ä', '//a', 'a'.repeat(65)].map(commandNameOf)).toEqual(
    Array.from({ length: 9 }, () => null),
  );
  expect(['x', '{1}', '{2} {1} {1}', '{input}', '{{2}}'].every(isNumberedWhole)).toBe(true);
  expect(['{2}', '{1} {3}'].some(isNumberedWhole)).toBe(false);
});

test('pieces are joined as far as they fit', () => {
  expect(joined(['ab', 'cd'], 'text', 4, 'This')).toBe('abcd');
  const endless = function* () {
    for (;;) yield 'x'.repeat(1000);
  };
  expect(() => joined(endless(), 'text', 32_000, 'This text')).toThrow('This text has more than 32,000 characters.');
});

describe('a system prompt is filled in', () => {
  const values = new Map([
    ['company', 'Rose & Sons'],
    ['time', '{company} $&'],
    ['user.name', 'Ada'],
  ]);
  const filled = (prompt: string) => [...filledPieces(prompt, values)].join('');

  test.each([
    ['names with a value', '{company} by {user.name}, {company}', 'Rose & Sons by Ada, Rose & Sons'],
    ['values are not looked through', '{time}', '{company} $&'],
    ['names without a value stay', '{unknown} {Company}', '{unknown} {Company}'],
    ['those of users and workspaces become labels', '{user.shoes} {workspace.x}', '[user.shoes] [workspace.x]'],
    ['names with other dots stay', '{a.b} {user.a.b} {user.}', '{a.b} {user.a.b} {user.}'],
    ['doubled braces stay', '{{company}} {{{company}}} {company}}', '{{company}} {{{company}}} {company}}'],
    [
      'JSON stays',
      '{"company": "x", "list": [{}], "in": {"a": 1}} { company }',
      '{"company": "x", "list": [{}], "in": {"a": 1}} { company }',
    ],
    ['braces within braces', '{a {company} b}', '{a Rose & Sons b}'],
  ])('%s', (_what, prompt, expected) => {
    expect(filled(prompt)).toBe(expected);
  });

  test('what holds no name stays as it is', () => {
    const text = fc.string({ unit: fc.constantFrom('{', '}', 'company', '.', '"', ' ', 'user', '\n', '$&') });
    fc.assert(
      fc.property(text, (prompt) => {
        const names = namesIn(prompt);
        expect([...filledPieces(prompt, new Map(names.map((name) => [name, `{${name}}`])))].join('')).toBe(prompt);
        if (names.length === 0) expect(filled(prompt)).toBe(prompt);
      }),
    );
  });
});
