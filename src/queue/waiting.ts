import { and, eq, lt, sql } from 'drizzle-orm';
import { pgSchema, text, uuid } from 'drizzle-orm/pg-core';
import { database } from '../database/client.ts';
import { bound, loadOne } from '../database/loader.ts';
import { moment } from '../database/tenant-table.ts';
import { jobs } from './tables.ts';

/** What is read of the package's own rows. */
const queued = pgSchema('pgboss').table('job', {
  name: text().notNull(),
  id: uuid().notNull(),
  state: text().notNull(),
  startAfter: moment().notNull(),
});

/** When jobs that wait are begun at the earliest. */
export const nextRunByJob = loadOne(
  () =>
    database
      .select({ id: jobs.id, at: queued.startAfter })
      .from(jobs)
      .innerJoin(queued, and(eq(queued.name, jobs.kind), sql`${queued.id} = coalesce(${jobs.queueId}, ${jobs.id})`))
      .where(
        and(
          eq(jobs.organizationId, bound.organizationId),
          sql`${jobs.id} = any(${bound.keys})`,
          lt(queued.state, sql`'active'`),
        ),
      ),
  (row) => row.id,
);
