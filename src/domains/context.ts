import type { Origin, UnitOfWork } from '../database/unit-of-work.ts';
import { Forbidden, Unauthenticated } from '../errors.ts';
import type { Permission } from '../generated/resolvers.ts';
import type { Services } from './services.ts';

export type OrganizationRole = 'OWNER' | 'ADMIN' | 'MANAGER' | 'MEMBER' | 'GUEST';
export type WorkspaceRole = 'ADMIN' | 'EDITOR' | 'VIEWER';

/** Who is asking, in which organization, with what rights. */
export interface Viewer {
  readonly userId: string;
  readonly organizationId: string;
  readonly sessionId: string;
  readonly role: OrganizationRole;
  readonly permissions: ReadonlySet<Permission>;
  /** Roles in workspaces by their ids; workspaces seen without a role are missing. */
  readonly workspaceRoles: ReadonlyMap<string, WorkspaceRole>;
  /** Workspaces seen: memberships and published ones; `'*'` for who holds all. */
  readonly workspaces: '*' | readonly string[];
  /** Principals whose grants the viewer holds. */
  readonly principals: readonly string[];
}

/** What a resolver gets besides its parent and arguments: one for each operation. */
export interface Context {
  /** Null for anonymous requests, which reach `@public` fields only. */
  viewer: Viewer | null;
  unit: UnitOfWork;
  readonly services: Services;
  readonly origin: Origin;
}

/** The signed-in viewer. Throws Unauthenticated for an anonymous request. */
export const viewerOf = ({ viewer }: Pick<Context, 'viewer'>): Viewer => {
  if (viewer === null) throw new Unauthenticated();
  return viewer;
};

/** For fields below the root, which carry no `@allow`. Throws Forbidden when the viewer lacks the permission. */
export const requirePermission = ({ permissions }: Viewer, permission: Permission): void => {
  if (!permissions.has(permission)) throw new Forbidden(permission);
};
