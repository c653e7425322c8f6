import type { InputIssue } from '../../errors.ts';
import { issuesOf } from './validation.ts';

/** Bytes of a content as JSON in UTF-8. A request body has no room for more. */
const maxContentBytes = 1_000_000;
const maxAnchorBytes = 4_000;
const maxLevels = 100;
const maxTitle = 500;
const maxCommentText = 10_000;

/** What Postgres cannot hold in `jsonb`: NUL, and halves of characters. */
const unstorable = (text: string): boolean => text.includes('\0') || !text.isWellFormed();

/** The first fault of a value that is to be stored as JSON; null without one. Goes by levels, so that nothing deep is called into. */
const faultOf = (value: unknown): string | null => {
  let level: readonly unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (level.some((each) => typeof each === 'string' && unstorable(each)))
      return 'Its text holds no NUL and no halves of characters.';
    if (level.some((each) => typeof each === 'number' && !Number.isFinite(each)))
      return 'Its numbers are below 1.8e308.';
    const inner = level.filter((each) => typeof each === 'object' && each !== null);
    if (inner.length > 0 && depth >= maxLevels) return `It nests at most ${maxLevels} levels.`;
    if (inner.some((each) => !Array.isArray(each) && Object.keys(each).some(unstorable)))
      return 'Its names hold no NUL and no halves of characters.';
    level = inner.flatMap((each) => Object.values(each));
  }
  return null;
};

/** A content as it is sent to Postgres, with its size in bytes. */
export interface Written {
  readonly json: string;
  readonly size: number;
}

/** How a content is given: as a value, or as the text of one, which the bounds on a request's variables take for a single value. */
interface Given {
  readonly content?: unknown;
  readonly contentText?: string | null;
}

/** The content that was given; undefined where none was, or it has faults. */
interface Taken {
  readonly content: Written | undefined;
  readonly issues: readonly InputIssue[];
}

/** An object or array of at most 1,000,000 bytes as JSON and 100 levels. */
export const takeContent = ({ content, contentText }: Given): Taken => {
  if (content === undefined && contentText === undefined) return { content: undefined, issues: [] };
  if (content !== undefined && contentText !== undefined)
    return refused('content', 'Give one of content and contentText.');
  const field = content === undefined ? 'contentText' : 'content';
  const value = content === undefined ? parsed(contentText ?? '') : content;
  if (typeof value !== 'object' || value === null) return refused(field, 'A content is a JSON object or array.');
  const fault = faultOf(value);
  if (fault !== null) return refused(field, fault);
  const json = JSON.stringify(value);
  const size = Buffer.byteLength(json);
  if (size > maxContentBytes) return refused(field, 'A content has at most 1,000,000 bytes as JSON.');
  return { content: { json, size }, issues: [] };
};

const refused = (field: string, message: string): Taken => ({ content: undefined, issues: [{ field, message }] });

/** Undefined for what is no JSON. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

/** Faults of a place in a document: any JSON of at most 4,000 bytes; absent and null have none. */
export const anchorIssues = (anchor: unknown): InputIssue[] => {
  if (anchor === undefined || anchor === null) return [];
  const fault = faultOf(anchor) ?? (isTooLong(anchor) ? 'It has at most 4,000 bytes as JSON.' : null);
  return fault === null ? [] : [{ field: 'anchor', message: fault }];
};

const isTooLong = (anchor: unknown): boolean => Buffer.byteLength(JSON.stringify(anchor)) > maxAnchorBytes;

/** Faults of a title: 1 to 500 characters, and not null; absent has none. */
export const titleIssues = (title: string | null | undefined): InputIssue[] =>
  issuesOf('title', title === null ? '' : title, maxTitle);

/** Faults of a comment's text: 1 to 10,000 characters. */
export const commentIssues = (text: string): InputIssue[] => issuesOf('text', text, maxCommentText);
