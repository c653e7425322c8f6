import type { InputIssue } from '../../errors.ts';

const maxTextBytes = 500_000;

/** Postgres text holds no NUL. */
const holdsNul = (text: string): boolean => text.includes('\0');

/** Faults of a line of text of 1 to `max` characters; absent has none. */
export const issuesOf = (field: string, text: string | undefined, max: number): InputIssue[] => {
  if (text === undefined) return [];
  const fine = text.trim().length >= 1 && text.length <= max && !holdsNul(text);
  return fine ? [] : [{ field, message: `This takes 1 to ${max.toLocaleString('en')} characters, and no NUL.` }];
};

/** Faults of a document's text; absent has none. */
export const textIssues = (text: string | undefined): InputIssue[] => {
  if (text === undefined) return [];
  if (text.trim() === '') return [{ field: 'text', message: 'The text is empty.' }];
  if (Buffer.byteLength(text) > maxTextBytes)
    return [{ field: 'text', message: 'A text has at most 500 kB in UTF-8; upload a longer one as a file.' }];
  return holdsNul(text) ? [{ field: 'text', message: 'A text holds no NUL characters.' }] : [];
};

/** Faults of a media type (RFC 6838, section 4.2), with or without parameters; absent has none. */
export const mimeTypeIssues = (mimeType: string | undefined): InputIssue[] =>
  mimeType === undefined || /^[a-z0-9][\w!#$&^.+-]{0,126}\/[a-z0-9][\w!#$&^.+-]{0,126}(;[ -~]{0,200})?$/i.test(mimeType)
    ? []
    : [{ field: 'mimeType', message: 'A type is like text/markdown.' }];
