import { and, asc, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { bound, lazily } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import { Statement } from '../../database/statement.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Announcement } from '../../events/ledger.ts';
import type { ShortMemory } from '../../events/short-memory.ts';
import type { RoutingConditions } from './routing-conditions.ts';
import {
  platformRoutingRuleModels,
  platformRoutingRules,
  routingRuleModels,
  routingRules,
  type RoutingRuleRow,
} from './routing-tables.ts';
import { settingsOf } from '../tenancy/organization-settings.ts';
import { organizations } from '../tenancy/tables.ts';
import {
  modelPrices,
  models,
  platformProviderKeys,
  providerKeys,
  providers,
  type ModelRow,
  type ProviderRow,
} from './tables.ts';

/** A default key, encrypted as it is stored. */
export interface StoredKey {
  readonly id: string;
  readonly encryptedKey: string;
}

/** A price from a moment on, as US dollars for one token in decimal text; null: unknown. */
interface DatedPrice {
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly input: string | null;
  readonly cachedInput: string | null;
  readonly output: string | null;
}

/** A model with what is known of it for every organization. */
export interface KnownModel {
  readonly model: ModelRow;
  readonly provider: ProviderRow;
  /** The one that holds, and those to come, the oldest first. */
  readonly prices: readonly DatedPrice[];
  readonly platformKey: StoredKey | null;
}

/** A rule that is enabled, with its models in the order of fallback. */
export interface KnownRule extends Pick<RoutingRuleRow, 'id' | 'name' | 'priority' | 'modelType'> {
  readonly conditions: RoutingConditions;
  /** Whether it is the installation's and not the organization's. */
  readonly ofPlatform: boolean;
  readonly models: readonly { readonly modelId: string; readonly weight: number }[];
}

/** What belongs to an organization. */
interface OwnPart {
  readonly strategy: 'PLATFORM' | 'BYOK' | 'HYBRID';
  /** Its default keys, by provider. */
  readonly keys: ReadonlyMap<string, StoredKey>;
  /** Its own and then the platform's, each in the order in which they are tried. */
  readonly rules: readonly KnownRule[];
  /** Whether the organization wants what calls say and what comes back to be kept. */
  readonly keepsContents: boolean;
}

/** All that routing needs to know for an organization. */
export interface Knowledge extends OwnPart {
  /** By their ids. */
  readonly models: ReadonlyMap<string, KnownModel>;
}

/** What all organizations share is kept under this key, and what is one's own under its id. */
const shared = 'shared';

/** Types whose changes concern what all organizations share. */
const sharedTypes: ReadonlySet<string> = new Set([
  'Provider',
  'Model',
  'ModelPrice',
  'PlatformProviderKey',
  'PlatformRoutingRule',
]);
const ownTypes: ReadonlySet<string> = new Set(['ProviderKey', 'RoutingRule']);

/** Makes a memory forget what a recorded change makes out of date. Whoever changes models, keys or rules has nothing to do but to record it. */
export const heedChange = (
  memory: Pick<ShortMemory<unknown>, 'forget'>,
  { organizationId, type, id }: Omit<Announcement, 'action'>,
): void => {
  if (sharedTypes.has(type)) memory.forget(null);
  else if (ownTypes.has(type)) memory.forget(organizationId);
  else if (type === 'Organization') memory.forget(id);
};

/**
 * What is known for the unit's organization: at most two statements, and mostly none, so that a call sends nothing to the database before its
 * reservation. Keys stay encrypted here.
 */
export const knowledgeFor = async (unit: UnitOfWork, memory: ShortMemory<unknown>): Promise<Knowledge> => {
  // The casts are safe: nobody else keeps anything in this memory.
  const models = (await memory.recall(shared, () => modelsNow(unit))) as ReadonlyMap<string, KnownModel>;
  const own = (await memory.recall(unit.organizationId, () => ownNow(unit))) as OwnPart;
  return { ...own, models };
};

const modelsNow = async (unit: UnitOfWork): Promise<ReadonlyMap<string, KnownModel>> => {
  const rows = await unit.select(modelsStatement(), {});
  return new Map(
    rows.map(({ model, provider, prices, keyId, encryptedKey }) => [
      model.id,
      { model, provider, prices, platformKey: keyOf(keyId, encryptedKey) },
    ]),
  );
};

const ownNow = async (unit: UnitOfWork): Promise<OwnPart> => {
  const { organizationId } = unit;
  const own = sole(await unit.select(ownStatement(), { organizationId }));
  const { strategy, keys, ownRules, platformRules } = own;
  return {
    strategy,
    keys: new Map(keys.map(({ providerId, ...key }) => [providerId, key])),
    rules: [...ownRules, ...platformRules],
    keepsContents: settingsOf(own).keepCallContents,
  };
};

const keyOf = (id: string | null, encryptedKey: string | null): StoredKey | null =>
  id === null || encryptedKey === null ? null : { id, encryptedKey };

/** Each model with the price that holds and those that come after it: a clock tells when they change. */
const modelsStatement = lazily(() =>
  Statement.select(
    database
      .select({
        model: getTableColumns(models),
        provider: getTableColumns(providers),
        keyId: sql<string | null>`${platformProviderKeys.id}`.as('keyId'),
        encryptedKey: sql<string | null>`${platformProviderKeys.encryptedKey}`.as('encryptedKey'),
        prices: sql<DatedPrice[]>`(
          select coalesce(json_agg(json_build_object(
            'from', extract(epoch from price.effective_from) * 1000,
            'input', price.input_price::text,
            'cachedInput', price.cached_input_price::text,
            'output', price.output_price::text
          ) order by price.effective_from), '[]')
          from ${modelPrices} price
          where price.model_id = ${models.id} and price.effective_from >= coalesce(
            (select max(held.effective_from) from ${modelPrices} held where held.model_id = ${models.id} and held.effective_from <= now()),
            '-infinity'
          )
        )`.as('prices'),
      })
      .from(models)
      .innerJoin(providers, eq(providers.id, models.providerId))
      .leftJoin(
        platformProviderKeys,
        and(eq(platformProviderKeys.providerId, models.providerId), eq(platformProviderKeys.isDefault, true)),
      )
      .orderBy(asc(models.id)),
  ),
);

/** Rules with their models, in the order in which they are tried. */
const rulesOf = (ofPlatform: boolean) => {
  const [rules, entries] = ofPlatform
    ? [platformRoutingRules, platformRoutingRuleModels]
    : [routingRules, routingRuleModels];
  const ofOrganization = (row: string) =>
    ofPlatform ? sql`true` : sql`${sql.raw(row)}.organization_id = ${bound.organizationId}`;
  return sql<KnownRule[]>`(
    select coalesce(json_agg(json_build_object(
      'id', rule.id, 'name', rule.name, 'priority', rule.priority, 'modelType', rule.model_type,
      'conditions', rule.conditions, 'ofPlatform', ${sql.raw(String(ofPlatform))}, 'models', coalesce(chain.models, '[]')
    ) order by rule.priority, rule.created_at, rule.id), '[]')
    from ${rules} rule
    left join lateral (
      select json_agg(json_build_object('modelId', entry.model_id, 'weight', entry.weight) order by entry.position) as models
      from ${entries} entry where ${ofOrganization('entry')} and entry.rule_id = rule.id
    ) chain on true
    where ${ofOrganization('rule')} and rule.enabled
  )`;
};

const ownStatement = lazily(() =>
  Statement.select(
    database
      .select({
        strategy: organizations.apiKeyStrategy,
        settings: organizations.settings,
        keys: sql<({ providerId: string } & StoredKey)[]>`(
          select coalesce(json_agg(json_build_object('providerId', provider_id, 'id', id, 'encryptedKey', encrypted_key)), '[]')
          from ${providerKeys} where organization_id = ${bound.organizationId} and is_default
        )`.as('keys'),
        ownRules: rulesOf(false).as('ownRules'),
        platformRules: rulesOf(true).as('platformRules'),
      })
      .from(organizations)
      .where(eq(organizations.id, bound.organizationId)),
  ),
);
