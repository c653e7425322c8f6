import type { UnitOfWork } from '../../../database/unit-of-work.ts';
import type { MetricCategory, MetricMeasure, Resolvers } from '../../../generated/resolvers.ts';
import { globalId, isUuid } from '../../../ids.ts';
import { modelById, providerById } from '../../modelhub/loaders.ts';
import { found } from '../../nodes.ts';
import { jobById } from '../../platform/loaders.ts';
import { memberUserById, organizationById, workspaceById } from '../../tenancy/loaders.ts';
import { settingsOf } from '../../tenancy/organization-settings.ts';
import { metricById, metricList } from '../metric-loaders.ts';
import type { MetricsKeyRow } from '../metrics-rows.ts';
import { metricsOf } from '../metrics.ts';
import { rebuildMetrics } from '../rebuilding.ts';
import type { MetricRow } from '../tables.ts';

/** What the ids of a dimension are ids of. */
const typeOf = {
  USER: 'User',
  WORKSPACE: 'Workspace',
  MODEL: 'Model',
  PROVIDER: 'Provider',
  API_KEY: 'ApiKey',
} as const;

/** The id of a key of this dimension; null for another one, without an id, and for a name in the place of one. */
const idIn = ({ dimension, key }: MetricsKeyRow, of: keyof typeof typeOf): string | null =>
  dimension === of && key !== null && isUuid(key) ? key : null;

const typeOfKey = ({ dimension, key }: MetricsKeyRow): string | undefined =>
  key !== null && isUuid(key) ? (typeOf as Readonly<Record<string, string>>)[dimension] : undefined;

const loaded = <Row>(id: string | null, load: (id: string) => Promise<Row | null>): Promise<Row | null> | null =>
  id === null ? null : load(id);

const timeZoneOf = async (unit: UnitOfWork): Promise<string> =>
  settingsOf((await organizationById(unit).load(unit.organizationId)) ?? { settings: {} }).timeZone;

export const resolvers: Resolvers = {
  Query: {
    metrics: async (_root, { input }, { unit }) =>
      metricsOf(unit, {
        measures: input.measures,
        dimensions: input.dimensions ?? [],
        filter: input.filter,
        percentiles: input.percentiles ?? [],
        fillEmpty: input.fillEmpty ?? false,
        first: input.first ?? 100,
        grain: input.grain ?? null,
        from: new Date(input.from),
        to: new Date(input.to),
        timeZone: input.timeZone ?? (await timeZoneOf(unit)),
        orderBy: input.orderBy
          ? { measure: input.orderBy.measure ?? null, direction: input.orderBy.direction ?? null }
          : null,
      }),
    rolledUpMetrics: (_root, args, { unit }) => metricList<MetricRow>(unit, args),
  },
  Mutation: {
    rebuildMetrics: async (_root, { input }, context) => {
      const id = await rebuildMetrics(context, new Date(input.from), new Date(input.to));
      return { job: await found('Job', id, jobById(context.unit)) };
    },
  },
  MetricsKey: {
    value: (row) => {
      const type = typeOfKey(row);
      return type === undefined || row.key === null ? row.key : globalId(type, row.key);
    },
    user: (row, _args, { unit }) => loaded(idIn(row, 'USER'), (id) => memberUserById(unit).load(id)),
    workspace: (row, _args, { unit }) => loaded(idIn(row, 'WORKSPACE'), (id) => workspaceById(unit).load(id)),
    model: (row, _args, { unit }) => loaded(idIn(row, 'MODEL'), (id) => modelById(unit).load(id)),
    provider: (row, _args, { unit }) => loaded(idIn(row, 'PROVIDER'), (id) => providerById(unit).load(id)),
  },
  Metric: {
    // The casts are safe: names and categories come out of the registry of measures alone.
    name: ({ name }) => name as MetricMeasure,
    category: ({ category }) => category as MetricCategory,
    workspace: ({ workspaceId }, _args, { unit }) => loaded(workspaceId, (id) => workspaceById(unit).load(id)),
    samples: ({ samples }) => String(samples),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { Metric: metricById };
