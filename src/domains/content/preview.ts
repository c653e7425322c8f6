import { buffer } from 'node:stream/consumers';
import DataLoader from 'dataloader';
import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { bound, lazily, uuidArray, type Loader } from '../../database/loader.ts';
import { Statement } from '../../database/statement.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Unavailable, type InputIssue } from '../../errors.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { fileById } from './loaders.ts';
import { chunkAside, parse } from './parsing/parse.ts';
import { UnreadableDocument } from './parsing/unreadable-document.ts';
import type { DocumentPreviewRow } from './rows.ts';
import { documents, type FileRow } from './tables.ts';
import { fileKey } from './stored-bytes.ts';

/** UTF-16 code units of a text that are given at once. Two hold any character, so that whoever reads on comes forward. */
const [minLength, maxLength] = [2, 100_000] as const;

/** No text that was read holds a control character, so that this can stand for the second half of a surrogate pair. */
const half = sql.raw(`chr(1)`);
const astral = sql.raw(String.raw`'[\U00010000-\U0010FFFF]'`);

/**
 * Parts of texts as Postgres cuts them, which counts characters: where some are two UTF-16 code units each, a filler behind each of them makes the
 * counts agree.
 */
const parts = lazily(() => {
  const even = sql`case when ${documents.text} ~ ${astral}
    then regexp_replace(${documents.text}, ${sql.raw(String.raw`'([\U00010000-\U0010FFFF])'`)}, '\\1' || ${half}, 'g')
    else ${documents.text} end`;
  const evened = database
    .select({ id: documents.id, text: sql<string>`${even}`.as('even') })
    .from(documents)
    .where(
      and(
        eq(documents.organizationId, bound.organizationId),
        sql`${documents.id} = any(${bound.keys})`,
        sql`${documents.contentHash} is not null and ${documents.text} is not null`,
      ),
    )
    .offset(0)
    .as('evened');
  return Statement.select(
    database
      .select({
        id: evened.id,
        part: sql<string>`substr(${evened.text}, ${sql.placeholder('from')}::integer + 1, ${sql.placeholder('length')}::integer)`,
        length: sql<number>`char_length(${evened.text})`.mapWith(Number),
      })
      .from(evened),
  );
});

const filler = '\u0001';

/** A part without fillers. One that began or ends inside of a pair begins behind it and ends before it. */
const previewOf = (part: string, from: number, length: number): DocumentPreviewRow => {
  const begins = part.startsWith(filler) ? part.slice(1) : part;
  const start = Math.min(from, length) + (part.length - begins.length);
  const ends = /[\u{10000}-\u{10FFFF}]$/u.test(begins) ? begins.slice(0, -2) : begins;
  const text = ends.replaceAll(filler, '');
  return { text, start, end: start + text.length, length };
};

const previews = (unit: UnitOfWork, from: number, length: number): Loader<DocumentPreviewRow | null> => {
  const token = `preview ${from} ${length}`;
  // The cast is safe: what is kept under such a token is made here.
  const kept = unit.loaders.get(token) as Loader<DocumentPreviewRow | null> | undefined;
  if (kept !== undefined) return kept;
  const made = new DataLoader(async (ids: readonly string[]) => {
    const values = { organizationId: unit.organizationId, keys: uuidArray(ids), from, length };
    const rows = new Map((await unit.select(parts(), values)).map((row) => [row.id, row]));
    return ids.map((id) => {
      const row = rows.get(id);
      return row === undefined ? null : previewOf(row.part, from, row.length);
    });
  });
  unit.loaders.set(token, made);
  return made;
};

/**
 * A part of a document's text, cut by Postgres: `length` UTF-16 code units from `from` on, without the halves of a pair at its ends. Null while
 * the document has not been read. Throws BadUserInput.
 */
export const previewOfDocument = (
  unit: UnitOfWork,
  id: string,
  from: number,
  length: number,
): Promise<DocumentPreviewRow | null> => {
  const issues: InputIssue[] = [
    ...(from >= 0 ? [] : [{ field: 'from', message: 'A text begins at 0.' }]),
    ...(length >= minLength && length <= maxLength
      ? []
      : [{ field: 'length', message: `A preview has ${minLength} to ${maxLength.toLocaleString('en')} code units.` }]),
  ];
  if (issues.length > 0) throw new BadUserInput(issues);
  return previews(unit, from, length).load(id);
};

/** A file as a document would be made of it. */
export interface UploadPreview {
  readonly title: string;
  readonly mimeType: string;
  readonly text: string;
  readonly length: number;
  readonly tokenCount: number;
  readonly chunkCount: number;
}

const maxPreviewBytes = 25 * 1024 * 1024;
/** Files that are read at once for their previews; documents wait for the same workers. */
const maxAtOnce = 4;
let atOnce = 0;

/**
 * Reads an uploaded file as it would be for a document, and keeps nothing. Throws NotFound, Conflict (its bytes have not arrived), BadUserInput
 * (it cannot be read, and why, or is larger than 25 MB), Unavailable (too many are being read).
 */
export const previewUpload = async (
  { unit, services }: Pick<Context, 'unit' | 'services'>,
  fileId: string,
): Promise<UploadPreview> => {
  const file = await found('File', fileId, fileById(unit));
  await unit.rest();
  if (file.sha256 === null) throw new Conflict('fileId', 'The bytes of this file have not arrived yet.');
  if (file.size > maxPreviewBytes) throw new BadUserInput('fileId', 'A file of more than 25 MB has no preview.');
  if (atOnce >= maxAtOnce) throw new Unavailable('Too many files are being read; try again soon.');
  atOnce += 1;
  try {
    const bytes = await buffer(await services.store.read(fileKey(file.organizationId, file.sha256)));
    return await read(file, bytes);
  } catch (error) {
    throw error instanceof UnreadableDocument ? new BadUserInput('fileId', error.message) : error;
  } finally {
    atOnce -= 1;
  }
};

const read = async ({ name, mimeType }: FileRow, bytes: Buffer): Promise<UploadPreview> => {
  const parsed = await parse({ bytes, mimeType, name });
  const chunks = await chunkAside(parsed);
  return {
    title: (parsed.title ?? name).trim().slice(0, 500),
    mimeType,
    text: parsed.text.slice(0, maxLength).replace(/[\uD800-\uDBFF]$/, ''),
    length: parsed.text.length,
    tokenCount: chunks.reduce((sum, { tokens }) => sum + tokens, 0),
    chunkCount: chunks.length,
  };
};
