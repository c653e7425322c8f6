import type { ExecutionLogRow } from './execution-tables.ts';
import type { UsageGrouping } from './usage.ts';

/** A row of the ledger, under the name that clients know it by. */
export type ModelCallRow = ExecutionLogRow;

/** What the calls of one group and bucket come to. Sums of tokens and money are decimal text. */
export interface ModelUsageGroupRow {
  /** When the bucket begins; null without a grain. */
  readonly start: string | null;
  /** What the group is of each thing that was grouped by: an id or a word; null where its calls have none. */
  readonly keys: Partial<Readonly<Record<UsageGrouping, string | null>>>;
  readonly modelName: string | null;
  readonly providerName: string | null;
  readonly calls: number;
  readonly pending: number;
  readonly successes: number;
  readonly errors: number;
  readonly timeouts: number;
  readonly unratedCalls: number;
  readonly estimatedCalls: number;
  readonly inputTokens: string;
  readonly cachedInputTokens: string;
  readonly outputTokens: string;
  readonly cost: string;
  readonly latencyMeanMs: number | null;
  readonly latencyP50Ms: number | null;
  readonly latencyP95Ms: number | null;
  readonly latencyP99Ms: number | null;
  readonly timeToFirstTokenP50Ms: number | null;
  readonly timeToFirstTokenP95Ms: number | null;
  readonly tokensPerSecond: number | null;
}
