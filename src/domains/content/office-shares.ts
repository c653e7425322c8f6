import { and, count, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, Forbidden, NotFound } from '../../errors.ts';
import type { ShareOfficeDocumentInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { memberships } from '../tenancy/tables.ts';
import { discovery } from '../tenancy/viewers.ts';
import { tellOfOfficeDocument } from './office-events.ts';
import { officeDocumentFields } from './office-loaders.ts';
import { isOfficeDocument, lockOfficeDocument, readersOf } from './office-rights.ts';
import {
  officeDocuments,
  officeDocumentShares,
  type OfficeDocumentRow,
  type OfficeDocumentShareRow,
} from './office-tables.ts';

const maxShares = 200;

/**
 * Shares an office document with a member, or changes what they may do with it. Throws NotFound (document; no member of the organization),
 * Forbidden (needs OWNER), BadUserInput (the owner), Conflict (200 shares).
 */
export const shareOfficeDocument = (
  context: Context,
  { id, userId, level }: ShareOfficeDocumentInput,
): Promise<{ document: OfficeDocumentRow; share: OfficeDocumentShareRow }> =>
  context.unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    const member = await lockMember(organizationId, userId);
    const { document } = await lockOfficeDocument(context, transaction, id, 'OWNER');
    if (member === undefined) throw new NotFound('User', userId);
    if (userId === document.ownerId) throw new BadUserInput('userId', 'The document is their own.');
    const ofDocument = and(
      eq(officeDocumentShares.organizationId, organizationId),
      eq(officeDocumentShares.documentId, id),
    );
    const isShare = and(ofDocument, eq(officeDocumentShares.userId, userId));
    const before = (await database.select().from(officeDocumentShares).where(isShare))[0];
    if (before?.level === level) return { document, share: before };
    const { shares } = sole(await database.select({ shares: count() }).from(officeDocumentShares).where(ofDocument));
    if (before === undefined && shares >= maxShares)
      throw new Conflict('userId', `A document is shared with at most ${maxShares} people.`);
    const sharedById = viewerOf(context).userId;
    const { readers } = document;
    await database
      .insert(officeDocumentShares)
      .values({ organizationId, readers, documentId: id, userId, level, sharedById })
      .onConflictDoUpdate({
        target: [officeDocumentShares.organizationId, officeDocumentShares.documentId, officeDocumentShares.userId],
        set: { level, sharedById },
      });
    const shared = before === undefined ? await readAnew(document, document.ownerId) : document;
    const share = sole(await database.select().from(officeDocumentShares).where(isShare));
    record(context, 'shared', id, { userId, level });
    tellOfOfficeDocument(context, id, { kind: 'shared', shareId: share.id });
    return { document: shared, share };
  });

/** Ends a share; whoever has none is left as they are. Throws NotFound, Forbidden (needs OWNER). */
export const unshareOfficeDocument = (
  context: Context,
  { id, userId }: { id: string; userId: string },
): Promise<OfficeDocumentRow> =>
  context.unit.transact(async (transaction) => {
    await lockMember(transaction.organizationId, userId);
    const { document } = await lockOfficeDocument(context, transaction, id, 'OWNER');
    return (await endShare(context, document, userId)) ?? document;
  });

/** Ends the viewer's own share. Throws NotFound (nothing is shared with them), Forbidden (they own it, or see it as an administrator). */
export const leaveOfficeDocument = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async (transaction) => {
    const { organizationId, userId } = viewerOf(context);
    await lockMember(organizationId, userId);
    const { document } = await lockOfficeDocument(context, transaction, id, 'VIEW');
    // The last step takes the row out of the viewer's own sight.
    const left = await context.unit.nested(discovery(organizationId, userId), (unit) =>
      endShare({ ...context, unit }, document, userId),
    );
    if (left === null) throw new Forbidden('OFFICE_DOCUMENT_WRITE', 'Only who a document is shared with can leave it.');
    return id;
  });

/**
 * Gives an office document to another member; who had it before, and is still a member, keeps EDIT. Throws NotFound (document; no member of the
 * organization), Forbidden (needs OWNER), BadUserInput (the owner), Conflict (a suspended member).
 */
export const transferOfficeDocument = (
  context: Context,
  { id, userId }: { id: string; userId: string },
): Promise<OfficeDocumentRow> =>
  context.unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    const member = await lockMember(organizationId, userId);
    const { document } = await lockOfficeDocument(context, transaction, id, 'OWNER');
    const { ownerId, readers } = document;
    if (member === undefined) throw new NotFound('User', userId);
    if (userId === ownerId) throw new BadUserInput('userId', 'The document is their own already.');
    if (member.suspendedAt !== null) throw new Conflict('userId', 'This member is suspended.');
    await database.delete(officeDocumentShares).where(isShareOf(document, userId));
    const isFormer = and(eq(memberships.organizationId, organizationId), eq(memberships.userId, ownerId));
    const [former] = await database.select({ userId: memberships.userId }).from(memberships).where(isFormer);
    if (former !== undefined)
      await database.insert(officeDocumentShares).values({
        organizationId,
        readers,
        documentId: id,
        userId: ownerId,
        level: 'EDIT',
        sharedById: viewerOf(context).userId,
      });
    const transferred = await readAnew(document, userId);
    record(context, 'transferred', id, { from: ownerId, to: userId });
    tellOfOfficeDocument(context, id, { kind: 'unshared' });
    return transferred;
  });

/** Before the document, as whoever removes a member locks them: nobody leaves before their share is written. */
const lockMember = async (organizationId: string, userId: string) => {
  const [member] = await database
    .select({ suspendedAt: memberships.suspendedAt })
    .from(memberships)
    .where(and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId)))
    .for('key share');
  return member;
};

const isShareOf = ({ organizationId, id }: OfficeDocumentRow, userId: string) =>
  and(
    eq(officeDocumentShares.organizationId, organizationId),
    eq(officeDocumentShares.documentId, id),
    eq(officeDocumentShares.userId, userId),
  );

/** Null where there was no share. */
const endShare = async (
  context: Context,
  document: OfficeDocumentRow,
  userId: string,
): Promise<OfficeDocumentRow | null> => {
  const ended = await database.delete(officeDocumentShares).where(isShareOf(document, userId)).returning();
  if (ended.length === 0) return null;
  const left = await readAnew(document, document.ownerId);
  record(context, 'unshared', document.id, { userId });
  tellOfOfficeDocument(context, document.id, { kind: 'unshared' });
  return left;
};

/** Brings the readers to what owner and shares say. A trigger carries them to versions, shares and comments. */
const readAnew = async (document: OfficeDocumentRow, ownerId: string): Promise<OfficeDocumentRow> =>
  sole(
    await database
      .update(officeDocuments)
      .set({ ownerId, readers: sql`${readersOf(document, ownerId)}` })
      .where(isOfficeDocument(document.organizationId, document.id))
      .returning(officeDocumentFields),
  );

const record = ({ unit }: Context, what: string, id: string, data: Record<string, unknown>): void =>
  unit.record({ action: `office_document.${what}`, type: 'OfficeDocument', id, data });
