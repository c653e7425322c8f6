import { sql } from 'drizzle-orm';
import { index, integer, jsonb, text, uuid } from 'drizzle-orm/pg-core';
import { moment, oneOf, tenantTable, word } from '../database/tenant-table.ts';

export const jobStates = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const;

/** A piece of background work as its organization sees it; the queue's own row stands beside it. */
export const jobs = tenantTable(
  'jobs',
  'granted',
  {
    /** The requester, the workspace it works in, and the organization. */
    readers: uuid().array().notNull(),
    /** The queue's name of this kind of work, `<domain>.<verb>-<thing>`. */
    kind: text().notNull(),
    state: word(jobStates).notNull().default('QUEUED'),
    /** Percent done, 0 to 100. */
    progress: integer().notNull().default(0),
    /** Runs that were begun, those before it was put back among them. */
    attempts: integer().notNull().default(0),
    /** The queue's own row that carries it out since it was put back; null: the one of its own id. */
    queueId: uuid(),
    /** What it works on: GraphQL type and id. */
    targetType: text(),
    targetId: uuid(),
    requestedById: uuid(),
    /** The schedule that began it; null: nobody's clock did. No foreign key, for it outlives the schedule. */
    scheduleId: uuid(),
    /** Why it failed, or why its last run did, for a person. */
    error: text(),
    result: jsonb().$type<Record<string, unknown>>(),
    startedAt: moment(),
    finishedAt: moment(),
  },
  (job) => [
    oneOf('jobs', job.state, jobStates),
    index('jobs_created_at_index').on(job.organizationId, job.createdAt, job.id),
    index('jobs_kind_index').on(job.organizationId, job.kind, job.createdAt, job.id),
    index('jobs_state_index').on(job.organizationId, job.state, job.createdAt, job.id),
    index('jobs_target_id_index').on(job.organizationId, job.targetId, job.createdAt, job.id),
    index('jobs_schedule_id_index')
      .on(job.organizationId, job.scheduleId, job.createdAt, job.id)
      .where(sql`${job.scheduleId} is not null`),
  ],
);
export type JobRow = typeof jobs.$inferSelect;
