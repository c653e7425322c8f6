import { and, eq, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden, type InputIssue } from '../../errors.ts';
import type { CreateProjectInput } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { issuesOf } from '../content/validation.ts';
import { viewerOf } from '../context.ts';
import { found } from '../nodes.ts';
import { atLeast, requireActive, roleIn, workspaceRanks } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import type { ProjectMeans } from './project-rights.ts';
import { projectCollaborators, projects, type ProjectRow } from './project-tables.ts';
import { amountIssues, dateIssues, keyFrom, keyIssues, longTextIssues } from './project-rules.ts';

export const maxName = 200;

const inputIssues = (input: CreateProjectInput): InputIssue[] => [
  ...issuesOf('name', input.name, maxName),
  ...keyIssues(input.key),
  ...longTextIssues('description', input.description),
  ...dateIssues(input.startDate, input.dueDate),
  ...amountIssues('budget', input.budget),
  ...amountIssues('hourlyRate', input.hourlyRate),
];

/**
 * Begins a project, of which the viewer is owner and ADMIN: in a workspace, where it takes the role EDITOR, or for its collaborators alone. Throws BadUserInput,
 * Conflict (the key is taken; the workspace is archived), Forbidden, NotFound (workspace).
 */
export const createProject = ({ unit, viewer }: ProjectMeans, input: CreateProjectInput): Promise<ProjectRow> => {
  const issues = inputIssues(input);
  if (issues.length > 0) throw new BadUserInput(issues);
  const asking = viewerOf({ viewer });
  const { userId } = asking;
  const workspaceId = input.workspaceId ?? null;
  return unit.transact(async ({ organizationId }) => {
    if (workspaceId !== null) {
      await found('Workspace', workspaceId, workspaceById(unit));
      requireActive(asking, workspaceId);
      if (!atLeast(workspaceRanks, roleIn(asking, workspaceId), 'EDITOR'))
        throw new Forbidden('PROJECT_CREATE', 'This needs the role EDITOR in the workspace.');
    }
    const id = newId();
    const row = {
      organizationId,
      id,
      workspaceId,
      name: input.name.trim(),
      description: input.description ?? '',
      ownerId: userId,
      status: input.status ?? 'PLANNING',
      priority: input.priority ?? 'MEDIUM',
      startDate: input.startDate ?? null,
      dueDate: input.dueDate ?? null,
      budget: input.budget ?? null,
      hourlyRate: input.hourlyRate ?? null,
      completionGuard: input.completionGuard ?? 'WARN',
      createdById: userId,
    } as const;
    // As the organization: nobody is in a project before they are put into it.
    const project = await unit.nested(wholeOf(organizationId), async () => {
      const made = input.key
        ? await withKey(row, input.key.toUpperCase())
        : await withFreeKey(row, keyFrom(input.name));
      await database
        .insert(projectCollaborators)
        .values({ organizationId, projectId: id, userId, role: 'ADMIN', addedById: userId });
      return made;
    });
    unit.record({
      action: 'project.created',
      type: 'Project',
      id,
      workspaceId,
      data: { key: project.key, name: row.name },
    });
    return project;
  });
};

type NewProject = Omit<typeof projects.$inferInsert, 'key'>;

const withKey = async (row: NewProject, key: string): Promise<ProjectRow> =>
  sole(
    await database
      .insert(projects)
      .values({ ...row, key })
      .returning()
      .catch(keyTaken),
  );

/** How many projects are given a key made of the same word. */
const maxNamesakes = 500;

/** Inserts a project under the word, or the first of `WORD2`, `WORD3` and so on that is free. Throws Conflict where there is none. */
const withFreeKey = async (row: NewProject, word: string): Promise<ProjectRow> => {
  const candidates = Array.from({ length: maxNamesakes }, (_, index) => numbered(word, index + 1));
  const isCandidate = and(eq(projects.organizationId, row.organizationId), inArray(projects.key, candidates));
  // Whoever takes one at the same time takes the first free one too, and is waited for.
  for (;;) {
    const taken = new Set(
      (await database.select({ key: projects.key }).from(projects).where(isCandidate)).map(({ key }) => key),
    );
    const key = candidates.find((each) => !taken.has(each));
    if (key === undefined) throw new Conflict('key', 'Too many projects are called alike: name a key.');
    const [made] = await database
      .insert(projects)
      .values({ ...row, key })
      .onConflictDoNothing()
      .returning();
    if (made !== undefined) return made;
  }
};

/** A word of at most 10 characters with its number behind it; the first has none. */
const numbered = (word: string, number: number): string =>
  number === 1 ? word : `${word.slice(0, 10 - String(number).length)}${number}`;

/** Turns a key that is taken into Conflict. */
export const keyTaken = (error: unknown): never => {
  if (violates(error, 'projects_key_key'))
    throw new Conflict('key', 'Another project of the organization has this key.');
  throw error;
};
