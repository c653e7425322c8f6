import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, Forbidden, NotFound } from '../../errors.ts';
import type { AddTaskCommentInput, EditTaskCommentInput } from '../../generated/resolvers.ts';
import { viewerOf } from '../context.ts';
import { found } from '../nodes.ts';
import { tellBoard } from './board-events.ts';
import { taskCommentById } from './comment-loaders.ts';
import { projectById, projectsUnit } from './project-loaders.ts';
import { lockProject, requireOpen, type HeldProject, type ProjectMeans } from './project-rights.ts';
import { isTask, noteActivity } from './task-changes.ts';
import { taskById } from './task-loaders.ts';
import { mentionedIn, watch, writeMentions } from './task-mentions.ts';
import { taskComments, tasks, type TaskCommentRow, type TaskRow } from './task-tables.ts';

const maxText = 10_000;

/** The text of a comment as it is kept. Throws BadUserInput. */
const textOf = (given: string): string => {
  const text = given.trim();
  if (text === '' || text.length > maxText || text.includes('\0'))
    throw new BadUserInput('text', `A comment has 1 to ${maxText.toLocaleString('en')} characters, and no NUL.`);
  return text;
};

/**
 * Comments on a task, which whoever sees the project may; the author and who is mentioned watch the task from now on. Throws BadUserInput, Conflict
 * (archived), NotFound.
 */
export const addTaskComment = (means: ProjectMeans, input: AddTaskCommentInput): Promise<TaskCommentRow> => {
  const text = textOf(input.text);
  const unit = projectsUnit(means);
  const { userId } = viewerOf(means);
  return unit.transact(async ({ organizationId }) => {
    const { projectId } = await found('Task', input.taskId, taskById(unit));
    const { held, mentioned } = await lockToComment(means, projectId, text, input.mentionIds);
    const task = await holdTask(organizationId, input.taskId);
    const comment = sole(
      await database
        .insert(taskComments)
        .values({
          organizationId,
          projectId,
          taskId: task.id,
          authorId: userId,
          text,
          // Not when the transaction began, which may have waited for another comment's.
          createdAt: sql`clock_timestamp()`,
        })
        .returning(),
    );
    await watch(comment, [userId]);
    await writeMentions(comment, mentioned);
    await noteActivity(means, task, { kind: 'COMMENTED', subjectId: comment.id }, 'commented');
    record(means, held, comment, 'added', { mentions: mentioned.length });
    return comment;
  });
};

/** Changes one's own comment, with whom it mentions. Throws BadUserInput, Conflict (deleted, archived), Forbidden, NotFound. */
export const editTaskComment = (means: ProjectMeans, input: EditTaskCommentInput): Promise<TaskCommentRow> => {
  const text = textOf(input.text);
  const unit = projectsUnit(means);
  const { userId } = viewerOf(means);
  return unit.transact(async () => {
    const { projectId } = await found('TaskComment', input.id, taskCommentById(unit));
    const { held, mentioned } = await lockToComment(means, projectId, text, input.mentionIds);
    const comment = await lockComment(means, input.id);
    if (comment.authorId !== userId) throw new Forbidden('TASK_WRITE', 'Only who wrote a comment can change it.');
    if (comment.deletedAt !== null) throw new Conflict('id', 'This comment is deleted.');
    const edited = await changed(comment, { text, editedAt: sql`now()` });
    await writeMentions(edited, mentioned);
    tell(means, edited);
    record(means, held, edited, 'edited', { mentions: mentioned.length });
    return edited;
  });
};

/** Empties a comment, whose place stays, of one's own or in a project that one manages. Throws Conflict (archived), Forbidden, NotFound. */
export const deleteTaskComment = (means: ProjectMeans, id: string): Promise<TaskCommentRow> => {
  const unit = projectsUnit(means);
  const { userId } = viewerOf(means);
  return unit.transact(async () => {
    const { projectId } = await found('TaskComment', id, taskCommentById(unit));
    const held = await lockProject(means, projectId);
    requireOpen(held);
    const comment = await lockComment(means, id);
    const own = comment.authorId === userId;
    if (!own && held.standing !== 'MANAGES')
      throw new Forbidden('TASK_WRITE', 'Only who wrote a comment, and who manages the project, can delete it.');
    if (comment.deletedAt !== null) return comment;
    const deleted = await changed(comment, { text: '', deletedAt: sql`now()` });
    await writeMentions(deleted, []);
    tell(means, deleted);
    record(means, held, deleted, 'deleted', { own });
    return deleted;
  });
};

/** Locks an open project that the viewer sees, behind the memberships of those who are mentioned. */
const lockToComment = async (
  means: ProjectMeans,
  projectId: string,
  text: string,
  mentionIds: readonly string[] | null | undefined,
): Promise<{ held: HeldProject; mentioned: string[] }> => {
  const unit = projectsUnit(means);
  const project = await found('Project', projectId, projectById(unit));
  const mentioned = await mentionedIn(unit, project, viewerOf(means).userId, text, mentionIds ?? []);
  const held = await lockProject(means, projectId);
  requireOpen(held);
  return { held, mentioned };
};

const holdTask = async (organizationId: string, id: string): Promise<TaskRow> => {
  const [task] = await database.select().from(tasks).where(isTask(organizationId, id)).for('key share');
  if (task === undefined) throw new NotFound('Task', id);
  return task;
};

const isComment = (organizationId: string, id: string) =>
  and(eq(taskComments.organizationId, organizationId), eq(taskComments.id, id));

const lockComment = async ({ unit }: ProjectMeans, id: string): Promise<TaskCommentRow> => {
  const [comment] = await database
    .select()
    .from(taskComments)
    .where(isComment(unit.organizationId, id))
    .for('no key update');
  if (comment === undefined) throw new NotFound('TaskComment', id);
  return comment;
};

type Changes = Parameters<ReturnType<typeof database.update<typeof taskComments>>['set']>[0];

const changed = async ({ organizationId, id }: TaskCommentRow, fields: Changes): Promise<TaskCommentRow> =>
  sole(await database.update(taskComments).set(fields).where(isComment(organizationId, id)).returning());

const tell = ({ unit, services }: ProjectMeans, { projectId, taskId }: TaskCommentRow): void =>
  tellBoard(unit, services, { kind: 'commented', projectId, taskId });

/** Nothing of the text: the log is read by who may not see the project. */
const record = (
  { unit }: ProjectMeans,
  { project }: HeldProject,
  { id, taskId }: TaskCommentRow,
  what: string,
  data: Record<string, unknown>,
): void =>
  unit.record({
    action: `task_comment.${what}`,
    type: 'TaskComment',
    id,
    workspaceId: project.workspaceId,
    data: { taskId, ...data },
  });
