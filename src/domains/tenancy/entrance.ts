import { database } from '../../database/client.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Forbidden, NotFound, Unauthenticated, type InputIssue } from '../../errors.ts';
import type { SignInInput, SignUpInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context, type Viewer } from '../context.ts';
import { judge } from '../identity/credentials.ts';
import { createUser, startSession, type NewUser } from '../identity/operations.ts';
import { newPasswordHash } from '../identity/passwords.ts';
import { loginOf } from '../identity/people.ts';
import { organizationsOf } from './places.ts';
import { signUpOpen } from './setting-keys.ts';
import { systemSettings } from './setting-values.ts';
import { memberships, organizations, userOrganizations, type MembershipRow, type OrganizationRow } from './tables.ts';
import { withFreeSlug } from './slugs.ts';
import { mailVerification } from './verification.ts';
import { discovery, scopeOf, viewerOfCredential, viewerOfMember } from './viewers.ts';
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
  const { services, origin, unit } = context;
  await unit.rest();
  if (!(await systemSettings(context)).of(signUpOpen)) throw new Forbidden('SIGN_UP', 'Sign-up is by invitation only.');
  await services.throttles.signUp.spend([`address ${origin.address}`]);
  const issues = [
    ...lengthIssue('name', input.name, 200),
    ...lengthIssue('organizationName', input.organizationName, 200),
  ];
  if (issues.length > 0) throw new BadUserInput(issues);
  const about = [input.email, input.name, input.organizationName];
  const passwordHash = await newPasswordHash('password', input.password, about);
  const person = { email: input.email, name: input.name.trim() };
  const founded = await foundOrganization(
    unit,
    input.organizationName.trim(),
    { ...person, passwordHash },
    (acting, userId) => mailVerification(acting, services, { userId, email: input.email }),
  );
  return enter(context, founded);
};

/** Makes an organization with its first owner, and does what else belongs to it, in one transaction. Throws Conflict when the e-mail is taken. */
export const foundOrganization = (
  unit: UnitOfWork,
  name: string,
  owner: Omit<NewUser, 'defaultOrganizationId'>,
  also?: (unit: UnitOfWork, userId: string) => Promise<unknown>,
): Promise<{ organizationId: string; userId: string }> => {
  const organizationId = newId();
  const founding = unit.as({ ...nowhere, organizationId, principals: [organizationId], workspaces: '*' });
  return founding.transact(async () => {
    await makeOrganization(founding, name);
    const userId = await createUser(founding, { ...owner, defaultOrganizationId: organizationId });
    await addMember(founding, userId, 'OWNER');
    founding.record({ action: 'user.created', type: 'User', id: userId });
    await also?.(founding, userId);
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
 * Signs in to the organization named, or to the account's default one, or where they lost that, to the oldest that is left; the context goes
 * on as its viewer. Throws Unauthenticated for whatever is wrong with the credentials, with `twoFactorRequired` when only the code is missing,
 * NotFound (no place in the organization named), BadUserInput (not exactly one name), RateLimited per account and per address.
 */
export const signIn = async (context: Context, input: SignInInput): Promise<Entrance> => {
  const { unit, services } = context;
  const login = loginOf(input);
  await unit.rest();
  const verdict = await judge(unit, services, { login, password: input.password, code: input.code ?? null });
  if (verdict.result === 'code_needed')
    throw new Unauthenticated('A code of the second factor is needed.', { twoFactorRequired: true });
  if (verdict.result === 'refused') throw await refused(unit, verdict.userId, verdict.reason);
  const organizationId = await placeOf(unit, verdict.userId, input.organizationId ?? null);
  if (organizationId === null) throw await refused(unit, verdict.userId, 'no_organization');
  return enter(context, { userId: verdict.userId, organizationId });
};

/** Writes down why, and gives an answer that does not say it. It belongs to no tenant, least of all to that of the token which the request may carry. */
const refused = async (unit: UnitOfWork, userId: string | null, reason: string): Promise<Unauthenticated> => {
  const platform = unit.as(nowhere);
  await platform.transact(async () =>
    platform.record({ action: 'sign_in.failed', type: 'User', id: userId ?? newId(), data: { reason } }),
  );
  return new Unauthenticated('The account, the password or the code is wrong.');
};

/** Where a sign-in leads; null when no organization is left. Throws NotFound for one that the person may not enter. */
const placeOf = async (unit: UnitOfWork, userId: string, wanted: string | null): Promise<string | null> => {
  const all = await organizationsOf(unit, userId);
  for (const organizationId of wanted === null ? all : all.filter((each) => each === wanted)) {
    const arriving = unit.as(discovery(organizationId, userId));
    const viewer = await viewerOfMember(arriving, { organizationId, userId });
    await arriving.rest();
    if (viewer !== null) return organizationId;
  }
  if (wanted !== null) throw new NotFound('Organization', wanted);
  return null;
};

/** Starts a session in an organization; the context goes on as its viewer. Throws Unauthenticated when the user has no place there. */
export const enter = async (
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

/** Looks the viewer up anew after a change of their own place; who has lost it goes on as nobody. */
export const goOnAsNow = async (context: Context): Promise<void> => {
  const { organizationId, userId, credential } = viewerOf(context);
  await context.unit.rest();
  const looking = context.unit.as(discovery(organizationId, userId));
  const viewer = await viewerOfCredential(
    looking,
    { ...credential, organizationId, userId },
    context.services.settings.sessions,
  );
  await looking.rest();
  if (viewer !== null) return goOnAs(context, viewer);
  context.viewer = null;
  context.unit = context.unit.as(nowhere);
};
