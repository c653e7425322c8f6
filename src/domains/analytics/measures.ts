import type { MetricCategory, MetricMeasure } from '../../generated/resolvers.ts';
import type { OrganizationSettings } from '../tenancy/organization-settings.ts';
import { measuredRows } from './measured-rows.ts';

/** Something that is counted, added up or averaged. Expressions are SQL over the names that its rows are selected with. */
export interface Measure {
  readonly category: MetricCategory;
  readonly of: keyof typeof measuredRows;
  /** The figure of a group of rows: `numeric` or a whole number. */
  readonly value: string;
  /** Of how many rows it is made. */
  readonly samples: string;
  /** Counts and sums are 0 where there is nothing; means and shares are null. */
  readonly additive: boolean;
  /** Of which value percentiles are told, `float8`; absent: they make no sense. */
  readonly percentilesOf?: string;
  /** Rows whose single values are not there any more, so that no percentile is known of a group that holds one. */
  readonly summed?: string;
  /** Whether it is kept by hours, days, weeks and months. */
  readonly rolledUp: boolean;
}

const count = (condition?: string): Pick<Measure, 'value' | 'samples' | 'additive'> => {
  const value = condition === undefined ? 'count(*)' : `count(*) filter (where ${condition})`;
  return { value, samples: value, additive: true };
};
const mean = (of: string): Pick<Measure, 'value' | 'samples' | 'additive'> => ({
  value: `round(avg((${of})::numeric), 6)`,
  samples: `count(${of})`,
  additive: false,
});
const calls = (value: string): Omit<Measure, 'rolledUp'> => ({
  category: 'MODELS',
  of: 'calls',
  value,
  samples: 'sum(calls)',
  additive: true,
});

const hoursToCompletion = 'extract(epoch from completed_at - created_at) / 3600';
/** A thumb down or one star is 0, a thumb up or five stars are 1. */
const score = `case scale when 'THUMBS' then (score + 1) / 2.0 else (score - 1) / 4.0 end`;

/** Everything that can be asked for. */
export const measures: Readonly<Record<MetricMeasure, Measure>> = {
  ACTIVITIES: { category: 'ACTIVITY', of: 'activities', ...count(), rolledUp: true },
  FAILED_ACTIVITIES: { category: 'ACTIVITY', of: 'activities', ...count('error is not null'), rolledUp: true },
  ACTIVITY_DURATION: {
    category: 'ACTIVITY',
    of: 'activities',
    ...mean('duration_ms'),
    percentilesOf: 'duration_ms',
    rolledUp: false,
  },
  ACTIVE_USERS: {
    category: 'ACTIVITY',
    of: 'activities',
    value: 'count(distinct user_id)',
    samples: 'count(*)',
    additive: true,
    rolledUp: true,
  },
  EVENTS: { category: 'EVENTS', of: 'events', ...count(), rolledUp: true },
  PAGE_VIEWS: { category: 'EVENTS', of: 'events', ...count(`name = 'page_view'`), rolledUp: true },
  CONVERSATIONS: { category: 'CONVERSATIONS', of: 'conversations', ...count(), rolledUp: true },
  MESSAGES: { category: 'CONVERSATIONS', of: 'messages', ...count(), rolledUp: true },
  ANSWERS: {
    category: 'CONVERSATIONS',
    of: 'messages',
    ...count(`role = 'ASSISTANT' and status = 'COMPLETED'`),
    rolledUp: true,
  },
  FEEDBACK: { category: 'CONVERSATIONS', of: 'feedback', ...count(), rolledUp: true },
  FEEDBACK_SCORE: { category: 'CONVERSATIONS', of: 'feedback', ...mean(score), rolledUp: true },
  DOCUMENTS_ADDED: { category: 'CONTENT', of: 'documents', ...count(), rolledUp: true },
  ORDERS_CREATED: { category: 'ORDERS', of: 'orders', ...count(), rolledUp: true },
  ORDERS_COMPLETED: { category: 'ORDERS', of: 'completedOrders', ...count(), rolledUp: true },
  ORDERS_CANCELLED: { category: 'ORDERS', of: 'cancelledOrders', ...count(), rolledUp: true },
  HOURS_TO_COMPLETION: {
    category: 'ORDERS',
    of: 'completedOrders',
    ...mean(hoursToCompletion),
    percentilesOf: hoursToCompletion,
    rolledUp: true,
  },
  MODEL_CALLS: { ...calls('sum(calls)'), rolledUp: true },
  MODEL_ERRORS: {
    ...calls(`coalesce(sum(calls) filter (where status in ('ERROR', 'TIMEOUT')), 0)`),
    rolledUp: true,
  },
  INPUT_TOKENS: { ...calls('sum(input_tokens)'), rolledUp: true },
  OUTPUT_TOKENS: { ...calls('sum(output_tokens)'), rolledUp: true },
  COST: { ...calls('coalesce(sum(cost), 0)'), rolledUp: true },
  LATENCY: {
    ...calls('round(sum(latency_ms) / nullif(sum(timed), 0), 6)'),
    samples: 'sum(timed)',
    additive: false,
    percentilesOf: 'latency_ms',
    summed: 'summed',
    rolledUp: true,
  },
  TIME_TO_FIRST_TOKEN: {
    ...calls('round(avg(first_ms::numeric), 6)'),
    samples: 'count(first_ms)',
    additive: false,
    percentilesOf: 'first_ms',
    summed: 'summed',
    rolledUp: true,
  },
};

// The cast is safe: the compiler checks that the table has each measure as a key and no other.
export const allMeasures = Object.keys(measures) as readonly MetricMeasure[];

/** Those that are rolled up, of one table. */
export const rolledUpOf = (source: string): readonly MetricMeasure[] =>
  allMeasures.filter((name) => measures[name].rolledUp && measuredRows[measures[name].of].source === source);

/** Tables that something is rolled up of. A trigger on each marks the hours in which something changes (`stale_windows`). */
export const rolledUpSources: readonly string[] = [
  ...new Set(
    allMeasures.filter((name) => measures[name].rolledUp).map((name) => measuredRows[measures[name].of].source),
  ),
];

/** How many days what is counted is kept, or its figures where those go sooner. Older figures stay as they are until they go. */
export const keptDays = (source: string, settings: OrganizationSettings): number => {
  const { metricDays, callRetentionDays, activityDays, eventDays } = settings;
  const ofSource: Readonly<Record<string, number>> = {
    execution_logs: callRetentionDays,
    user_activities: activityDays,
    analytics_events: eventDays,
  };
  return Math.min(metricDays, ofSource[source] ?? metricDays);
};
