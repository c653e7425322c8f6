import { and, eq, gt, isNotNull, isNull, sql, type SQL } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { database } from '../../database/client.ts';
import type { Scope, UnitOfWork } from '../../database/unit-of-work.ts';
import type { Permission } from '../../generated/resolvers.ts';
import type { Credential, OrganizationRole, Viewer, WorkspaceRole } from '../context.ts';
import type { SessionLimits } from '../identity/operations.ts';
import { devices, extensionKeys, sessions, twoFactors, users } from '../identity/tables.ts';
import { allPermissions, permissionsOf, type Grant, type Standing } from '../permissions.ts';
import { settingsOf } from './organization-settings.ts';
import {
  apiKeyWorkspaces,
  apiKeys,
  groupMemberships,
  groups,
  memberships,
  organizations,
  userPermissions,
  workspaceMemberships,
  workspaces,
} from './tables.ts';

interface WorkspacePlace {
  readonly id: string;
  readonly role: WorkspaceRole | null;
}

const { organizationId, userId, credentialId } = {
  organizationId: sql.placeholder('organizationId'),
  userId: sql.placeholder('userId'),
  credentialId: sql.placeholder('credentialId'),
};

/** Rows of a sub-select as an array of JSON. */
const all = <Row>(columns: SQL, from: SQL) => sql<Row[]>`(select coalesce(json_agg(${columns}), '[]') from ${from})`;

const places = all<WorkspacePlace>(
  sql`json_build_object('id', ${workspaces.id}, 'role', ${workspaceMemberships.role})`,
  sql`${workspaces}
    left join ${workspaceMemberships} on ${workspaceMemberships.organizationId} = ${workspaces.organizationId}
      and ${workspaceMemberships.workspaceId} = ${workspaces.id} and ${workspaceMemberships.userId} = ${users.id}
    where ${workspaces.organizationId} = ${memberships.organizationId}
      and (${workspaceMemberships.userId} is not null
        or (${memberships.role} not in ('OWNER', 'ADMIN', 'GUEST') and ${workspaces.published}))`,
);

const archivedWorkspaces = all<string>(
  sql`${workspaces.id}`,
  sql`${workspaces} where ${workspaces.organizationId} = ${memberships.organizationId} and ${workspaces.archivedAt} is not null`,
);

const grants = all<Grant>(
  sql`json_build_object('permission', ${userPermissions.permission}, 'effect', ${userPermissions.effect})`,
  sql`${userPermissions} where ${userPermissions.organizationId} = ${memberships.organizationId}
    and ${userPermissions.userId} = ${users.id}`,
);

const activeGroups = all<string>(
  sql`${groups.id}`,
  sql`${groupMemberships} join ${groups} on ${groups.organizationId} = ${groupMemberships.organizationId}
      and ${groups.id} = ${groupMemberships.groupId}
    where ${groupMemberships.organizationId} = ${memberships.organizationId}
      and ${groupMemberships.userId} = ${users.id} and ${groups.active}`,
);

const standingOfMember = database
  .select({
    role: memberships.role,
    platformRole: users.platformRole,
    dormant: sql<boolean>`${organizations.deletedAt} is not null`,
    settings: organizations.settings,
    // Seen because the unit is of this user.
    hasTwoFactor: sql<boolean>`exists (select from ${twoFactors}
      where ${twoFactors.userId} = ${users.id} and ${twoFactors.confirmedAt} is not null)`,
    places: places.as('places'),
    archivedWorkspaces: archivedWorkspaces.as('archivedWorkspaces'),
    grants: grants.as('grants'),
    groups: activeGroups.as('groups'),
  })
  .from(memberships)
  .innerJoin(users, eq(users.id, memberships.userId))
  .innerJoin(organizations, eq(organizations.id, memberships.organizationId))
  .where(
    and(
      eq(memberships.organizationId, organizationId),
      eq(memberships.userId, userId),
      isNull(memberships.suspendedAt),
      isNull(users.suspendedAt),
      isNull(users.deletedAt),
      isNull(organizations.suspendedAt),
      // Only its owners enter a deleted organization.
      sql`(${organizations.deletedAt} is null or ${memberships.role} = 'OWNER')`,
    ),
  )
  .prepare('standingOfMember');

const liveSession = database
  .select({
    handedOver: sessions.handedOver,
    hours: sql<string>`extract(epoch from now() - ${sessions.createdAt}) / 3600`,
  })
  .from(sessions)
  .where(
    and(
      eq(sessions.id, credentialId),
      eq(sessions.organizationId, organizationId),
      isNull(sessions.revokedAt),
      gt(sessions.expiresAt, sql`now()`),
      gt(sessions.lastActivityAt, sql`now() - make_interval(secs => ${sql.placeholder('idleSeconds')})`),
    ),
  )
  .prepare('liveSession');

/** What somebody left behind in an organization stays dead when they come back. */
const madeAsMember = (madeAt: PgColumn): SQL => sql`exists (select from ${memberships}
  where ${memberships.organizationId} = ${organizationId} and ${memberships.userId} = ${userId}
    and ${memberships.createdAt} <= ${madeAt})`;

const liveDevice = database
  .select({ id: devices.id })
  .from(devices)
  .where(
    and(
      eq(devices.id, credentialId),
      eq(devices.organizationId, organizationId),
      isNotNull(devices.approvedAt),
      madeAsMember(devices.createdAt),
    ),
  )
  .prepare('liveDevice');

const liveExtensionKey = database
  .select({ id: extensionKeys.id })
  .from(extensionKeys)
  .where(
    and(
      eq(extensionKeys.id, credentialId),
      eq(extensionKeys.organizationId, organizationId),
      madeAsMember(extensionKeys.createdAt),
    ),
  )
  .prepare('liveExtensionKey');

const liveApiKey = database
  .select({
    scopes: apiKeys.scopes,
    allWorkspaces: apiKeys.allWorkspaces,
    allowedAddresses: apiKeys.allowedAddresses,
    workspaces: all<string>(
      sql`${apiKeyWorkspaces.workspaceId}`,
      sql`${apiKeyWorkspaces} where ${apiKeyWorkspaces.organizationId} = ${apiKeys.organizationId}
        and ${apiKeyWorkspaces.apiKeyId} = ${apiKeys.id}`,
    ).as('workspaces'),
  })
  .from(apiKeys)
  .where(
    and(
      eq(apiKeys.organizationId, organizationId),
      eq(apiKeys.id, credentialId),
      eq(apiKeys.userId, userId),
      isNull(apiKeys.revokedAt),
      sql`(${apiKeys.expiresAt} is null or ${apiKeys.expiresAt} > now())`,
    ),
  )
  .prepare('liveApiKey');

/** How far a credential reaches; null when it is no longer valid. */
interface Reach {
  readonly scopes: ReadonlySet<Permission> | null;
  readonly workspaces: '*' | readonly string[];
  readonly allowedAddresses: readonly string[] | null;
  /** How old the session is; null for what is none. */
  readonly hours: number | null;
}

const unlimited: Reach = { scopes: null, workspaces: '*', allowedAddresses: null, hours: null };
/** The rules themselves keep one's personal affairs from whoever has scopes. */
const impersonal: ReadonlySet<Permission> = new Set(allPermissions);
const ofExtensions: ReadonlySet<Permission> = new Set(['PAGE_SAVE']);

interface Keys extends Record<string, unknown> {
  readonly organizationId: string;
  readonly userId: string;
  readonly credentialId: string;
  readonly idleSeconds: number;
}

const reaches: Readonly<Record<Credential['kind'], (keys: Keys) => Promise<Reach | null>>> = {
  SESSION: async (keys) => {
    const [session] = await liveSession.execute(keys);
    if (session === undefined) return null;
    const { handedOver, hours } = session;
    return { ...unlimited, scopes: handedOver ? impersonal : null, hours: Number(hours) };
  },
  DEVICE: async (keys) => ((await liveDevice.execute(keys)).length === 0 ? null : { ...unlimited, scopes: impersonal }),
  EXTENSION_KEY: async (keys) =>
    (await liveExtensionKey.execute(keys)).length === 0 ? null : { ...unlimited, scopes: ofExtensions },
  API_KEY: async (keys) => {
    const [key] = await liveApiKey.execute(keys);
    if (key === undefined) return null;
    const { scopes, allWorkspaces, allowedAddresses } = key;
    const within = allWorkspaces ? '*' : key.workspaces;
    return { ...unlimited, scopes: new Set(scopes), workspaces: within, allowedAddresses };
  },
};

/** All that a viewer may see is being worked out, so this unit sees the whole organization, for one user. */
export const discovery = (organizationId: string, userId: string): Scope => ({
  organizationId,
  userId,
  principals: [userId, organizationId],
  workspaces: '*',
});

/** What a credential leads to, before anything is known of its validity. */
export interface Claim extends Pick<Credential, 'kind' | 'id'> {
  readonly organizationId: string;
  readonly userId: string;
}

/**
 * The viewer that a credential stands for now; null when it has ended, a session has been idle for too long, or its user lost their
 * place. The unit is one of `discovery`.
 */
export const viewerOfCredential = async (
  unit: UnitOfWork,
  { kind, id, ...whose }: Claim,
  { idleMs }: Pick<SessionLimits, 'idleMs'>,
): Promise<Viewer | null> => {
  const [reach, member] = await Promise.all([
    unit.run(() => reaches[kind]({ ...whose, credentialId: id, idleSeconds: idleMs / 1000 })),
    memberNow(unit, whose),
  ]);
  if (reach === null || member === null) return null;
  // Into a deleted organization its owners alone come, by a session.
  if (member.dormant && kind !== 'SESSION') return null;
  if (reach.hours !== null && reach.hours > settingsOf(member).sessionHours) return null;
  return viewerFrom(member, { kind, id, allowedAddresses: reach.allowedAddresses }, whose, reach);
};

/** What a member may do after a sign-in of their own; null for who has no place in the organization. The unit is one of `discovery`. */
export const viewerOfMember = async (
  unit: UnitOfWork,
  whose: Pick<Claim, 'organizationId' | 'userId'>,
): Promise<Viewer | null> => {
  const member = await memberNow(unit, whose);
  return member && viewerFrom(member, { kind: 'SESSION', id: whose.userId, allowedAddresses: null }, whose, unlimited);
};

type Whose = Pick<Claim, 'organizationId' | 'userId'>;
type Member = Awaited<ReturnType<typeof standingOfMember.execute>>[number];

const memberNow = async (unit: UnitOfWork, { organizationId, userId }: Whose): Promise<Member | null> => {
  const [member] = await unit.run(() => standingOfMember.execute({ organizationId, userId }));
  return member ?? null;
};

/** Whoever became a guest of the organization manages no workspace any more, whatever they were there. */
const roleFor = (role: OrganizationRole, own: WorkspaceRole): WorkspaceRole =>
  role === 'GUEST' && own === 'ADMIN' ? 'EDITOR' : own;

const viewerFrom = (member: Member, credential: Credential, whose: Whose, { scopes, workspaces }: Reach): Viewer => {
  const { role, platformRole, grants, dormant } = member;
  const lacksTwoFactor = settingsOf(member).requireTwoFactor && !member.hasTwoFactor;
  const confined = workspaces !== '*';
  const standing: Standing = { role, platformRole, grants, scopes, confined, dormant, lacksTwoFactor };
  const self = confined ? credential.id : whose.userId;
  const barred = dormant || lacksTwoFactor;
  const holdsAllWorkspaces = role === 'OWNER' || role === 'ADMIN';
  const within = (id: string) => workspaces === '*' || workspaces.includes(id);
  const places = barred ? [] : member.places.filter(({ id }) => within(id));
  const seen = places.map(({ id }) => id);
  const sees = holdsAllWorkspaces && !barred ? workspaces : seen;
  return {
    ...whose,
    credential,
    role,
    standing,
    permissions: permissionsOf(standing),
    holdsAllWorkspaces,
    workspaceRoles: new Map(places.flatMap(({ id, role: own }) => (own === null ? [] : [[id, roleFor(role, own)]]))),
    workspaces: sees,
    archivedWorkspaces: new Set(member.archivedWorkspaces),
    self,
    principals: [
      self,
      ...(sees === '*' ? seen : sees),
      ...(confined ? [] : member.groups),
      ...(holdsAllWorkspaces && !confined ? [whose.organizationId] : []),
    ],
  };
};

/** The first owner of an organization, for what is done in their name before any sign-in. */
export const founderOf = (organizationId: string, userId: string): Viewer => {
  const nothing = { settings: {}, places: [], archivedWorkspaces: [], grants: [], groups: [] };
  const member: Member = { role: 'OWNER', platformRole: 'NONE', dormant: false, hasTwoFactor: false, ...nothing };
  const credential = { kind: 'SESSION', id: userId, allowedAddresses: null } as const;
  return viewerFrom(member, credential, { organizationId, userId }, unlimited);
};

/** What the row policies see of a viewer. */
export const scopeOf = ({
  organizationId,
  userId,
  principals,
  workspaces,
  credential,
  permissions,
}: Viewer): Scope => ({
  organizationId,
  userId,
  principals,
  workspaces,
  ...(credential.kind === 'API_KEY' && { apiKeyId: credential.id }),
  ...(!permissions.has('KNOWLEDGE_READ') && { withoutKnowledge: true }),
});
