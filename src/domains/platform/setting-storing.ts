import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { SettingScope } from '../setting-key.ts';
import {
  organizationSettingValues,
  systemSettingValues,
  userSettingValues,
  workspaceSettingValues,
} from '../tenancy/setting-tables.ts';

/** A value as it is stored: one of the two is null. */
export interface StoredValue {
  readonly value: unknown;
  readonly encryptedValue: string | null;
}

/** Where a key is set. */
export interface StoredPlace {
  readonly scope: SettingScope;
  /** Of the scope WORKSPACE. */
  readonly workspaceId: string | null;
  readonly key: string;
}

type Rows = PromiseLike<{ id: string }[]>;

/** Puts a value in the place of what was set before, in the running transaction; of parallel ones the last stays. Gives the id of its row. */
export const putSetting = async (unit: UnitOfWork, place: StoredPlace, stored: StoredValue): Promise<string | null> =>
  idOf(await puttingAt[place.scope](unit, place, stored));

/** Takes away what is set, in the running transaction. Gives the id of its row; null where nothing was set. */
export const takeSetting = async (unit: UnitOfWork, place: StoredPlace): Promise<string | null> =>
  idOf(await takingAt[place.scope](unit, place));

const idOf = ([row]: readonly { id: string }[]): string | null => row?.id ?? null;

const system = systemSettingValues;
const organization = organizationSettingValues;
const workspace = workspaceSettingValues;
const user = userSettingValues;

const puttingAt: Record<SettingScope, (unit: UnitOfWork, place: StoredPlace, stored: StoredValue) => Rows> = {
  SYSTEM: ({ scope: { userId } }, { key }, stored) =>
    database
      .insert(system)
      .values({ key, ...stored, updatedById: userId })
      .onConflictDoUpdate({ target: [system.key], set: { ...stored, updatedById: userId } })
      .returning({ id: system.id }),
  ORGANIZATION: ({ organizationId, scope: { userId } }, { key }, stored) =>
    database
      .insert(organization)
      .values({ organizationId, key, ...stored, updatedById: userId })
      .onConflictDoUpdate({
        target: [organization.organizationId, organization.key],
        set: { ...stored, updatedById: userId },
      })
      .returning({ id: organization.id }),
  WORKSPACE: ({ organizationId, scope: { userId } }, { key, workspaceId }, stored) =>
    database
      .insert(workspace)
      .values({ organizationId, workspaceId: workspaceId ?? '', key, ...stored, updatedById: userId })
      .onConflictDoUpdate({
        target: [workspace.organizationId, workspace.workspaceId, workspace.key],
        set: { ...stored, updatedById: userId },
      })
      .returning({ id: workspace.id }),
  USER: ({ scope: { userId } }, { key }, { value }) =>
    database
      .insert(user)
      .values({ userId: userId ?? '', key, value })
      .onConflictDoUpdate({ target: [user.userId, user.key], set: { value } })
      .returning({ id: user.id }),
};

const takingAt: Record<SettingScope, (unit: UnitOfWork, place: StoredPlace) => Rows> = {
  SYSTEM: (_unit, { key }) => database.delete(system).where(eq(system.key, key)).returning({ id: system.id }),
  ORGANIZATION: ({ organizationId }, { key }) =>
    database
      .delete(organization)
      .where(and(eq(organization.organizationId, organizationId), eq(organization.key, key)))
      .returning({ id: organization.id }),
  WORKSPACE: ({ organizationId }, { key, workspaceId }) =>
    database
      .delete(workspace)
      .where(
        and(
          eq(workspace.organizationId, organizationId),
          eq(workspace.workspaceId, workspaceId ?? ''),
          eq(workspace.key, key),
        ),
      )
      .returning({ id: workspace.id }),
  USER: ({ scope: { userId } }, { key }) =>
    database
      .delete(user)
      .where(and(eq(user.userId, userId ?? ''), eq(user.key, key)))
      .returning({ id: user.id }),
};
