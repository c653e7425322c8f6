import { BadUserInput, type InputIssue } from '../../errors.ts';

const maxKey = 200;
const keyText = /^[A-Za-z0-9._:/-]+$/;
const maxValueBytes = 64 * 1024;
const maxSeconds = 30 * 86_400;

/** What one cache holds, counting what has expired and was not removed yet. */
export const maxEntries = 1000;
export const maxBytes = 8 * 1024 * 1024;

const keyIssues = (field: string, key: string): InputIssue[] =>
  key.length <= maxKey && keyText.test(key)
    ? []
    : [{ field, message: `A key has 1 to ${maxKey} letters, digits and the signs . _ : / - .` }];

/** Throws BadUserInput for what can be no key. */
export const requireKey = (key: string, field = 'key'): void => {
  const issues = keyIssues(field, key);
  if (issues.length > 0) throw new BadUserInput(issues);
};

/** NUL and halves of surrogate pairs, as JSON escapes them, which Postgres does not store; an escaped backslash before them is none. */
const unstorable = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f]..)/;

const valueIssues = (value: unknown, text: string): InputIssue[] => {
  if (value === null) return [{ field: 'value', message: 'A value is any JSON but null alone.' }];
  if (unstorable.test(text)) return [{ field: 'value', message: 'A value holds no NUL and no half of a character.' }];
  return Buffer.byteLength(text) > maxValueBytes
    ? [{ field: 'value', message: `A value has at most ${maxValueBytes} bytes as JSON.` }]
    : [];
};

interface Said {
  readonly key: string;
  readonly value: unknown;
  readonly ttlSeconds: number;
}

/** The bytes of a value. Throws BadUserInput with all faults of what is to be put. */
export const sizeOfChecked = ({ key, value, ttlSeconds }: Said): number => {
  const text = JSON.stringify(value);
  const issues = [
    ...keyIssues('key', key),
    ...valueIssues(value, text),
    ...(ttlSeconds >= 1 && ttlSeconds <= maxSeconds
      ? []
      : [{ field: 'ttlSeconds', message: `An entry is kept for 1 to ${maxSeconds} seconds.` }]),
  ];
  if (issues.length > 0) throw new BadUserInput(issues);
  return Buffer.byteLength(text);
};
