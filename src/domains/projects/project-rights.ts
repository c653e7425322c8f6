import { and, eq, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { wholeOf, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden, NotFound } from '../../errors.ts';
import { viewerOf, type Context, type Viewer } from '../context.ts';
import { atLeast, requireActive, roleIn, workspaceRanks } from '../permissions.ts';
import { memberships, workspaceMemberships, workspaces } from '../tenancy/tables.ts';
import { projectCollaborators, projects, type ProjectCollaboratorRow, type ProjectRow } from './project-tables.ts';

/** Who does something to projects, in which unit of work, and by which means. */
export type ProjectMeans = Pick<Context, 'unit' | 'viewer' | 'services'>;

/**
 * What somebody who sees a project may do in it: see it, work in it, or manage it. Its ADMINs manage it, and who holds PROJECT_MANAGE; in a
 * workspace's project so do the workspace's ADMINs. Collaborators work in it, and EDITORs of the workspace.
 */
export type ProjectStanding = 'SEES' | 'WORKS' | 'MANAGES';

/** A project that is locked, with what the viewer may do in it. */
export interface HeldProject {
  readonly project: ProjectRow;
  readonly standing: ProjectStanding;
}

/** Condition for one project. */
export const isProject = (organizationId: string, id: string) =>
  and(eq(projects.organizationId, organizationId), eq(projects.id, id));

/** The viewer's standing in a project that they see. */
export const standingIn = (
  viewer: Viewer,
  { workspaceId }: Pick<ProjectRow, 'workspaceId'>,
  place: Pick<ProjectCollaboratorRow, 'role'> | null,
): ProjectStanding => {
  // A key of some workspaces is not its member's self: their places in projects are not its own.
  const role = viewer.self === viewer.userId ? (place?.role ?? null) : null;
  if (role === 'ADMIN' || viewer.permissions.has('PROJECT_MANAGE')) return 'MANAGES';
  const ofWorkspace = workspaceId === null ? null : roleIn(viewer, workspaceId);
  if (ofWorkspace === 'ADMIN') return 'MANAGES';
  const edits = ofWorkspace !== null && atLeast(workspaceRanks, ofWorkspace, 'EDITOR');
  return role !== null || edits ? 'WORKS' : 'SEES';
};

/**
 * Locks a project until the end of the transaction; all that changes it, its people, its labels or the places of its tasks begins here. Throws NotFound, and
 * Conflict (its workspace is archived).
 */
export const lockProject = async ({ unit, viewer }: ProjectMeans, id: string): Promise<HeldProject> => {
  unit.enter('projects');
  const { organizationId } = unit;
  const [project] = await database.select().from(projects).where(isProject(organizationId, id)).for('no key update');
  if (project === undefined) throw new NotFound('Project', id);
  const asking = viewerOf({ viewer });
  if (project.workspaceId !== null) requireActive(asking, project.workspaceId);
  const [place = null] = await database
    .select()
    .from(projectCollaborators)
    .where(
      and(
        eq(projectCollaborators.organizationId, organizationId),
        eq(projectCollaborators.projectId, id),
        eq(projectCollaborators.userId, asking.userId),
      ),
    );
  return { project, standing: standingIn(asking, project, place) };
};

/** Throws Conflict for an archived project. */
export const requireOpen = ({ project }: Pick<HeldProject, 'project'>): void => {
  if (project.status === 'ARCHIVED')
    throw new Conflict('projectId', 'This project is archived: nothing in it changes.', { key: project.key });
};

/** A locked project in which the viewer works. Throws NotFound, Conflict (archived), Forbidden. */
export const lockToWork = async (means: ProjectMeans, id: string): Promise<HeldProject> => {
  const held = await lockProject(means, id);
  if (held.standing === 'SEES')
    throw new Forbidden('TASK_WRITE', 'This needs a place in the project, or the role EDITOR in its workspace.');
  requireOpen(held);
  return held;
};

/** A locked project that the viewer manages, archived or not. Throws NotFound, Conflict (its workspace is archived), Forbidden. */
export const lockToManage = async (means: ProjectMeans, id: string): Promise<HeldProject> => {
  const held = await lockProject(means, id);
  if (held.standing !== 'MANAGES') throw new Forbidden('PROJECT_MANAGE', 'This needs the role ADMIN in the project.');
  return held;
};

/**
 * Whether a member of the organization sees a project: who belongs to it, who sees its workspace, and the organization's administrators. For a statement
 * that reads `memberships`.
 */
export const seesProject = ({ id, workspaceId }: Pick<ProjectRow, 'id' | 'workspaceId'>): SQL<boolean> => {
  const works = sql`exists (select from ${projectCollaborators}
    where ${projectCollaborators.organizationId} = ${memberships.organizationId} and ${projectCollaborators.projectId} = ${id}
      and ${projectCollaborators.userId} = ${memberships.userId})`;
  const belongs = sql`exists (select from ${workspaceMemberships}
    where ${workspaceMemberships.organizationId} = ${memberships.organizationId}
      and ${workspaceMemberships.workspaceId} = ${workspaceId} and ${workspaceMemberships.userId} = ${memberships.userId})`;
  const published = sql`${memberships.role} <> 'GUEST' and exists (select from ${workspaces}
    where ${workspaces.organizationId} = ${memberships.organizationId} and ${workspaces.id} = ${workspaceId} and ${workspaces.published})`;
  return sql<boolean>`(${memberships.role} in ('OWNER', 'ADMIN') or ${works} or ${belongs} or (${published}))`;
};

/**
 * Whether a member sees a project: who belongs to it, who sees its workspace, and the organization's administrators; null for who is no member. Holds their
 * membership fast.
 */
export const memberSees = async (
  unit: UnitOfWork,
  project: Pick<ProjectRow, 'id' | 'workspaceId'>,
  userId: string,
): Promise<boolean | null> => {
  const { organizationId } = unit;
  // As the organization: who works in a project need not see its workspace.
  const [member] = await unit.nested(wholeOf(organizationId), () =>
    database
      .select({ sees: seesProject(project) })
      .from(memberships)
      .where(and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId)))
      .for('key share'),
  );
  return member?.sees ?? null;
};

/**
 * Whether somebody can be given work in a project: who sees it. Holds their membership fast. Throws NotFound for who is no member of the organization,
 * BadUserInput for who does not see the project.
 */
export const requireSeer = async (
  unit: UnitOfWork,
  project: Pick<ProjectRow, 'id' | 'workspaceId'>,
  userId: string,
  field: string,
): Promise<void> => {
  const sees = await memberSees(unit, project, userId);
  if (sees === null) throw new NotFound('User', userId, field);
  if (!sees) throw new BadUserInput(field, 'This member does not see the project: add them to it first.');
};
