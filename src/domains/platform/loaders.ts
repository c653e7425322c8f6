import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { jobs } from '../../queue/tables.ts';

export const jobById = loadOne(
  () =>
    database
      .select()
      .from(jobs)
      .where(and(eq(jobs.organizationId, bound.organizationId), sql`${jobs.id} = any(${bound.keys})`)),
  (job) => job.id,
);

/** Jobs of the organization that the viewer sees. */
export const jobList = listOf({
  from: jobs,
  columns: getTableColumns(jobs),
  orders: { CREATED_AT: jobs.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: { state: jobs.state, kind: jobs.kind, targetId: jobs.targetId },
});
