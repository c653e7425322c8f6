/** Orders of a day, type and status. */
export interface OrderStatisticsRow {
  /** `2026-03-31`. */
  readonly date: string;
  readonly type: string;
  readonly status: string;
  readonly count: number;
  /** Of those that are completed; null where none is. */
  readonly meanHoursToCompletion: number | null;
}

/** A way that an order can go now. */
export interface AllowedTransitionRow {
  readonly to: 'PENDING' | 'PROCESSING' | 'COMPLETED' | 'CANCELLED';
  readonly requires: readonly ('ASSIGNEE' | 'REASON')[];
  readonly missing: readonly ('ASSIGNEE' | 'REASON')[];
}
