import { and, eq, inArray, isNull, notInArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import { users } from '../identity/tables.ts';
import { namedIn } from '../messaging/room-mentions.ts';
import { viewerOf, type Context } from '../context.ts';
import { memberships } from '../tenancy/tables.ts';
import { projectsUnit } from './project-loaders.ts';
import { seesProject } from './project-rights.ts';
import type { ProjectRow } from './project-tables.ts';
import { taskMentions, taskWatchers, type TaskCommentRow } from './task-tables.ts';

export const maxMentions = 20;
const maxMarked = 100;
/** The count of what there is to read ends here: as many, or more. */
const countedAtMost = 100;

/**
 * Who a comment mentions, by `@username` in its text and by ids: members who see the project, never its author. Holds the memberships of all of them, the
 * author's too, fast until the end of the transaction: that comes before the lock of the project, as it does for whoever removes a member. Throws BadUserInput
 * (an id of nobody who sees the project; too many).
 */
export const mentionedIn = async (
  unit: UnitOfWork,
  project: Pick<ProjectRow, 'id' | 'workspaceId'>,
  authorId: string,
  text: string,
  userIds: readonly string[],
): Promise<string[]> => {
  const wanted = [...new Set(userIds)].filter((userId) => userId !== authorId);
  const tooMany = (field: string) => new BadUserInput(field, `A comment mentions at most ${maxMentions} people.`);
  if (wanted.length > maxMentions) throw tooMany('mentionIds');
  const byName = sql`lower(${users.username}) in (select jsonb_array_elements_text(${JSON.stringify(namedIn(text).usernames)}::text::jsonb))`;
  const byId = sql`${memberships.userId} = any(${uuidArray(wanted)}::uuid[])`;
  const isAuthor = eq(memberships.userId, authorId);
  // Whoever sees the project alone does not see who belongs to its workspace.
  const held = await unit.nested(wholeOf(unit.organizationId), () =>
    database
      .select({ userId: memberships.userId })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .where(
        and(
          eq(memberships.organizationId, unit.organizationId),
          sql`(${isAuthor} or (${byName} or ${byId}) and ${seesProject(project)})`,
        ),
      )
      .orderBy(memberships.id)
      .for('key share', { of: memberships }),
  );
  const mentioned = held.map(({ userId }) => userId).filter((userId) => userId !== authorId);
  if (wanted.some((userId) => !mentioned.includes(userId)))
    throw new BadUserInput('mentionIds', 'Only who sees the project is mentioned in it.');
  if (mentioned.length > maxMentions) throw tooMany('text');
  return mentioned;
};

/** Writes down whom a comment mentions; who was mentioned before and still is has read it or not as before. They watch the task from now on. */
export const writeMentions = async (comment: TaskCommentRow, userIds: readonly string[]): Promise<void> => {
  const { organizationId, projectId, taskId, id: commentId } = comment;
  const ofComment = and(eq(taskMentions.organizationId, organizationId), eq(taskMentions.commentId, commentId));
  await database
    .delete(taskMentions)
    .where(userIds.length === 0 ? ofComment : and(ofComment, notInArray(taskMentions.userId, [...userIds])));
  if (userIds.length === 0) return;
  await database
    .insert(taskMentions)
    .values(userIds.map((userId) => ({ organizationId, projectId, taskId, commentId, userId })))
    .onConflictDoNothing();
  await watch(comment, userIds);
};

/** Has people watch a task; who does so already goes on. */
export const watch = async (
  { organizationId, projectId, taskId }: Pick<TaskCommentRow, 'organizationId' | 'projectId' | 'taskId'>,
  userIds: readonly string[],
): Promise<void> => {
  // In one order, so that no two wait for each other.
  const rows = userIds.toSorted().map((userId) => ({ organizationId, projectId, taskId, userId }));
  await database.insert(taskWatchers).values(rows).onConflictDoNothing();
};

const unreadOf = (organizationId: string, userId: string) =>
  and(eq(taskMentions.organizationId, organizationId), eq(taskMentions.userId, userId), isNull(taskMentions.readAt));

/** Mentions that the viewer has not read, counted as far as 100. */
export const unreadMentions = async (context: Pick<Context, 'unit' | 'viewer'>): Promise<number> => {
  const unit = projectsUnit(context);
  const { userId } = viewerOf(context);
  return unit.run(async () => {
    const unread = database
      .select({ id: taskMentions.id })
      .from(taskMentions)
      .where(unreadOf(unit.organizationId, userId))
      .limit(countedAtMost)
      .as('unread');
    return sole(await database.select({ count: sql<number>`count(*)`.mapWith(Number) }).from(unread)).count;
  });
};

/**
 * Notes that the viewer has read these mentions of them, or all; others' and unknown ones are passed over. It stands in no log, being written with every look.
 * Gives how many are left, as far as 100. Throws BadUserInput.
 */
export const markMentionsRead = (
  context: Pick<Context, 'unit' | 'viewer'>,
  ids: readonly string[] | null | undefined,
): Promise<number> => {
  if ((ids?.length ?? 0) > maxMarked) throw new BadUserInput('ids', `This takes at most ${maxMarked} mentions.`);
  const unit = projectsUnit(context);
  const { userId } = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const unread = unreadOf(organizationId, userId);
    if (ids?.length !== 0)
      await database
        .update(taskMentions)
        .set({ readAt: sql`now()` })
        .where(ids ? and(unread, inArray(taskMentions.id, [...ids])) : unread);
    return unreadMentions(context);
  });
};
