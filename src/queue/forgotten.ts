import { sql } from 'drizzle-orm';
import { fromDrizzle, type PgBoss } from 'pg-boss';
import { database } from '../database/client.ts';
import { markFailed } from './giving-up.ts';
import { carriedBy, carriedByLetter, messageOf, unitOfJob, type BossOptions, type Payload } from './payload.ts';
import { deadLetters } from './preparing.ts';

/** Rows of one look; the next is a day later. */
const atOnce = 1000;

/** A row of the queue that nobody will work on. */
interface Forgotten {
  readonly id: string;
  readonly name: string;
  readonly sourceId: string | null;
  readonly sourceName: string | null;
  readonly data: Payload;
}

/**
 * Work that waits for a day, of kinds that this version does not know: as long as two versions may work side by side. And letters whose last try
 * failed, too. Rows of schedules, and the package's own, have no organization.
 */
const forgotten = `select id, name, source_id as "sourceId", source_name as "sourceName", data from pgboss.job
  where jsonb_exists(data, 'organizationId') and (
    state < 'active' and start_after < now() - interval '1 day' and not name = any($1::text[])
    or state = 'failed' and name = $2)
  order by created_on limit ${atOnce}`;

/** Fails jobs that nobody would end. What one of an unknown kind was given stays known, should a version come that knows it. */
export const endForgotten = async (
  boss: PgBoss,
  options: BossOptions,
  kinds: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> => {
  // The cast is safe: these are the columns of the statement, and only this queue writes organizations into its rows.
  const rows = (await options.pool.run(forgotten, [[...kinds, deadLetters], deadLetters])) as unknown as Forgotten[];
  for (const row of rows) {
    if (signal.aborted) return;
    await end(boss, options, row).catch((error: unknown) =>
      options.log.error({ queueId: row.id, message: messageOf(error) }, 'A forgotten job could not be ended.'),
    );
  }
};

const end = async (boss: PgBoss, options: BossOptions, row: Forgotten): Promise<void> => {
  const { id, name } = row;
  const isLetter = name === deadLetters;
  const carried = isLetter ? carriedByLetter(row) : carriedBy(row);
  const unit = unitOfJob(options, carried, row.data);
  // Brings the queue into the package's cache: inside the transaction that would need a second connection.
  await boss.findJobs(name, { id });
  await unit.transact(async () => {
    const db = fromDrizzle(database, sql);
    if (isLetter) await boss.deleteJob(name, id, { db });
    else await boss.cancel(name, id, { db });
    await markFailed(unit, options, carried, isLetter ? undefined : unknownKind);
  });
  const { jobId, kind } = carried;
  options.log.error({ kind, jobId }, 'A forgotten job was ended.');
};

const unknownKind = 'This version of Tessera does not know this kind of work.';
