import { viewerOf, type Context } from '../context.ts';
import { ownPlaceByProject, projectById, projectsUnit } from './project-loaders.ts';
import { standingIn, type ProjectStanding } from './project-rights.ts';
import type { ProjectRow } from './project-tables.ts';

/** The viewer's standing in a project that they see; one statement for all of a field level. */
export const standingOf = async (
  context: Pick<Context, 'unit' | 'viewer'>,
  project: Pick<ProjectRow, 'id' | 'workspaceId'>,
): Promise<ProjectStanding> =>
  standingIn(viewerOf(context), project, await ownPlaceByProject(projectsUnit(context)).load(project.id));

/** Whether the viewer manages a project; they do not manage one that they do not see. */
export const manages = async (context: Pick<Context, 'unit' | 'viewer'>, projectId: string): Promise<boolean> => {
  const project = await projectById(projectsUnit(context)).load(projectId);
  return project !== null && (await standingOf(context, project)) === 'MANAGES';
};

/** What only those see who manage the project: null for others. */
export const forManagers = async <Value>(
  context: Pick<Context, 'unit' | 'viewer'>,
  projectId: string,
  value: () => Value | Promise<Value>,
): Promise<Value | null> => ((await manages(context, projectId)) ? value() : null);
