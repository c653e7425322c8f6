import { and, asc, eq, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden, NotFound, type InputIssue } from '../../errors.ts';
import { viewerOf } from '../context.ts';
import { requireActive } from '../permissions.ts';
import { projectsUnit } from './project-loaders.ts';
import { standingIn, type HeldProject, type ProjectMeans } from './project-rights.ts';
import { projectCollaborators, projects } from './project-tables.ts';
import type { HeldTask } from './task-changes.ts';
import { tasks } from './task-tables.ts';

/** Where an input names the task at a place of its list. */
export type FieldOf = (index: number) => string;

const maxTasks = 100;

/** Throws BadUserInput unless 1 to 100 tasks are named, each once. */
export const requireTaskIds = (ids: readonly string[]): void => {
  if (ids.length === 0 || ids.length > maxTasks) throw new BadUserInput('ids', `Name 1 to ${maxTasks} tasks.`);
  const issues = ids.flatMap((id, index): InputIssue[] =>
    ids.indexOf(id) === index ? [] : [{ field: `ids.${index}`, message: 'This task is named twice.' }],
  );
  if (issues.length > 0) throw new BadUserInput(issues);
};

/**
 * Tasks to change, with their projects, in the order of the ids. Projects are locked in the order of their ids, whatever that of the tasks, so that two who lock
 * several wait for each other and not both. Throws NotFound, Conflict (archived), Forbidden, with the place of the first task at fault.
 */
export const lockTasks = async (means: ProjectMeans, ids: readonly string[], fieldOf: FieldOf): Promise<HeldTask[]> => {
  const unit = projectsUnit(means);
  const { organizationId } = unit;
  const named = and(eq(tasks.organizationId, organizationId), inArray(tasks.id, [...ids]));
  const places = await database.select({ id: tasks.id, projectId: tasks.projectId }).from(tasks).where(named);
  const projectOf = new Map(places.map(({ id, projectId }) => [id, projectId]));
  const held = await lockProjects(means, [...new Set(projectOf.values())]);
  ids.forEach((id, index) => requireWork(means, held.get(projectOf.get(id) ?? ''), { id, field: fieldOf(index) }));
  const rows = await database.select().from(tasks).where(named).orderBy(asc(tasks.id)).for('no key update');
  const found = new Map(rows.map((task) => [task.id, task]));
  return ids.map((id, index) => {
    const task = found.get(id);
    const project = held.get(task?.projectId ?? '');
    if (task === undefined || project === undefined) throw new NotFound('Task', id, fieldOf(index));
    return { ...project, task };
  });
};

const lockProjects = async (
  { unit, viewer }: ProjectMeans,
  ids: readonly string[],
): Promise<ReadonlyMap<string, HeldProject>> => {
  if (ids.length === 0) return new Map();
  const { organizationId } = unit;
  const asking = viewerOf({ viewer });
  const rows = await database
    .select()
    .from(projects)
    .where(and(eq(projects.organizationId, organizationId), inArray(projects.id, [...ids])))
    .orderBy(asc(projects.id))
    .for('no key update');
  const places = await ownPlaces(unit, asking.userId, ids);
  return new Map(
    rows.map((project) => {
      const place = places.find(({ projectId }) => projectId === project.id) ?? null;
      return [project.id, { project, standing: standingIn(asking, project, place) }];
    }),
  );
};

const ownPlaces = ({ organizationId }: UnitOfWork, userId: string, ids: readonly string[]) =>
  database
    .select()
    .from(projectCollaborators)
    .where(
      and(
        eq(projectCollaborators.organizationId, organizationId),
        eq(projectCollaborators.userId, userId),
        inArray(projectCollaborators.projectId, [...ids]),
      ),
    );

const requireWork = (
  { viewer }: ProjectMeans,
  held: HeldProject | undefined,
  { id, field }: { id: string; field: string },
): void => {
  if (held === undefined) throw new NotFound('Task', id, field);
  const { project, standing } = held;
  if (project.workspaceId !== null) requireActive(viewerOf({ viewer }), project.workspaceId);
  if (standing === 'SEES')
    throw new Forbidden('TASK_WRITE', 'This needs a place in the project, or the role EDITOR in its workspace.', field);
  if (project.status === 'ARCHIVED')
    throw new Conflict(field, 'This project is archived: nothing in it changes.', { key: project.key });
};
