import { and, eq, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Scope, UnitOfWork } from '../../database/unit-of-work.ts';
import type { Viewer, WorkspaceRole } from '../context.ts';
import { sessions, users } from '../identity/tables.ts';
import { permissionsOfPlatformRole, permissionsOfRole } from './permissions.ts';
import { memberships, organizations, workspaceMemberships, workspaces } from './tables.ts';

interface WorkspacePlace {
  readonly id: string;
  readonly role: WorkspaceRole | null;
}

const places = sql<WorkspacePlace[]>`(
  select coalesce(json_agg(json_build_object('id', ${workspaces.id}, 'role', ${workspaceMemberships.role})), '[]')
  from ${workspaces}
  left join ${workspaceMemberships} on ${workspaceMemberships.organizationId} = ${workspaces.organizationId}
    and ${workspaceMemberships.workspaceId} = ${workspaces.id} and ${workspaceMemberships.userId} = ${users.id}
  where ${workspaces.organizationId} = ${memberships.organizationId}
    and (${workspaceMemberships.userId} is not null
      or (${memberships.role} not in ('OWNER', 'ADMIN', 'GUEST') and ${workspaces.published}))
)`;

const placeholder = { organizationId: sql.placeholder('organizationId'), userId: sql.placeholder('userId') };

const standing = () =>
  database
    .select({ role: memberships.role, platformRole: users.platformRole, places: places.as('places') })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .innerJoin(organizations, eq(organizations.id, memberships.organizationId));
const inGoodStanding = and(
  eq(memberships.organizationId, placeholder.organizationId),
  eq(memberships.userId, placeholder.userId),
  isNull(users.suspendedAt),
  isNull(users.deletedAt),
  isNull(organizations.deletedAt),
);
const standingInSession = standing()
  .innerJoin(
    sessions,
    and(
      eq(sessions.organizationId, memberships.organizationId),
      eq(sessions.userId, users.id),
      eq(sessions.id, sql.placeholder('sessionId')),
      isNull(sessions.revokedAt),
    ),
  )
  .where(inGoodStanding)
  .prepare('standingInSession');

/** All that a viewer may see is being worked out, so this unit sees the whole organization, for one user. */
export const discovery = (organizationId: string, userId: string): Scope => ({
  organizationId,
  userId,
  principals: [],
  workspaces: '*',
});

/** The viewer that a session stands for now; null when it has ended or its user lost their place. The unit is one of `discovery`. */
export const viewerOfSession = async (unit: UnitOfWork, userId: string, sessionId: string): Promise<Viewer | null> => {
  const { organizationId } = unit;
  const [found] = await unit.run(() => standingInSession.execute({ organizationId, userId, sessionId }));
  if (found === undefined) return null;
  const holdsAll = found.role === 'OWNER' || found.role === 'ADMIN';
  const seen = found.places.map((place) => place.id);
  return {
    userId,
    organizationId,
    sessionId,
    role: found.role,
    permissions: new Set([...permissionsOfRole[found.role], ...(permissionsOfPlatformRole[found.platformRole] ?? [])]),
    workspaceRoles: new Map(found.places.flatMap(({ id, role }) => (role === null ? [] : [[id, role]]))),
    workspaces: holdsAll ? '*' : seen,
    principals: [userId, ...seen, ...(holdsAll ? [organizationId] : [])],
  };
};

/** What the row policies see of a viewer. */
export const scopeOf = ({ organizationId, userId, principals, workspaces }: Viewer): Scope => ({
  organizationId,
  userId,
  principals,
  workspaces,
});
