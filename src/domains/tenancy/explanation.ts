import { and, eq } from 'drizzle-orm';
import { apart } from '../../database/apart.ts';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { NotFound } from '../../errors.ts';
import type { Permission } from '../../generated/resolvers.ts';
import { parseGlobalId } from '../../ids.ts';
import { viewerOf, type Context, type Viewer, type WorkspaceRole } from '../context.ts';
import { found } from '../nodes.ts';
import { decisionIn, decisionOn, permissionRules, requirePermission, roleIn, type Decider } from '../permissions.ts';
import { memberUserById, organizationById, workspaceById } from './loaders.ts';
import type { PermissionExplanationRow } from './rows.ts';
import { userPermissions, type UserPermissionRow } from './tables.ts';
import { discovery, viewerOfMember } from './viewers.ts';

/** An explanation before the grant that decided is looked up. */
type Verdict = Omit<PermissionExplanationRow, 'grant'>;

/** Why somebody holds a permission or does not, in a workspace where one is given: what `requirePermission` decides, with its reason. */
export const verdictOn = (viewer: Viewer, permission: Permission, workspaceId: string | null): Verdict => {
  const { role } = viewer;
  const sees = workspaceId !== null && (viewer.workspaces === '*' || viewer.workspaces.includes(workspaceId));
  const workspaceRole = sees ? roleIn(viewer, workspaceId) : null;
  const decision =
    workspaceId === null ? decisionOn(viewer.standing, permission) : decisionIn(viewer, permission, workspaceId);
  const unseen = workspaceId !== null && !sees && decision.by === 'WORKSPACE_ROLE';
  const allowed = decision.allowed && !unseen;
  const reason = unseen ? 'they do not see this workspace' : reasons[decision.by](permission, viewer, workspaceRole);
  const sentence = `${permission} is ${allowed ? 'allowed' : 'refused'}: ${reason}.`;
  return { permission, allowed, decidedBy: decision.by, role, workspaceRole, sentence };
};

const reasons: Readonly<
  Record<Decider, (permission: Permission, viewer: Viewer, own: WorkspaceRole | null) => string>
> = {
  CREDENTIAL: () => 'the key or device of the request does not reach so far',
  TWO_FACTOR_MISSING: () => 'the organization demands a second factor, and theirs is not confirmed',
  DORMANT_ORGANIZATION: () => 'the organization is deleted, and this rests until it is restored',
  DENIAL: () => 'it was denied by hand',
  PLATFORM_ROLE: (_permission, { standing }) => `the role ${standing.platformRole} in the installation holds it`,
  ORGANIZATION_ROLE: (_permission, { role }) => `the role ${role} in the organization holds it`,
  GRANT: () => 'it was granted by hand',
  NOTHING: (_permission, { role }) => `the role ${role} does not hold it, and nobody granted it`,
  WORKSPACE_ROLE: (permission, _viewer, own) =>
    `it takes the role ${permissionRules[permission].workspaceRole} in the workspace, and theirs is ${own}`,
};

/**
 * Explains a permission of the viewer, with the credential of the request, or of another member after a sign-in of their own.
 * Throws NotFound, and Forbidden when the viewer may not look into another's rights.
 */
export const explainPermission = async (
  context: Context,
  { permission, on, userId }: { permission: Permission; on?: string | null; userId?: string | null },
): Promise<PermissionExplanationRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  const workspaceId = on === null || on === undefined ? null : await workspaceOf(unit, on);
  const whose = userId ?? viewer.userId;
  if (whose !== viewer.userId) {
    requirePermission(viewer, 'MEMBER_MANAGE');
    await found('User', whose, memberUserById(unit));
  }
  // Grants, workspaces and the second factor are seen by whose they are.
  return apart(unit, async () => {
    const theirs = unit.as(discovery(viewer.organizationId, whose));
    try {
      const subject = whose === viewer.userId ? viewer : await viewerOfMember(theirs, { ...viewer, userId: whose });
      if (subject === null) return closedTo(permission);
      const verdict = verdictOn(subject, permission, workspaceId);
      const byHand = verdict.decidedBy === 'GRANT' || verdict.decidedBy === 'DENIAL';
      return { ...verdict, grant: byHand ? await grantOf(theirs, permission) : null };
    } finally {
      await theirs.rest();
    }
  });
};

const closedTo = (permission: Permission): PermissionExplanationRow => ({
  permission,
  allowed: false,
  decidedBy: 'NOTHING',
  role: null,
  workspaceRole: null,
  grant: null,
  sentence: `${permission} is refused: they are suspended, or the organization is closed to them.`,
});

/** The workspace that is meant; null for the organization itself. Throws NotFound for all else. */
const workspaceOf = async (unit: UnitOfWork, on: string): Promise<string | null> => {
  const { prefix, uuid } = parseGlobalId(on) ?? { prefix: '', uuid: '' };
  if (prefix === 'workspace') return (await found('Workspace', uuid, workspaceById(unit))).id;
  if (prefix !== 'organization') throw new NotFound('Node', on);
  await found('Organization', uuid, organizationById(unit));
  return null;
};

/** What the unit's user was given by hand. */
const grantOf = async (unit: UnitOfWork, permission: Permission): Promise<UserPermissionRow | null> => {
  const [grant] = await unit.run(() =>
    database
      .select()
      .from(userPermissions)
      .where(
        and(
          eq(userPermissions.organizationId, unit.organizationId),
          eq(userPermissions.userId, unit.scope.userId ?? ''),
          eq(userPermissions.permission, permission),
        ),
      ),
  );
  return grant ?? null;
};
