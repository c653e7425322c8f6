import { database } from '../../database/client.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Forbidden, Unauthenticated, type InputIssue } from '../../errors.ts';
import type { SignInInput, SignUpInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context, type Viewer } from '../context.ts';
import { accountOf, createUser, newPasswordHash, startSession, type NewUser } from '../identity/operations.ts';
import { memberships, organizations, userOrganizations, type MembershipRow, type OrganizationRow } from './tables.ts';
import { withFreeSlug } from './slugs.ts';
import { discovery, scopeOf, viewerOfCredential } from './viewers.ts';
import { newId } from '../../ids.ts';

/** A signed-in viewer with the bearer token of the new session. */
export interface Entrance {
  readonly token: string;
  readonly viewer: Viewer;
}

const lengthIssue = (field: string, text: string, max: number): InputIssue[] =>
  text.trim().length >= 1 && text.length <= max ? [] : [{ field, message: `This takes 1 to ${max} characters.` }];

/**
 * Makes an account with an organization of its own and signs in; the context goes on as the new viewer.
 * Throws BadUserInput, Conflict (e-mail taken), Forbidden (invitation only), RateLimited.
 */
export const signUp = async (context: Context, input: SignUpInput): Promise<Entrance> => {
  const { services, origin } = context;
  if (services.settings.signUp === 'invitation') throw new Forbidden('SIGN_UP', 'Sign-up is by invitation only.');
  await services.throttles.signUp.spend([`address ${origin.address}`]);
  const issues = [
    ...lengthIssue('name', input.name, 200),
    ...lengthIssue('organizationName', input.organizationName, 200),
  ];
  if (issues.length > 0) throw new BadUserInput(issues);
  const passwordHash = await newPasswordHash('password', input.password, [input.email, input.name]);
  const founded = await foundOrganization(context.unit, input.organizationName.trim(), {
    email: input.email,
    name: input.name.trim(),
    passwordHash,
  });
  return enter(context, founded);
};

/** Makes an organization with its first owner, in one transaction. Throws Conflict when the e-mail is taken. */
export const foundOrganization = (
  unit: UnitOfWork,
  name: string,
  owner: Omit<NewUser, 'defaultOrganizationId'>,
): Promise<{ organizationId: string; userId: string }> => {
  const founding = unit.as({ ...nowhere, organizationId: newId(), workspaces: '*' });
  return founding.transact(async ({ organizationId }) => {
    await makeOrganization(founding, name);
    const userId = await createUser(founding, { ...owner, defaultOrganizationId: organizationId });
    await addMember(founding, userId, 'OWNER');
    founding.record({ action: 'user.created', type: 'User', id: userId });
    return { organizationId, userId };
  });
};

/** Makes the organization that the unit's scope names, in the running transaction. It needs an owner. */
export const makeOrganization = (
  unit: UnitOfWork,
  name: string,
  type: OrganizationRow['type'] = 'TEAM',
): Promise<OrganizationRow> =>
  unit.transact(async ({ organizationId }) => {
    const organization = await withFreeSlug(name, async (slug) => {
      const [row] = await database
        .insert(organizations)
        .values({ id: organizationId, name, slug, type })
        .onConflictDoNothing({ target: organizations.slug })
        .returning();
      return row;
    });
    unit.record({ action: 'organization.created', type: 'Organization', id: organizationId, data: { name } });
    return organization;
  });

/** Gives somebody who is not there yet a place in the unit's organization, in the running transaction. */
export const addMember = (unit: UnitOfWork, userId: string, role: MembershipRow['role']): Promise<void> =>
  unit.transact(async ({ organizationId }) => {
    await database.insert(memberships).values({ organizationId, userId, role });
    await database.insert(userOrganizations).values({ organizationId, userId });
  });

/**
 * Signs in to the account's default organization; the context goes on as its viewer.
 * Throws Unauthenticated for whatever is wrong with the credentials, RateLimited per account and per address.
 */
export const signIn = async (context: Context, input: SignInInput): Promise<Entrance> => {
  const { throttles } = context.services;
  const accountKey = `account ${input.email.toLowerCase()}`;
  await throttles.signIn.spend([accountKey]);
  await throttles.signInByAddress.spend([`address ${context.origin.address}`]);
  const account = await accountOf(context.unit, input.email, input.password);
  if (account === null) {
    // It belongs to no tenant, least of all to that of the token which the request may carry.
    const platform = context.unit.as(nowhere);
    await platform.transact(async () => platform.record({ action: 'sign_in.failed', type: 'User', id: newId() }));
    throw new Unauthenticated('The e-mail address or the password is wrong.');
  }
  await throttles.signIn.forgive(accountKey);
  return enter(context, account);
};

const enter = async (
  context: Context,
  { organizationId, userId }: { organizationId: string; userId: string },
): Promise<Entrance> => {
  const arriving = context.unit.as(discovery(organizationId, userId));
  const { sessions } = context.services.settings;
  const { token, sessionId } = await startSession(arriving, sessions);
  const viewer = await viewerOfCredential(
    arriving,
    { kind: 'SESSION', id: sessionId, organizationId, userId },
    sessions,
  );
  await arriving.rest();
  if (viewer === null) throw new Unauthenticated('This account has no place in its organization any more.');
  await goOnAs(context, viewer);
  return { token, viewer };
};

/** What follows in this operation is seen by another viewer. */
export const goOnAs = async (context: Context, viewer: Viewer): Promise<void> => {
  await context.unit.rest();
  context.viewer = viewer;
  context.unit = context.unit.as(scopeOf(viewer));
};

/** What follows in this operation is seen with the rights that the viewer's credential gives now; with those so far when it gives none. */
export const goOnWithRightsOfNow = async (context: Context): Promise<void> => {
  const { credential, organizationId, userId } = viewerOf(context);
  const unit = context.unit.as(discovery(organizationId, userId));
  await context.unit.rest();
  const claim = { kind: credential.kind, id: credential.id, organizationId, userId };
  const viewer = await viewerOfCredential(unit, claim, context.services.settings.sessions);
  await unit.rest();
  if (viewer !== null) await goOnAs(context, viewer);
};
