import { and, asc, eq, gte, lt, sql, type SQL } from 'drizzle-orm';
import { stringify } from 'csv-stringify/sync';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { events, type EventRow } from '../../events/tables.ts';
import { globalId } from '../../ids.ts';
import type { JobHandler, Run } from '../../queue/queue.ts';
import { exportDays } from '../content/written-expiry.ts';
import { AccessEnded, requesterOf, writeFileFor, type Requester } from '../content/written-files.ts';
import type { Work } from '../services.ts';
import { exportWork, type ExportWork } from './event-log-export.ts';
import { targetOf } from './events.ts';

const pageSize = 500;
/** Rows of one file; spreadsheets take hardly more. */
const maxRows = 1_000_000;
const dayMs = 86_400_000;

/** What the job of an export tells. */
interface Tally {
  rows: number;
  /** Whether there were no more rows than a file takes. */
  complete: boolean;
}

/**
 * Writes the log into a file, oldest first, as far as who asked sees it while it is written: each page is read as that person, whose rights are looked
 * up anew before it. Its row and the job's result are written together, so that a run after a crash makes no second one.
 */
export const runExport: JobHandler<Work>['run'] = async (work, data, run) => {
  if (run.kept !== null) return run.kept;
  const asked = exportWork.parse(data);
  const requester = requesterOf(work, asked.credential, 'EVENT_LOG_READ');
  try {
    const total = Math.min(maxRows, await countOf(await requester.unit(), asked));
    const tally: Tally = { rows: 0, complete: true };
    const result = await writeFileFor(
      work,
      requester,
      fileOf(asked),
      linesOf(requester, asked, run, tally, total),
      (writing, id) => settled(writing, id, asked, tally, run),
    );
    return result ?? undefined;
  } catch (error) {
    if (error instanceof AccessEnded) return { fileId: null, stopped: 'ACCESS_ENDED' };
    throw error;
  }
};

const fileOf = ({ format }: ExportWork) =>
  format === 'CSV'
    ? { name: 'event-log.csv', mimeType: 'text/csv' }
    : { name: 'event-log.jsonl', mimeType: 'application/jsonl' };

const settled = async (writing: UnitOfWork, id: string, { format }: ExportWork, tally: Tally, run: Run) => {
  const expiresAt = new Date(Date.now() + exportDays * dayMs).toISOString();
  writing.record({ action: 'event_log.exported', type: 'File', id, data: { format, ...tally } });
  const kept = { fileId: globalId('File', id), ...tally, expiresAt };
  await run.keep(writing, kept, 99);
  return kept;
};

async function* linesOf(
  requester: Requester,
  asked: ExportWork,
  run: Run,
  tally: Tally,
  total: number,
): AsyncGenerator<string> {
  const inCsv = asked.format === 'CSV';
  yield inCsv ? stringify([Object.keys(columns)]) : '';
  for await (const page of pagesOf(requester, asked)) {
    run.signal.throwIfAborted();
    const rows = page.slice(0, maxRows - tally.rows);
    yield inCsv ? csvOf(rows) : rows.map((row) => `${JSON.stringify(toldOf(row))}\n`).join('');
    tally.rows += rows.length;
    tally.complete = rows.length === page.length;
    if (!tally.complete) return;
    await run.progress(Math.min(99, (100 * tally.rows) / Math.max(total, 1)));
  }
}

const columns: Readonly<Record<string, (event: EventRow) => unknown>> = {
  id: ({ id }) => globalId('EventLogEntry', id),
  createdAt: ({ createdAt }) => new Date(createdAt).toISOString(),
  action: ({ action }) => action,
  actorId: ({ actorId }) => (actorId === null ? null : globalId('User', actorId)),
  targetType: ({ targetType }) => targetType,
  targetId: targetOf,
  workspaceId: ({ workspaceId }) => (workspaceId === null ? null : globalId('Workspace', workspaceId)),
  requestId: ({ requestId }) => requestId,
  address: ({ address }) => address,
  userAgent: ({ userAgent }) => userAgent,
  data: ({ data }) => data,
};

const toldOf = (event: EventRow): Record<string, unknown> =>
  Object.fromEntries(Object.entries(columns).map(([name, of]) => [name, of(event)]));

// A cell that begins like a formula is none for a spreadsheet.
const csvOf = (rows: readonly EventRow[]): string =>
  stringify(
    rows.map((row) => Object.values(toldOf(row)).map((cell) => (isRecord(cell) ? JSON.stringify(cell) : cell))),
    { escape_formulas: true },
  );

const isRecord = (value: unknown): value is object => typeof value === 'object' && value !== null;

const within = ({ organizationId }: UnitOfWork, { from, to, filter }: ExportWork): SQL | undefined => {
  const given = (name: keyof ExportWork['filter']) =>
    filter[name] === null ? undefined : eq(events[name], filter[name]);
  return and(
    eq(events.organizationId, organizationId),
    gte(events.createdAt, from),
    lt(events.createdAt, to),
    ...(['action', 'targetType', 'targetId', 'actorId', 'workspaceId'] as const).map(given),
  );
};

const countOf = async (unit: UnitOfWork, work: ExportWork): Promise<number> => {
  const total = await unit.run(() => database.$count(events, within(unit, work)));
  await unit.rest();
  return total;
};

async function* pagesOf(requester: Requester, work: ExportWork): AsyncGenerator<EventRow[]> {
  let last: EventRow | undefined;
  for (;;) {
    const unit = await requester.unit();
    const behind = last && sql`(${events.createdAt}, ${events.id}) > (${last.createdAt}, ${last.id})`;
    const page = await unit.run(() =>
      database
        .select()
        .from(events)
        .where(and(within(unit, work), behind))
        .orderBy(asc(events.createdAt), asc(events.id))
        .limit(pageSize),
    );
    await unit.rest();
    if (page.length > 0) yield page;
    if (page.length < pageSize) return;
    last = page.at(-1);
  }
}
