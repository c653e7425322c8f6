import { and, count, eq, ne, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict, NotFound } from '../../errors.ts';
import type { OrganizationSettings } from './organization-settings.ts';
import { settingNamesIn } from './organization-settings.ts';
import {
  groups,
  invites,
  memberships,
  organizations,
  type apiKeyStrategies,
  type organizationTypes,
  type OrganizationRow,
} from './tables.ts';

export type OrganizationType = (typeof organizationTypes)[number];
export type ApiKeyStrategy = (typeof apiKeyStrategies)[number];

/** What a type of organization allows. */
export interface Allowance {
  /** Members, whatever their role, suspended ones too; null: no bound. */
  readonly members: number | null;
  /** Groups; null: no bound. */
  readonly groups: number | null;
  readonly invites: boolean;
  readonly apiKeyStrategies: readonly ApiKeyStrategy[];
  /** Settings that may differ from their defaults. */
  readonly settings: readonly (keyof OrganizationSettings)[];
}

const ownAffairs = [
  'retentionDays',
  'officeRetentionDays',
  'apiKeyMaxDays',
  'defaultLanguage',
  'maxUploadBytes',
  'allowedFileTypes',
  'dailyMessages',
  'monthlyTokens',
  'keepCallContents',
  'callRetentionDays',
  'contentRetentionDays',
  'timeZone',
  'activityDays',
  'eventDays',
  'metricDays',
  'eventLogDays',
] as const;

/** The one table of what each type of organization allows; the documentation prints it. */
export const allowances: Readonly<Record<OrganizationType, Allowance>> = {
  SOLO: { members: 1, groups: 0, invites: false, apiKeyStrategies: ['PLATFORM', 'BYOK'], settings: ownAffairs },
  TEAM: { members: 250, groups: 50, invites: true, apiKeyStrategies: ['PLATFORM', 'BYOK'], settings: ownAffairs },
  ENTERPRISE: {
    members: null,
    groups: null,
    invites: true,
    apiKeyStrategies: ['PLATFORM', 'BYOK', 'HYBRID'],
    settings: [...ownAffairs, 'requireTwoFactor', 'sessionHours', 'allowedEmailDomains'],
  },
};

/**
 * The unit's organization, locked until the running transaction ends: what counts its members or changes its type or state follows each
 * other. Rows that refer to it can be written meanwhile. Throws NotFound.
 */
export const lockedOrganization = (unit: UnitOfWork): Promise<OrganizationRow> =>
  unit.transact(async ({ organizationId }) => {
    const [organization] = await database
      .select()
      .from(organizations)
      .where(eq(organizations.id, organizationId))
      .for('no key update');
    if (organization === undefined) throw new NotFound('Organization', organizationId);
    return organization;
  });

/** As `lockedOrganization`, for what no deleted organization takes in. Throws Conflict too. */
const lockedLiving = async (unit: UnitOfWork): Promise<OrganizationRow> => {
  const organization = await lockedOrganization(unit);
  if (organization.deletedAt !== null) throw new Conflict('organization', 'This organization is deleted.');
  return organization;
};

const membersOf = async (organizationId: string): Promise<number> =>
  sole(
    await database.select({ total: count() }).from(memberships).where(eq(memberships.organizationId, organizationId)),
  ).total;

const groupsOf = async (organizationId: string): Promise<number> =>
  sole(await database.select({ total: count() }).from(groups).where(eq(groups.organizationId, organizationId))).total;

const openInvitesOf = async (organizationId: string): Promise<number> => {
  const open = and(eq(invites.status, 'PENDING'), sql`${invites.expiresAt} > now()`);
  const rows = database
    .select({ total: count() })
    .from(invites)
    .where(and(eq(invites.organizationId, organizationId), open));
  return sole(await rows).total;
};

/**
 * Makes sure, in the running transaction, that the unit's organization takes one more member; of parallel joins those behind the bound see it.
 * Called before the membership is inserted. Throws Conflict (field `organization`), NotFound.
 */
export const requireRoomForMember = (unit: UnitOfWork): Promise<void> =>
  unit.transact(async ({ organizationId }) => {
    const { type } = await lockedLiving(unit);
    const bound = allowances[type].members;
    if (bound !== null && (await membersOf(organizationId)) >= bound)
      throw new Conflict('organization', `An organization of the type ${type} has at most ${bound} members.`);
  });

/** As `requireRoomForMember`, for one more group. */
export const requireRoomForGroup = (unit: UnitOfWork): Promise<void> =>
  unit.transact(async ({ organizationId }) => {
    const { type } = await lockedLiving(unit);
    const bound = allowances[type].groups;
    if (bound !== null && (await groupsOf(organizationId)) >= bound)
      throw new Conflict('organization', `An organization of the type ${type} has at most ${bound} groups.`);
  });

/** Makes sure, in the running transaction, that the unit's organization may invite, and gives it. Throws Conflict (field `organization`), NotFound. */
export const requireInvitesAllowed = (unit: UnitOfWork): Promise<OrganizationRow> =>
  unit.transact(async () => {
    const organization = await lockedLiving(unit);
    if (!allowances[organization.type].invites)
      throw new Conflict('organization', `An organization of the type ${organization.type} invites nobody.`);
    return organization;
  });

/** Throws Conflict when the type does not allow the strategy. */
export const requireStrategyAllowed = (type: OrganizationType, strategy: ApiKeyStrategy): void => {
  if (!allowances[type].apiKeyStrategies.includes(strategy))
    throw new Conflict('apiKeyStrategy', `An organization of the type ${type} cannot use ${strategy}.`);
};

/**
 * Gives the unit's organization another type, in the running transaction, whoever asks: its owners between SOLO and TEAM, the installation's
 * administrators any. The unit sees all invites of the organization. Throws Conflict (field `type`) when it holds more than the type allows,
 * NotFound.
 */
export const changeType = (unit: UnitOfWork, type: OrganizationType): Promise<OrganizationRow> =>
  unit.transact(async ({ organizationId }) => {
    const organization = await lockedOrganization(unit);
    if (organization.type === type) return organization;
    const { members, groups: bound, invites: mayInvite, apiKeyStrategies, settings } = allowances[type];
    const refuse = (why: string) => new Conflict('type', `The type ${type} does not fit: ${why}`);
    if (members !== null && (await membersOf(organizationId)) > members)
      throw refuse(`there are more than ${members} members.`);
    if (bound !== null && (await groupsOf(organizationId)) > bound)
      throw refuse(`there are more than ${bound} groups.`);
    if (!mayInvite && (await openInvitesOf(organizationId)) > 0) throw refuse('invites are open.');
    if (!apiKeyStrategies.includes(organization.apiKeyStrategy))
      throw refuse(`it has no API-key strategy ${organization.apiKeyStrategy}.`);
    const lost = settingNamesIn(organization.settings).find((name) => !settings.includes(name));
    if (lost !== undefined) throw refuse(`it has no setting ${lost}; put that back to its default first.`);
    const [changed] = await database
      .update(organizations)
      .set({ type })
      .where(and(eq(organizations.id, organizationId), ne(organizations.type, type)))
      .returning();
    const data = { from: organization.type, to: type };
    unit.record({ action: 'organization.type_changed', type: 'Organization', id: organizationId, data });
    return changed ?? organization;
  });
