import type { Person, Testbed } from '../testbed.ts';

/** Who asks, from nobody to the installation's administrator. All but the first two belong to the organization that everything is in. */
export const callers = [
  'anonymous',
  /** Owner of another organization. */
  'stranger',
  /** GUEST and VIEWER of the workspace. */
  'guest',
  /** MEMBER who belongs to another workspace. */
  'neighbour',
  /** MEMBERs with a role in the workspace. */
  'viewer',
  'editor',
  'workspaceAdmin',
  /** MANAGER and EDITOR of the workspace. */
  'manager',
  /** ADMIN of the organization. */
  'admin',
  'owner',
  /** SUPERADMIN of the installation; in an organization of their own. */
  'platformAdmin',
  /** An API key of the owner with every scope. */
  'key',
  /** An API key of the owner that may only read models. */
  'keyWithoutScope',
  /** Was an EDITOR of the workspace until their account was suspended. */
  'suspended',
  /** The owner's session after its time. */
  'expired',
] as const;
export type Caller = (typeof callers)[number];

/** What a caller gets: the code of the error, data that shows what was asked for, or `own`: an answer without anything of the organization. */
export type Outcome =
  'data' | 'own' | 'UNAUTHENTICATED' | 'FORBIDDEN' | 'NOT_FOUND' | 'BAD_USER_INPUT' | 'CONFLICT' | 'RATE_LIMITED';

/** How a root field is asked, and what comes of it for each caller. */
export interface Fixture {
  /** The field with arguments and selection; `$Document` and the like stand for ids of the filled workspace, or for those of `target`. */
  readonly field: string;
  /** What each caller gets; `otherwise` stands for those not named. `suspended` and `expired` are UNAUTHENTICATED unless named. */
  readonly gets: Partial<Record<Caller, Outcome>> & { readonly otherwise: Outcome };
  /** Something of what the owner has, which `data` must hold and `own` must not; the secret word of the filled organization when absent. */
  readonly shows?: RegExp;
  /** Makes what the field works on, anew for each caller, where it would not be there a second time; gives ids or other values by name. */
  readonly target?: (
    owner: Person,
    ids: Readonly<Record<string, string>>,
    bed: Testbed,
  ) => Promise<Record<string, string>>;
  /** For subscriptions: what happens once all have subscribed, for them to hear of. */
  readonly meanwhile?: (owner: Person, ids: Readonly<Record<string, string>>) => Promise<void>;
}

type Gets = Fixture['gets'];

/** Whoever sees the filled workspace gets it. */
export const inWorkspace: Gets = {
  otherwise: 'data',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'NOT_FOUND',
  platformAdmin: 'NOT_FOUND',
  neighbour: 'NOT_FOUND',
  keyWithoutScope: 'FORBIDDEN',
};
/** Whoever may bring things into the filled workspace. */
export const byEditors: Gets = { ...inWorkspace, guest: 'FORBIDDEN', viewer: 'FORBIDDEN' };
/** Whoever manages the filled workspace. */
export const byWorkspaceAdmins: Gets = { ...byEditors, editor: 'FORBIDDEN', manager: 'FORBIDDEN' };
/** Administrators and owners of the organization; others are told which permission is missing. */
export const byAdmins: Gets = {
  otherwise: 'FORBIDDEN',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'NOT_FOUND',
  platformAdmin: 'NOT_FOUND',
  admin: 'data',
  owner: 'data',
  key: 'data',
};
/** Administrators of the installation alone. */
export const byPlatform: Gets = { otherwise: 'FORBIDDEN', anonymous: 'UNAUTHENTICATED', platformAdmin: 'data' };
/** Everybody who is signed in, about what is their own. */
export const byEverybody: Gets = { otherwise: 'data', anonymous: 'UNAUTHENTICATED' };

/** A connection below the root: what each caller gets, and where the way to it cannot be guessed, the root field that reads it. */
export type ConnectionFixture = Pick<Fixture, 'gets' | 'shows'> & { readonly field?: string };

/** Fixtures of root fields by their names, and of connections by `Type.field`. */
export interface Fixtures {
  readonly queries?: Readonly<Record<string, Fixture>>;
  readonly mutations?: Readonly<Record<string, Fixture>>;
  readonly subscriptions?: Readonly<Record<string, Fixture>>;
  readonly connections?: Readonly<Record<string, ConnectionFixture>>;
}
