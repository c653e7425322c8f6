import type { Permission } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { discovery, scopeOf, viewerOfCredential } from './viewers.ts';

/**
 * Looks up a subscriber's rights anew; the context goes on with them, and with a unit that knows nothing from before. False when they may not be
 * here any more, or lack the permission.
 */
export const renewSubscriber = async (context: Context, permission: Permission): Promise<boolean> => {
  const { userId, organizationId, credential } = viewerOf(context);
  const looking = context.unit.as(discovery(organizationId, userId));
  const { sessions } = context.services.settings;
  const viewer = await viewerOfCredential(looking, { ...credential, organizationId, userId }, sessions);
  await looking.rest();
  if (viewer === null || !viewer.permissions.has(permission)) return false;
  context.viewer = viewer;
  context.unit = context.unit.as(scopeOf(viewer));
  return true;
};
