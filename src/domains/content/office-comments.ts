import { and, eq, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { Forbidden, NotFound } from '../../errors.ts';
import type { AddOfficeDocumentCommentInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { atLeast } from '../permissions.ts';
import { anchorIssues, commentIssues } from './office-content.ts';
import { tellOfOfficeDocument } from './office-events.ts';
import { lockOfficeDocument, officeLevels, refuse, type Held, type OfficeLevel } from './office-rights.ts';
import { officeDocumentComments, type OfficeDocumentCommentRow } from './office-tables.ts';

/** Writes a remark about an office document as it is now. Throws BadUserInput, NotFound, Forbidden (needs COMMENT). */
export const addOfficeDocumentComment = async (
  context: Context,
  { id, text, anchor }: AddOfficeDocumentCommentInput,
): Promise<OfficeDocumentCommentRow> => {
  refuse([...commentIssues(text), ...anchorIssues(anchor)]);
  const { userId } = viewerOf(context);
  return context.unit.transact(async (transaction) => {
    const { document } = await lockOfficeDocument(context, transaction, id, 'COMMENT');
    const { organizationId, readers, version } = document;
    const row = { organizationId, readers, documentId: id, version, authorId: userId, text, anchor: anchor ?? null };
    const comment = sole(await database.insert(officeDocumentComments).values(row).returning());
    tell(context, 'commented', comment);
    return comment;
  });
};

/** Changes the text of the viewer's own comment. Throws BadUserInput, NotFound, Forbidden (another's; needs COMMENT). */
export const updateOfficeDocumentComment = async (
  context: Context,
  { id, text }: { id: string; text: string },
): Promise<OfficeDocumentCommentRow> => {
  refuse(commentIssues(text));
  return change(context, id, null, { text });
};

/** Marks a comment as dealt with; one that is stays as it is. Throws NotFound, Forbidden (neither the viewer's own, nor has the viewer EDIT). */
export const resolveOfficeDocumentComment = (context: Context, id: string): Promise<OfficeDocumentCommentRow> =>
  change(context, id, 'EDIT', {
    resolvedAt: sql`coalesce(${officeDocumentComments.resolvedAt}, now())`,
    resolvedById: sql`case when ${isNull(officeDocumentComments.resolvedAt)} then ${viewerOf(context).userId}::uuid
      else ${officeDocumentComments.resolvedById} end`,
  });

/** Takes the mark back. Throws as `resolveOfficeDocumentComment` does. */
export const reopenOfficeDocumentComment = (context: Context, id: string): Promise<OfficeDocumentCommentRow> =>
  change(context, id, 'EDIT', { resolvedAt: null, resolvedById: null });

/** Deletes a comment. Throws NotFound, Forbidden (neither the viewer's own, nor has the viewer OWNER). */
export const deleteOfficeDocumentComment = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async () => {
    const { comment } = await lockComment(context, id, 'OWNER');
    await database.delete(officeDocumentComments).where(isComment(comment.organizationId, id));
    tell(context, 'comment_deleted', comment);
    return id;
  });

const change = (
  context: Context,
  id: string,
  others: OfficeLevel | null,
  fields: Parameters<ReturnType<typeof database.update<typeof officeDocumentComments>>['set']>[0],
): Promise<OfficeDocumentCommentRow> =>
  context.unit.transact(async () => {
    const { comment } = await lockComment(context, id, others);
    const ofComment = isComment(comment.organizationId, id);
    const changed = sole(await database.update(officeDocumentComments).set(fields).where(ofComment).returning());
    tell(context, 'comment_changed', changed);
    return changed;
  });

const isComment = (organizationId: string, id: string) =>
  and(eq(officeDocumentComments.organizationId, organizationId), eq(officeDocumentComments.id, id));

/** Locks a comment with its document, for its author and for others who have the level named. Throws NotFound, Forbidden. */
const lockComment = (context: Context, id: string, others: OfficeLevel | null) =>
  context.unit.transact(async (transaction): Promise<Held & { comment: OfficeDocumentCommentRow }> => {
    const ofComment = isComment(transaction.organizationId, id);
    const [seen] = await database.select().from(officeDocumentComments).where(ofComment);
    if (seen === undefined) throw new NotFound('OfficeDocumentComment', id);
    const held = await lockOfficeDocument(context, transaction, seen.documentId, 'COMMENT');
    // It may have been deleted before the lock was there.
    const [comment] = await database.select().from(officeDocumentComments).where(ofComment);
    if (comment === undefined) throw new NotFound('OfficeDocumentComment', id);
    const own = comment.authorId === viewerOf(context).userId;
    if (!own && (others === null || !atLeast(officeLevels, held.level, others)))
      throw new Forbidden(
        'OFFICE_DOCUMENT_WRITE',
        others === null ? 'Only its author does this.' : `This is for its author and for who has the level ${others}.`,
      );
    return { ...held, comment };
  });

const tell = (
  context: Context,
  what: 'commented' | 'comment_changed' | 'comment_deleted',
  { id, documentId }: OfficeDocumentCommentRow,
): void => {
  context.unit.record({
    action: `office_document.${what}`,
    type: 'OfficeDocument',
    id: documentId,
    data: { commentId: id },
  });
  tellOfOfficeDocument(context, documentId, { kind: what, commentId: id });
};
