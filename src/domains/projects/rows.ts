import type { TaskRow } from './task-tables.ts';

/** A column of a project's board. */
export interface BoardColumnRow {
  readonly projectId: string;
  readonly status: TaskRow['status'];
}
