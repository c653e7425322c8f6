import { and, eq, inArray, sql } from 'drizzle-orm';
import { fromDrizzle, PgBoss, type Db, type JobWithMetadata } from 'pg-boss';
import { database } from '../database/client.ts';
import type { Pool } from '../database/pool.ts';
import { nowhere, UnitOfWork } from '../database/unit-of-work.ts';
import { newId } from '../ids.ts';
import type { QueueState } from '../telemetry/metrics.ts';
import type { Asked } from '../telemetry/observer.ts';
import { tellCancelled } from './cancelling.ts';
import { carryOut } from './carrying-out.ts';
import { tellEnd } from './ends.ts';
import { endForgotten } from './forgotten.ts';
import { giveUp } from './giving-up.ts';
import { mark, now, queueIdOf } from './marks.ts';
import { messageOf, type BossOptions, type Payload } from './payload.ts';
import { deadLetters, prepareQueues, usualPace, type Clocks, type Kinds, type Pace } from './preparing.ts';
import {
  jobTopic,
  type Cancelled,
  type Enqueued,
  type JobHandler,
  type Queue,
  type Revived,
  type Schedule,
} from './queue.ts';
import { jobs, type JobRow } from './tables.ts';

const pollingIntervalSeconds = 1;
/** How a job is fetched and kept alive. */
const fetching = { includeMetadata: true, pollingIntervalSeconds, heartbeatRefreshSeconds: 5 } as const;
/** How it is looked for what comes again and again. */
const seldom = { pollingIntervalSeconds: 30, heartbeatRefreshSeconds: 5 } as const;
/** Jobs that are given up at a time: one that hangs is not in the way of the others. */
const givenUpAtOnce = 2;

/** The job queue on pg-boss: jobs are added in the transaction that needs them and worked on by this process if it wants to. */
export class BossQueue implements Queue {
  readonly #boss: PgBoss;
  readonly #options: BossOptions;
  readonly #kinds: ReadonlySet<string>;
  readonly #clocks: ReadonlySet<string>;
  readonly #workers = new Map<string, string[]>();
  readonly #stopping = new AbortController();

  private constructor(boss: PgBoss, options: BossOptions, kinds: readonly string[], clocks: readonly string[]) {
    this.#boss = boss;
    this.#kinds = new Set(kinds);
    this.#clocks = new Set(clocks);
    this.#options = options;
  }

  /** Connects to the queue's schema, which the owner's migration has installed, and knows these kinds of work. */
  static async open(
    options: BossOptions,
    kinds: Kinds,
    schedules: Clocks = {},
    pace: Pace = usualPace,
  ): Promise<BossQueue> {
    const boss = new PgBoss({
      db: statementsOf(options.pool),
      schema: 'pgboss',
      migrate: false,
      createSchema: false,
      superviseIntervalSeconds: pace.superviseSeconds,
      monitorIntervalSeconds: pace.superviseSeconds,
      reindex: false,
      monitorVacuum: false,
    });
    boss.on('error', (error) => options.log.warn({ message: error.message }, 'The job queue had a fault.'));
    await boss.start();
    await prepareQueues(boss, kinds, schedules, pace);
    return new BossQueue(boss, options, Object.keys(kinds), Object.keys(schedules));
  }

  async enqueue(
    unit: UnitOfWork,
    { kind, data, target, workspaceId, readers: others = [], startAfterSeconds = 0 }: Enqueued,
  ): Promise<string> {
    return unit.transact(async ({ organizationId, userId }) => {
      const id = newId();
      const readers = [
        organizationId,
        ...(userId === null ? [] : [userId]),
        ...(workspaceId === undefined ? [] : [workspaceId]),
      ];
      await database.insert(jobs).values({
        organizationId,
        id,
        readers: [...new Set([...readers, ...others])],
        kind,
        targetType: target.type,
        targetId: target.id,
        requestedById: userId,
        scheduleId: unit.options.origin.scheduleId ?? null,
      });
      const carried = { jobId: id, queueId: id, kind };
      const payload: Payload = { organizationId, userId, data, carried, asked: askedIn(unit) };
      await this.#boss.send(kind, payload, { id, startAfter: startAfterSeconds, db: fromDrizzle(database, sql) });
      unit.afterCommit(() => this.#wake(kind));
      return id;
    });
  }

  cancel(unit: UnitOfWork, job: Pick<JobRow, 'id' | 'kind' | 'queueId'>): Promise<Cancelled | null> {
    const { kind } = job;
    const queueId = queueIdOf(job);
    const carried = { jobId: job.id, queueId, kind };
    const { bus } = this.#options;
    return unit.transact(async () => {
      const marked = await mark(unit, bus, carried, { state: 'CANCELLED', finishedAt: now() });
      if (marked === null) return null;
      unit.afterCommit(() => tellCancelled(bus, carried));
      // An earlier version's, perhaps.
      if (!this.#kinds.has(kind)) return { data: null };
      const db = fromDrizzle(database, sql);
      const [given] = await this.#boss.findJobs<Payload>(kind, { id: queueId, db });
      await this.#boss.cancel(kind, queueId, { db });
      return { data: given?.data.data ?? null };
    });
  }

  retry(unit: UnitOfWork, job: JobRow, prepare: (data: Payload['data']) => Promise<Revived>): Promise<JobRow | null> {
    const { id, kind } = job;
    return unit.transact(async ({ organizationId }) => {
      if (!this.#kinds.has(kind)) return null;
      const db = fromDrizzle(database, sql);
      const [given] = await this.#boss.findJobs<Payload>(kind, { id: queueIdOf(job), db });
      if (given === undefined) return null;
      const { data = given.data.data, anew } = await prepare(given.data.data);
      // Under an id of its own: the package knows its rows by their ids alone, and a run of before may not have ended yet.
      const queueId = newId();
      const isKept = anew !== true && job.result !== null;
      const [queued] = await database
        .update(jobs)
        .set({
          state: 'QUEUED',
          queueId,
          error: null,
          startedAt: null,
          finishedAt: null,
          ...(!isKept && { progress: 0, result: null }),
        })
        .where(
          and(eq(jobs.organizationId, organizationId), eq(jobs.id, id), inArray(jobs.state, ['FAILED', 'CANCELLED'])),
        )
        .returning();
      if (queued === undefined) return null;
      await this.#boss.deleteJob(kind, given.id, { db });
      const payload: Payload = { ...given.data, data, carried: { jobId: id, queueId, kind }, asked: askedIn(unit) };
      await this.#boss.send(kind, payload, { id: queueId, db });
      unit.afterCommit(() => {
        this.#options.bus.publish(jobTopic(id), {});
        this.#wake(kind);
      });
      return queued;
    });
  }

  endForgotten(signal: AbortSignal): Promise<void> {
    return endForgotten(this.#boss, this.#options, this.#kinds.union(this.#clocks), signal);
  }

  /** Works on jobs of these kinds, and on what comes again and again, until the queue stops. */
  async work<Work>(
    handlers: Readonly<Record<string, JobHandler<Work>>>,
    schedules: Readonly<Record<string, Schedule<Work>>>,
    workOf: (unit: UnitOfWork) => Work,
  ): Promise<void> {
    for (const [kind, handler] of Object.entries(handlers))
      for (let started = 0; started < handler.concurrency; started++) await this.#startWorker(kind, handler, workOf);
    await this.#boss.work<Payload>(deadLetters, { ...fetching, localConcurrency: givenUpAtOnce }, async ([letter]) =>
      letter === undefined ? undefined : giveUp(this.#options, letter as JobWithMetadata<Payload>, handlers, workOf),
    );
    for (const [kind, schedule] of Object.entries(schedules))
      await this.#boss.work(kind, seldom, () => this.#runAgain(kind, schedule, workOf));
  }

  async #runAgain<Work>(kind: string, schedule: Schedule<Work>, workOf: (unit: UnitOfWork) => Work): Promise<void> {
    const told = tellEnd(kind);
    const origin = { requestId: `schedule ${kind}`, address: null, userAgent: null };
    const unit = new UnitOfWork(nowhere, { ...this.#options, origin });
    try {
      await schedule.run(workOf(unit), this.#stopping.signal);
      told('succeeded');
    } catch (error) {
      told('failed');
      this.#options.log.error({ kind, message: messageOf(error) }, 'Work that comes again and again failed.');
      throw new Error(messageOf(error), { cause: error });
    } finally {
      await unit.rest();
    }
  }

  /** Takes one job after the other while there are any, and only then waits for the next poll or for a new job. */
  async #startWorker<Work>(kind: string, handler: JobHandler<Work>, workOf: (unit: UnitOfWork) => Work): Promise<void> {
    const means = { boss: this.#boss, options: this.#options, stopping: this.#stopping.signal };
    const worker = await this.#boss.work<Payload>(kind, fetching, async ([job]) => {
      if (job === undefined) return;
      // The package would wait for the next poll after every job.
      await carryOut(means, job as JobWithMetadata<Payload>, handler, workOf).finally(() =>
        this.#boss.notifyWorker(worker),
      );
    });
    this.#workers.set(kind, [...(this.#workers.get(kind) ?? []), worker]);
  }

  async figures(): Promise<QueueState[]> {
    // What has ended is deleted by the package only after days.
    const rows = await this.#options.pool.run(`select name as kind,
        count(*) filter (where state < 'active')::integer as waiting,
        count(*) filter (where state = 'active')::integer as active,
        coalesce(extract(epoch from now() - min(start_after) filter (where state < 'active' and start_after <= now())), 0)::float8 as "oldestSeconds"
      from pgboss.job where state < 'completed' group by name`);
    // The cast is safe: these are the columns of the statement.
    return [...(rows as unknown as QueueState[])];
  }

  /** Stops taking jobs and waits for those running, as long as the grace lasts; what is left runs again elsewhere. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    await this.#boss.stop({ graceful: true, timeout: graceMs, close: false });
  }

  #wake(kind: string): void {
    for (const worker of this.#workers.get(kind) ?? []) this.#boss.notifyWorker(worker);
  }
}

const askedIn = ({ options: { origin } }: UnitOfWork): Asked => {
  const { requestId, trace } = origin;
  return trace === undefined ? { requestId } : { requestId, trace };
};

/** Runs the package's statements, which concern its own schema only, one connection at a time. */
const statementsOf = (pool: Pool): Db => ({
  executeSql: async (text, values = []) => ({ rows: rowsOf(await pool.run(text, values.map(bindable))) }),
});

/** The package hands over objects for its columns of JSON, which this driver takes as text. */
const bindable = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
    ? JSON.stringify(value)
    : value;

/** Several statements in one message give several results; the package wants the rows of the last that has any. */
const rowsOf = (result: unknown): unknown[] => {
  if (!Array.isArray(result)) return [];
  const nested = result.filter((part) => Array.isArray(part));
  return nested.length > 0 ? (nested.findLast((part) => part.length > 0) ?? []) : [...result];
};
