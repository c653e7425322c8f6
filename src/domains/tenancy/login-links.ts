import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden, NotFound, Unauthenticated } from '../../errors.ts';
import type { CreateLoginLinkInput } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { viewerOf, type Context, type OrganizationRole, type Viewer } from '../context.ts';
import { startSession } from '../identity/operations.ts';
import { accessTokens, users } from '../identity/tables.ts';
import { grantToken, redeemToken } from '../identity/tokens.ts';
import { secretLink } from '../links.ts';
import { atLeast, organizationRanks } from '../permissions.ts';
import { goOnAs, type Entrance } from './entrance.ts';
import { memberships } from './tables.ts';
import { discovery, viewerOfCredential, viewerOfMember } from './viewers.ts';

const lifetimeMs = 6 * 60_000;

/** One slash and no backslash in front: browsers take both `//` and `/\` for the beginning of another host. */
const isPath = (path: string): boolean => path.length <= 500 && /^\/(?![/\\])[^\s\\]*$/.test(path);

/** A link by which a member signs in once. */
export interface LoginLink {
  readonly url: string;
  readonly token: string;
  readonly expiresAt: string;
}

/**
 * Issues a link and voids the member's earlier ones. Throws BadUserInput, Forbidden (see `requireIssuer`), NotFound (no member), Conflict (the
 * member is suspended).
 */
export const createLoginLink = async (
  context: Context,
  { userId, redirectPath }: CreateLoginLinkInput,
): Promise<LoginLink> => {
  const path = redirectPath ?? '';
  if (path !== '' && !isPath(path))
    throw new BadUserInput('redirectPath', 'A path begins with one slash and has at most 500 characters, no spaces.');
  const { unit, services } = context;
  const expiresAt = new Date(Date.now() + lifetimeMs);
  const token = await unit.transact(async ({ organizationId }) => {
    // Locked, so that of two links at a time one voids the other.
    const [member] = await database
      .select({
        role: memberships.role,
        platformRole: users.platformRole,
        barred: sql<boolean>`coalesce(${memberships.suspendedAt}, ${users.suspendedAt}, ${users.deletedAt}) is not null`,
      })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .where(and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId)))
      .for('no key update', { of: memberships });
    if (member === undefined) throw new NotFound('User', userId);
    requireIssuer(viewerOf(context), member.role);
    if (member.platformRole !== 'NONE') throw refused('Administrators of the installation sign in by themselves.');
    if (member.barred) throw new Conflict('userId', 'This member is suspended.');
    await database
      .delete(accessTokens)
      .where(
        and(
          eq(accessTokens.userId, userId),
          eq(accessTokens.organizationId, organizationId),
          eq(accessTokens.kind, 'LOGIN_LINK'),
        ),
      );
    unit.record({ action: 'login_link.created', type: 'User', id: userId });
    return grantToken(unit, 'LOGIN_LINK', { organizationId, userId, subjectId: userId }, expiresAt);
  });
  const url = secretLink(services, '/sign-in', { token, ...(path !== '' && { to: path }) });
  return { token, url, expiresAt: expiresAt.toISOString() };
};

const refused = (message: string) => new Forbidden('LOGIN_LINK_CREATE', message);

/**
 * Throws Forbidden when the viewer may not sign a member of this role in. The session that comes of a link has no scopes, so that what has
 * them issues none for its own member or their peers, and what is limited to some workspaces issues none at all.
 */
const requireIssuer = (viewer: Viewer, role: OrganizationRole): void => {
  const { credential, workspaces } = viewer;
  if (!atLeast(organizationRanks, viewer.role, role)) throw refused('Nobody issues a link for a role above their own.');
  if (credential.kind !== 'API_KEY') return;
  if (role === viewer.role) throw refused("An API key issues links for roles below its owner's.");
  if (workspaces !== '*') throw refused('A key of some workspaces issues no links.');
};

const invalid = () => new Unauthenticated('This link is not valid, or no longer.');

/**
 * Signs in by a link's token, which is used up in any case; the context goes on as its member. The session is handed over: it holds no
 * personal permissions. Throws Unauthenticated alike for whatever is wrong, RateLimited per address.
 */
export const signInWithLink = async (context: Context, token: string): Promise<Entrance> => {
  await context.services.throttles.signInByAddress.spend([`login link ${context.origin.address}`]);
  const platform = context.unit.as(nowhere);
  const target = await redeemToken(platform, 'LOGIN_LINK', token);
  if (target === null || target.userId === null || target.organizationId === null) {
    await platform.transact(async () =>
      platform.record({ action: 'login_link.refused', type: 'User', id: target?.subjectId ?? newId() }),
    );
    throw invalid();
  }
  const { organizationId, userId } = target;
  const limits = context.services.settings.sessions;
  const arriving = context.unit.as(discovery(organizationId, userId));
  const member = await viewerOfMember(arriving, { organizationId, userId });
  if (member === null || member.standing.platformRole !== 'NONE') {
    await arriving.transact(async () => arriving.record({ action: 'login_link.refused', type: 'User', id: userId }));
    throw invalid();
  }
  const { token: bearer, sessionId: id } = await arriving.transact(async () => {
    arriving.record({ action: 'login_link.used', type: 'User', id: userId });
    return startSession(arriving, limits, { handedOver: true });
  });
  const viewer = await viewerOfCredential(arriving, { kind: 'SESSION', id, organizationId, userId }, limits);
  await arriving.rest();
  if (viewer === null) throw invalid();
  await goOnAs(context, viewer);
  return { token: bearer, viewer };
};
