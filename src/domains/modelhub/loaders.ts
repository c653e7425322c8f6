import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Meaning } from '../../database/filter.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { modelPrices, models, providerKeys, providers } from './tables.ts';

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

const { encryptedKey: _neverShown, ...keyColumns } = getTableColumns(providerKeys);
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

/** There are few providers, and each of these divides them. */
export const providerList = listOf({
  from: providers,
  columns: getTableColumns(providers),
  orders: { NAME: providers.name, SLUG: providers.slug },
  defaultOrder: { field: 'NAME', direction: 'ASC' },
  filters: { name: providers.name, slug: providers.slug, status: providers.status, dialect: providers.dialect },
});

/** What a comparison with one capability or several means for a model, which has a set of them. */
const capabilityOf: Meaning = (comparator, value) => {
  const wanted = (Array.isArray(value) ? value : [value]).map((each) => sql`${String(each)}`);
  const has = sql`${models.capabilities} && array[${sql.join(wanted, sql`, `)}]::text[]`;
  return comparator === 'eq' || comparator === 'in' ? has : sql`not (${has})`;
};

/** There are some hundred models, and each of these divides them. */
const modelOrder = {
  from: models,
  columns: getTableColumns(models),
  orders: { NAME: models.name },
  defaultOrder: { field: 'NAME', direction: 'ASC' as const },
  filters: {
    name: models.name,
    type: models.type,
    providerId: models.providerId,
    status: models.status,
    capability: capabilityOf,
  },
};
export const modelList = listOf(modelOrder);
export const modelsByProvider = listOf({ ...modelOrder, parent: models.providerId });

export const providerKeyList = listOf({
  from: providerKeys,
  columns: keyColumns,
  orders: { CREATED_AT: providerKeys.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});
