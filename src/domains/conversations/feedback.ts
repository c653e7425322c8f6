import { and, eq, getTableColumns, isNotNull, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Meaning } from '../../database/filter.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, NotFound } from '../../errors.ts';
import type { GiveFeedbackInput, ReviewFeedbackInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context, type Viewer } from '../context.ts';
import { found } from '../nodes.ts';
import { archived, decisionIn, requireActive, requirePermission } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import type { Asker, Means } from './asking.ts';
import { messageById } from './loaders.ts';
import { feedback, type FeedbackRow } from './tables.ts';
import { writtenText } from './written-text.ts';

const maxComment = 2000;

/** What somebody says of a message. */
export type Opinion = Pick<GiveFeedbackInput, 'messageId' | 'score' | 'comment' | 'scale' | 'reason'>;

/** Takes a member's opinion of a message, in place of the one before. Throws BadUserInput, Conflict (archived), NotFound. */
export const giveFeedback = (context: Context, input: Opinion): Promise<FeedbackRow> =>
  recordFeedback(context, { userId: viewerOf(context).userId, visitorId: null }, input);

/**
 * Takes the opinion of a member or of the visitor of a widget, in place of the one before; it is to be reviewed anew. The unit sees as the giver
 * does, who is either a member or a visitor. Throws BadUserInput, Conflict (archived), NotFound.
 */
export const recordFeedback = (
  { unit }: Pick<Means, 'unit'>,
  giver: Asker,
  { messageId, score, comment, scale, reason }: Opinion,
): Promise<FeedbackRow> => {
  const said = {
    scale: scale ?? 'THUMBS',
    score,
    reason: reason ?? null,
    comment: comment?.trim() ? writtenText('comment', comment, maxComment) : null,
  };
  const fits = said.scale === 'THUMBS' ? score === 1 || score === -1 : score >= 1 && score <= 5;
  if (!fits)
    throw new BadUserInput('score', said.scale === 'THUMBS' ? 'A score is 1 or -1.' : 'A score in stars is 1 to 5.');
  return unit.transact(async ({ organizationId }) => {
    const { workspaceId } = await found('Message', messageId, messageById(unit));
    const workspace = await found('Workspace', workspaceId, workspaceById(unit));
    if (workspace.archivedAt !== null) throw archived();
    const row = sole(
      await database
        .insert(feedback)
        .values({ organizationId, workspaceId, messageId, ...giver, ...said })
        .onConflictDoUpdate({
          target: [
            feedback.organizationId,
            feedback.messageId,
            giver.userId === null ? feedback.visitorId : feedback.userId,
          ],
          set: { ...said, reviewedAt: null, reviewedById: null },
        })
        .returning(),
    );
    const data = { scale: said.scale, score };
    unit.record({ action: 'feedback.given', type: 'Message', id: messageId, workspaceId, data });
    return row;
  });
};

/** Takes back what the viewer said. Throws Conflict (archived), NotFound (also another's). */
export const deleteFeedback = (context: Context, id: string): Promise<string> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const own = and(ofFeedback(organizationId, id), eq(feedback.userId, viewer.userId));
    const [row] = await database.select().from(feedback).where(own).for('update');
    if (row === undefined) throw new NotFound('Feedback', id);
    const { workspaceId, messageId } = row;
    requireActive(viewer, workspaceId);
    await database.delete(feedback).where(own);
    unit.record({ action: 'feedback.deleted', type: 'Message', id: messageId, workspaceId });
    return id;
  });
};

/** Marks an opinion as looked at or not. Throws Conflict (archived), Forbidden (needs ADMIN in the workspace), NotFound. */
export const reviewFeedback = (context: Context, { id, reviewed }: ReviewFeedbackInput): Promise<FeedbackRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const isIt = ofFeedback(organizationId, id);
    const [current] = await database.select().from(feedback).where(isIt).for('update');
    if (current === undefined) throw new NotFound('Feedback', id);
    const { workspaceId } = current;
    if (!sees(viewer, current)) throw new NotFound('Feedback', id);
    requirePermission(viewer, 'FEEDBACK_REVIEW', workspaceId);
    requireActive(viewer, workspaceId);
    if ((current.reviewedAt !== null) === reviewed) return current;
    const fields = reviewed
      ? { reviewedAt: sql`now()`, reviewedById: viewer.userId }
      : { reviewedAt: null, reviewedById: null };
    const row = sole(await database.update(feedback).set(fields).where(isIt).returning());
    const action = reviewed ? 'feedback.reviewed' : 'feedback.reopened';
    unit.record({ action, type: 'Feedback', id, workspaceId });
    return row;
  });
};

const ofFeedback = (organizationId: string, id: string) =>
  and(eq(feedback.organizationId, organizationId), eq(feedback.id, id));

/** Whoever gave it sees it, and whoever reviews feedback in its workspace. */
const sees = (viewer: Viewer, { userId, workspaceId }: FeedbackRow): boolean =>
  userId === viewer.userId || decisionIn(viewer, 'FEEDBACK_REVIEW', workspaceId).allowed;

const anyById = loadOne(
  () =>
    database
      .select()
      .from(feedback)
      .where(and(eq(feedback.organizationId, bound.organizationId), sql`${feedback.id} = any(${bound.keys})`)),
  (row) => row.id,
);

/** Feedback by its id: the viewer's own, and in workspaces where they review it everybody's. */
export const feedbackById = (unit: UnitOfWork, viewer: Viewer) => ({
  load: async (id: string): Promise<FeedbackRow | null> => {
    const row = await anyById(unit).load(id);
    return row !== null && sees(viewer, row) ? row : null;
  },
});

const isReviewed: Meaning = (comparator, wanted) =>
  (comparator === 'eq') === (wanted === true) ? isNotNull(feedback.reviewedAt) : isNull(feedback.reviewedAt);

/** What was said of the messages of a workspace. */
export const feedbackByWorkspace = listOf({
  from: feedback,
  parent: feedback.workspaceId,
  columns: getTableColumns(feedback),
  orders: { CREATED_AT: feedback.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    scale: feedback.scale,
    score: feedback.score,
    reason: feedback.reason,
    reviewed: isReviewed,
    createdAt: feedback.createdAt,
  },
});
