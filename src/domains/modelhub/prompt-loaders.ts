import { and, asc, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadMany, loadOne } from '../../database/loader.ts';
import { promptRuns, prompts, promptSessions } from './prompt-tables.ts';

export const promptSessionById = loadOne(
  () =>
    database
      .select()
      .from(promptSessions)
      .where(
        and(eq(promptSessions.organizationId, bound.organizationId), sql`${promptSessions.id} = any(${bound.keys})`),
      ),
  (session) => session.id,
);

export const promptById = loadOne(
  () =>
    database
      .select()
      .from(prompts)
      .where(and(eq(prompts.organizationId, bound.organizationId), sql`${prompts.id} = any(${bound.keys})`)),
  (prompt) => prompt.id,
);

export const promptRunById = loadOne(
  () =>
    database
      .select()
      .from(promptRuns)
      .where(and(eq(promptRuns.organizationId, bound.organizationId), sql`${promptRuns.id} = any(${bound.keys})`)),
  (run) => run.id,
);

/** The runs of prompts, at most four of each, in their order. */
export const promptRunsByPrompt = loadMany(
  () =>
    database
      .select()
      .from(promptRuns)
      .where(and(eq(promptRuns.organizationId, bound.organizationId), sql`${promptRuns.promptId} = any(${bound.keys})`))
      .orderBy(asc(promptRuns.promptId), asc(promptRuns.position)),
  (run) => run.promptId,
);

const madeByViewer = sql`${promptSessions.creatorId} = nullif(current_setting('app.user_id', true), '')::uuid`;

/** Sessions that the viewer sees. */
export const promptSessionList = listOf({
  from: promptSessions,
  columns: getTableColumns(promptSessions),
  orders: { CREATED_AT: promptSessions.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    status: promptSessions.status,
    createdAt: promptSessions.createdAt,
    mine: (comparator, value) =>
      (value === true) === (comparator === 'eq') ? madeByViewer : sql`(${madeByViewer}) is not true`,
  },
});

export const promptsBySession = listOf({
  from: prompts,
  parent: prompts.sessionId,
  columns: getTableColumns(prompts),
  orders: { CREATED_AT: prompts.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
});
