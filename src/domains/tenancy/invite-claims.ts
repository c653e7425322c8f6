import { and, eq, gt, isNull, lt, sql } from 'drizzle-orm';
import { apart } from '../../database/apart.ts';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden, type InputIssue } from '../../errors.ts';
import type { ClaimInviteInput, InvitePreview } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import type { Services } from '../services.ts';
import { judge } from '../identity/credentials.ts';
import { createUser } from '../identity/operations.ts';
import { newPasswordHash } from '../identity/passwords.ts';
import { users } from '../identity/tables.ts';
import { readToken } from '../identity/tokens.ts';
import { enter, goOnAs } from './entrance.ts';
import { allowsAddress, settingsOf } from './organization-settings.ts';
import { lockedOrganization, requireRoomForMember } from './organization-types.ts';
import {
  inviteClaims,
  invites,
  inviteWorkspaces,
  memberships,
  organizations,
  userOrganizations,
  workspaceMemberships,
  workspaces,
  type InviteRow,
  type MembershipRow,
} from './tables.ts';
import { mailVerification } from './verification.ts';
import { discovery, viewerOfMember } from './viewers.ts';

/** Somebody joined. */
export interface Joining {
  /** Bearer token of a new account's session; null for who was signed in. */
  readonly token: string | null;
  readonly membership: MembershipRow;
}

/** What is known of who claims: their account, or what a new one is made of. */
type Claimant =
  | { readonly userId: string; readonly email: string; readonly account: null }
  | {
      readonly userId: string;
      readonly email: string;
      readonly account: { readonly name: string; readonly passwordHash: string };
    };

/** Unknown, over, used up and disabled invites look alike. */
const noInvite = () => new BadUserInput('code', 'This invite does not exist, or it is over, used up or disabled.');

/** What the holder of a code may know before they join; null when nobody can join by it any more. Throws RateLimited. */
export const inviteByCode = ({ unit, services, origin }: Context, code: string): Promise<InvitePreview | null> =>
  apart(unit, async () => {
    await services.throttles.claim.spend([`address ${origin.address}`]);
    const anonymous = unit.as(nowhere);
    const token = await readToken(anonymous, 'INVITE', code);
    await anonymous.rest();
    return token === null || token.organizationId === null
      ? null
      : previewOf(unit, { organizationId: token.organizationId, id: token.subjectId });
  });

const previewOf = async (
  unit: UnitOfWork,
  { organizationId, id }: Pick<InviteRow, 'organizationId' | 'id'>,
): Promise<InvitePreview | null> => {
  const looking = unit.as(discovery(organizationId, organizationId));
  const [shown] = await looking.run(() =>
    database
      .select({
        organizationName: organizations.name,
        role: invites.role,
        emailBound: sql<boolean>`${invites.email} is not null`,
        expiresAt: invites.expiresAt,
      })
      .from(invites)
      .innerJoin(organizations, eq(organizations.id, invites.organizationId))
      .where(claimable(organizationId, id)),
  );
  await looking.rest();
  return shown ?? null;
};

/**
 * Joins an organization by an invite: one transaction takes the seat and makes all that belongs to it. The context goes on there.
 * Throws BadUserInput, Conflict (e-mail taken, a member already), Forbidden (by a key or device), RateLimited.
 */
export const claimInvite = async (context: Context, input: ClaimInviteInput): Promise<Joining> => {
  const { services, origin, viewer } = context;
  if (viewer !== null && !viewer.permissions.has('ACCOUNT_MANAGE')) throw new Forbidden('ACCOUNT_MANAGE');
  await context.unit.rest();
  await services.throttles.claim.spend([`address ${origin.address}`]);
  const token = await readToken(context.unit, 'INVITE', input.code);
  await context.unit.rest();
  if (token === null || token.organizationId === null) throw noInvite();
  const invite = { organizationId: token.organizationId, id: token.subjectId };
  const claimant = viewer === null ? await newcomer(context, invite, input) : await memberElsewhere(context);
  const joining = context.unit.as(discovery(invite.organizationId, claimant.userId));
  const membership = await joining.transact(() => join(joining, services, invite.id, claimant));
  services.viewers.forgetUser(claimant.userId);
  if (viewer === null) {
    const { token: session } = await enter(context, { ...invite, userId: claimant.userId });
    return { token: session, membership };
  }
  await goOnThere(context, joining);
  return { token: null, membership };
};

/** The context goes on in the unit's organization, with the credential of the request. */
const goOnThere = async (context: Context, unit: UnitOfWork): Promise<void> => {
  const { userId, credential } = viewerOf(context);
  const there = await viewerOfMember(unit, { organizationId: unit.organizationId, userId });
  await unit.rest();
  if (there !== null) await goOnAs(context, { ...there, credential });
};

const memberElsewhere = async (context: Context): Promise<Claimant> => {
  const { userId } = viewerOf(context);
  const rows = await context.unit.run(() =>
    database.select({ email: users.email }).from(users).where(eq(users.id, userId)),
  );
  await context.unit.rest();
  return { userId, email: sole(rows).email, account: null };
};

/** The hash, which is slow, is worked out for an invite that is open. Throws BadUserInput, Conflict, RateLimited. */
const newcomer = async (
  context: Context,
  { organizationId, id }: Pick<InviteRow, 'organizationId' | 'id'>,
  { name, email, password }: ClaimInviteInput,
): Promise<Claimant> => {
  const userId = newId();
  const looking = context.unit.as(discovery(organizationId, userId));
  const [open] = await looking.run(() =>
    database.select({ email: invites.email }).from(invites).where(claimable(organizationId, id)),
  );
  await looking.rest();
  if (open === undefined) throw noInvite();
  const missing = Object.entries({ name, email, password })
    .filter(([, value]) => value === null || value === undefined)
    .map(([field]): InputIssue => ({ field, message: 'A new account needs this; or sign in first.' }));
  if (typeof name !== 'string' || typeof email !== 'string' || typeof password !== 'string')
    throw new BadUserInput(missing);
  if (name.trim().length < 1 || name.length > 200) throw new BadUserInput('name', 'This takes 1 to 200 characters.');
  requireAddress(open.email, email, 'email');
  const known = await holderOf(context, email, password);
  if (known !== null) return { userId: known, email, account: null };
  const passwordHash = await newPasswordHash('password', password, [email, name]);
  return { userId, email, account: { name: name.trim(), passwordHash } };
};

/**
 * Whose account the address has, if they give its password: who belongs to no organization any more has no other way in. Null for an
 * address without account. Throws Conflict for any other password, RateLimited.
 */
const holderOf = async ({ unit, services }: Context, email: string, password: string): Promise<string | null> => {
  const anonymous = unit.as(nowhere);
  const [account] = await anonymous.run(() =>
    database
      .select({ id: users.id })
      .from(users)
      .where(eq(sql`lower(${users.email})`, email.toLowerCase())),
  );
  await anonymous.rest();
  if (account === undefined) return null;
  const verdict = await judge(anonymous, services, { login: { by: 'email', email }, password, code: null });
  if (verdict.result === 'fit') return verdict.userId;
  throw new Conflict('email', 'This e-mail address has an account already: sign in first, or give its password.');
};

const requireAddress = (wanted: string | null, email: string, field: string): void => {
  if (wanted !== null && wanted.toLowerCase() !== email.toLowerCase())
    throw new BadUserInput(field, 'This invite is for another address.');
};

const claimable = (organizationId: string, id: string) =>
  and(
    eq(invites.organizationId, organizationId),
    eq(invites.id, id),
    eq(invites.status, 'PENDING'),
    gt(invites.expiresAt, sql`now()`),
    lt(invites.claims, invites.seats),
    sql`exists (select from ${organizations} where ${organizations.id} = ${invites.organizationId}
      and ${organizations.deletedAt} is null and ${organizations.suspendedAt} is null)`,
  );

const join = async (
  unit: UnitOfWork,
  services: Services,
  inviteId: string,
  claimant: Claimant,
): Promise<MembershipRow> => {
  const { organizationId } = unit;
  const { userId, email, account } = claimant;
  const [invite] = await database
    .update(invites)
    .set({
      claims: sql`${invites.claims} + 1`,
      status: sql`case when ${invites.claims} + 1 = ${invites.seats} then 'CLAIMED' else ${invites.status} end`,
    })
    .where(claimable(organizationId, inviteId))
    .returning();
  if (invite === undefined) throw noInvite();
  const field = account === null ? 'code' : 'email';
  requireAddress(invite.email, email, field);
  await requireRoomForMember(unit);
  if (!allowsAddress(settingsOf(await lockedOrganization(unit)), email))
    throw new BadUserInput(field, 'The organization takes in no addresses of this domain.');
  if (account !== null) {
    await createUser(unit, { ...account, id: userId, email, defaultOrganizationId: organizationId });
    // Whoever made the invite has seen its code too, so that it proves no address.
    await mailVerification(unit, services, { userId, email });
    unit.record({ action: 'user.created', type: 'User', id: userId });
  }
  const membership = await becomeMember(unit, userId, invite);
  await database
    .update(users)
    .set({ defaultOrganizationId: organizationId })
    .where(and(eq(users.id, userId), isNull(users.defaultOrganizationId)));
  await enterWorkspaces(organizationId, userId, inviteId);
  await database.insert(inviteClaims).values({ organizationId, inviteId, userId });
  unit.record({ action: 'invite.claimed', type: 'Invite', id: inviteId, data: { userId } });
  const data = { userId, role: membership.role, inviteId };
  unit.record({ action: 'member.joined', type: 'Membership', id: membership.id, data });
  return membership;
};

const becomeMember = async (unit: UnitOfWork, userId: string, invite: InviteRow): Promise<MembershipRow> => {
  const { organizationId } = unit;
  try {
    const row = { organizationId, userId, role: invite.role, invitedById: invite.createdById };
    const membership = sole(await database.insert(memberships).values(row).returning());
    await database.insert(userOrganizations).values({ organizationId, userId });
    return membership;
  } catch (error) {
    if (violates(error, 'memberships_user_id_key')) throw new Conflict('code', 'You are a member already.');
    throw error;
  }
};

/** Those that exist still; each is kept from being deleted until the end of the transaction. */
const enterWorkspaces = async (organizationId: string, userId: string, inviteId: string): Promise<void> => {
  const places = await database
    .select({ workspaceId: workspaces.id, role: inviteWorkspaces.role })
    .from(inviteWorkspaces)
    .innerJoin(
      workspaces,
      and(
        eq(workspaces.organizationId, inviteWorkspaces.organizationId),
        eq(workspaces.id, inviteWorkspaces.workspaceId),
      ),
    )
    .where(and(eq(inviteWorkspaces.organizationId, organizationId), eq(inviteWorkspaces.inviteId, inviteId)))
    .for('key share', { of: workspaces });
  const rows = places.map(({ workspaceId, role }) => ({ organizationId, workspaceId, userId, role }));
  if (rows.length > 0) await database.insert(workspaceMemberships).values(rows);
};
