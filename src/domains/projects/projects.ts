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
      key: input.key?.toUpperCase() ?? keyFrom(input.name),
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
      const made = sole(await database.insert(projects).values(row).returning().catch(keyTaken));
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
      data: { key: row.key, name: row.name },
    });
    return project;
  });
};

/** Turns a key that is taken into Conflict. */
export const keyTaken = (error: unknown): never => {
  if (violates(error, 'projects_key_key'))
    throw new Conflict('key', 'Another project of the organization has this key.');
  throw error;
};
