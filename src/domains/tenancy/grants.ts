import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden } from '../../errors.ts';
import type { GrantPermissionInput, Permission, RevokePermissionInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { permissionRules } from '../permissions.ts';
import { lockPair, wholeOrganization } from './ranks.ts';
import { userPermissions, type UserPermissionRow } from './tables.ts';

export const userPermissionById = loadOne(
  () =>
    database
      .select()
      .from(userPermissions)
      .where(
        and(eq(userPermissions.organizationId, bound.organizationId), sql`${userPermissions.id} = any(${bound.keys})`),
      ),
  (grant) => grant.id,
);

/** Permissions given by hand in the viewer's sight: their own, and for administrators all. */
export const userPermissionList = listOf({
  from: userPermissions,
  columns: getTableColumns(userPermissions),
  orders: { CREATED_AT: userPermissions.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: { userId: userPermissions.userId, permission: userPermissions.permission },
});

/** Changes what a member below the viewer was given by hand, in one transaction. Throws Forbidden, NotFound. */
const settle = async <Result>(
  context: Context,
  userId: string,
  act: (unit: UnitOfWork) => Promise<Result>,
): Promise<Result> => {
  const viewer = viewerOf(context);
  if (userId === viewer.userId) throw new Forbidden('PERMISSION_GRANT', 'Nobody gives or denies themselves anything.');
  const unit = await wholeOrganization(context);
  const result = await unit.transact(async () => {
    await lockPair(unit, viewer, 'PERMISSION_GRANT', userId);
    return act(unit);
  });
  context.services.viewers.forgetUser(userId);
  return result;
};

const requireHeld = (context: Context, permission: Permission): void => {
  if (!viewerOf(context).permissions.has(permission))
    throw new Forbidden(permission, `Nobody gives what they do not hold, and this is ${permission}.`);
};

const write = async (
  context: Context,
  effect: UserPermissionRow['effect'],
  { userId, permission, reason = null }: GrantPermissionInput,
): Promise<UserPermissionRow> => {
  if (permissionRules[permission].personal === true)
    throw new BadUserInput('permission', 'This permission is personal: it can be neither given nor denied.');
  if ((reason?.length ?? 0) > 1000) throw new BadUserInput('reason', 'A reason has at most 1,000 characters.');
  const grantedById = viewerOf(context).userId;
  return settle(context, userId, async (unit) => {
    if (effect === 'ALLOW') requireHeld(context, permission);
    const { organizationId } = unit;
    const fields = { effect, reason, grantedById };
    const row = { ...fields, organizationId, readers: [userId, organizationId], userId, permission };
    const written = sole(
      await database
        .insert(userPermissions)
        .values(row)
        .onConflictDoUpdate({
          target: [userPermissions.organizationId, userPermissions.userId, userPermissions.permission],
          set: { ...fields, createdAt: sql`now()` },
        })
        .returning(),
    );
    const action = effect === 'ALLOW' ? 'permission.granted' : 'permission.denied';
    unit.record({ action, type: 'UserPermission', id: written.id, data: { userId, permission, reason } });
    return written;
  });
};

/** Gives a member a permission. Throws BadUserInput, Forbidden, NotFound. */
export const grantPermission = (context: Context, input: GrantPermissionInput): Promise<UserPermissionRow> =>
  write(context, 'ALLOW', input);

/** Denies a member a permission. Throws BadUserInput, Forbidden, NotFound. */
export const denyPermission = (context: Context, input: GrantPermissionInput): Promise<UserPermissionRow> =>
  write(context, 'DENY', input);

/** Takes a grant or a denial back. Throws Forbidden, NotFound, Conflict (there is neither). */
export const revokePermission = (context: Context, { userId, permission }: RevokePermissionInput): Promise<string> =>
  settle(context, userId, async (unit) => {
    const [gone] = await database
      .delete(userPermissions)
      .where(
        and(
          eq(userPermissions.organizationId, unit.organizationId),
          eq(userPermissions.userId, userId),
          eq(userPermissions.permission, permission),
        ),
      )
      .returning();
    if (gone === undefined) throw new Conflict('permission', 'This was neither granted nor denied.');
    if (gone.effect === 'DENY') requireHeld(context, permission);
    const data = { userId, permission, effect: gone.effect };
    unit.record({ action: 'permission.revoked', type: 'UserPermission', id: gone.id, data });
    return gone.id;
  });
