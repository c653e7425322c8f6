import { eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { Conflict } from '../../errors.ts';
import type { CreateModelInput, UpdateModelInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { inCatalogue, lockModel } from './catalogue-changes.ts';
import { given, isName, isText, issue, refuse, taken } from './catalogue-checks.ts';
import { providerById } from './loaders.ts';
import { configFaults, configOf } from './model-config.ts';
import { isPrice, pricedFromNow } from './prices.ts';
import { models, type ModelRow } from './tables.ts';

/** Makes a model known to the installation. Throws BadUserInput, Conflict, NotFound. */
export const createModel = (context: Context, input: CreateModelInput): Promise<ModelRow> => {
  const { providerId, name, version, contextWindow, inputPrice, outputPrice } = input;
  const type = input.type ?? 'TEXT';
  const price = 'A price is 0 or more, with at most 12 decimals.';
  refuse([
    ...faultsOf({ ...input, version: version ?? '', description: input.description ?? '' }),
    ...issue('inputPrice', isPrice(inputPrice), price),
    ...issue('outputPrice', isPrice(outputPrice), price),
  ]);
  const row = {
    providerId,
    name: name.trim(),
    version: version ?? '',
    type,
    capabilities: [...new Set(input.capabilities ?? [])],
    contextWindow,
    maxOutputTokens: input.maxOutputTokens ?? null,
    description: input.description ?? '',
  };
  return inCatalogue(context, async (installation) => {
    const provider = await found('Provider', providerId, providerById(installation));
    refuse(configFaults(provider.dialect, input.config ?? {}));
    const config = configOf(input.config ?? {});
    const model = sole(
      await database
        .insert(models)
        .values({ ...row, config })
        .returning(),
    );
    await pricedFromNow(model.id, { inputPrice: inputPrice ?? null, outputPrice: outputPrice ?? null });
    installation.record({ action: 'model.created', type: 'Model', id: model.id, data: { name, type } });
    return model;
  }).catch(taken({ models_name_key: 'name' }));
};

/** Changes a model; what is absent stays as it is. Throws BadUserInput, Conflict (name taken, deprecated), NotFound. */
export const updateModel = (context: Context, { id, ...input }: UpdateModelInput): Promise<ModelRow> => {
  const { name, version, description, capabilities, contextWindow, maxOutputTokens, config, status } = input;
  refuse([
    ...faultsOf(input),
    ...issue('capabilities', capabilities !== null, 'Give an empty list for a model that can do nothing of these.'),
    ...issue('config', config !== null, 'Give an empty object for no options.'),
    ...issue('status', status === undefined || status === 'ACTIVE' || status === 'INACTIVE', deprecatedApart),
  ]);
  const fields = given({
    name: name?.trim(),
    version: version ?? undefined,
    description: description ?? undefined,
    capabilities: capabilities ? [...new Set(capabilities)] : undefined,
    contextWindow: contextWindow ?? undefined,
    maxOutputTokens,
    config: config === undefined ? undefined : configOf(config),
    status: status ?? undefined,
  });
  return inCatalogue(context, async (installation) => {
    const current = await lockModel(id);
    const { dialect } = await found('Provider', current.providerId, providerById(installation));
    if (config !== undefined) refuse(configFaults(dialect, config));
    if (fields.status === 'ACTIVE' && (current.status === 'DEPRECATED' || current.replacementId !== null))
      throw new Conflict('status', 'This model is deprecated; restoreModel brings it back.');
    if (Object.keys(fields).length === 0) return current;
    const changed = sole(await database.update(models).set(fields).where(eq(models.id, id)).returning());
    installation.record({ action: 'model.updated', type: 'Model', id, data: { fields: Object.keys(fields) } });
    return changed;
  }).catch(taken({ models_name_key: 'name' }));
};

const deprecatedApart = 'A model is made ACTIVE or INACTIVE here; deprecateModel makes it DEPRECATED.';

/** The most that a Postgres integer holds is far beyond any window. */
const maxTokens = 100_000_000;

/** What is wrong with the fields that were given. */
const faultsOf = (input: Omit<UpdateModelInput, 'id'>) => {
  const { name, version, description, contextWindow, maxOutputTokens } = input;
  return [
    ...issue('name', name === undefined || isName(name, 200), 'A name has 1 to 200 characters.'),
    ...issue('version', version === undefined || isText(version, 50), 'A version has at most 50 characters.'),
    ...issue(
      'description',
      description === undefined || isText(description, 2000),
      'A description has at most 2,000 characters.',
    ),
    ...issue(
      'contextWindow',
      contextWindow === undefined || (contextWindow !== null && contextWindow >= 2048 && contextWindow <= maxTokens),
      'A context window has 2,048 to 100,000,000 tokens.',
    ),
    ...issue(
      'maxOutputTokens',
      (maxOutputTokens ?? 1) >= 1 && (maxOutputTokens ?? 1) <= maxTokens,
      'An answer has 1 to 100,000,000 tokens at most.',
    ),
  ];
};
