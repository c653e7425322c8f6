import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { jobs } from '../../queue/tables.ts';
import { jobSchedules } from './schedule-tables.ts';

export const jobScheduleById = loadOne(
  () =>
    database
      .select()
      .from(jobSchedules)
      .where(and(eq(jobSchedules.organizationId, bound.organizationId), sql`${jobSchedules.id} = any(${bound.keys})`)),
  (schedule) => schedule.id,
);

/** Schedules that the viewer sees. */
export const jobScheduleList = listOf({
  from: jobSchedules,
  columns: getTableColumns(jobSchedules),
  orders: { CREATED_AT: jobSchedules.createdAt, NAME: jobSchedules.name },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: { ownerId: jobSchedules.userId, name: jobSchedules.name, createdAt: jobSchedules.createdAt },
});

/** What schedules have begun, as far as the viewer sees it. */
export const jobsBySchedule = listOf({
  from: jobs,
  parent: jobs.scheduleId,
  columns: getTableColumns(jobs),
  orders: { CREATED_AT: jobs.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: { state: jobs.state, kind: jobs.kind },
});
