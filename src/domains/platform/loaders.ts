import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
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
