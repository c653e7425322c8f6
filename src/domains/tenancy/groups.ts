import { and, eq, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, NotFound, type InputIssue } from '../../errors.ts';
import type {
  AddGroupMembersInput,
  CreateGroupInput,
  RemoveGroupMembersInput,
  UpdateGroupInput,
} from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { requireRoomForGroup } from './organization-types.ts';
import { groupMemberships, groups, memberships, type GroupRow } from './tables.ts';

const maxSettings = 16_000;
const maxUsers = 100;

type Fields = Partial<Pick<GroupRow, 'name' | 'description' | 'settings' | 'active'>>;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The fields that were given, checked. Throws BadUserInput. */
const fieldsOf = (input: Omit<UpdateGroupInput, 'id'>): Fields => {
  const { name, description, settings, active } = input;
  const issues: InputIssue[] = [];
  if (name !== undefined && (name === null || name.trim().length < 1 || name.length > 100))
    issues.push({ field: 'name', message: 'A name has 1 to 100 characters.' });
  if ((description?.length ?? 0) > 2000)
    issues.push({ field: 'description', message: 'A description has at most 2,000 characters.' });
  if (settings !== undefined && (!isObject(settings) || JSON.stringify(settings).length > maxSettings))
    issues.push({ field: 'settings', message: 'Settings are an object of at most 16,000 characters as JSON.' });
  if (active === null) issues.push({ field: 'active', message: 'This is yes or no.' });
  if (issues.length > 0) throw new BadUserInput(issues);
  return {
    ...(typeof name === 'string' && { name: name.trim() }),
    ...(description !== undefined && { description }),
    ...(isObject(settings) && { settings }),
    ...(typeof active === 'boolean' && { active }),
  };
};

const withFreeName = async <Result>(write: Promise<Result>): Promise<Result> => {
  try {
    return await write;
  } catch (error) {
    if (violates(error, 'groups_name_key')) throw new Conflict('name', 'There is a group of this name already.');
    throw error;
  }
};

/** Makes a group without members. Throws BadUserInput, Conflict (name taken; no room for another group). */
export const createGroup = async (context: Context, input: CreateGroupInput): Promise<GroupRow> => {
  const { name = '', ...fields } = fieldsOf(input);
  const { unit } = context;
  const { organizationId, userId } = viewerOf(context);
  return withFreeName(
    unit.transact(async () => {
      await requireRoomForGroup(unit);
      const row = { ...fields, name, organizationId, createdById: userId };
      const group = sole(await database.insert(groups).values(row).returning());
      unit.record({ action: 'group.created', type: 'Group', id: group.id, data: { name } });
      return group;
    }),
  );
};

const ofGroup = (organizationId: string, id: string) =>
  and(eq(groups.organizationId, organizationId), eq(groups.id, id));

const lockGroup = async (organizationId: string, id: string): Promise<GroupRow> => {
  const [group] = await database.select().from(groups).where(ofGroup(organizationId, id)).for('update');
  if (group === undefined) throw new NotFound('Group', id);
  return group;
};

const membersOf = async (organizationId: string, groupId: string): Promise<string[]> => {
  const rows = await database
    .select({ userId: groupMemberships.userId })
    .from(groupMemberships)
    .where(and(eq(groupMemberships.organizationId, organizationId), eq(groupMemberships.groupId, groupId)));
  return rows.map(({ userId }) => userId);
};

/** Whose rights have changed are looked up anew. */
const forget = ({ services }: Context, userIds: readonly string[]): void => {
  for (const userId of userIds) services.viewers.forgetUser(userId);
};

/** Changes a group. Throws BadUserInput, Conflict (name taken), NotFound. */
export const updateGroup = async (context: Context, { id, ...input }: UpdateGroupInput): Promise<GroupRow> => {
  const fields = fieldsOf(input);
  const { unit } = context;
  const { group, concerned } = await withFreeName(
    unit.transact(async ({ organizationId }) => {
      const current = await lockGroup(organizationId, id);
      if (Object.keys(fields).length === 0) return { group: current, concerned: [] };
      const [updated] = await database.update(groups).set(fields).where(ofGroup(organizationId, id)).returning();
      unit.record({ action: 'group.updated', type: 'Group', id, data: { fields: Object.keys(fields) } });
      const concerned = fields.active === undefined ? [] : await membersOf(organizationId, id);
      return { group: updated ?? current, concerned };
    }),
  );
  forget(context, concerned);
  return group;
};

/** Deletes a group. Throws NotFound. */
export const deleteGroup = async (context: Context, id: string): Promise<string> => {
  const { unit } = context;
  const concerned = await unit.transact(async ({ organizationId }) => {
    const { name } = await lockGroup(organizationId, id);
    const members = await membersOf(organizationId, id);
    await database.delete(groups).where(ofGroup(organizationId, id));
    unit.record({ action: 'group.deleted', type: 'Group', id, data: { name } });
    return members;
  });
  forget(context, concerned);
  return id;
};

const requireUsers = (userIds: readonly string[]): void => {
  if (userIds.length < 1 || userIds.length > maxUsers)
    throw new BadUserInput('userIds', 'This takes 1 to 100 members at a time.');
};

/** Puts members into a group. Throws BadUserInput, NotFound (group; no member of the organization). */
export const addGroupMembers = async (
  context: Context,
  { groupId, userIds }: AddGroupMembersInput,
): Promise<GroupRow> => {
  requireUsers(userIds);
  const { unit } = context;
  const addedById = viewerOf(context).userId;
  const { group, added } = await unit.transact(async ({ organizationId }) => {
    const group = await lockGroup(organizationId, groupId);
    const members = await database
      .select({ userId: memberships.userId })
      .from(memberships)
      .where(and(eq(memberships.organizationId, organizationId), inArray(memberships.userId, userIds)))
      .orderBy(memberships.userId)
      // Nobody leaves before their place is written.
      .for('key share');
    const stranger = userIds.find((id) => !members.some(({ userId }) => userId === id));
    if (stranger !== undefined) throw new NotFound('User', stranger);
    const rows = members.map(({ userId }) => ({ organizationId, groupId, userId, addedById }));
    const added = await database
      .insert(groupMemberships)
      .values(rows)
      .onConflictDoNothing()
      .returning({ userId: groupMemberships.userId });
    const ids = added.map(({ userId }) => userId);
    if (ids.length > 0)
      unit.record({ action: 'group.members_added', type: 'Group', id: groupId, data: { userIds: ids } });
    return { group, added: ids };
  });
  forget(context, added);
  return group;
};

/** Takes members out of a group. Throws BadUserInput, NotFound (group). */
export const removeGroupMembers = async (
  context: Context,
  { groupId, userIds }: RemoveGroupMembersInput,
): Promise<GroupRow> => {
  requireUsers(userIds);
  const { unit } = context;
  const { group, removed } = await unit.transact(async ({ organizationId }) => {
    const group = await lockGroup(organizationId, groupId);
    const rows = await database
      .delete(groupMemberships)
      .where(
        and(
          eq(groupMemberships.organizationId, organizationId),
          eq(groupMemberships.groupId, groupId),
          inArray(groupMemberships.userId, userIds),
        ),
      )
      .returning({ userId: groupMemberships.userId });
    const removed = rows.map(({ userId }) => userId);
    if (removed.length > 0)
      unit.record({ action: 'group.members_removed', type: 'Group', id: groupId, data: { userIds: removed } });
    return { group, removed };
  });
  forget(context, removed);
  return group;
};
