import { createHash } from 'node:crypto';
import { and, eq, inArray, sql } from 'drizzle-orm';
import { v7 } from 'uuid';
import { database } from '../../database/client.ts';
import { wholeOf } from '../../database/unit-of-work.ts';
import { viewerOf } from '../context.ts';
import { users } from '../identity/tables.ts';
import { memberships } from '../tenancy/tables.ts';
import { seesProject, type HeldProject, type ProjectMeans } from './project-rights.ts';
import { projectLabels } from './project-tables.ts';
import { faultIn, partOfFaulty, type Draft } from './task-drafts.ts';
import type { SheetFault } from './task-sheet-reading.ts';
import { taskLabels, tasks } from './task-tables.ts';
import { insertTasks } from './tasks.ts';

const labelColor = '#808080';
const maxLabelName = 50;

/** Who and what the rows of a sheet name, as far as they are there. */
export interface Named {
  /** Ids of who sees the project, by their addresses in lower case; null for members who do not see it. */
  readonly people: ReadonlyMap<string, string | null>;
  /** Ids of tasks of the project by their numbers. */
  readonly parents: ReadonlyMap<number, string>;
  /** Ids of labels by their names in lower case. */
  readonly labels: ReadonlyMap<string, string>;
}

/** Looks up what rows name in a project that is locked. */
export const namedIn = async (
  { unit }: Pick<ProjectMeans, 'unit'>,
  { project }: HeldProject,
  drafts: readonly Draft[],
): Promise<Named> => {
  const { organizationId } = unit;
  const addresses = [...new Set(drafts.flatMap(({ assignee }) => assignee ?? []))];
  const numbers = [...new Set(drafts.flatMap(({ parent }) => (parent && 'number' in parent ? parent.number : [])))];
  const names = [...new Set(drafts.flatMap(({ labels }) => labels.map((name) => name.toLowerCase())))];
  // As the organization: who works in a project need not see its workspace.
  const people = await unit.nested(wholeOf(organizationId), () =>
    database
      .select({ email: sql<string>`lower(${users.email})`, userId: memberships.userId, sees: seesProject(project) })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .where(and(eq(memberships.organizationId, organizationId), inArray(sql`lower(${users.email})`, addresses)))
      .for('key share', { of: memberships }),
  );
  const parents = await database
    .select({ id: tasks.id, number: tasks.number })
    .from(tasks)
    .where(
      and(eq(tasks.organizationId, organizationId), eq(tasks.projectId, project.id), inArray(tasks.number, numbers)),
    );
  const labels = await database
    .select({ id: projectLabels.id, name: sql<string>`lower(${projectLabels.name})` })
    .from(projectLabels)
    .where(
      and(
        eq(projectLabels.organizationId, organizationId),
        eq(projectLabels.projectId, project.id),
        inArray(sql`lower(${projectLabels.name})`, names),
      ),
    );
  return {
    people: new Map(people.map(({ email, userId, sees }) => [email, sees ? userId : null])),
    parents: new Map(parents.map(({ id, number }) => [number, id])),
    labels: new Map(labels.map(({ id, name }) => [name, id])),
  };
};

/** Faults of rows by what they name. `faulty` holds rows that have no task, and gets those found here. */
export const namingFaults = (
  drafts: readonly Draft[],
  { people, parents, labels }: Named,
  { standing }: HeldProject,
  faulty: Set<number>,
): readonly SheetFault[] =>
  drafts.flatMap((draft) => {
    const faults: SheetFault[] = [];
    const { assignee, parent } = draft;
    if (assignee !== null && !people.has(assignee))
      faults.push(faultIn(draft, 'ASSIGNEE', 'No member of the organization has this address.'));
    if (assignee !== null && people.get(assignee) === null)
      faults.push(faultIn(draft, 'ASSIGNEE', 'This member does not see the project.'));
    if (parent && 'number' in parent && !parents.has(parent.number))
      faults.push(faultIn(draft, 'PARENT', 'There is no such task in the project.'));
    if (parent && 'row' in parent && faulty.has(parent.row)) faults.push(faultIn(draft, 'PARENT', partOfFaulty));
    for (const name of draft.labels.filter((each) => !labels.has(each.toLowerCase())))
      if (standing !== 'MANAGES')
        faults.push(faultIn(draft, 'LABELS', `The project has no label “${name.slice(0, maxLabelName)}”.`));
      else if (name.length > maxLabelName)
        faults.push(faultIn(draft, 'LABELS', `The name of a label has at most ${maxLabelName} characters.`));
    if (faults.length > 0) faulty.add(draft.row);
    return faults;
  });

/** The id of the task that a job makes of a row: however often it runs, it is the same one. In the order of the rows, like all ids. */
export const idOfRow = (jobId: string, row: number): string =>
  v7({
    msecs: Number.parseInt(jobId.replaceAll('-', '').slice(0, 12), 16),
    seq: row,
    random: createHash('sha256').update(jobId).digest().subarray(0, 16),
  });

/** Makes tasks of rows that are sound, with the labels that are missing. In the running transaction, in which the project is locked. */
export const writeRows = async (
  means: ProjectMeans,
  { project }: HeldProject,
  jobId: string,
  drafts: readonly Draft[],
  named: Named,
): Promise<void> => {
  const { unit } = means;
  const labels = await withMissing(unit.organizationId, project.id, drafts, named.labels);
  await insertTasks(
    unit,
    project.id,
    viewerOf(means).userId,
    drafts.map((draft) => ({
      id: idOfRow(jobId, draft.row),
      parentId: parentIdOf(jobId, draft, named),
      title: draft.title,
      description: draft.description,
      status: draft.status,
      priority: draft.priority,
      assigneeId: draft.assignee === null ? null : (named.people.get(draft.assignee) ?? null),
      estimatedHours: draft.estimatedHours,
      startDate: draft.startDate,
      dueDate: draft.dueDate,
      conversationId: null,
      originWorkspaceId: null,
    })),
  );
  const marks = drafts.flatMap((draft) =>
    [...new Set(draft.labels.map((name) => labels.get(name.toLowerCase()) ?? ''))].map((labelId) => ({
      organizationId: unit.organizationId,
      projectId: project.id,
      taskId: idOfRow(jobId, draft.row),
      labelId,
    })),
  );
  if (marks.length > 0) await database.insert(taskLabels).values(marks);
};

const parentIdOf = (jobId: string, { parent }: Draft, { parents }: Named): string | null => {
  if (parent === null) return null;
  return 'row' in parent ? idOfRow(jobId, parent.row) : (parents.get(parent.number) ?? null);
};

const withMissing = async (
  organizationId: string,
  projectId: string,
  drafts: readonly Draft[],
  labels: Named['labels'],
): Promise<Named['labels']> => {
  const names = drafts.flatMap((draft) => draft.labels).filter((name) => !labels.has(name.toLowerCase()));
  // Of names that differ in case alone the first is taken.
  const missing = [...new Map(names.toReversed().map((name) => [name.toLowerCase(), name])).values()];
  if (missing.length === 0) return labels;
  const made = await database
    .insert(projectLabels)
    .values(missing.map((name) => ({ organizationId, projectId, name, color: labelColor })))
    .returning({ id: projectLabels.id, name: projectLabels.name });
  return new Map([...labels, ...made.map(({ id, name }) => [name.toLowerCase(), id] as const)]);
};
