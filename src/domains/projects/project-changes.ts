import { and, count, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden, type InputIssue } from '../../errors.ts';
import type { DeleteProjectInput, TransferProjectInput, UpdateProjectInput } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { renewFileReaders } from '../content/file-readers.ts';
import { issuesOf } from '../content/validation.ts';
import { viewerOf } from '../context.ts';
import { promptSessions } from '../modelhub/prompt-tables.ts';
import { filesOfProject } from './attachment-loaders.ts';
import { tellBoard } from './board-events.ts';
import {
  isProject,
  lockToManage,
  requireOpen,
  requireSeer,
  type HeldProject,
  type ProjectMeans,
} from './project-rights.ts';
import { amountIssues, dateIssues, keyIssues, longTextIssues, metadataIssues } from './project-rules.ts';
import { projectCollaborators, projects, type ProjectRow } from './project-tables.ts';
import { keyTaken, maxName } from './projects.ts';
import { timeEntries } from './time-tables.ts';

const inputIssues = (input: UpdateProjectInput): InputIssue[] => [
  ...issuesOf('name', input.name ?? undefined, maxName),
  ...keyIssues(input.key),
  ...longTextIssues('description', input.description),
  ...amountIssues('budget', input.budget),
  ...amountIssues('hourlyRate', input.hourlyRate),
  ...metadataIssues(input.metadata),
];

type ProjectFields = Partial<Omit<ProjectRow, 'organizationId' | 'id' | 'version' | 'priorityRank' | 'dueOrder'>>;

/** Fields that an input sets, beside those that its status brings with it. */
const fieldsOf = (input: UpdateProjectInput, { status }: ProjectRow): ProjectFields => {
  const { key, name, description, priority, startDate, dueDate, budget, hourlyRate, completionGuard, metadata } = input;
  return {
    ...(typeof key === 'string' && { key: key.toUpperCase() }),
    ...(typeof name === 'string' && { name: name.trim() }),
    ...(description !== undefined && { description: description ?? '' }),
    ...(priority && { priority }),
    ...(startDate !== undefined && { startDate }),
    ...(dueDate !== undefined && { dueDate }),
    ...(budget !== undefined && { budget: inCents(budget) }),
    ...(hourlyRate !== undefined && { hourlyRate: inCents(hourlyRate) }),
    ...(completionGuard && { completionGuard }),
    ...(metadata !== undefined && { metadata: (metadata ?? {}) as Record<string, unknown> }),
    ...(input.status &&
      input.status !== status && {
        status: input.status,
        completedAt: input.status === 'COMPLETED' ? new Date().toISOString() : null,
      }),
  };
};

/** An amount as its column has it, with two decimal places. */
const inCents = (amount: string | null): string | null => {
  if (amount === null) return null;
  const [whole = '0', places = ''] = amount.split('.');
  return `${BigInt(whole)}.${places.padEnd(2, '0')}`;
};

/** Throws Conflict, with how it stands, unless the project is at the version named. */
const requireProjectVersion = ({ project }: HeldProject, version: number): void => {
  if (project.version === version) return;
  const { id, key, name, description, status, priority, startDate, dueDate, budget, hourlyRate } = project;
  const current = {
    id: globalId('Project', id),
    version: project.version,
    key,
    name,
    description,
    status,
    priority,
    startDate,
    dueDate,
    budget,
    hourlyRate,
    completionGuard: project.completionGuard,
    metadata: project.metadata,
  };
  throw new Conflict('version', `The project has been changed since: its version is ${project.version}.`, { current });
};

/** Changes fields of a project that is locked, with its event, in the running transaction. Throws Conflict (the key is taken). */
const changeProject = async (
  { unit, services }: ProjectMeans,
  { project: { id, version, workspaceId } }: HeldProject,
  what: string,
  fields: ProjectFields,
  data: Record<string, unknown> = {},
): Promise<ProjectRow> => {
  const changed = sole(
    await database
      .update(projects)
      .set({ ...fields, version: version + 1 })
      .where(isProject(unit.organizationId, id))
      .returning()
      .catch(keyTaken),
  );
  unit.record({
    action: `project.${what}`,
    type: 'Project',
    id,
    workspaceId,
    data: { ...data, version: changed.version },
  });
  tellBoard(unit, services, { kind: 'updated', projectId: id });
  return changed;
};

/**
 * Changes what is said of a project; a change that changes nothing leaves no trace. Throws BadUserInput, Conflict (another version, the key is taken, archived),
 * Forbidden, NotFound.
 */
export const updateProject = (means: ProjectMeans, input: UpdateProjectInput): Promise<ProjectRow> => {
  const issues = inputIssues(input);
  if (issues.length > 0) throw new BadUserInput(issues);
  return means.unit.transact(async () => {
    const held = await lockToManage(means, input.id);
    requireOpen(held);
    requireProjectVersion(held, input.version);
    const { project } = held;
    const fields = fieldsOf(input, project);
    const { startDate, dueDate } = { ...project, ...fields };
    const faults = dateIssues(startDate, dueDate);
    if (faults.length > 0) throw new BadUserInput(faults);
    const names = Object.entries(fields).flatMap(([name, to]) =>
      JSON.stringify(project[name as keyof ProjectRow]) === JSON.stringify(to) ? [] : [name],
    );
    return names.length === 0 ? project : changeProject(means, held, 'updated', fields, { fields: names });
  });
};

/** Puts a project away. Throws Conflict (archived already, its workspace is), Forbidden, NotFound. */
export const archiveProject = (means: ProjectMeans, id: string): Promise<ProjectRow> =>
  means.unit.transact(async () => {
    const held = await lockToManage(means, id);
    requireOpen(held);
    const archivedAt = new Date().toISOString();
    return changeProject(means, held, 'archived', {
      status: 'ARCHIVED',
      archivedFrom: held.project.status,
      archivedAt,
    });
  });

/** Takes a project out of the archive. Throws Conflict (not archived, its workspace is), Forbidden, NotFound. */
export const unarchiveProject = (means: ProjectMeans, id: string): Promise<ProjectRow> =>
  means.unit.transact(async () => {
    const held = await lockToManage(means, id);
    const { status, archivedFrom } = held.project;
    if (status !== 'ARCHIVED') throw new Conflict('id', 'This project is not archived.');
    return changeProject(means, held, 'unarchived', {
      status: archivedFrom ?? 'ACTIVE',
      archivedFrom: null,
      archivedAt: null,
    });
  });

/**
 * Deletes an archived project with its tasks and, where that is said, with the time tracked in it. Throws Conflict (not archived, it has time entries, its workspace
 * is archived), Forbidden, NotFound.
 */
export const deleteProject = (means: ProjectMeans, { id, withTime }: DeleteProjectInput): Promise<string> => {
  const { unit, services } = means;
  return unit.transact(async ({ organizationId }) => {
    const whole = wholeOf(organizationId);
    // Before the project, as prompts do that end.
    await unit.nested(whole, () => lockSessionsOf(organizationId, id));
    const { project } = await lockToManage(means, id);
    if (project.status !== 'ARCHIVED')
      throw new Conflict('id', 'Only an archived project is deleted: archive it first.');
    const entries = await countTime(organizationId, id);
    if (entries > 0 && withTime !== true)
      throw new Conflict('withTime', 'Time was tracked in this project: it goes only with `withTime: true`.', {
        timeEntries: entries,
      });
    // As the organization: its tasks may have to do with those of projects that the viewer does not see.
    await unit.nested(whole, async (inner) => {
      const files = await filesOfProject(organizationId, id);
      await database.delete(projects).where(isProject(organizationId, id));
      await renewFileReaders(inner, files);
    });
    unit.record({
      action: 'project.deleted',
      type: 'Project',
      id,
      workspaceId: project.workspaceId,
      data: { key: project.key, name: project.name, timeEntries: entries },
    });
    tellBoard(unit, services, { kind: 'removed', projectId: id });
    return id;
  });
};

const lockSessionsOf = (organizationId: string, projectId: string) =>
  database
    .select({ id: promptSessions.id })
    .from(promptSessions)
    .where(and(eq(promptSessions.organizationId, organizationId), eq(promptSessions.projectId, projectId)))
    .orderBy(promptSessions.id)
    .for('update');

const countTime = async (organizationId: string, projectId: string): Promise<number> => {
  const { entries } = sole(
    await database
      .select({ entries: count() })
      .from(timeEntries)
      .where(and(eq(timeEntries.organizationId, organizationId), eq(timeEntries.projectId, projectId))),
  );
  return entries;
};

/**
 * Gives a project to another owner, who becomes an ADMIN of it. Throws BadUserInput (who does not see it), Conflict (archived), Forbidden, NotFound (project, user).
 */
export const transferProject = (means: ProjectMeans, { id, ownerId }: TransferProjectInput): Promise<ProjectRow> => {
  const { unit } = means;
  const { userId, permissions } = viewerOf(means);
  return unit.transact(async ({ organizationId }) => {
    const held = await lockToManage(means, id);
    const { project } = held;
    if (project.ownerId !== null && project.ownerId !== userId && !permissions.has('PROJECT_MANAGE'))
      throw new Forbidden('PROJECT_MANAGE', 'Only its owner gives a project away.');
    requireOpen(held);
    if (project.ownerId === ownerId) return project;
    await requireSeer(unit, project, ownerId, 'ownerId');
    await database
      .insert(projectCollaborators)
      .values({ organizationId, projectId: id, userId: ownerId, role: 'ADMIN', addedById: userId })
      .onConflictDoUpdate({
        target: [projectCollaborators.organizationId, projectCollaborators.userId, projectCollaborators.projectId],
        set: { role: sql`'ADMIN'` },
      });
    return changeProject(means, held, 'transferred', { ownerId }, { from: project.ownerId, to: ownerId });
  });
};
