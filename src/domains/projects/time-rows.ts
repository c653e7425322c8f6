/** Time tracked in a project over some days. Costs are null for who does not manage it. */
export interface TimeReportRow {
  readonly hours: string;
  readonly cost: string | null;
  readonly entries: number;
  readonly groups: readonly TimeReportGroupRow[];
  readonly truncated: boolean;
}

/** A group of a report: one of its three keys is not null. */
export interface TimeReportGroupRow {
  readonly userId: string | null;
  readonly taskId: string | null;
  readonly day: string | null;
  readonly hours: string;
  readonly cost: string | null;
  readonly entries: number;
}
