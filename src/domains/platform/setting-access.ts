import { BadUserInput, Forbidden } from '../../errors.ts';
import type { Permission } from '../../generated/resolvers.ts';
import { viewerOf, type Context, type Viewer } from '../context.ts';
import { found } from '../nodes.ts';
import { decisionIn } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { reaches, settableAt, type SettingKey, type SettingScope } from '../setting-key.ts';

/** Where a client asks for settings. */
export interface SettingAsked {
  readonly scope: SettingScope;
  readonly workspaceId?: string | null | undefined;
}

/** A place that settings have, with what the viewer may do there. */
export interface SettingAccess {
  readonly scope: SettingScope;
  readonly workspaceId: string | null;
  /** The viewer's, where it is theirs. */
  readonly userId: string | null;
  readonly mayChange: boolean;
}

/** What changing settings of a scope needs. */
export const permissionAt: Readonly<Record<SettingScope, Permission>> = {
  SYSTEM: 'PLATFORM_ADMINISTER',
  ORGANIZATION: 'ORGANIZATION_MANAGE',
  WORKSPACE: 'WORKSPACE_MANAGE',
  USER: 'SETTING_WRITE',
};

/** Looks a place up. Throws BadUserInput (workspaceId), Forbidden (one's own, by a key of some workspaces), NotFound (workspace). */
export const settingAccess = async (context: Context, asked: SettingAsked): Promise<SettingAccess> => {
  const { scope } = asked;
  const workspaceId = asked.workspaceId ?? null;
  if (scope === 'WORKSPACE' && workspaceId === null) throw new BadUserInput('workspaceId', 'Say which workspace.');
  if (workspaceId !== null && !reaches('WORKSPACE', scope))
    throw new BadUserInput('workspaceId', `Settings of the scope ${scope} belong to no workspace.`);
  const viewer = viewerOf(context);
  if (workspaceId !== null) await found('Workspace', workspaceId, workspaceById(context.unit));
  if (scope === 'USER' && viewer.standing.confined)
    throw new Forbidden('SETTING_READ', 'This key is for some workspaces: it has nothing to do with its member’s own.');
  const userId = scope === 'USER' ? viewer.userId : null;
  return { scope, workspaceId, userId, mayChange: mayChange(viewer, scope, workspaceId) };
};

const mayChange = (viewer: Viewer, scope: SettingScope, workspaceId: string | null): boolean => {
  const permission = permissionAt[scope];
  if (!viewer.permissions.has('SETTING_WRITE') || !viewer.permissions.has(permission)) return false;
  return scope !== 'WORKSPACE' || workspaceId === null || decisionIn(viewer, permission, workspaceId).allowed;
};

/** Whether a setting has a value at a scope. */
export const holdsAt = ({ scopes }: SettingKey, scope: SettingScope): boolean =>
  scopes.some((each) => reaches(each, scope));

/** Whether it is told to who looks there: what is not public to those alone who could have set it at just this scope. */
export const isTold = (entry: SettingKey, { scope, mayChange }: SettingAccess): boolean =>
  entry.visibility === 'PUBLIC' || (mayChange && settableAt(entry).includes(scope));
