import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Forbidden, NotFound } from '../../errors.ts';
import type { SetSettingInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import type { Services } from '../services.ts';
import { settableAt, type SettingKey, type SettingScope } from '../setting-key.ts';
import { settingsNow, systemSettings } from '../tenancy/setting-values.ts';
import { lockActiveWorkspace } from '../tenancy/workspace-lock.ts';
import { administering } from './administering.ts';
import {
  holdsAt,
  isTold,
  permissionAt,
  settingAccess,
  type SettingAccess,
  type SettingAsked,
} from './setting-access.ts';
import type { SettingRow } from './setting-rows.ts';
import { putSetting, takeSetting, type StoredValue } from './setting-storing.ts';

/** The settings that the viewer is told at a scope, by their keys. Throws BadUserInput, Forbidden, NotFound (workspace). */
export const settingList = async (context: Context, asked: SettingAsked): Promise<SettingRow[]> => {
  const access = await settingAccess(context, asked);
  const values = await settingsNow(context, access);
  return entriesOf(context.services)
    .filter((entry) => holdsAt(entry, access.scope) && isTold(entry, access))
    .map((entry) => ({ entry, access, values }));
};

/** One of them. Throws BadUserInput, Forbidden (not told to the viewer), NotFound (workspace, or no such key there). */
export const settingByKey = async (context: Context, asked: SettingAsked, key: string): Promise<SettingRow> => {
  const access = await settingAccess(context, asked);
  const entry = entryOf(context.services, key);
  if (!holdsAt(entry, access.scope)) throw new NotFound('Setting', key);
  if (!isTold(entry, access)) throw new Forbidden(permissionAt[access.scope]);
  return { entry, access, values: await settingsNow(context, access) };
};

/** What the installation tells everybody; mostly without a statement. */
export const publicSettings = async (context: Context): Promise<{ key: string; value: unknown }[]> => {
  const values = await systemSettings(context);
  return entriesOf(context.services)
    .filter((entry) => entry.visibility === 'PUBLIC' && holdsAt(entry, 'SYSTEM'))
    .map((entry) => ({ key: entry.key, value: values.of(entry) }));
};

/** Sets a value, or with null takes it away. Throws BadUserInput, Conflict (archived), Forbidden, NotFound (workspace or key). */
export const setSetting = async (context: Context, input: SetSettingInput): Promise<SettingRow> => {
  const access = await settingAccess(context, input);
  const entry = entryOf(context.services, input.key);
  if (!access.mayChange) throw new Forbidden(permissionAt[access.scope]);
  requireSettable(entry, access.scope);
  const value = await storedOf(context.services, entry, input.value);
  await changing(context, access, (unit) => change(unit, entry, access, value));
  return { entry, access, values: await settingsNow(context, access) };
};

/** Faults of a value that are told. */
const maxIssues = 20;

const entriesOf = ({ settingKeys }: Services): SettingKey[] =>
  Object.values(settingKeys).toSorted((one, other) => (one.key < other.key ? -1 : 1));

const entryOf = ({ settingKeys }: Services, key: string): SettingKey => {
  const entry = Object.hasOwn(settingKeys, key) ? settingKeys[key] : undefined;
  if (entry === undefined) throw new NotFound('Setting', key);
  return entry;
};

const requireSettable = (entry: SettingKey, scope: SettingScope): void => {
  const scopes = settableAt(entry);
  if (scopes.includes(scope)) return;
  const elsewhere = entry.keptElsewhere?.[scope];
  throw new BadUserInput('scope', elsewhere ?? `${entry.key} is set for ${scopes.join(', ')}, and not for ${scope}.`);
};

/** A value as it is stored; null where it is to be taken away. Throws BadUserInput with the path below `value`. */
const storedOf = async (
  { keyRing }: Services,
  { shape, visibility }: SettingKey,
  given: unknown,
): Promise<StoredValue | null> => {
  if (given === undefined) throw new BadUserInput('value', 'Give a value, or null to take away what is set here.');
  if (given === null) return null;
  const { data, error } = shape.safeParse(given);
  if (error !== undefined)
    throw new BadUserInput(
      error.issues
        .slice(0, maxIssues)
        .map(({ path, message }) => ({ field: ['value', ...path.map(String)].join('.'), message })),
    );
  return visibility === 'SECRET'
    ? { value: null, encryptedValue: await keyRing.encrypt(JSON.stringify(data)) }
    : { value: data, encryptedValue: null };
};

/** Runs a change in one transaction of whoever may make it at a scope. Throws Conflict (archived), Forbidden, NotFound (workspace). */
const changing = (
  context: Context,
  { scope, workspaceId }: SettingAccess,
  work: (unit: UnitOfWork) => Promise<void>,
): Promise<void> => {
  if (scope === 'SYSTEM') return administering(context, work);
  return context.unit.transact(async () => {
    if (scope === 'WORKSPACE' && workspaceId !== null) await lockActiveWorkspace(context, workspaceId);
    await work(context.unit);
  });
};

const change = async (
  unit: UnitOfWork,
  { key }: SettingKey,
  { scope, workspaceId }: SettingAccess,
  value: StoredValue | null,
): Promise<void> => {
  const place = { scope, workspaceId, key };
  const id = value === null ? await takeSetting(unit, place) : await putSetting(unit, place, value);
  if (id === null) return;
  const action = value === null ? 'setting.reset' : 'setting.set';
  unit.record({ action, ...targetOf(unit, place, id), data: { key, scope } });
};

/** What is told to have changed: the installation's own row, or whatever the setting is of. */
const targetOf = (
  unit: UnitOfWork,
  { scope, workspaceId }: Pick<SettingAccess, 'scope' | 'workspaceId'>,
  rowId: string,
): { type: string; id: string; workspaceId?: string } => {
  if (scope === 'SYSTEM') return { type: 'Setting', id: rowId };
  if (scope === 'USER') return { type: 'User', id: unit.scope.userId ?? rowId };
  if (workspaceId === null) return { type: 'Organization', id: unit.organizationId };
  return { type: 'Workspace', id: workspaceId, workspaceId };
};
