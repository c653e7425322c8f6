import { and, count, eq, inArray, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden, NotFound } from '../../errors.ts';
import type { AddProjectCollaboratorsInput, ChangeProjectCollaboratorInput } from '../../generated/resolvers.ts';
import { viewerOf } from '../context.ts';
import { lockMembers } from '../messaging/room-lock.ts';
import { found } from '../nodes.ts';
import { tellBoard } from './board-events.ts';
import { collaboratorById, projectsUnit } from './project-loaders.ts';
import { lockProject, lockToManage, memberSees, requireOpen, type ProjectMeans } from './project-rights.ts';
import { amountIssues } from './project-rules.ts';
import { projectCollaborators, type ProjectCollaboratorRow, type ProjectRow } from './project-tables.ts';
import { openStatuses, taskActivities, tasks, taskWatchers } from './task-tables.ts';
import { isTimeEntry, lastMoment } from './time-rules.ts';
import { timeEntries } from './time-tables.ts';

const maxAdded = 100;
const maxPeople = 1000;

const isCollaborator = (organizationId: string, id: string) =>
  and(eq(projectCollaborators.organizationId, organizationId), eq(projectCollaborators.id, id));

/** A project, and who is new in it. */
export interface Added {
  readonly project: ProjectRow;
  readonly collaborators: ProjectCollaboratorRow[];
}

/**
 * Puts members into a project; those who are in it stay as they are. Throws BadUserInput, Conflict (archived, full), Forbidden, NotFound (project, user).
 */
export const addProjectCollaborators = (means: ProjectMeans, input: AddProjectCollaboratorsInput): Promise<Added> => {
  const { projectId, role, hourlyRate } = input;
  const userIds = [...new Set(input.userIds)];
  if (userIds.length < 1 || userIds.length > maxAdded)
    throw new BadUserInput('userIds', `This takes 1 to ${maxAdded} people.`);
  const issues = amountIssues('hourlyRate', hourlyRate);
  if (issues.length > 0) throw new BadUserInput(issues);
  const unit = projectsUnit(means);
  return unit.transact(async ({ organizationId }) => {
    // Before the project, as for who leaves the organization.
    const [locked] = await Promise.allSettled([lockMembers(unit, userIds)]);
    const held = await lockToManage(means, projectId);
    requireOpen(held);
    // Only who may add somebody learns who belongs to the organization.
    if (locked.status === 'rejected') throw locked.reason;
    const place = {
      organizationId,
      projectId,
      role,
      hourlyRate: hourlyRate ?? null,
      addedById: viewerOf(means).userId,
    };
    const collaborators = await database
      .insert(projectCollaborators)
      .values(userIds.map((userId) => Object.assign({ userId }, place)))
      .onConflictDoNothing()
      .returning();
    await requireRoom(organizationId, projectId);
    if (collaborators.length > 0) noteAdded(means, held.project, collaborators);
    return { project: held.project, collaborators };
  });
};

const noteAdded = (
  { unit, services }: ProjectMeans,
  { id, workspaceId }: ProjectRow,
  added: readonly ProjectCollaboratorRow[],
): void => {
  const data = { userIds: added.map(({ userId }) => userId), role: added[0]?.role };
  unit.record({ action: 'project.collaborators_added', type: 'Project', id, workspaceId, data });
  tellBoard(unit, services, { kind: 'updated', projectId: id });
};

const requireRoom = async (organizationId: string, projectId: string): Promise<void> => {
  const { people } = sole(
    await database
      .select({ people: count() })
      .from(projectCollaborators)
      .where(
        and(eq(projectCollaborators.organizationId, organizationId), eq(projectCollaborators.projectId, projectId)),
      ),
  );
  if (people > maxPeople)
    throw new Conflict('userIds', `A project has at most ${maxPeople.toLocaleString('en')} collaborators.`);
};

/** Gives somebody another role or rate. Throws BadUserInput, Conflict (the owner stays ADMIN, archived), Forbidden, NotFound. */
export const changeProjectCollaborator = (
  means: ProjectMeans,
  { id, role, hourlyRate }: ChangeProjectCollaboratorInput,
): Promise<ProjectCollaboratorRow> => {
  const issues = amountIssues('hourlyRate', hourlyRate);
  if (issues.length > 0) throw new BadUserInput(issues);
  const unit = projectsUnit(means);
  return unit.transact(async ({ organizationId }) => {
    const { projectId } = await found('ProjectCollaborator', id, collaboratorById(unit));
    const held = await lockToManage(means, projectId);
    requireOpen(held);
    const place = await lockPlace(organizationId, id);
    if (role === 'MEMBER' && held.project.ownerId === place.userId)
      throw new Conflict('role', 'The owner of a project is an ADMIN of it: give it to somebody else first.');
    const fields = { ...(role && { role }), ...(hourlyRate !== undefined && { hourlyRate }) };
    if (Object.keys(fields).length === 0) return place;
    const changed = sole(
      await database.update(projectCollaborators).set(fields).where(isCollaborator(organizationId, id)).returning(),
    );
    unit.record({
      action: 'project.collaborator_changed',
      type: 'Project',
      id: projectId,
      workspaceId: held.project.workspaceId,
      data: { userId: place.userId, fields: Object.keys(fields), role: changed.role },
    });
    tellBoard(unit, means.services, { kind: 'updated', projectId });
    return changed;
  });
};

const lockPlace = async (organizationId: string, id: string): Promise<ProjectCollaboratorRow> => {
  const [place] = await database
    .select()
    .from(projectCollaborators)
    .where(isCollaborator(organizationId, id))
    .for('update');
  if (place === undefined) throw new NotFound('ProjectCollaborator', id);
  return place;
};

/**
 * Takes somebody out of a project, or oneself; whoever does not see it any more works on nothing in it. Throws Conflict (the owner, the workspace is archived),
 * Forbidden, NotFound.
 */
export const removeProjectCollaborator = (means: ProjectMeans, id: string): Promise<string> => {
  const unit = projectsUnit(means);
  return unit.transact(async ({ organizationId }) => {
    const { projectId, userId } = await found('ProjectCollaborator', id, collaboratorById(unit));
    // Before the project, as timers do. Who has left the organization meanwhile is not in the project either.
    await Promise.allSettled([lockMembers(unit, [userId])]);
    const { project, standing } = await lockProject(means, projectId);
    if (standing !== 'MANAGES' && userId !== viewerOf(means).self)
      throw new Forbidden('PROJECT_MANAGE', 'This needs the role ADMIN in the project.');
    await lockPlace(organizationId, id);
    if (project.ownerId === userId)
      throw new Conflict('id', 'The owner of a project stays in it: give it to somebody else first.');
    await database.delete(projectCollaborators).where(isCollaborator(organizationId, id));
    // As the organization: who manages a project need not see its workspace, and who has left it does not see the project.
    await unit.nested(wholeOf(organizationId), async (whole) => {
      if ((await memberSees(whole, project, userId)) !== true)
        await letGo({ ...means, unit: whole }, projectId, userId);
    });
    unit.record({
      action: 'project.collaborator_removed',
      type: 'Project',
      id: projectId,
      workspaceId: project.workspaceId,
      data: { userId },
    });
    tellBoard(unit, means.services, { kind: 'updated', projectId });
    return id;
  });
};

/** Takes all work in a project from who does not see it any more. */
const letGo = async (means: ProjectMeans, projectId: string, userId: string): Promise<void> => {
  const { organizationId } = means.unit;
  await unassign(means, projectId, userId);
  await database
    .delete(taskWatchers)
    .where(
      and(
        eq(taskWatchers.organizationId, organizationId),
        eq(taskWatchers.projectId, projectId),
        eq(taskWatchers.userId, userId),
      ),
    );
  const [running] = await database
    .select()
    .from(timeEntries)
    .where(
      and(
        eq(timeEntries.organizationId, organizationId),
        eq(timeEntries.projectId, projectId),
        eq(timeEntries.userId, userId),
        isNull(timeEntries.endedAt),
      ),
    )
    .for('update');
  if (running === undefined) return;
  await database
    .update(timeEntries)
    .set({ endedAt: lastMoment(running) })
    .where(isTimeEntry(organizationId, running.id));
};

/** Few enough at a time for the parameters of a statement. */
const insertedAtOnce = 1000;

const unassign = async (means: ProjectMeans, projectId: string, userId: string): Promise<void> => {
  const { unit, services } = means;
  const { organizationId } = unit;
  const actorId = viewerOf(means).userId;
  const released = await database
    .update(tasks)
    .set({ assigneeId: null, version: sql`${tasks.version} + 1` })
    .where(
      and(
        eq(tasks.organizationId, organizationId),
        eq(tasks.projectId, projectId),
        eq(tasks.assigneeId, userId),
        inArray(tasks.status, [...openStatuses]),
      ),
    )
    .returning({ taskId: tasks.id });
  const changes = { assigneeId: { from: userId, to: null } };
  const activity = { organizationId, projectId, kind: 'CHANGED' as const, actorId, changes };
  for (let at = 0; at < released.length; at += insertedAtOnce)
    await database
      .insert(taskActivities)
      .values(released.slice(at, at + insertedAtOnce).map(({ taskId }) => Object.assign({ taskId }, activity)));
  tellBoard(unit, services, ...released.map(({ taskId }) => ({ kind: 'changed' as const, projectId, taskId })));
};
