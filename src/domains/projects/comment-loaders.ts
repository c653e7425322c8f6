import { and, eq, getTableColumns, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadMany, loadOne } from '../../database/loader.ts';
import { taskComments, taskMentions } from './task-tables.ts';

export const taskCommentById = loadOne(
  () =>
    database
      .select()
      .from(taskComments)
      .where(and(eq(taskComments.organizationId, bound.organizationId), sql`${taskComments.id} = any(${bound.keys})`)),
  (comment) => comment.id,
);

/** Comments on tasks, oldest first. */
export const commentsByTask = listOf({
  from: taskComments,
  parent: taskComments.taskId,
  columns: getTableColumns(taskComments),
  orders: { CREATED_AT: taskComments.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});

/** How many comments of a task are not deleted. */
export const commentCountByTask = loadOne(
  () =>
    database
      .select({ taskId: taskComments.taskId, count: sql<number>`count(*)`.mapWith(Number) })
      .from(taskComments)
      .where(
        and(
          eq(taskComments.organizationId, bound.organizationId),
          sql`${taskComments.taskId} = any(${bound.keys})`,
          isNull(taskComments.deletedAt),
        ),
      )
      .groupBy(taskComments.taskId),
  (row) => row.taskId,
);

/** Who is mentioned in comments; `mentionedIn` bounds their number. */
export const mentionedByComment = loadMany(
  () =>
    database
      .select({ commentId: taskMentions.commentId, userId: taskMentions.userId })
      .from(taskMentions)
      .where(
        and(eq(taskMentions.organizationId, bound.organizationId), sql`${taskMentions.commentId} = any(${bound.keys})`),
      )
      .orderBy(taskMentions.commentId, taskMentions.userId),
  (mention) => mention.commentId,
);

/** The viewer's own mentions: whether somebody has read theirs is nobody else's affair. */
export const ownMentionById = loadOne(
  () =>
    database
      .select()
      .from(taskMentions)
      .where(
        and(
          eq(taskMentions.organizationId, bound.organizationId),
          eq(taskMentions.userId, bound.userId),
          sql`${taskMentions.id} = any(${bound.keys})`,
        ),
      ),
  (mention) => mention.id,
);

/** Mentions of people, newest first. */
export const mentionsByUser = listOf({
  from: taskMentions,
  parent: taskMentions.userId,
  columns: getTableColumns(taskMentions),
  orders: { CREATED_AT: taskMentions.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: { unread: sql`(${taskMentions.readAt} is null)` },
});
