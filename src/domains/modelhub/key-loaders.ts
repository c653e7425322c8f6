import { and, asc, eq, getTableColumns, inArray, ne, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { holdsNow } from './loaders.ts';
import { budgets } from './quota-tables.ts';
import { modelPrices, models, platformProviderKeys } from './tables.ts';

const { encryptedKey: _encryptedKey, ...platformKeyColumns } = getTableColumns(platformProviderKeys);
export { platformKeyColumns };

/** Keys of the installation's own, for its administrators. */
export const platformKeyList = listOf({
  from: platformProviderKeys,
  columns: platformKeyColumns,
  orders: { CREATED_AT: platformProviderKeys.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});

/** US dollars that may be spent with keys of the organization in a day and in a month, by their ids; null: no bound. */
export const quotasByKey = loadOne(
  () =>
    database
      .select({
        id: budgets.subjectId,
        daily: sql<string | null>`max(${budgets.limit}) filter (where ${budgets.window} = 'DAY')`.as('daily'),
        monthly: sql<string | null>`max(${budgets.limit}) filter (where ${budgets.window} = 'MONTH')`.as('monthly'),
      })
      .from(budgets)
      .where(
        and(
          eq(budgets.organizationId, bound.organizationId),
          sql`${budgets.subjectId} = any(${bound.keys})`,
          eq(budgets.subject, 'PROVIDER_KEY'),
          eq(budgets.measure, 'COST'),
        ),
      )
      .groupBy(budgets.subjectId),
  (quotas) => quotas.id,
);

/** The id of the provider's cheapest model that writes text and is in use; unknown prices come last. Null where there is none. */
export const cheapestTextModel = async (unit: UnitOfWork, providerId: string): Promise<string | null> => {
  const [model] = await unit.run(() =>
    database
      .select({ id: models.id })
      .from(models)
      .leftJoin(modelPrices, holdsNow)
      .where(
        and(eq(models.providerId, providerId), inArray(models.type, ['TEXT', 'CODE']), ne(models.status, 'INACTIVE')),
      )
      .orderBy(sql`${modelPrices.inputPrice} + ${modelPrices.outputPrice} nulls last`, asc(models.name), asc(models.id))
      .limit(1),
  );
  return model?.id ?? null;
};
