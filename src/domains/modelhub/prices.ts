import { getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import type { SetModelPriceInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { inCatalogue, lockModel } from './catalogue-changes.ts';
import { issue, isWeb, refuse, taken } from './catalogue-checks.ts';
import { modelPrices, type ModelPriceRow, type ModelRow } from './tables.ts';

/** Whether a price, which may be unknown, is US dollars for one token that the tables can hold. */
export const isPrice = (price: string | null | undefined): boolean =>
  price === null || price === undefined || /^\d{1,5}(\.\d{1,12})?$/.test(price);

/** Now, as the tables hold it, and never later: a moment that is rounded up would not have come yet. */
export const thisMoment = sql<string>`date_trunc('milliseconds', now())`;

type Amounts = Partial<Pick<ModelPriceRow, 'inputPrice' | 'cachedInputPrice' | 'outputPrice'>>;

/** Writes down the first price of a new model, in the running transaction; nothing where it is unknown. */
export const pricedFromNow = async (modelId: string, amounts: Amounts): Promise<void> => {
  if (Object.values(amounts).every((amount) => amount === null)) return;
  await database.insert(modelPrices).values({ modelId, effectiveFrom: thisMoment, ...amounts });
};

/** Ahead of every clock on earth. */
const latestDay = (): string => new Date(Date.now() + 14 * 3_600_000).toISOString().slice(0, 10);

/**
 * Writes down what a model costs from a moment on. Calls that were made before keep the price they were rated with. Throws BadUserInput,
 * Conflict (there is a price from that moment), NotFound.
 */
export const setModelPrice = (
  context: Context,
  input: SetModelPriceInput,
): Promise<{ price: ModelPriceRow; model: ModelRow }> => {
  const { modelId, source, effectiveFrom } = input;
  const readOn = input.readOn ?? null;
  const message = 'A price is 0 or more, with at most 12 decimals.';
  refuse([
    ...issue('inputPrice', isPrice(input.inputPrice), message),
    ...issue('cachedInputPrice', isPrice(input.cachedInputPrice), message),
    ...issue('outputPrice', isPrice(input.outputPrice), message),
    ...issue('source', isWeb(source) && (source?.href ?? '').length <= 2000, 'A source is a page of the web.'),
    ...issue('readOn', !source === (readOn === null), 'A source and the day it was read on go together.'),
    ...issue('readOn', readOn === null || readOn <= latestDay(), 'This day has not come yet.'),
  ]);
  const amounts = {
    inputPrice: input.inputPrice ?? null,
    cachedInputPrice: input.cachedInputPrice ?? null,
    outputPrice: input.outputPrice ?? null,
  };
  const from =
    effectiveFrom === null || effectiveFrom === undefined ? thisMoment : new Date(effectiveFrom).toISOString();
  return inCatalogue(context, async (installation) => {
    const model = await lockModel(modelId);
    const row = { modelId, effectiveFrom: from, ...amounts, source: source?.href ?? null, readOn };
    const price = sole(await database.insert(modelPrices).values(row).returning());
    const data = { ...amounts, effectiveFrom: price.effectiveFrom };
    installation.record({ action: 'model.priced', type: 'Model', id: modelId, data });
    return { price, model };
  }).catch(taken({ model_prices_effective_from_key: 'effectiveFrom' }));
};

export const modelPriceById = loadOne(
  () =>
    database
      .select()
      .from(modelPrices)
      .where(sql`${modelPrices.id} = any(${bound.keys})`),
  (price) => price.id,
);

/** Prices of each model, newest first: those of the past, the one that holds and those to come. */
export const pricesByModel = listOf({
  from: modelPrices,
  parent: modelPrices.modelId,
  columns: getTableColumns(modelPrices),
  orders: { EFFECTIVE_FROM: modelPrices.effectiveFrom },
  defaultOrder: { field: 'EFFECTIVE_FROM', direction: 'DESC' },
});
