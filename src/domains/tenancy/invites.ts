import { and, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden, NotFound, type InputIssue } from '../../errors.ts';
import type { CreateInviteInput, InviteMemberInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context, type OrganizationRole, type Viewer, type WorkspaceRole } from '../context.ts';
import { inviteMail } from '../identity/mails.ts';
import { users } from '../identity/tables.ts';
import { grantToken, revokeTokens } from '../identity/tokens.ts';
import { requirePermission } from '../permissions.ts';
import { postLetter } from './letters.ts';
import { allowsAddress, settingsOf } from './organization-settings.ts';
import { requireInvitesAllowed } from './organization-types.ts';
import { isBelow, lockOwn } from './ranks.ts';
import { invites, inviteWorkspaces, memberships, workspaces, type InviteRow, type OrganizationRow } from './tables.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const maxSeats = 1000;
const maxWorkspaces = 100;

interface Place {
  readonly workspaceId: string;
  readonly role: WorkspaceRole;
}

/** An invite to be made. */
interface Draft {
  readonly email: string | null;
  readonly role: OrganizationRole;
  readonly places: readonly Place[];
  readonly expiresAt: Date;
  readonly seats: number;
}

/** An invite with the secret by which it is claimed, which is kept nowhere. */
export interface MadeInvite {
  readonly invite: InviteRow;
  readonly code: string;
}

/** The role in a workspace of who is invited as this, when none is named. */
const usualRole = (role: OrganizationRole): WorkspaceRole => (role === 'GUEST' ? 'VIEWER' : 'EDITOR');

/** Invites one person: one seat, 7 days. Throws BadUserInput, Forbidden, NotFound (workspace), Conflict (a member already; a type that invites nobody). */
export const inviteMember = (
  context: Context,
  { email, role, workspaceIds = [] }: InviteMemberInput,
): Promise<MadeInvite> => createInvite(context, { email, role, workspaceIds });

/** Makes an invite. Throws BadUserInput, Forbidden, NotFound (workspace), Conflict (a member already; a type that invites nobody). */
export const createInvite = async (context: Context, input: CreateInviteInput): Promise<MadeInvite> => {
  const { role, seats = 1, email = null, workspaceIds = [], workspaces: named = [] } = input;
  const draft: Draft = {
    role,
    seats,
    email,
    expiresAt: new Date(input.expiresAt ?? Date.now() + 7 * dayMs),
    places: [
      ...workspaceIds.map((workspaceId) => ({ workspaceId, role: usualRole(role) })),
      ...named.map(({ workspaceId, role: own }) => ({ workspaceId, role: own ?? usualRole(role) })),
    ],
  };
  const issues = issuesOf(draft);
  if (issues.length > 0) throw new BadUserInput(issues);
  return make(context, draft);
};

const issuesOf = ({ role, seats, email, expiresAt, places }: Draft): InputIssue[] => {
  const issues: InputIssue[] = [];
  const left = expiresAt.getTime() - Date.now();
  if (seats < 1 || seats > maxSeats) issues.push({ field: 'seats', message: 'An invite has 1 to 1,000 seats.' });
  if (email !== null && seats > 1) issues.push({ field: 'seats', message: 'An invite for one address has one seat.' });
  if (left < hourMs || left > 30 * dayMs)
    issues.push({ field: 'expiresAt', message: 'An invite is open for 1 hour to 30 days.' });
  if (places.length > maxWorkspaces)
    issues.push({ field: 'workspaces', message: 'An invite leads into at most 100 workspaces.' });
  if (new Set(places.map(({ workspaceId }) => workspaceId)).size < places.length)
    issues.push({ field: 'workspaces', message: 'Each workspace is named once.' });
  if (role === 'GUEST' && places.some((place) => place.role === 'ADMIN'))
    issues.push({ field: 'workspaces', message: 'A guest manages no workspace.' });
  return issues;
};

const make = async (context: Context, { places, ...draft }: Draft): Promise<MadeInvite> => {
  const { unit, services } = context;
  const viewer = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const { role } = await lockOwn(unit, viewer, 'MEMBER_INVITE');
    if (!isBelow(draft.role, role))
      throw new Forbidden('MEMBER_INVITE', `Who has the role ${role} invites for roles below it.`);
    await requirePlaces(unit, viewer, places);
    const organization = await requireInvitesAllowed(unit);
    if (draft.email !== null) await requireInvitable(unit, organization, draft.email);
    const expiresAt = draft.expiresAt.toISOString();
    const readers = [viewer.userId, organizationId];
    const row = { ...draft, organizationId, readers, expiresAt, createdById: viewer.userId };
    const invite = sole(await database.insert(invites).values(row).returning());
    const entries = places.map((place) => ({ ...place, organizationId, inviteId: invite.id }));
    if (entries.length > 0) await database.insert(inviteWorkspaces).values(entries);
    const target = { organizationId, userId: null, subjectId: invite.id };
    const code = await grantToken(unit, 'INVITE', target, draft.expiresAt);
    if (draft.email !== null) {
      const mail = inviteMail(services, { email: draft.email, organization: organization.name, code, expiresAt });
      await postLetter(unit, services, mail, { type: 'Invite', id: invite.id });
    }
    const data = { role: draft.role, email: draft.email, seats: draft.seats, expiresAt, workspaces: places };
    unit.record({ action: 'invite.created', type: 'Invite', id: invite.id, data });
    return { invite, code };
  });
};

/** Throws NotFound for a workspace out of sight, Forbidden for one that the viewer is no admin of. */
const requirePlaces = async (unit: UnitOfWork, viewer: Viewer, places: readonly Place[]): Promise<void> => {
  if (places.length === 0) return;
  const ids = places.map(({ workspaceId }) => workspaceId);
  const seen = await database
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(eq(workspaces.organizationId, unit.organizationId), inArray(workspaces.id, ids)));
  const unseen = ids.find((id) => !seen.some((workspace) => workspace.id === id));
  if (unseen !== undefined) throw new NotFound('Workspace', unseen);
  for (const id of ids) requirePermission(viewer, 'WORKSPACE_MANAGE', id);
};

/** Throws BadUserInput for an address of a domain that the organization does not take in, Conflict for a member's. */
const requireInvitable = async (unit: UnitOfWork, organization: OrganizationRow, email: string): Promise<void> => {
  if (!allowsAddress(settingsOf(organization), email))
    throw new BadUserInput('email', 'The organization takes in no addresses of this domain.');
  const members = await database
    .select({ id: memberships.id })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(
      and(eq(memberships.organizationId, unit.organizationId), eq(sql`lower(${users.email})`, email.toLowerCase())),
    );
  if (members.length > 0) throw new Conflict('email', 'Who has this address is a member already.');
};

/** Disables an invite; one whose seats are taken stays as it is. Throws NotFound. */
export const disableInvite = ({ unit }: Context, id: string): Promise<InviteRow> =>
  unit.transact(async ({ organizationId }) => {
    const ofInvite = and(eq(invites.organizationId, organizationId), eq(invites.id, id));
    const [current] = await database.select().from(invites).where(ofInvite).for('update');
    if (current === undefined) throw new NotFound('Invite', id);
    if (current.status !== 'PENDING') return current;
    const [disabled] = await disable(unit, [id]);
    return disabled ?? current;
  });

/** Disables the open invites that a member made for these roles, in the running transaction of a unit that sees the whole organization. */
export const disableInvitesOf = async (
  unit: UnitOfWork,
  userId: string,
  roles: readonly OrganizationRole[],
): Promise<void> => {
  const open = await database
    .select({ id: invites.id })
    .from(invites)
    .where(
      and(
        eq(invites.organizationId, unit.organizationId),
        eq(invites.status, 'PENDING'),
        eq(invites.createdById, userId),
        inArray(invites.role, [...roles]),
      ),
    )
    .for('update');
  if (open.length > 0)
    await disable(
      unit,
      open.map(({ id }) => id),
    );
};

const disable = async (unit: UnitOfWork, ids: readonly string[]): Promise<InviteRow[]> => {
  const disabled = await database
    .update(invites)
    .set({ status: 'DISABLED', disabledAt: sql`now()` })
    .where(and(eq(invites.organizationId, unit.organizationId), inArray(invites.id, [...ids])))
    .returning();
  await revokeTokens(unit, ids);
  for (const { id } of disabled) unit.record({ action: 'invite.disabled', type: 'Invite', id });
  return disabled;
};
