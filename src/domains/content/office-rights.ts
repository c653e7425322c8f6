import { and, eq, isNotNull, isNull, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Transaction } from '../../database/unit-of-work.ts';
import { BadUserInput, Forbidden, NotFound, type InputIssue } from '../../errors.ts';
import { viewerOf, type Context, type Viewer } from '../context.ts';
import { atLeast } from '../permissions.ts';
import { officeDocumentFields } from './office-loaders.ts';
import { officeDocuments, officeDocumentShares, type OfficeDocumentRow } from './office-tables.ts';

/** What somebody may do with an office document, from the least to the most; each holds what those before it hold. */
export const officeLevels = ['VIEW', 'COMMENT', 'EDIT', 'OWNER'] as const;
export type OfficeLevel = (typeof officeLevels)[number];

/** Administrators of the organization act as the owner of each of its office documents. */
export const actsAsOwner = (viewer: Viewer, { ownerId }: Pick<OfficeDocumentRow, 'ownerId'>): boolean =>
  ownerId === viewer.userId || viewer.principals.includes(viewer.organizationId);

/** The one office document with this id. */
export const isOfficeDocument = (organizationId: string, id: string): SQL | undefined =>
  and(eq(officeDocuments.organizationId, organizationId), eq(officeDocuments.id, id));

/** An office document as it is now, with what the viewer may do with it. */
export interface Held {
  readonly document: OfficeDocumentRow;
  readonly level: OfficeLevel;
}

/**
 * Locks an office document that is not deleted, for who has at least this level; all that changes it or its parts begins here.
 * Throws NotFound, Forbidden.
 */
export const lockOfficeDocument = async (
  context: Context,
  { organizationId }: Transaction,
  id: string,
  least: OfficeLevel,
): Promise<Held> => {
  const [document] = await database
    .select(officeDocumentFields)
    .from(officeDocuments)
    .where(and(isOfficeDocument(organizationId, id), isNull(officeDocuments.deletedAt)))
    .for('update');
  if (document === undefined) throw new NotFound('OfficeDocument', id);
  const level = await levelNow(viewerOf(context), document);
  if (!atLeast(officeLevels, level, least)) throw lacking(least);
  return { document, level };
};

/** Locks a deleted office document for who may bring it back; others do not find it. Throws NotFound. */
export const lockDeletedOfficeDocument = async (
  context: Context,
  { organizationId }: Transaction,
  id: string,
): Promise<OfficeDocumentRow> => {
  const [document] = await database
    .select(officeDocumentFields)
    .from(officeDocuments)
    .where(and(isOfficeDocument(organizationId, id), isNotNull(officeDocuments.deletedAt)))
    .for('update');
  if (document === undefined || !actsAsOwner(viewerOf(context), document)) throw new NotFound('OfficeDocument', id);
  return document;
};

/** Why somebody who sees an office document may not do more with it. */
export const lacking = (least: OfficeLevel): Forbidden =>
  new Forbidden('OFFICE_DOCUMENT_WRITE', `This needs the level ${least} for the document.`);

/** Read behind the lock, so that it is the share of this moment. Throws NotFound for who had one before. */
const levelNow = async (viewer: Viewer, document: OfficeDocumentRow): Promise<OfficeLevel> => {
  if (actsAsOwner(viewer, document)) return 'OWNER';
  const [share] = await database
    .select({ level: officeDocumentShares.level })
    .from(officeDocumentShares)
    .where(
      and(
        eq(officeDocumentShares.organizationId, document.organizationId),
        eq(officeDocumentShares.documentId, document.id),
        eq(officeDocumentShares.userId, viewer.userId),
      ),
    );
  if (share === undefined) throw new NotFound('OfficeDocument', document.id);
  return share.level;
};

/** Readers of an office document: its owner, those it is shared with, and the organization, for its administrators and jobs. */
export const readersOf = (document: Pick<OfficeDocumentRow, 'organizationId' | 'id'>, ownerId: string): SQL =>
  sql`array[${ownerId}::uuid, ${document.organizationId}::uuid] || array(select ${officeDocumentShares.userId}
    from ${officeDocumentShares} where ${officeDocumentShares.organizationId} = ${document.organizationId}
      and ${officeDocumentShares.documentId} = ${document.id} order by ${officeDocumentShares.userId})`;

/** Throws BadUserInput where there are faults. */
export const refuse = (issues: readonly InputIssue[]): void => {
  if (issues.length > 0) throw new BadUserInput(issues);
};
