import { and, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, NotFound } from '../../errors.ts';
import { compareTexts, type VersionComparison } from '../text-comparison.ts';
import { isDocument } from './document-changes.ts';
import { documents, documentVersions } from './tables.ts';

/** UTF-16 code units of both texts together. */
const maxLength = 4_000_000;

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
