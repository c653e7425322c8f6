import { Forbidden } from '../../errors.ts';
import type { Permission } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { groupById } from '../tenancy/group-loaders.ts';

/**
 * One writes for a group that one is in, or as an administrator for any: the rule of the database, told before it is asked. No connection is held afterwards. Without a
 * group nothing is asked. Throws NotFound, Forbidden, which names the permission that is used.
 */
export const requireOwnGroup = async (
  context: Pick<Context, 'unit' | 'viewer'>,
  groupId: string | null | undefined,
  permission: Permission,
): Promise<void> => {
  if (groupId === undefined || groupId === null) return;
  const { principals, organizationId } = viewerOf(context);
  await found('Group', groupId, groupById(context.unit));
  await context.unit.rest();
  if (!principals.includes(organizationId) && !principals.includes(groupId))
    throw new Forbidden(permission, 'Members of a group and administrators alone write for it.');
};
