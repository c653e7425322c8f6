import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { SettingScope } from '../tenancy/setting-registry.ts';
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

/** Puts a value in the place of what was set before, in the running transaction; of parallel ones the last stays. Gives the id of its row. */
export const putSetting = async (
  unit: UnitOfWork,
  { scope, workspaceId, key }: StoredPlace,
  stored: StoredValue,
): Promise<string | null> => {
  const updatedById = unit.scope.userId;
  const fields = { ...stored, updatedById };
  const own = { key, ...fields };
  switch (scope) {
    case 'SYSTEM':
      return idOf(
        await database
          .insert(systemSettingValues)
          .values(own)
          .onConflictDoUpdate({ target: [systemSettingValues.key], set: fields })
          .returning({ id: systemSettingValues.id }),
      );
    case 'ORGANIZATION': {
      const { organizationId, key: column, id } = organizationSettingValues;
      return idOf(
        await database
          .insert(organizationSettingValues)
          .values({ organizationId: unit.organizationId, ...own })
          .onConflictDoUpdate({ target: [organizationId, column], set: fields })
          .returning({ id }),
      );
    }
    case 'WORKSPACE': {
      const { organizationId, workspaceId: place, key: column, id } = workspaceSettingValues;
      return idOf(
        await database
          .insert(workspaceSettingValues)
          .values({ organizationId: unit.organizationId, workspaceId: workspaceId ?? '', ...own })
          .onConflictDoUpdate({ target: [organizationId, place, column], set: fields })
          .returning({ id }),
      );
    }
    case 'USER': {
      const { userId, key: column, id } = userSettingValues;
      return idOf(
        await database
          .insert(userSettingValues)
          .values({ userId: unit.scope.userId ?? '', key, value: stored.value })
          .onConflictDoUpdate({ target: [userId, column], set: { value: stored.value } })
          .returning({ id }),
      );
    }
  }
};

/** Takes away what is set, in the running transaction. Gives the id of its row; null where nothing was set. */
export const takeSetting = async (
  unit: UnitOfWork,
  { scope, workspaceId, key }: StoredPlace,
): Promise<string | null> => {
  switch (scope) {
    case 'SYSTEM': {
      const { id } = systemSettingValues;
      return idOf(await database.delete(systemSettingValues).where(eq(systemSettingValues.key, key)).returning({ id }));
    }
    case 'ORGANIZATION': {
      const { organizationId, key: column, id } = organizationSettingValues;
      const isIt = and(eq(organizationId, unit.organizationId), eq(column, key));
      return idOf(await database.delete(organizationSettingValues).where(isIt).returning({ id }));
    }
    case 'WORKSPACE': {
      const { organizationId, workspaceId: place, key: column, id } = workspaceSettingValues;
      const isIt = and(eq(organizationId, unit.organizationId), eq(place, workspaceId ?? ''), eq(column, key));
      return idOf(await database.delete(workspaceSettingValues).where(isIt).returning({ id }));
    }
    case 'USER': {
      const { userId, key: column, id } = userSettingValues;
      const isIt = and(eq(userId, unit.scope.userId ?? ''), eq(column, key));
      return idOf(await database.delete(userSettingValues).where(isIt).returning({ id }));
    }
  }
};

const idOf = ([row]: readonly { id: string }[]): string | null => row?.id ?? null;
