import type { MetricDimension, MetricMeasure } from '../../generated/resolvers.ts';

/** What a question for figures gave. */
export interface MetricsResultRow {
  readonly timeZone: string;
  readonly rows: readonly MetricsGroupRow[];
  /** Whether there were more rows than asked for. */
  readonly truncated: boolean;
}

/** The figures of one group and bucket. */
export interface MetricsGroupRow {
  /** When the bucket begins; null without a grain. */
  readonly start: string | null;
  readonly keys: readonly MetricsKeyRow[];
  readonly values: readonly MetricsValueRow[];
}

/** What a group is of a dimension. */
export interface MetricsKeyRow {
  readonly dimension: MetricDimension;
  /** An id, a name or a word; null where the rows have none. */
  readonly key: string | null;
}

/** A figure. */
export interface MetricsValueRow {
  readonly measure: MetricMeasure;
  /** Decimal text; null where nothing was there to be averaged. */
  readonly value: string | null;
  readonly percentiles: readonly MetricsPercentileRow[];
}

/** A percentile of the values behind a figure. */
export interface MetricsPercentileRow {
  readonly percentile: number;
  readonly value: number | null;
}
