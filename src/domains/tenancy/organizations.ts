import { and, eq, inArray, isNotNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { nowhere } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden, type InputIssue } from '../../errors.ts';
import type {
  CreateOrganizationInput,
  DeleteOrganizationInput,
  UpdateOrganizationInput,
} from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { requireOwnPassword } from '../identity/accounts.ts';
import { accessTokens, twoFactors, users } from '../identity/tables.ts';
import { requirePermission } from '../permissions.ts';
import { erasureHasBegun } from './organization-erasure.ts';
import { changedSettings, settingNamesIn, settingsIssues, settingsOf } from './organization-settings.ts';
import { allowances, changeType, lockedOrganization, requireStrategyAllowed } from './organization-types.ts';
import { requireSlug, withFreeSlug } from './slugs.ts';
import { memberships, organizations, userOrganizations, type OrganizationRow } from './tables.ts';

/** Organizations that one person may own through `createOrganization`. */
const maxOwned = 20;

const nameIssues = (name: string): InputIssue[] =>
  name.trim().length >= 1 && name.length <= 200 ? [] : [{ field: 'name', message: 'A name has 1 to 200 characters.' }];

const issuesOf = ({ name, slug, type, apiKeyStrategy, settings }: UpdateOrganizationInput): InputIssue[] => [
  ...(name === undefined ? [] : nameIssues(name ?? '')),
  ...(slug === undefined || /^[a-z0-9-]{2,60}$/.test(slug ?? '')
    ? []
    : [{ field: 'slug', message: 'A slug has 2 to 60 of the characters a-z, 0-9 and -.' }]),
  ...(type === null ? [{ field: 'type', message: 'An organization has a type.' }] : []),
  ...(apiKeyStrategy === null ? [{ field: 'apiKeyStrategy', message: 'An organization has a strategy.' }] : []),
  ...settingsIssues(settings ?? {}),
];

/** Changes the viewer's organization. Throws BadUserInput, Conflict, Forbidden (the type is for its owners, or for the installation). */
export const updateOrganization = async (
  context: Context,
  input: UpdateOrganizationInput,
): Promise<OrganizationRow> => {
  const issues = issuesOf(input);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { unit, services } = context;
  const updated = await unit.transact(async ({ organizationId }) => {
    const current = await lockedOrganization(unit);
    const typed = input.type ? await retyped(context, current, input.type) : current;
    const changes = await changesOf(context, typed, input);
    const fields = Object.keys(changes);
    if (fields.length === 0) return typed;
    const row = sole(await written(organizationId, changes));
    const data = { fields, ...(changes.settings && { settings: Object.keys(input.settings ?? {}) }) };
    unit.record({ action: 'organization.updated', type: 'Organization', id: organizationId, data });
    return row;
  });
  // A demand for second factors or shorter sessions holds at once.
  services.viewers.forgetOrganization(updated.id);
  return updated;
};

/** The type as the owner wants it. */
const retyped = (
  context: Context,
  current: OrganizationRow,
  type: OrganizationRow['type'],
): Promise<OrganizationRow> | OrganizationRow => {
  if (type === current.type) return current;
  requirePermission(viewerOf(context), 'ORGANIZATION_OWN');
  if (type === 'ENTERPRISE' || current.type === 'ENTERPRISE')
    throw new Forbidden('PLATFORM_ADMINISTER', 'The type ENTERPRISE is for the installation to give and take.');
  return changeType(context.unit, type);
};

type Changes = Partial<Pick<OrganizationRow, 'name' | 'slug' | 'apiKeyStrategy' | 'settings'>>;

/** What is to be written, where it differs from what is there. */
const changesOf = async (
  context: Context,
  current: OrganizationRow,
  { name, slug, apiKeyStrategy, settings }: UpdateOrganizationInput,
): Promise<Changes> => {
  const { type } = current;
  if (apiKeyStrategy) requireStrategyAllowed(type, apiKeyStrategy);
  const stored = changedSettings(current.settings, settings ?? {});
  const foreign = settingNamesIn(stored).find((each) => !allowances[type].settings.includes(each));
  if (foreign !== undefined)
    throw new Conflict(`settings.${foreign}`, `An organization of the type ${type} cannot set ${foreign}.`);
  const demanded = settingsOf({ settings: stored }).requireTwoFactor && !settingsOf(current).requireTwoFactor;
  if (demanded && !(await hasTwoFactor(viewerOf(context).userId)))
    throw new Conflict(
      'settings.requireTwoFactor',
      'Confirm a second factor of your own first: it would lock you out.',
    );
  const wanted: Changes = {
    ...(name && { name: name.trim() }),
    ...(slug && { slug }),
    ...(apiKeyStrategy && { apiKeyStrategy }),
    ...(settings && { settings: stored }),
  };
  const differs = ([key, value]: [string, unknown]) =>
    JSON.stringify(value) !== JSON.stringify(current[key as keyof Changes]);
  return Object.fromEntries(Object.entries(wanted).filter(differs));
};

const hasTwoFactor = async (userId: string): Promise<boolean> => {
  const confirmed = and(eq(twoFactors.userId, userId), isNotNull(twoFactors.confirmedAt));
  return (await database.select({ id: twoFactors.id }).from(twoFactors).where(confirmed)).length > 0;
};

const written = async (organizationId: string, changes: Changes): Promise<OrganizationRow[]> => {
  try {
    return await database.update(organizations).set(changes).where(eq(organizations.id, organizationId)).returning();
  } catch (error) {
    if (violates(error, 'organizations_slug_key')) throw new Conflict('slug', 'This slug is taken.');
    throw error;
  }
};

/** Makes an organization that the viewer owns, who stays where they are. Throws BadUserInput, Conflict (they own 20), Forbidden (ENTERPRISE). */
export const createOrganization = async (
  context: Context,
  { name, type }: CreateOrganizationInput,
): Promise<OrganizationRow> => {
  const issues = nameIssues(name);
  if (issues.length > 0) throw new BadUserInput(issues);
  if (type === 'ENTERPRISE')
    throw new Forbidden('PLATFORM_ADMINISTER', 'The type ENTERPRISE is for the installation to give.');
  const { userId } = viewerOf(context);
  const id = newId();
  await context.unit.rest();
  const founding = context.unit.as({ ...nowhere, organizationId: id, userId, workspaces: '*' });
  return founding.transact(async () => {
    // Of parallel requests of one person the second counts what the first has made.
    await database.select({ id: users.id }).from(users).where(eq(users.id, userId)).for('no key update');
    const { owned } = sole(
      await database.execute<{ owned: number }>(sql`select app_owned_organizations(${userId}::uuid) as owned`),
    );
    if (owned >= maxOwned) throw new Conflict('name', `A person owns at most ${maxOwned} organizations.`);
    const row = await withFreeSlug(name, async (slug) => {
      const [made] = await database
        .insert(organizations)
        .values({ id, name: name.trim(), slug, type: type ?? 'TEAM' })
        .onConflictDoNothing({ target: organizations.slug })
        .returning();
      return made;
    });
    await database.insert(memberships).values({ organizationId: id, userId, role: 'OWNER' });
    await database.insert(userOrganizations).values({ organizationId: id, userId });
    founding.record({ action: 'organization.created', type: 'Organization', id, data: { name: row.name } });
    return row;
  });
};

/** What opens a way in for minutes without a viewer. Invites stay for the day of a restoration; nobody can claim one meanwhile. */
const shortWays = ['UPLOAD', 'PAIRING', 'LOGIN_LINK'] as const;

/** Deletes the viewer's organization softly. Throws BadUserInput (confirmation, password), Conflict (deleted already), RateLimited. */
export const deleteOrganization = async (
  context: Context,
  { confirmation, password }: DeleteOrganizationInput,
): Promise<OrganizationRow> => {
  if (password !== undefined && password !== null) await requireOwnPassword(context, password);
  const { unit, services } = context;
  const deleted = await unit.transact(async ({ organizationId }) => {
    const current = await lockedOrganization(unit);
    requireSlug(current, confirmation);
    if (current.deletedAt !== null) throw new Conflict('organization', 'This organization is deleted already.');
    const [row] = await database
      .update(organizations)
      .set({ deletedAt: sql`now()` })
      .where(eq(organizations.id, organizationId))
      .returning();
    const ofOrganization = eq(accessTokens.organizationId, organizationId);
    await database.delete(accessTokens).where(and(ofOrganization, inArray(accessTokens.kind, [...shortWays])));
    unit.record({ action: 'organization.deleted', type: 'Organization', id: organizationId });
    return row ?? current;
  });
  services.viewers.forgetOrganization(deleted.id);
  return deleted;
};

const dayMs = 86_400_000;

/** Brings the viewer's deleted organization back. Throws Conflict (not deleted, over its time, being erased). */
export const restoreOrganization = async ({ unit, services }: Context): Promise<OrganizationRow> => {
  const restored = await unit.transact(async ({ organizationId }) => {
    const current = await lockedOrganization(unit);
    if (current.deletedAt === null) throw new Conflict('organization', 'This organization is not deleted.');
    const { retentionDays } = settingsOf(current);
    if (Date.now() > Date.parse(current.deletedAt) + retentionDays * dayMs)
      throw new Conflict('organization', `It was deleted more than ${retentionDays} days ago.`);
    if (await erasureHasBegun(current)) throw new Conflict('organization', 'This organization is being erased.');
    const [row] = await database
      .update(organizations)
      .set({ deletedAt: null })
      .where(eq(organizations.id, organizationId))
      .returning();
    unit.record({ action: 'organization.restored', type: 'Organization', id: organizationId });
    return row ?? current;
  });
  services.viewers.forgetOrganization(restored.id);
  return restored;
};
