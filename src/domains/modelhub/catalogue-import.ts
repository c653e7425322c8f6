import { and, eq, or, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import type { ImportCatalogueInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { inCatalogue } from './catalogue-changes.ts';
import { readCatalogue, type CatalogueModel, type CatalogueProvider } from './catalogue.ts';
import { thisMoment } from './prices.ts';
import { modelPrices, models, providers, type ModelPriceRow, type ModelRow, type ProviderRow } from './tables.ts';

/** What an import added. */
export interface Imported {
  readonly providers: ProviderRow[];
  readonly models: ModelRow[];
  readonly prices: ModelPriceRow[];
}

/** So that of two who import at the same time the second sees what the first has added. */
const lock = () => database.execute(sql`select pg_advisory_xact_lock(hashtextextended('catalogue', 0))`);

/**
 * Adds what the list of well-known providers has and the installation lacks: providers by slug or name, models by name, and prices of models that
 * have none. What is there stays as it is. One transaction. Throws BadUserInput (a provider that the list has not).
 */
export const importCatalogue = async (
  context: Context,
  { providers: slugs }: ImportCatalogueInput,
): Promise<Imported> => {
  if ((slugs?.length ?? 0) > 100) throw new BadUserInput('providers', 'At most 100 providers.');
  const catalogue = readCatalogue();
  const unknown = slugs?.find((slug) => !catalogue.some((entry) => entry.slug === slug));
  if (unknown !== undefined) throw new BadUserInput('providers', 'The list has no provider with this slug.');
  const wanted = catalogue.filter(({ slug }) => slugs?.includes(slug) ?? true);
  return inCatalogue(context, async (installation) => {
    await lock();
    const imported: Imported = { providers: [], models: [], prices: [] };
    for (const entry of wanted) {
      const provider = await providerOf(installation, entry, imported);
      for (const model of entry.models) await addModel(installation, provider, model, imported);
    }
    return imported;
  });
};

const providerOf = async (
  installation: UnitOfWork,
  { models: _models, ...row }: CatalogueProvider,
  imported: Imported,
): Promise<ProviderRow> => {
  const [known] = await database
    .select()
    .from(providers)
    .where(or(eq(providers.slug, row.slug), eq(providers.name, row.name)))
    .orderBy(sql`${providers.slug} = ${row.slug} desc`)
    .limit(1);
  if (known !== undefined) return known;
  const added = sole(await database.insert(providers).values(row).returning());
  const data = { name: row.name, dialect: row.dialect, imported: true };
  installation.record({ action: 'provider.created', type: 'Provider', id: added.id, data });
  imported.providers.push(added);
  return added;
};

const addModel = async (
  installation: UnitOfWork,
  { id: providerId }: ProviderRow,
  { price, source: _source, ...row }: CatalogueModel,
  imported: Imported,
): Promise<void> => {
  const { name, type } = row;
  const [added] = await database
    .insert(models)
    .values({ ...row, providerId })
    .onConflictDoNothing()
    .returning();
  if (added !== undefined) {
    installation.record({ action: 'model.created', type: 'Model', id: added.id, data: { name, type, imported: true } });
    imported.models.push(added);
  }
  if (price !== null) await addPrice(installation, providerId, name, price, imported);
};

/** US dollars for one token, of those for a million. */
const perToken = (amount: string) => sql<string>`${amount}::numeric / 1000000`;

/** Of a model that has no price yet, from now on: calls before were rated without. */
const addPrice = async (
  installation: UnitOfWork,
  providerId: string,
  name: string,
  { input, cachedInput, output, source, readOn }: NonNullable<CatalogueModel['price']>,
  imported: Imported,
): Promise<void> => {
  const [unpriced] = await database
    .select({ id: models.id })
    .from(models)
    .where(
      and(
        eq(models.providerId, providerId),
        eq(models.name, name),
        eq(models.version, ''),
        sql`not exists (select from ${modelPrices} price where price.model_id = ${models.id})`,
      ),
    );
  if (unpriced === undefined) return;
  const row = {
    modelId: unpriced.id,
    effectiveFrom: thisMoment,
    inputPrice: perToken(input),
    cachedInputPrice: cachedInput === null ? null : perToken(cachedInput),
    outputPrice: perToken(output),
    source,
    readOn,
  };
  const price = sole(await database.insert(modelPrices).values(row).returning());
  installation.record({
    action: 'model.priced',
    type: 'Model',
    id: unpriced.id,
    data: { source, readOn, imported: true },
  });
  imported.prices.push(price);
};
