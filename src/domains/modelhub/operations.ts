import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, type InputIssue } from '../../errors.ts';
import type { CreateModelInput, CreateProviderInput, SetWorkspaceModelInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { workspaces, type WorkspaceRow } from '../tenancy/tables.ts';
import { lockActiveWorkspace, ofWorkspace } from '../tenancy/workspace-lock.ts';
import { modelById, providerById } from './loaders.ts';
import { modelPrices, models, providers, type ModelRow, type ProviderRow } from './tables.ts';

const issue = (field: string, fine: boolean, message: string): InputIssue[] => (fine ? [] : [{ field, message }]);
const refuse = (issues: readonly InputIssue[]): void => {
  if (issues.length > 0) throw new BadUserInput(issues);
};
const isName = (text: string, max: number): boolean =>
  text.trim().length >= 1 && text.length <= max && !text.includes('\0');
const isWeb = (url: URL | null | undefined): boolean =>
  url === null || url === undefined || /^https?:$/.test(url.protocol);
const isPrice = (price: string | null | undefined): boolean =>
  price === null || price === undefined || /^\d{1,5}(\.\d{1,12})?$/.test(price);

/** Says which field a broken unique constraint stands for; any other failure goes on as it is. */
const taken = (fields: Readonly<Record<string, string>>) => (error: unknown) => {
  for (const [constraint, field] of Object.entries(fields))
    if (violates(error, constraint)) throw new Conflict(field, `This ${field} is taken.`);
  throw error;
};

/** Makes a provider known to the installation. Throws BadUserInput, Conflict. */
export const createProvider = async (context: Context, input: CreateProviderInput): Promise<ProviderRow> => {
  const { name, slug, description, website, dialect, baseUrl } = input;
  refuse([
    ...issue('name', isName(name, 100), 'A name has 1 to 100 characters.'),
    ...issue('slug', /^[a-z0-9-]{1,50}$/.test(slug), 'A slug has 1 to 50 lower-case letters, digits and hyphens.'),
    ...issue('description', (description ?? '').length <= 2000, 'A description has at most 2,000 characters.'),
    ...issue('website', isWeb(website), 'A website begins with http:// or https://.'),
    ...issue('baseUrl', isWeb(baseUrl), 'An address begins with http:// or https://.'),
    ...issue('baseUrl', dialect !== 'OPENAI_COMPATIBLE' || Boolean(baseUrl), 'An OpenAI-compatible server needs one.'),
    ...issue('dialect', dialect !== 'BUILTIN', 'The built-in provider is there already.'),
  ]);
  const row = {
    name: name.trim(),
    slug,
    description: description ?? '',
    website: website?.href ?? null,
    dialect,
    baseUrl: baseUrl?.href ?? null,
  };
  return context.unit
    .transact(async () => {
      const provider = sole(await database.insert(providers).values(row).returning());
      context.unit.record({ action: 'provider.created', type: 'Provider', id: provider.id, data: { name, dialect } });
      return provider;
    })
    .catch(taken({ providers_name_key: 'name', providers_slug_key: 'slug' }));
};

/** Makes a model known to the installation. Throws BadUserInput, Conflict, NotFound. */
export const createModel = async (context: Context, input: CreateModelInput): Promise<ModelRow> => {
  const { providerId, name, version, contextWindow, inputPrice, outputPrice } = input;
  const type = input.type ?? 'TEXT';
  const price = 'A price is 0 or more, with at most 12 decimals.';
  refuse([
    ...issue('name', isName(name, 200), 'A name has 1 to 200 characters.'),
    ...issue('version', (version ?? '').length <= 50, 'A version has at most 50 characters.'),
    ...issue('contextWindow', contextWindow >= 2048, 'A context window has at least 2,048 tokens.'),
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
  };
  const prices = { inputPrice: inputPrice ?? null, outputPrice: outputPrice ?? null };
  return context.unit
    .transact(async () => {
      await found('Provider', providerId, providerById(context.unit));
      const model = sole(await database.insert(models).values(row).returning());
      if (prices.inputPrice !== null || prices.outputPrice !== null)
        await database.insert(modelPrices).values({ modelId: model.id, effectiveFrom: model.createdAt, ...prices });
      context.unit.record({ action: 'model.created', type: 'Model', id: model.id, data: { name, type } });
      return model;
    })
    .catch(taken({ models_name_key: 'name' }));
};

/** Which of a workspace's models a purpose stands for. */
const modelOf = {
  CHAT: { field: 'chatModel', column: 'chatModelId' },
  AGENT: { field: 'agentModel', column: 'agentModelId' },
} as const;

/**
 * Chooses the model that answers in a workspace or works with tools there. Throws BadUserInput, Conflict (archived), Forbidden (needs
 * ADMIN in it), NotFound.
 */
export const setWorkspaceModel = (
  context: Context,
  { workspaceId, modelId, purpose = 'CHAT' }: SetWorkspaceModelInput,
): Promise<WorkspaceRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const { unit } = context;
    await lockActiveWorkspace(context, workspaceId);
    const model = modelId ? await found('Model', modelId, modelById(unit)) : null;
    if (model !== null && model.type !== 'TEXT' && model.type !== 'CODE')
      throw new BadUserInput('modelId', 'This model writes no text.');
    const { field, column } = modelOf[purpose];
    const chosen = model?.id ?? null;
    const isWorkspace = ofWorkspace(organizationId, workspaceId);
    const updated = sole(
      await database
        .update(workspaces)
        .set({ [column]: chosen })
        .where(isWorkspace)
        .returning(),
    );
    unit.record({
      action: 'workspace.updated',
      type: 'Workspace',
      id: workspaceId,
      workspaceId,
      data: { fields: [field], modelId: chosen },
    });
    return updated;
  });
