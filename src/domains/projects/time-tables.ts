import { sql } from 'drizzle-orm';
import { check, index, numeric, text, uuid } from 'drizzle-orm/pg-core';
import { moment, tenantTable } from '../../database/tenant-table.ts';
import { toTask } from './task-tables.ts';

/**
 * Time that somebody worked on a task, from the first moment to before the last. One person's entries do not overlap: an exclusion constraint
 * keeps them apart, so that one runs at most.
 */
export const timeEntries = tenantTable(
  'time_entries',
  'project',
  {
    projectId: uuid().notNull(),
    taskId: uuid().notNull(),
    userId: uuid().notNull(),
    startedAt: moment().notNull(),
    /** Null: it is running. */
    endedAt: moment(),
    note: text().notNull().default(''),
    /** US dollars an hour, as it was when the entry was made; null: it costs nothing. */
    hourlyRate: numeric({ precision: 9, scale: 2 }),
  },
  (entry) => [
    check('time_entries_ended_at_check', sql`${entry.endedAt} > ${entry.startedAt}`),
    check('time_entries_hourly_rate_check', sql`${entry.hourlyRate} >= 0`),
    toTask('time_entries', entry),
    index('time_entries_project_task_index').on(entry.organizationId, entry.projectId, entry.taskId),
    index('time_entries_project_id_index').on(entry.organizationId, entry.projectId, entry.startedAt, entry.id),
    index('time_entries_task_id_index').on(entry.organizationId, entry.taskId, entry.startedAt, entry.id),
    index('time_entries_user_id_index').on(entry.organizationId, entry.userId, entry.startedAt, entry.id),
    index('time_entries_started_at_index').on(entry.organizationId, entry.startedAt, entry.id),
    index('time_entries_running_index')
      .on(entry.organizationId, entry.userId)
      .where(sql`${entry.endedAt} is null`),
  ],
);
export type TimeEntryRow = typeof timeEntries.$inferSelect;
