import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { ChangeOrganizationTypeInput, CreatePlatformOrganizationInput } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { accessTokens, users } from '../identity/tables.ts';
import { addMember, makeOrganization } from '../tenancy/entrance.ts';
import { erasureHasBegun } from '../tenancy/organization-erasure.ts';
import { changeType } from '../tenancy/organization-types.ts';
import { organizations } from '../tenancy/tables.ts';
import { administering, within } from './administering.ts';
import type { PlatformOrganizationRow } from './rows.ts';

/** Makes an organization that belongs to an existing account. Throws BadUserInput (name, unknown owner), Forbidden. */
export const createPlatformOrganization = (
  context: Context,
  { name, type, ownerEmail }: CreatePlatformOrganizationInput,
): Promise<PlatformOrganizationRow> => {
  if (name.trim().length === 0 || name.length > 200) throw new BadUserInput('name', 'A name has 1 to 200 characters.');
  return administering(context, async (installation) => {
    const [owner] = await database
      .select({ id: users.id })
      .from(users)
      .where(and(eq(sql`lower(${users.email})`, ownerEmail.toLowerCase()), isNull(users.deletedAt)));
    if (owner === undefined) throw new BadUserInput('ownerEmail', 'No account has this address.');
    const id = newId();
    const made = await installation.nested(within(id, installation), async (unit) => {
      const organization = await makeOrganization(unit, name.trim(), type ?? 'TEAM');
      await addMember(unit, owner.id, 'OWNER');
      return organization;
    });
    installation.record({ action: 'organization.created', type: 'Organization', id, data: { ownerId: owner.id } });
    return made;
  });
};

const organizationNow = async (id: string): Promise<PlatformOrganizationRow> => {
  const [organization] = await database
    .select()
    .from(organizations)
    .where(eq(organizations.id, id))
    .for('no key update');
  if (organization === undefined) throw new NotFound('Organization', id);
  return organization;
};

/** Makes another kind of customer of an organization. Throws Conflict (it holds more than the type allows), Forbidden, NotFound. */
export const changeOrganizationType = (
  context: Context,
  { organizationId: id, type }: ChangeOrganizationTypeInput,
): Promise<PlatformOrganizationRow> =>
  administering(context, async (installation) => {
    const current = await organizationNow(id);
    if (current.type === type) return current;
    const changed = await installation.nested(within(id, installation), (unit) => changeType(unit, type));
    installation.record({ action: 'organization.type_changed', type: 'Organization', id, data: { type } });
    installation.afterCommit(() => context.services.viewers.forgetOrganization(id));
    return changed;
  });

type State = Partial<Record<'suspendedAt' | 'deletedAt', ReturnType<typeof sql> | null>>;

/** Brings an organization into another state, which holds at once. */
const changeState = (
  context: Context,
  id: string,
  action: string,
  next: (current: PlatformOrganizationRow) => State | null,
): Promise<PlatformOrganizationRow> =>
  administering(context, async (installation) => {
    const current = await organizationNow(id);
    const state = next(current);
    if (state === null) return current;
    const [changed] = await database.update(organizations).set(state).where(eq(organizations.id, id)).returning();
    if (
      state.deletedAt === null &&
      (await installation.nested(within(id, installation), () => erasureHasBegun(current)))
    )
      throw new Conflict('organizationId', 'This organization is being erased.');
    if (state.deletedAt) await database.delete(accessTokens).where(shortWaysInto(id));
    installation.record({ action, type: 'Organization', id });
    installation.afterCommit(() => context.services.viewers.forgetOrganization(id));
    return changed ?? current;
  });

/** What opens a way in for minutes without a viewer. */
const shortWaysInto = (organizationId: string) =>
  and(eq(accessTokens.organizationId, organizationId), inArray(accessTokens.kind, ['UPLOAD', 'PAIRING', 'LOGIN_LINK']));

/** The session would end with it, and perhaps nobody could undo it. Throws Conflict. */
const requireElsewhere = (context: Context, id: string): void => {
  if (viewerOf(context).organizationId === id)
    throw new Conflict('organizationId', 'You are in this organization: switch to another one first.');
};

/** Keeps everybody out of an organization. Throws Conflict (one is in it oneself), Forbidden, NotFound. */
export const suspendOrganization = (context: Context, id: string): Promise<PlatformOrganizationRow> => {
  requireElsewhere(context, id);
  return changeState(context, id, 'organization.suspended', ({ suspendedAt }) =>
    suspendedAt === null ? { suspendedAt: sql`now()` } : null,
  );
};

/** Lets people into an organization again. Throws Forbidden, NotFound. */
export const resumeOrganization = (context: Context, id: string): Promise<PlatformOrganizationRow> =>
  changeState(context, id, 'organization.resumed', ({ suspendedAt }) =>
    suspendedAt === null ? null : { suspendedAt: null },
  );

/** Deletes an organization so that it can be restored. Throws Conflict (deleted already, one is in it oneself), Forbidden, NotFound. */
export const deletePlatformOrganization = (context: Context, id: string): Promise<PlatformOrganizationRow> => {
  requireElsewhere(context, id);
  return changeState(context, id, 'organization.deleted', ({ deletedAt }) => {
    if (deletedAt !== null) throw new Conflict('organizationId', 'This organization is deleted already.');
    return { deletedAt: sql`now()` };
  });
};

/** Brings a deleted organization back. Throws Conflict (not deleted, being erased), Forbidden, NotFound. */
export const restorePlatformOrganization = (context: Context, id: string): Promise<PlatformOrganizationRow> =>
  changeState(context, id, 'organization.restored', ({ deletedAt }) => {
    if (deletedAt === null) throw new Conflict('organizationId', 'This organization is not deleted.');
    return { deletedAt: null };
  });
