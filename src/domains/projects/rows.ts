import type { TaskRow } from './task-tables.ts';

/** A column of a project's board. */
export interface BoardColumnRow {
  readonly projectId: string;
  readonly status: TaskRow['status'];
}

/** What is open of a task that is done, or is to be. */
export interface CompletionWarningRow {
  readonly taskId: string;
  /** Open tasks that it waits for, as far as the viewer sees them, and at most as many as are shown. */
  readonly blockerIds: readonly string[];
  /** How many there are, also of those that the viewer does not see. */
  readonly openBlockerCount: number;
  readonly openPartCount: number;
}
