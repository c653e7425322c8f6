import { and, count, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, NotFound, type InputIssue } from '../../errors.ts';
import type { CreateProjectLabelInput, UpdateProjectLabelInput } from '../../generated/resolvers.ts';
import { issuesOf } from '../content/validation.ts';
import { found } from '../nodes.ts';
import { tellBoard } from './board-events.ts';
import { projectsUnit } from './project-loaders.ts';
import { lockToManage, requireOpen, type HeldProject, type ProjectMeans } from './project-rights.ts';
import { projectLabels, type ProjectLabelRow } from './project-tables.ts';

const maxName = 50;
const maxLabels = 200;

export const projectLabelById = loadOne(
  () =>
    database
      .select()
      .from(projectLabels)
      .where(
        and(eq(projectLabels.organizationId, bound.organizationId), sql`${projectLabels.id} = any(${bound.keys})`),
      ),
  (label) => label.id,
);

/** Labels of projects, by name. */
export const labelsByProject = listOf({
  from: projectLabels,
  parent: projectLabels.projectId,
  columns: getTableColumns(projectLabels),
  orders: { NAME: projectLabels.name },
  defaultOrder: { field: 'NAME', direction: 'ASC' },
});

const isLabel = (organizationId: string, id: string) =>
  and(eq(projectLabels.organizationId, organizationId), eq(projectLabels.id, id));

const labelIssues = ({ name, color }: Partial<Record<'name' | 'color', string | null | undefined>>): InputIssue[] => [
  ...issuesOf('name', name ?? undefined, maxName),
  ...(color === undefined || color === null || /^#[0-9a-f]{6}$/i.test(color)
    ? []
    : [{ field: 'color', message: 'A color is #rrggbb.' }]),
];

const nameTaken = (error: unknown): never => {
  if (violates(error, 'project_labels_name_key'))
    throw new Conflict('name', 'Another label of the project has this name.');
  throw error;
};

/** Adds a label to a project. Throws BadUserInput, Conflict (the name is taken, archived, full), Forbidden, NotFound. */
export const createProjectLabel = (means: ProjectMeans, input: CreateProjectLabelInput): Promise<ProjectLabelRow> => {
  const issues = labelIssues(input);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { projectId } = input;
  return means.unit.transact(async ({ organizationId }) => {
    const held = await lockToManage(means, projectId);
    requireOpen(held);
    await requireRoom(organizationId, projectId);
    const label = sole(
      await database
        .insert(projectLabels)
        .values({ organizationId, projectId, name: input.name.trim(), color: input.color.toLowerCase() })
        .returning()
        .catch(nameTaken),
    );
    note(means, held, label, 'created');
    return label;
  });
};

const requireRoom = async (organizationId: string, projectId: string): Promise<void> => {
  const { labels } = sole(
    await database
      .select({ labels: count() })
      .from(projectLabels)
      .where(and(eq(projectLabels.organizationId, organizationId), eq(projectLabels.projectId, projectId))),
  );
  if (labels >= maxLabels) throw new Conflict('projectId', `A project has at most ${maxLabels} labels.`);
};

/** Changes a label. Throws BadUserInput, Conflict (the name is taken, archived), Forbidden, NotFound. */
export const updateProjectLabel = (means: ProjectMeans, input: UpdateProjectLabelInput): Promise<ProjectLabelRow> => {
  const issues = labelIssues(input);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { id, name, color } = input;
  return means.unit.transact(async ({ organizationId }) => {
    const [held, label] = await lockLabel(means, id);
    const fields = {
      ...(typeof name === 'string' && { name: name.trim() }),
      ...(typeof color === 'string' && { color: color.toLowerCase() }),
    };
    if (Object.keys(fields).length === 0) return label;
    const changed = sole(
      await database.update(projectLabels).set(fields).where(isLabel(organizationId, id)).returning().catch(nameTaken),
    );
    note(means, held, changed, 'updated');
    return changed;
  });
};

/** Deletes a label. Throws Conflict (archived), Forbidden, NotFound. */
export const deleteProjectLabel = (means: ProjectMeans, id: string): Promise<string> =>
  means.unit.transact(async ({ organizationId }) => {
    const [held, label] = await lockLabel(means, id);
    await database.delete(projectLabels).where(isLabel(organizationId, id));
    note(means, held, label, 'deleted');
    return id;
  });

/** A label to change, of a project that is locked and so keeps it. */
const lockLabel = async (means: ProjectMeans, id: string): Promise<[HeldProject, ProjectLabelRow]> => {
  const unit = projectsUnit(means);
  const { projectId } = await found('ProjectLabel', id, projectLabelById(unit));
  const held = await lockToManage(means, projectId);
  requireOpen(held);
  // Read again behind the lock: it may have gone meanwhile.
  const label = (await projectLabelById.all(unit, [id])).get(id);
  if (label === undefined) throw new NotFound('ProjectLabel', id);
  return [held, label];
};

const note = ({ unit, services }: ProjectMeans, { project }: HeldProject, label: ProjectLabelRow, what: string) => {
  const { id, name, color } = label;
  const { workspaceId } = project;
  unit.record({
    action: `project_label.${what}`,
    type: 'ProjectLabel',
    id,
    workspaceId,
    data: { projectId: project.id, name, color },
  });
  tellBoard(unit, services, { kind: 'updated', projectId: project.id });
};
