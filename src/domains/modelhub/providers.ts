import { eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { NotFound } from '../../errors.ts';
import type { CreateProviderInput, UpdateProviderInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { inCatalogue } from './catalogue-changes.ts';
import { given, isName, isText, issue, isWeb, refuse, taken } from './catalogue-checks.ts';
import { providers, type ProviderRow } from './tables.ts';

const addresses = { providers_name_key: 'name', providers_slug_key: 'slug' };

/** Makes a provider known to the installation. Throws BadUserInput, Conflict. */
export const createProvider = (context: Context, input: CreateProviderInput): Promise<ProviderRow> => {
  const { name, slug, description, website, documentationUrl, dialect, baseUrl, needsKey } = input;
  refuse([
    ...faultsOf({ ...input, description: description ?? '' }),
    ...issue('baseUrl', dialect !== 'OPENAI_COMPATIBLE' || Boolean(baseUrl), 'An OpenAI-compatible server needs one.'),
    ...issue('dialect', dialect !== 'BUILTIN', 'The built-in provider is there already.'),
  ]);
  const row = {
    name: name.trim(),
    slug,
    description: description ?? '',
    website: website?.href ?? null,
    documentationUrl: documentationUrl?.href ?? null,
    dialect,
    baseUrl: baseUrl?.href ?? null,
    needsKey: needsKey ?? dialect !== 'OPENAI_COMPATIBLE',
  };
  return inCatalogue(context, async (installation) => {
    const provider = sole(await database.insert(providers).values(row).returning());
    installation.record({ action: 'provider.created', type: 'Provider', id: provider.id, data: { name, dialect } });
    return provider;
  }).catch(taken(addresses));
};

/** Changes a provider; what is absent stays as it is. Throws BadUserInput, Conflict, NotFound. */
export const updateProvider = (context: Context, { id, ...input }: UpdateProviderInput): Promise<ProviderRow> => {
  refuse([
    ...faultsOf(input),
    ...issue('status', input.status !== null, 'A provider has a status.'),
    ...issue('needsKey', input.needsKey !== null, 'A provider needs a key, or needs none.'),
  ]);
  const { website, documentationUrl, baseUrl } = input;
  const fields = given({
    name: input.name?.trim(),
    slug: input.slug ?? undefined,
    description: input.description ?? undefined,
    status: input.status ?? undefined,
    needsKey: input.needsKey ?? undefined,
    website: website === undefined ? undefined : (website?.href ?? null),
    documentationUrl: documentationUrl === undefined ? undefined : (documentationUrl?.href ?? null),
    baseUrl: baseUrl === undefined ? undefined : (baseUrl?.href ?? null),
  });
  return inCatalogue(context, async (installation) => {
    const [current] = await database.select().from(providers).where(eq(providers.id, id)).for('update');
    if (current === undefined) throw new NotFound('Provider', id);
    refuse([
      ...issue(
        'baseUrl',
        fields.baseUrl !== null || current.dialect !== 'OPENAI_COMPATIBLE',
        'An OpenAI-compatible server needs one.',
      ),
      ...issue('baseUrl', !fields.baseUrl || current.dialect !== 'BUILTIN', 'The built-in models have no address.'),
    ]);
    if (Object.keys(fields).length === 0) return current;
    const changed = sole(await database.update(providers).set(fields).where(eq(providers.id, id)).returning());
    installation.record({ action: 'provider.updated', type: 'Provider', id, data: { fields: Object.keys(fields) } });
    return changed;
  }).catch(taken(addresses));
};

/** What is wrong with the fields that were given. */
const faultsOf = ({ name, slug, description, website, documentationUrl, baseUrl }: Omit<UpdateProviderInput, 'id'>) => [
  ...issue('name', name === undefined || isName(name, 100), 'A name has 1 to 100 characters.'),
  ...issue(
    'slug',
    slug === undefined || (slug !== null && /^[a-z0-9-]{1,50}$/.test(slug)),
    'A slug has 1 to 50 lower-case letters, digits and hyphens.',
  ),
  ...issue(
    'description',
    description === undefined || isText(description, 2000),
    'A description has at most 2,000 characters.',
  ),
  ...issue('website', isWeb(website), 'A website begins with http:// or https:// and names no user.'),
  ...issue(
    'documentationUrl',
    isWeb(documentationUrl),
    'An address begins with http:// or https:// and names no user.',
  ),
  ...issue('baseUrl', isWeb(baseUrl), 'An address begins with http:// or https:// and names no user.'),
];
