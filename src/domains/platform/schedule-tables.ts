import { boolean, foreignKey, index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { moment, tenantTable } from '../../database/tenant-table.ts';
import { memberships, organizations } from '../tenancy/tables.ts';

/** Work that a member has asked for again and again: it is begun in their name, with the rights they have at that time. */
export const jobSchedules = tenantTable(
  'job_schedules',
  'granted',
  {
    /** The member, and the organization for its administrators. */
    readers: uuid().array().notNull(),
    userId: uuid().notNull(),
    name: text().notNull(),
    /** Kind of work, as the API names it. */
    work: text().notNull(),
    /** What the work is given, as its shape has it. */
    input: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    /** Minute, hour, day of month, month and day of week (crontab) in the time zone. */
    cron: text().notNull(),
    /** A name of the IANA's database. */
    timeZone: text().notNull(),
    enabled: boolean().notNull().default(true),
    /** When it is due next; null while it is disabled. */
    nextRunAt: moment(),
    lastRunAt: moment(),
    /** Why the last run could not be begun, for a person; null: it was. */
    lastError: text(),
    /** Times in a row at which it could not be begun. */
    failuresInARow: integer().notNull().default(0),
  },
  (schedule) => [
    foreignKey({
      name: 'job_schedules_user_id_fkey',
      columns: [schedule.organizationId, schedule.userId],
      foreignColumns: [memberships.organizationId, memberships.userId],
    }).onDelete('cascade'),
    index('job_schedules_created_at_index').on(schedule.organizationId, schedule.createdAt, schedule.id),
    index('job_schedules_name_index').on(schedule.organizationId, schedule.name, schedule.id),
    index('job_schedules_user_id_index').on(schedule.organizationId, schedule.userId),
  ],
);
export type JobScheduleRow = typeof jobSchedules.$inferSelect;

/** When which schedule is due, asked before the tenant is known; written in the transaction that sets the schedule's `next_run_at`. */
export const dueJobSchedules = pgTable(
  'due_job_schedules',
  {
    scheduleId: uuid().primaryKey(),
    organizationId: uuid().notNull(),
    dueAt: moment().notNull(),
  },
  (due) => [
    foreignKey({
      name: 'due_job_schedules_organization_id_fkey',
      columns: [due.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('due_job_schedules_due_at_index').on(due.dueAt),
    index('due_job_schedules_organization_id_index').on(due.organizationId),
  ],
);
