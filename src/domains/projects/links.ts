import { and, count, eq, isNull } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { LinkProjectInput, LinkTaskInput } from '../../generated/resolvers.ts';
import { viewerOf } from '../context.ts';
import { found } from '../nodes.ts';
import { tellBoard } from './board-events.ts';
import { projectLinkById, targetColumns, targetOf } from './link-loaders.ts';
import { projectLinks, type ProjectLinkRow } from './link-tables.ts';
import { projectsUnit } from './project-loaders.ts';
import { lockToWork, type HeldProject, type ProjectMeans } from './project-rights.ts';
import { lockTask, noteActivity } from './task-changes.ts';
import { linkKinds } from './task-tables.ts';

const maxLinks = 100;
const maxTitle = 200;
const maxUrl = 2000;

type Target = Pick<ProjectLinkRow, 'kind' | 'title' | 'orderId' | 'documentId' | 'roomId' | 'conversationId' | 'url'>;
type TargetInput = Omit<LinkProjectInput, 'projectId'>;

/** The field of the input that names what a link of a kind leads to. */
const fieldOf = (kind: ProjectLinkRow['kind']): keyof TargetInput & keyof Target =>
  kind === 'URL' ? 'url' : targetColumns[kind];

/** Throws BadUserInput: not exactly one target, an address that is not of the web, or too long. */
const targetIn = (input: TargetInput): Target => {
  const named = linkKinds.filter((kind) => input[fieldOf(kind)] !== undefined && input[fieldOf(kind)] !== null);
  const [kind, second] = named;
  if (kind === undefined || second !== undefined)
    throw new BadUserInput(fieldOf(second ?? 'URL'), 'A link leads to one thing: name exactly one.');
  const title = (input.title ?? '').trim();
  if (title.length > maxTitle || title.includes('\0'))
    throw new BadUserInput('title', `A title has at most ${maxTitle} characters, and no NUL.`);
  const url = input.url ?? null;
  if (url !== null && (!/^https?:$/.test(url.protocol) || url.href.length > maxUrl))
    throw new BadUserInput('url', `An address begins with http:// or https:// and has at most ${maxUrl} characters.`);
  const { orderId = null, documentId = null, roomId = null, conversationId = null } = input;
  return { kind, title, orderId, documentId, roomId, conversationId, url: url?.href ?? null };
};

/** Has a project lead to something that the viewer sees, once. Throws BadUserInput, Conflict (archived; too many), Forbidden, NotFound. */
export const linkProject = (means: ProjectMeans, input: LinkProjectInput): Promise<ProjectLinkRow> => {
  const target = targetIn(input);
  return projectsUnit(means).transact(async () => {
    const held = await lockToWork(means, input.projectId);
    const { link, isNew } = await put(means, held, null, target);
    if (isNew) {
      tellBoard(means.unit, means.services, { kind: 'updated', projectId: held.project.id });
      record(means, held, link, 'linked');
    }
    return link;
  });
};

/** Has a task lead to something that the viewer sees, once. Throws BadUserInput, Conflict (archived; too many), Forbidden, NotFound. */
export const linkTask = (means: ProjectMeans, input: LinkTaskInput): Promise<ProjectLinkRow> => {
  const target = targetIn(input);
  return projectsUnit(means).transact(async () => {
    const held = await lockTask(means, input.taskId);
    const { link, isNew } = await put(means, held, held.task.id, target);
    if (isNew) {
      await noteActivity(means, held.task, { kind: 'LINKED', subjectId: link.id }, 'changed');
      record(means, held, link, 'linked');
    }
    return link;
  });
};

/** Takes a link away. Throws Conflict (archived), Forbidden, NotFound. */
export const removeProjectLink = (means: ProjectMeans, id: string): Promise<string> => {
  const unit = projectsUnit(means);
  return unit.transact(async ({ organizationId }) => {
    const { projectId } = await found('ProjectLink', id, projectLinkById(unit));
    const held = await lockToWork(means, projectId);
    // What it belongs to is known from here on: its task may have gone meanwhile, and it with its task.
    const [link] = await database
      .delete(projectLinks)
      .where(and(eq(projectLinks.organizationId, organizationId), eq(projectLinks.id, id)))
      .returning();
    if (link === undefined) throw new NotFound('ProjectLink', id);
    const { taskId } = link;
    if (taskId === null) tellBoard(unit, means.services, { kind: 'updated', projectId });
    else await noteActivity(means, { id: taskId, projectId }, { kind: 'UNLINKED', subjectId: id }, 'changed');
    record(means, held, link, 'unlinked');
    return id;
  });
};

const put = async (
  means: ProjectMeans,
  { project }: HeldProject,
  taskId: string | null,
  target: Target,
): Promise<{ link: ProjectLinkRow; isNew: boolean }> => {
  const { unit } = means;
  const { organizationId } = unit;
  const viewer = viewerOf(means);
  const field = fieldOf(target.kind);
  const to = target[field] ?? '';
  if (target.kind !== 'URL' && (await targetOf(unit, viewer, target)) === null)
    throw new NotFound(typeNames[target.kind], to, field);
  const ofPlace = and(
    eq(projectLinks.organizationId, organizationId),
    eq(projectLinks.projectId, project.id),
    taskId === null ? isNull(projectLinks.taskId) : eq(projectLinks.taskId, taskId),
  );
  const [known] = await database
    .select()
    .from(projectLinks)
    .where(and(ofPlace, eq(projectLinks[field], to)))
    .limit(1);
  if (known !== undefined) return { link: known, isNew: false };
  const { number } = sole(await database.select({ number: count() }).from(projectLinks).where(ofPlace));
  if (number >= maxLinks)
    throw new Conflict(taskId === null ? 'projectId' : 'taskId', `This takes at most ${maxLinks} links.`);
  const values = { organizationId, projectId: project.id, taskId, createdById: viewer.userId };
  const link = sole(
    await database
      .insert(projectLinks)
      .values({ ...values, ...target })
      .returning(),
  );
  return { link, isNew: true };
};

const typeNames = { ORDER: 'Order', DOCUMENT: 'Document', ROOM: 'Room', CONVERSATION: 'Conversation' } as const;

const record = ({ unit }: ProjectMeans, { project }: HeldProject, link: ProjectLinkRow, what: string): void =>
  unit.record({
    action: link.taskId === null ? `project.${what}` : `task.${what}`,
    type: link.taskId === null ? 'Project' : 'Task',
    id: link.taskId ?? project.id,
    workspaceId: project.workspaceId,
    data: { kind: link.kind, linkId: link.id },
  });
