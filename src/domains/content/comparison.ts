import { structuredPatch, type StructuredPatch } from 'diff';
import { and, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, NotFound } from '../../errors.ts';
import { isDocument } from './document-changes.ts';
import { documents, documentVersions } from './tables.ts';

/** UTF-16 code units of both texts together. */
const maxLength = 4_000_000;
/** Lines that differ. */
const maxChanges = 5_000;
const maxMs = 2_000;
/** Unchanged lines around what differs. */
const context = 3;

/** What differs between two texts, line by line. */
export interface TextComparison {
  readonly added: number;
  readonly removed: number;
  readonly hunks: StructuredPatch['hunks'];
}

/** What differs between two versions of a text. */
export interface VersionComparison extends TextComparison {
  readonly from: number;
  readonly to: number;
}

/**
 * Compares two versions of a document by lines; its current one is among them. Throws NotFound (document or version), BadUserInput (the texts
 * are too long, or differ too much).
 */
export const compareVersions = async (
  unit: UnitOfWork,
  id: string,
  from: number,
  to: number,
): Promise<VersionComparison> => {
  const texts = await unit.run(() => textsOf(unit.organizationId, id, [from, to]));
  await unit.rest();
  if (texts.length === 0) throw new NotFound('Document', id);
  const [before, after] = [from, to].map((version) => {
    const text = texts.find((each) => each.version === version);
    if (text === undefined) throw new NotFound('DocumentVersion', String(version));
    if (text.text === null) throw new BadUserInput('to', 'These texts are too long to be compared.');
    return text.text;
  }) as [string, string];
  return { from, to, ...(await compareTexts(before, after)) };
};

/** Compares two texts by lines, while other requests go on. Throws BadUserInput at `to` (they differ too much). */
export const compareTexts = async (before: string, after: string): Promise<TextComparison> => {
  const hunks = await hunksOf(before, after);
  const lines = hunks.flatMap((hunk) => hunk.lines);
  const starting = (sign: string) => lines.filter((line) => line.startsWith(sign)).length;
  return { added: starting('+'), removed: starting('-'), hunks };
};

/** A file that has not been read has no text yet. */
const bounded = (text: typeof documents.text | typeof documentVersions.text) =>
  sql<string | null>`case when char_length(coalesce(${text}, '')) <= ${maxLength / 2} then coalesce(${text}, '') end`;

/** The current text and those of the versions named, null where they are too long, in one statement. */
const textsOf = (organizationId: string, id: string, versions: readonly number[]) => {
  return database
    .select({ version: documents.version, text: bounded(documents.text).as('text') })
    .from(documents)
    .where(isDocument({ organizationId }, id))
    .unionAll(
      database
        .select({ version: documentVersions.version, text: bounded(documentVersions.text).as('text') })
        .from(documentVersions)
        .where(
          and(
            eq(documentVersions.organizationId, organizationId),
            eq(documentVersions.documentId, id),
            inArray(documentVersions.version, [...versions]),
          ),
        ),
    );
};

/** A text ends in a line like the others; an empty one has none. */
const inLines = (text: string): string => (text === '' ? '' : `${text}\n`);

/** Lets other requests go on meanwhile. */
const hunksOf = (before: string, after: string): Promise<StructuredPatch['hunks']> =>
  new Promise((resolve, reject) => {
    structuredPatch('', '', inLines(before), inLines(after), '', '', {
      context,
      maxEditLength: maxChanges,
      timeout: maxMs,
      callback: (patch) =>
        patch === undefined
          ? reject(new BadUserInput('to', 'These texts differ too much to be compared.'))
          : resolve(patch.hunks),
    });
  });
