import type { Origin, UnitOfWork } from '../database/unit-of-work.ts';
import { Unauthenticated } from '../errors.ts';
import type { Permission } from '../generated/resolvers.ts';
import type { Standing } from './permissions.ts';
import type { Services } from './services.ts';
import type { WorkRecord } from '../telemetry/work-record.ts';

export type OrganizationRole = 'OWNER' | 'ADMIN' | 'MANAGER' | 'MEMBER' | 'GUEST';
export type WorkspaceRole = 'ADMIN' | 'EDITOR' | 'VIEWER';
export type PlatformRole = 'NONE' | 'ADMIN' | 'SUPERADMIN';

/** What the viewer showed to be let in. */
export interface Credential {
  readonly kind: 'SESSION' | 'API_KEY' | 'DEVICE' | 'EXTENSION_KEY';
  readonly id: string;
  /** Addresses and networks (CIDR) it may be shown from; null: any. */
  readonly allowedAddresses: readonly string[] | null;
}

/** Who is asking, in which organization, with what rights. */
export interface Viewer {
  readonly userId: string;
  readonly organizationId: string;
  readonly credential: Credential;
  readonly role: OrganizationRole;
  /** What permissions are decided by. */
  readonly standing: Standing;
  /** All that the standing allows. */
  readonly permissions: ReadonlySet<Permission>;
  /** Whether they act as ADMIN in every workspace they see. */
  readonly holdsAllWorkspaces: boolean;
  /** Roles in workspaces by their ids; workspaces seen without a role are missing. */
  readonly workspaceRoles: ReadonlyMap<string, WorkspaceRole>;
  /** Workspaces seen: memberships and published ones; `'*'` for all. */
  readonly workspaces: '*' | readonly string[];
  /** Workspaces in which nothing changes, of the whole organization. */
  readonly archivedWorkspaces: ReadonlySet<string>;
  /**
   * Who what they make outside any workspace, such as a file, is shown to: their user, or for a key of some workspaces the key
   * itself, which sees nothing of its member's that lies elsewhere.
   */
  readonly self: string;
  /** Principals whose grants the viewer holds: themselves, groups, workspaces seen, and for who holds all workspaces the organization. */
  readonly principals: readonly string[];
}

/** What a resolver gets besides its parent and arguments: one for each operation. */
export interface Context {
  /** Null for anonymous requests, which reach `@public` fields only. */
  viewer: Viewer | null;
  unit: UnitOfWork;
  readonly services: Services;
  readonly origin: Origin;
  /** The client's name for the mutation, by which a repeat is known; absent for what is not to be known. */
  idempotencyKey?: string;
  /** Hears of each field of a mutation before it is resolved, where a key was given. */
  beginField?: (field: string) => void;
  /** What is noted of the operation; absent where it is none. */
  readonly record?: WorkRecord;
}

/** The signed-in viewer. Throws Unauthenticated for an anonymous request. */
export const viewerOf = ({ viewer }: Pick<Context, 'viewer'>): Viewer => {
  if (viewer === null) throw new Unauthenticated();
  return viewer;
};
