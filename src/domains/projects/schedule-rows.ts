/** When a task of a project can and must begin and end; hours from the start of the work, with at most two decimal places. */
export interface ScheduledTaskRow {
  readonly taskId: string;
  readonly earliestStartHours: string;
  readonly earliestFinishHours: string;
  readonly latestStartHours: string;
  readonly latestFinishHours: string;
  readonly slackHours: string;
  readonly critical: boolean;
  readonly estimated: boolean;
  readonly externalBlockerCount: number;
  /** What it stands in order by: earliest start in hundredths of hours, depth, number. */
  readonly place: readonly [number, number, number];
}

/** The critical path of a project, and the times of all its open tasks. */
export interface CriticalPathRow {
  readonly projectId: string;
  readonly totalHours: string;
  readonly unestimatedTaskCount: number;
  readonly externalBlockerCount: number;
  readonly criticalTaskCount: number;
  /** Of one longest row of tasks, in order. */
  readonly onPath: readonly ScheduledTaskRow[];
  /** Of all tasks, in order. */
  readonly scheduled: readonly ScheduledTaskRow[];
}
