import { randomBytes } from 'node:crypto';
import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound, type InputIssue } from '../../errors.ts';
import type {
  CreatePlatformUserInput,
  SetPlatformRoleInput,
  UpdatePlatformUserInput,
} from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { hashPassword } from '../../secrets/passwords.ts';
import type { Context } from '../context.ts';
import * as accounts from '../identity/accounts.ts';
import { createUser, type NewUser } from '../identity/operations.ts';
import { passwordIssues } from '../identity/passwords.ts';
import { requireOtherSuperAdmin } from '../identity/super-admins.ts';
import { accessTokens, sessions, users } from '../identity/tables.ts';
import { revokeTokens } from '../identity/tokens.ts';
import { addMember, makeOrganization } from '../tenancy/entrance.ts';
import { requireRoomForMember } from '../tenancy/organization-types.ts';
import { organizations } from '../tenancy/tables.ts';
import { administering, within } from './administering.ts';
import { platformUserColumns, type PlatformUserRow } from './rows.ts';

const nameIssues = (field: string, name: string): InputIssue[] =>
  name.trim().length >= 1 && name.length <= 200 ? [] : [{ field, message: 'This takes 1 to 200 characters.' }];

const newUserIssues = async (input: CreatePlatformUserInput): Promise<InputIssue[]> => {
  const { organizationId: joins, organizationName: founds, role } = input;
  return [
    ...nameIssues('name', input.name),
    ...(input.password ? await passwordIssues('password', input.password, [input.email, input.name]) : []),
    ...(founds ? nameIssues('organizationName', founds) : []),
    ...(Boolean(joins) === Boolean(founds)
      ? [{ field: 'organizationId', message: 'Give an organization to join, or a name for a new one.' }]
      : []),
    ...(founds && role && role !== 'OWNER' ? [{ field: 'role', message: 'A new organization gets its owner.' }] : []),
  ];
};

/** Makes an account in an organization, which is there or is made. Throws BadUserInput, Conflict (e-mail taken, no room), Forbidden, NotFound. */
export const createPlatformUser = async (
  context: Context,
  input: CreatePlatformUserInput,
): Promise<PlatformUserRow> => {
  await context.unit.rest();
  const issues = await newUserIssues(input);
  if (issues.length > 0) throw new BadUserInput(issues);
  // A password that nobody knows: a reset by mail gives the first one.
  const passwordHash = await hashPassword(input.password ?? randomBytes(32).toString('base64url'));
  const { email, platformRole } = input;
  const role = input.organizationName ? 'OWNER' : (input.role ?? 'MEMBER');
  return administering(context, async (installation) => {
    const organizationId = input.organizationId ?? newId();
    if (input.organizationId) await requireOrganization(organizationId);
    const userId = await installation.nested(within(organizationId, installation), async (unit) => {
      if (input.organizationName) await makeOrganization(unit, input.organizationName.trim());
      else await requireRoomForMember(unit);
      const createdById = installation.scope.userId;
      const user: NewUser = {
        email,
        name: input.name.trim(),
        passwordHash,
        defaultOrganizationId: organizationId,
        ...(platformRole && { platformRole }),
        ...(createdById && { createdById }),
      };
      const made = await createUser(unit, user);
      await addMember(unit, made, role);
      unit.record({ action: 'user.created', type: 'User', id: made, data: { role } });
      return made;
    });
    const data = { organizationId, role, platformRole: platformRole ?? 'NONE' };
    installation.record({ action: 'user.created', type: 'User', id: userId, data });
    return readUser(userId);
  });
};

const requireOrganization = async (id: string): Promise<void> => {
  const living = and(eq(organizations.id, id), isNull(organizations.deletedAt));
  const found = await database.select({ id: organizations.id }).from(organizations).where(living);
  if (found.length === 0) throw new NotFound('Organization', id);
};

const readUser = async (id: string): Promise<PlatformUserRow> => {
  const [user] = await database.select(platformUserColumns).from(users).where(eq(users.id, id));
  if (user === undefined) throw new NotFound('User', id);
  return user;
};

const changeIssues = ({ name, email, dailyMessageLimit }: UpdatePlatformUserInput): InputIssue[] => [
  ...(name === undefined ? [] : nameIssues('name', name ?? '')),
  ...(email === null ? [{ field: 'email', message: 'An account has an address.' }] : []),
  ...((dailyMessageLimit ?? 0) < 0 ? [{ field: 'dailyMessageLimit', message: 'A limit is 0 or more.' }] : []),
];

/** Changes an account. Throws BadUserInput, Conflict (e-mail taken), Forbidden, NotFound. */
export const updatePlatformUser = async (
  context: Context,
  input: UpdatePlatformUserInput,
): Promise<PlatformUserRow> => {
  const issues = changeIssues(input);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { userId, name, email, dailyMessageLimit } = input;
  return administering(context, async (installation) => {
    const current = await readUser(userId);
    const changes = {
      ...(name && { name: name.trim() }),
      ...(email && email !== current.email && { email, verifiedAt: null }),
      ...(dailyMessageLimit !== undefined && { dailyMessageLimit }),
    };
    const fields = Object.keys(changes);
    if (fields.length === 0) return current;
    // What was mailed to the address of before proves nothing any more.
    if (changes.email)
      await database
        .delete(accessTokens)
        .where(
          and(eq(accessTokens.userId, userId), inArray(accessTokens.kind, ['EMAIL_VERIFICATION', 'PASSWORD_RESET'])),
        );
    const changed = sole(await writtenUser(userId, changes));
    installation.record({ action: 'user.updated', type: 'User', id: userId, data: { fields } });
    return changed;
  });
};

type Changes = Partial<Pick<PlatformUserRow, 'name' | 'email' | 'verifiedAt' | 'dailyMessageLimit' | 'platformRole'>>;

const writtenUser = async (userId: string, changes: Changes): Promise<PlatformUserRow[]> => {
  try {
    return await database.update(users).set(changes).where(eq(users.id, userId)).returning(platformUserColumns);
  } catch (error) {
    if (violates(error, 'users_email_key')) throw new Conflict('email', 'This e-mail address has an account already.');
    throw error;
  }
};

/** Gives a role in the installation. Throws Conflict (the last super admin), Forbidden, NotFound. */
export const setPlatformRole = (context: Context, { userId, role }: SetPlatformRoleInput): Promise<PlatformUserRow> =>
  administering(context, async (installation) => {
    if (role !== 'SUPERADMIN') await requireOtherSuperAdmin(installation, userId);
    const [changed] = await writtenUser(userId, { platformRole: role });
    if (changed === undefined) throw new NotFound('User', userId);
    installation.record({ action: 'user.platform_role_changed', type: 'User', id: userId, data: { role } });
    installation.afterCommit(() => context.services.viewers.forgetUser(userId));
    return changed;
  });

/** Keeps a person out of the installation. Throws Conflict (the last super admin), Forbidden, NotFound. */
export const suspendUser = (context: Context, userId: string): Promise<PlatformUserRow> =>
  administering(context, async (installation) => {
    await accounts.suspendUser(installation, context.services.viewers, userId);
    return readUser(userId);
  });

/** Lets a suspended person in again. Throws Forbidden, NotFound. */
export const resumeUser = (context: Context, userId: string): Promise<PlatformUserRow> =>
  administering(context, async (installation) => {
    await accounts.resumeUser(installation, context.services.viewers, userId);
    return readUser(userId);
  });

/** Ends all sessions of a person and gives their number. Throws Forbidden, NotFound. */
export const endUserSessions = (context: Context, userId: string): Promise<number> =>
  administering(context, async (installation) => {
    await readUser(userId);
    const ended = await installation.nested({ ...nowhere, userId }, (unit) => revokedSessions(unit, userId));
    await revokeTokens(installation, ended);
    const data = { count: ended.length };
    installation.record({ action: 'user.sessions_ended', type: 'User', id: userId, data });
    installation.afterCommit(() => context.services.viewers.forgetUser(userId));
    return ended.length;
  });

/** Sessions are seen by their own user alone. */
const revokedSessions = (unit: UnitOfWork, userId: string): Promise<string[]> =>
  unit.transact(async () => {
    const live = and(eq(sessions.userId, userId), isNull(sessions.revokedAt), sql`${sessions.expiresAt} > now()`);
    const revoked = await database
      .update(sessions)
      .set({ revokedAt: sql`now()` })
      .where(live)
      .returning({ id: sessions.id });
    return revoked.map(({ id }) => id);
  });
