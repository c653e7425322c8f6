import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  date,
  foreignKey,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import type { ProviderOptions } from '../../ai/deployment.ts';
import { globalColumns, moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { organizations } from '../tenancy/tables.ts';

export const providerStatuses = ['ACTIVE', 'INACTIVE', 'DEPRECATED'] as const;
export const dialects = ['BUILTIN', 'OPENAI', 'ANTHROPIC', 'GOOGLE', 'OPENAI_COMPATIBLE'] as const;
export const modelTypes = ['TEXT', 'CODE', 'IMAGE', 'VOICE', 'VIDEO', 'EMBEDDING'] as const;
/** What a model can do beside writing. */
export const modelCapabilities = ['TOOLS', 'STRUCTURED_OUTPUT', 'VISION', 'REASONING'] as const;

/** Whoever runs models: a company, a server of one's own, or Tessera itself. */
export const providers = pgTable(
  'providers',
  {
    ...globalColumns(),
    name: text().notNull(),
    slug: text().notNull(),
    description: text().notNull().default(''),
    website: text(),
    documentationUrl: text(),
    status: word(providerStatuses).notNull().default('ACTIVE'),
    /** The protocol it speaks. */
    dialect: word(dialects).notNull(),
    /** Where it answers; null: the dialect's own address. */
    baseUrl: text(),
    /** Whether its models are called with a key alone; one that is there is shown either way. */
    needsKey: boolean().notNull().default(true),
  },
  (provider) => [
    unique('providers_name_key').on(provider.name),
    unique('providers_slug_key').on(provider.slug),
    oneOf('providers', provider.status, providerStatuses),
    oneOf('providers', provider.dialect, dialects),
  ],
);
export type ProviderRow = typeof providers.$inferSelect;

/** One model of a provider. */
export const models = pgTable(
  'models',
  {
    ...globalColumns(),
    providerId: uuid().notNull(),
    /** As the provider's API calls it. */
    name: text().notNull(),
    version: text().notNull().default(''),
    type: word(modelTypes).notNull(),
    capabilities: word(modelCapabilities).array().notNull().default([]),
    /** Tokens that question, passages, history and answer share. */
    contextWindow: integer().notNull(),
    /** The most tokens of one answer; null: as many as fit into the window. */
    maxOutputTokens: integer(),
    description: text().notNull().default(''),
    /** Options of the provider's own that each call carries, as the AI SDK's `providerOptions` take them. */
    config: jsonb().$type<ProviderOptions>().notNull().default({}),
    status: word(providerStatuses).notNull().default('ACTIVE'),
    /** What to use in place of a model that is DEPRECATED. */
    replacementId: uuid(),
    /** When a model that is DEPRECATED stops to answer; null: not said. */
    retiresAt: moment(),
  },
  (model) => [
    unique('models_name_key').on(model.providerId, model.name, model.version),
    oneOf('models', model.type, modelTypes),
    oneOf('models', model.status, providerStatuses),
    check('models_context_window_check', sql`${model.contextWindow} > 0 and ${model.maxOutputTokens} > 0`),
    foreignKey({
      name: 'models_replacement_id_fkey',
      columns: [model.replacementId],
      foreignColumns: [model.id],
    }).onDelete('set null'),
    index('models_replacement_id_index').on(model.replacementId),
    index('models_type_index').on(model.type, model.name, model.id),
    foreignKey({
      name: 'models_provider_id_fkey',
      columns: [model.providerId],
      foreignColumns: [providers.id],
    }).onDelete('cascade'),
  ],
);
export type ModelRow = typeof models.$inferSelect;

/** US dollars for one token. */
const perToken = () => numeric({ precision: 18, scale: 12 });

/** What a model costs from a moment on, until the next price of it. A price that is there stays as it is. */
export const modelPrices = pgTable(
  'model_prices',
  {
    ...globalColumns(),
    modelId: uuid().notNull(),
    effectiveFrom: moment().notNull(),
    /** Null: unknown. */
    inputPrice: perToken(),
    /** Of input that the provider has kept from an earlier call; null: as other input. */
    cachedInputPrice: perToken(),
    outputPrice: perToken(),
    /** The page that says so, and the day on which it was read; without both the price is unverified. */
    source: text(),
    readOn: date({ mode: 'string' }),
  },
  (price) => [
    unique('model_prices_effective_from_key').on(price.modelId, price.effectiveFrom),
    foreignKey({
      name: 'model_prices_model_id_fkey',
      columns: [price.modelId],
      foreignColumns: [models.id],
    }).onDelete('cascade'),
    check(
      'model_prices_amounts_check',
      sql`${price.inputPrice} >= 0 and ${price.cachedInputPrice} >= 0 and ${price.outputPrice} >= 0`,
    ),
  ],
);
export type ModelPriceRow = typeof modelPrices.$inferSelect;

/** An organization's key for a provider, encrypted; only the last four characters are ever shown. */
export const providerKeys = tenantTable(
  'provider_keys',
  'organization',
  {
    providerId: uuid().notNull(),
    label: text().notNull(),
    /** JWE, compact serialization. */
    encryptedKey: text().notNull(),
    lastFour: text().notNull(),
    isDefault: boolean().notNull().default(false),
    lastUsedAt: moment(),
    createdById: uuid(),
  },
  (key) => [
    unique('provider_keys_label_key').on(key.organizationId, key.providerId, key.label),
    uniqueIndex('provider_keys_is_default_key')
      .on(key.organizationId, key.providerId)
      .where(sql`${key.isDefault}`),
    foreignKey({
      name: 'provider_keys_provider_id_fkey',
      columns: [key.providerId],
      foreignColumns: [providers.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'provider_keys_organization_id_fkey',
      columns: [key.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('provider_keys_provider_id_index').on(key.providerId),
    index('provider_keys_created_at_index').on(key.organizationId, key.createdAt, key.id),
  ],
);
export type ProviderKeyRow = Omit<typeof providerKeys.$inferSelect, 'encryptedKey'>;

/** A key of the installation's own, which organizations use as their strategy says. */
export const platformProviderKeys = pgTable(
  'platform_provider_keys',
  {
    ...globalColumns(),
    providerId: uuid().notNull(),
    label: text().notNull(),
    /** JWE, compact serialization. */
    encryptedKey: text().notNull(),
    lastFour: text().notNull(),
    isDefault: boolean().notNull().default(false),
    /** US dollars that may be spent with it in a day and in a month of UTC, by all organizations together; null: no bound. */
    dailyQuota: numeric({ precision: 18, scale: 6 }),
    monthlyQuota: numeric({ precision: 18, scale: 6 }),
    lastUsedAt: moment(),
    createdById: uuid(),
  },
  (key) => [
    unique('platform_provider_keys_label_key').on(key.providerId, key.label),
    uniqueIndex('platform_provider_keys_is_default_key')
      .on(key.providerId)
      .where(sql`${key.isDefault}`),
    foreignKey({
      name: 'platform_provider_keys_provider_id_fkey',
      columns: [key.providerId],
      foreignColumns: [providers.id],
    }).onDelete('cascade'),
    index('platform_provider_keys_created_at_index').on(key.createdAt, key.id),
  ],
);
export type PlatformProviderKeyRow = Omit<typeof platformProviderKeys.$inferSelect, 'encryptedKey'>;
