import { and, desc, eq, getTableColumns, inArray, or, sql } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import { database } from '../../database/client.ts';
import { bound, lazily } from '../../database/loader.ts';
import { Statement } from '../../database/statement.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { ModelNames, NamedModel } from '../services.ts';
import { organizations } from '../tenancy/tables.ts';
import { models, platformProviderKeys, providerKeys, providers } from './tables.ts';

/** Whether a provider can be called by the organization: without a key, or with one that its strategy allows. */
const reachable = sql<boolean>`(
  ${providers.dialect} in ('BUILTIN', 'OPENAI_COMPATIBLE')
  or exists (select from ${providerKeys} where ${providerKeys.organizationId} = ${bound.organizationId}
    and ${providerKeys.providerId} = ${providers.id} and ${providerKeys.isDefault})
  or ${organizations.apiKeyStrategy} <> 'BYOK'
    and exists (select from ${platformProviderKeys} where ${platformProviderKeys.providerId} = ${providers.id} and ${platformProviderKeys.isDefault})
)`;

const { name: modelName, createdAt } = getTableColumns(models);
const active = and(eq(models.status, 'ACTIVE'), eq(providers.status, 'ACTIVE'));
const types = ['TEXT', 'CODE', 'EMBEDDING'] as const;

const named = () =>
  database
    .select({ id: models.id, type: models.type })
    .from(models)
    .innerJoin(providers, eq(providers.id, models.providerId))
    .innerJoin(organizations, eq(organizations.id, bound.organizationId));

const byName = lazily(() =>
  Statement.select<NamedModel>(
    named()
      .where(
        and(
          inArray(models.type, [...types]),
          or(
            eq(models.name, sql.placeholder('name')),
            and(eq(providers.slug, sql.placeholder('slug')), eq(models.name, sql.placeholder('rest'))),
          ),
        ),
      )
      // The provider that is named goes first, then what can be called at all.
      .orderBy(
        desc(sql`${providers.slug} = ${sql.placeholder('slug')} and ${models.name} = ${sql.placeholder('rest')}`),
        desc(sql`${reachable} and ${active}`),
        desc(eq(models.status, 'ACTIVE')),
        providers.slug,
        desc(models.version),
      )
      .limit(1),
  ),
);

/** How long a name may go on meaning a model that it no longer does. */
const keptMs = 5000;

/**
 * Which model a name means, `gpt-4o-mini` or with its provider's slug `openai/gpt-4o-mini`, for an organization: of several of one name the first
 * that it can call, by the providers' slugs. What is known costs no statement for 5 seconds; unknown names are not kept.
 */
export class KnownModelNames implements ModelNames {
  readonly #cache = new LRUCache<string, NamedModel>({ max: 10_000, ttl: keptMs });

  async find(unit: UnitOfWork, name: string): Promise<NamedModel | null> {
    const { organizationId } = unit;
    const key = `${organizationId} ${name}`;
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const [slug = '', ...rest] = name.split('/');
    const [model] = await unit.select(byName(), { organizationId, name, slug, rest: rest.join('/') });
    if (model === undefined) return null;
    this.#cache.set(key, model);
    return model;
  }
}

/** A model that can be called, as lists for programs show it. */
export interface CallableModel {
  /** `<provider's slug>/<name>`. */
  readonly name: string;
  readonly provider: string;
  readonly createdAt: string;
}

const callable = lazily(() =>
  Statement.select<CallableModel>(
    database
      .selectDistinctOn([providers.slug, modelName], {
        name: sql<string>`${providers.slug} || '/' || ${modelName}`.as('name'),
        provider: providers.slug,
        createdAt,
      })
      .from(models)
      .innerJoin(providers, eq(providers.id, models.providerId))
      .innerJoin(organizations, eq(organizations.id, bound.organizationId))
      .where(and(active, inArray(models.type, [...types]), reachable))
      .orderBy(providers.slug, modelName, desc(models.version))
      .limit(sql.placeholder('most')),
  ),
);

/** The models that the organization can call, by name, at most `most`. One statement. */
export const callableModels = (unit: UnitOfWork, most: number): Promise<CallableModel[]> =>
  unit.select(callable(), { organizationId: unit.organizationId, most });
