import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { organizations } from '../tenancy/tables.ts';
import {
  modelPrices,
  models,
  platformProviderKeys,
  providerKeys,
  providers,
  type ModelPriceRow,
  type ModelRow,
  type ProviderRow,
} from './tables.ts';

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

/** The price of a model that holds now. */
export const holdsNow = and(
  eq(modelPrices.modelId, models.id),
  sql`${modelPrices.effectiveFrom} = (
    select max(price.effective_from) from ${modelPrices} price where price.model_id = ${models.id} and price.effective_from <= now()
  )`,
);

/** What models cost now, by their ids; null where nothing is known of it. */
export const priceByModel = loadOne(
  () =>
    database
      .select(getTableColumns(modelPrices))
      .from(models)
      .innerJoin(modelPrices, holdsNow)
      .where(sql`${models.id} = any(${bound.keys})`),
  (price) => price.modelId,
);

/** A model with all that a call of it needs. */
export interface KeyedModel {
  readonly id: string;
  readonly model: ModelRow;
  readonly provider: ProviderRow;
  /** All null where nothing is known. */
  readonly price: Partial<ModelPriceRow> | null;
  readonly strategy: 'PLATFORM' | 'BYOK' | 'HYBRID';
  /** The organization's default key for the provider, and the platform's; all null where there is none. */
  readonly own: StoredKey | null;
  readonly platform: StoredKey | null;
}

interface StoredKey {
  readonly id: string | null;
  readonly encryptedKey: string | null;
}

/** A model with its provider, price and the default keys for it, if there are: all that a call needs. */
export const callableModelById = loadOne(
  () =>
    database
      .select({
        id: models.id,
        model: getTableColumns(models),
        provider: getTableColumns(providers),
        price: getTableColumns(modelPrices),
        strategy: organizations.apiKeyStrategy,
        own: { id: providerKeys.id, encryptedKey },
        platform: { id: platformProviderKeys.id, encryptedKey: platformProviderKeys.encryptedKey },
      })
      .from(models)
      .innerJoin(providers, eq(providers.id, models.providerId))
      .innerJoin(organizations, eq(organizations.id, bound.organizationId))
      .leftJoin(modelPrices, holdsNow)
      .leftJoin(
        platformProviderKeys,
        and(eq(platformProviderKeys.providerId, models.providerId), eq(platformProviderKeys.isDefault, true)),
      )
      .leftJoin(
        providerKeys,
        and(
          eq(providerKeys.organizationId, bound.organizationId),
          eq(providerKeys.providerId, models.providerId),
          eq(providerKeys.isDefault, true),
        ),
      )
      .where(sql`${models.id} = any(${bound.keys})`),
  (callable): string => callable.id,
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
