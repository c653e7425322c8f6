import { and, eq, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { BadUserInput, Conflict, NotFound, type InputIssue } from '../../errors.ts';
import type {
  AddWorkspaceMemberInput,
  ChangeWorkspaceMemberRoleInput,
  RemoveWorkspaceMemberInput,
  SetWorkspaceMembersInput,
} from '../../generated/resolvers.ts';
import { viewerOf, type Context, type OrganizationRole, type WorkspaceRole } from '../context.ts';
import { found } from '../nodes.ts';
import { archived } from '../permissions.ts';
import { goOnWithRightsOfNow } from './entrance.ts';
import { workspaceById } from './loaders.ts';
import { memberships, workspaceMemberships, type WorkspaceMembershipRow } from './tables.ts';
import { lockActiveWorkspace } from './workspace-lock.ts';

const maxMembers = 100;

/** Somebody and what they are to be in a workspace. */
interface Place {
  readonly userId: string;
  readonly role: WorkspaceRole;
}

/**
 * Gives a member of the organization a role in a workspace. Throws BadUserInput (a guest as ADMIN), Conflict (has one already, archived),
 * Forbidden (needs ADMIN in it), NotFound (workspace, or no member of the organization).
 */
export const addWorkspaceMember = (
  context: Context,
  { workspaceId, userId, role }: AddWorkspaceMemberInput,
): Promise<WorkspaceMembershipRow> =>
  changing(context, workspaceId, async () => {
    await requirePlaces(context, [{ userId, role }], () => 'role');
    const [member] = await added(context, workspaceId, [{ userId, role }]);
    if (member === undefined) throw new Conflict('userId', 'This user has a role in the workspace already.');
    return member;
  });

/** Gives somebody another role in a workspace. Throws as `addWorkspaceMember`, and NotFound for who has no role there. */
export const changeWorkspaceMemberRole = (
  context: Context,
  { workspaceId, userId, role }: ChangeWorkspaceMemberRoleInput,
): Promise<WorkspaceMembershipRow> =>
  changing(context, workspaceId, async () => {
    const current = await memberOf(context, workspaceId, userId);
    await requirePlaces(context, [{ userId, role }], () => 'role');
    return current.role === role ? current : changed(context, current, role);
  });

/** Takes somebody's role away and gives the membership's id. Throws Conflict (archived), Forbidden (needs ADMIN in it), NotFound. */
export const removeWorkspaceMember = (
  context: Context,
  { workspaceId, userId }: RemoveWorkspaceMemberInput,
): Promise<string> =>
  changing(context, workspaceId, async () => {
    const current = await memberOf(context, workspaceId, userId);
    await removed(context, workspaceId, [current]);
    return current.id;
  });

/**
 * Gives a workspace these members and no others, in one transaction; who keeps their role keeps their membership. Throws BadUserInput,
 * Conflict (archived), Forbidden (needs ADMIN in it), NotFound (workspace, or no member of the organization).
 */
export const setWorkspaceMembers = (
  context: Context,
  { workspaceId, members }: SetWorkspaceMembersInput,
): Promise<void> =>
  changing(context, workspaceId, async () => {
    refuse(listIssues(members));
    await requirePlaces(context, members, (at) => `members.${at}.role`);
    const current = await membersOf(context, workspaceId);
    const wanted = new Map(members.map(({ userId, role }) => [userId, role]));
    const known = new Set(current.map(({ userId }) => userId));
    await removed(
      context,
      workspaceId,
      current.filter(({ userId }) => !wanted.has(userId)),
    );
    for (const member of current) {
      const role = wanted.get(member.userId);
      if (role !== undefined && role !== member.role) await changed(context, member, role);
    }
    await added(
      context,
      workspaceId,
      members.filter(({ userId }) => !known.has(userId)),
    );
  });

/** Gives up the viewer's own role and gives the membership's id. Throws Conflict (archived, or there is none), NotFound. */
export const leaveWorkspace = async (context: Context, workspaceId: string): Promise<string> => {
  const { userId } = viewerOf(context);
  const id = await context.unit.transact(async () => {
    const workspace = await found('Workspace', workspaceId, workspaceById(context.unit));
    if (workspace.archivedAt !== null) throw archived();
    const [own] = await membersOf(context, workspaceId, [userId]);
    if (own === undefined) throw new Conflict('workspaceId', 'You have no role in this workspace.');
    await removed(context, workspaceId, [own]);
    return own.id;
  });
  await goOnWithRightsOfNow(context);
  return id;
};

/** One transaction under the workspace's lock. Whoever may have changed their own rights goes on with those that are left. */
const changing = async <Result>(
  context: Context,
  workspaceId: string,
  work: () => Promise<Result>,
): Promise<Result> => {
  const result = await context.unit.transact(async () => {
    await lockActiveWorkspace(context, workspaceId);
    return work();
  });
  if (!viewerOf(context).holdsAllWorkspaces) await goOnWithRightsOfNow(context);
  return result;
};

const refuse = (issues: readonly InputIssue[]): void => {
  if (issues.length > 0) throw new BadUserInput(issues);
};

const listIssues = (members: readonly Place[]): InputIssue[] => {
  if (members.length > maxMembers) return [{ field: 'members', message: `At most ${maxMembers} members at a time.` }];
  const first = new Map(members.map(({ userId }, at) => [userId, at] as const).toReversed());
  return members.flatMap(({ userId }, at) =>
    first.get(userId) === at ? [] : [{ field: `members.${at}.userId`, message: 'This user is named twice.' }],
  );
};

/**
 * Each of them must be a member of the organization, and one whose role there allows it; `fieldOf` names a wrong role. They stay so until
 * the end of the transaction.
 */
const requirePlaces = async (
  context: Context,
  places: readonly Place[],
  fieldOf: (at: number) => string,
): Promise<void> => {
  const ofOrganization = eq(memberships.organizationId, context.unit.organizationId);
  const rows = await database
    .select({ userId: memberships.userId, role: memberships.role })
    .from(memberships)
    .where(and(ofOrganization, inArray(memberships.userId, usersOf(places))))
    .orderBy(memberships.userId)
    .for('share');
  const roles = new Map<string, OrganizationRole>(rows.map(({ userId, role }) => [userId, role]));
  for (const { userId } of places) if (!roles.has(userId)) throw new NotFound('User', userId);
  refuse(
    places.flatMap(({ userId, role }, at) =>
      role === 'ADMIN' && roles.get(userId) === 'GUEST'
        ? [{ field: fieldOf(at), message: 'A guest of the organization can be VIEWER or EDITOR.' }]
        : [],
    ),
  );
};

const usersOf = (places: readonly { readonly userId: string }[]): string[] => places.map(({ userId }) => userId);

/** The members of a workspace, or those of them who are named. */
const membersOf = ({ unit }: Context, workspaceId: string, userIds?: string[]): Promise<WorkspaceMembershipRow[]> =>
  database
    .select()
    .from(workspaceMemberships)
    .where(
      and(
        eq(workspaceMemberships.organizationId, unit.organizationId),
        eq(workspaceMemberships.workspaceId, workspaceId),
        userIds && inArray(workspaceMemberships.userId, userIds),
      ),
    );

const memberOf = async (context: Context, workspaceId: string, userId: string): Promise<WorkspaceMembershipRow> => {
  const [member] = await membersOf(context, workspaceId, [userId]);
  if (member === undefined) throw new NotFound('User', userId);
  return member;
};

const added = async (
  context: Context,
  workspaceId: string,
  places: readonly Place[],
): Promise<WorkspaceMembershipRow[]> => {
  if (places.length === 0) return [];
  const { organizationId } = context.unit;
  const rows = await database
    .insert(workspaceMemberships)
    .values(places.map(({ userId, role }) => ({ organizationId, workspaceId, userId, role })))
    .onConflictDoNothing()
    .returning();
  for (const member of rows) tell(context, 'workspace_member.added', member, { role: member.role });
  return rows;
};

const changed = async (
  context: Context,
  { id, role: before }: WorkspaceMembershipRow,
  role: WorkspaceRole,
): Promise<WorkspaceMembershipRow> => {
  const [member] = await database
    .update(workspaceMemberships)
    .set({ role })
    .where(and(eq(workspaceMemberships.organizationId, context.unit.organizationId), eq(workspaceMemberships.id, id)))
    .returning();
  if (member === undefined) throw new NotFound('WorkspaceMembership', id);
  tell(context, 'workspace_member.changed', member, { role, before });
  return member;
};

const removed = async (
  context: Context,
  workspaceId: string,
  members: readonly WorkspaceMembershipRow[],
): Promise<void> => {
  if (members.length === 0) return;
  await database
    .delete(workspaceMemberships)
    .where(
      and(
        eq(workspaceMemberships.organizationId, context.unit.organizationId),
        eq(workspaceMemberships.workspaceId, workspaceId),
        inArray(workspaceMemberships.userId, usersOf(members)),
      ),
    );
  for (const member of members) tell(context, 'workspace_member.removed', member, { role: member.role });
};

/** Writes down whose rights changed; they count once the transaction stands. */
const tell = (
  { unit, services }: Context,
  action: string,
  { id, workspaceId, userId }: WorkspaceMembershipRow,
  data: Record<string, string>,
): void => {
  unit.record({ action, type: 'WorkspaceMembership', id, workspaceId, data: { userId, ...data } });
  unit.afterCommit(() => services.viewers.forgetUser(userId));
};
