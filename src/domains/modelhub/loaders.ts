import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { models, providerKeys, providers } from './tables.ts';

export const providerById = loadOne(
  () =>
    database
      .select()
      .from(providers)
      .where(sql`${providers.id} = any(${bound.keys})`),
  (provider) => provider.id,
);

export const modelById = loadOne(
  () =>
    database
      .select()
      .from(models)
      .where(sql`${models.id} = any(${bound.keys})`),
  (model) => model.id,
);

const { encryptedKey, ...keyColumns } = getTableColumns(providerKeys);
export { keyColumns };

/** Keys of the organization, for those who hold all of it: others have nothing to do with keys. */
export const providerKeyById = loadOne(
  () =>
    database
      .select(keyColumns)
      .from(providerKeys)
      .where(
        and(
          eq(providerKeys.organizationId, bound.organizationId),
          sql`${providerKeys.id} = any(${bound.keys})`,
          sql`${providerKeys.organizationId} = any(app_principals())`,
        ),
      ),
  (key) => key.id,
);

/** A model with its provider and the organization's default key for it, if there is one: all that a call needs. */
export const callableModelById = loadOne(
  () =>
    database
      .select({ id: models.id, model: getTableColumns(models), provider: getTableColumns(providers), encryptedKey })
      .from(models)
      .innerJoin(providers, eq(providers.id, models.providerId))
      .leftJoin(
        providerKeys,
        and(
          eq(providerKeys.organizationId, bound.organizationId),
          eq(providerKeys.providerId, models.providerId),
          eq(providerKeys.isDefault, true),
        ),
      )
      .where(sql`${models.id} = any(${bound.keys})`),
  (callable) => callable.id,
);

export const providerList = listOf({
  from: providers,
  columns: getTableColumns(providers),
  orders: { NAME: providers.name },
  defaultOrder: { field: 'NAME', direction: 'ASC' },
});

const modelOrder = {
  from: models,
  columns: getTableColumns(models),
  orders: { NAME: models.name },
  defaultOrder: { field: 'NAME', direction: 'ASC' as const },
};
export const modelList = listOf({ ...modelOrder, filters: { name: models.name } });
export const modelsByProvider = listOf({ ...modelOrder, parent: models.providerId });

export const providerKeyList = listOf({
  from: providerKeys,
  columns: keyColumns,
  orders: { CREATED_AT: providerKeys.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});
