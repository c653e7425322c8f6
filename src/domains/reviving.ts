import type { Permission } from '../generated/resolvers.ts';
import type { Revive } from '../queue/queue.ts';
import { requirePermission } from './permissions.ts';
import type { Reviving } from './services.ts';

/** Puts a job back as it is, for who could ask for it now. */
export const withPermission =
  (permission: Permission): Revive<Reviving> =>
  async ({ viewer }) => {
    requirePermission(viewer, permission);
    return {};
  };
