import { and, eq, inArray, sql } from 'drizzle-orm';
import { fromDrizzle, PgBoss, type Db, type JobWithMetadata } from 'pg-boss';
import type { Logger } from 'pino';
import { database } from '../database/client.ts';
import type { Pool } from '../database/pool.ts';
import { nowhere, UnitOfWork, wholeOf, type UnitOptions } from '../database/unit-of-work.ts';
import type { Bus } from '../events/bus.ts';
import {
  cancelled,
  JobEnded,
  jobTopic,
  type Cancelled,
  type Enqueued,
  type JobHandler,
  type Queue,
  type Run,
  type Schedule,
} from './queue.ts';
import { jobs, type JobRow } from './tables.ts';
import { newId } from '../ids.ts';
import { jobEnded } from '../telemetry/happenings.ts';
import { inScope } from '../telemetry/log.ts';
import type { QueueState } from '../telemetry/metrics.ts';
import type { Asked, Observer } from '../telemetry/observer.ts';
import type { WorkRecord } from '../telemetry/work-record.ts';

/** What the queue's own row carries: enough to find the tenant and our row. */
interface Payload {
  readonly organizationId: string;
  readonly userId: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  /** The request that asked for it; absent in what an earlier version wrote. */
  readonly asked?: Asked;
}

export interface BossOptions extends Pick<UnitOptions, 'pool' | 'ledger' | 'parts'> {
  readonly bus: Bus;
  readonly log: Logger;
  readonly observer: Observer;
}

/** Seconds a worker may be silent before its job is given to another. */
const heartbeatSeconds = 20;
const pollingIntervalSeconds = 1;
/** Where jobs go whose last run failed, or never came back. */
const deadLetters = 'dead-letters';
/** How a job is fetched and kept alive. */
const fetching = { includeMetadata: true, pollingIntervalSeconds, heartbeatRefreshSeconds: 5 } as const;

/** How it is looked for what comes again and again. */
const seldom = { pollingIntervalSeconds: 30, heartbeatRefreshSeconds: 5 } as const;

/** The job queue on pg-boss: jobs are added in the transaction that needs them and worked on by this process if it wants to. */
export class BossQueue implements Queue {
  readonly #boss: PgBoss;
  readonly #options: BossOptions;
  readonly #kinds: ReadonlySet<string>;
  readonly #workers = new Map<string, string[]>();
  readonly #stopping = new AbortController();

  private constructor(boss: PgBoss, options: BossOptions, kinds: readonly string[]) {
    this.#boss = boss;
    this.#kinds = new Set(kinds);
    this.#options = options;
  }

  /** Connects to the queue's schema, which the owner's migration has installed, and knows these kinds of work. */
  static async open(
    options: BossOptions,
    kinds: Readonly<Record<string, Pick<JobHandler<never>, 'retries' | 'expireSeconds'>>>,
    schedules: Readonly<Record<string, Pick<Schedule<never>, 'cron' | 'expireSeconds'>>> = {},
  ): Promise<BossQueue> {
    const boss = new PgBoss({
      db: statementsOf(options.pool),
      schema: 'pgboss',
      migrate: false,
      createSchema: false,
      superviseIntervalSeconds: 10,
      monitorIntervalSeconds: 10,
      reindex: false,
      monitorVacuum: false,
    });
    boss.on('error', (error) => options.log.warn({ message: error.message }, 'The job queue had a fault.'));
    await boss.start();
    // Giving up ends well as soon as the database lets it.
    await boss.createQueue(deadLetters, { retryLimit: 1000, retryDelay: 5, heartbeatSeconds });
    for (const [kind, { retries, expireSeconds }] of Object.entries(kinds)) {
      const queue = {
        retryLimit: retries,
        retryDelay: 1,
        retryBackoff: true,
        expireInSeconds: expireSeconds,
        heartbeatSeconds,
        deadLetter: deadLetters,
      };
      await boss.createQueue(kind, queue);
      // One that an earlier version made stays as it was otherwise.
      await boss.updateQueue(kind, queue);
      // Brings the queue into the package's cache: looking it up inside a caller's transaction would need a second connection.
      await boss.findJobs(kind, { id: newId() });
    }
    for (const [kind, { cron, expireSeconds }] of Object.entries(schedules)) {
      const queue = { retryLimit: 2, retryDelay: 60, expireInSeconds: expireSeconds, heartbeatSeconds };
      await boss.createQueue(kind, { ...queue, policy: 'exclusive' });
      await boss.updateQueue(kind, queue);
      await boss.schedule(kind, cron, {});
    }
    return new BossQueue(boss, options, Object.keys(kinds));
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
      const payload: Payload = { organizationId, userId, data, asked: askedIn(unit) };
      await this.#boss.send(kind, payload, { id, startAfter: startAfterSeconds, db: fromDrizzle(database, sql) });
      unit.afterCommit(() => this.#wake(kind));
      return id;
    });
  }

  cancel(unit: UnitOfWork, { id, kind }: Pick<JobRow, 'id' | 'kind'>): Promise<Cancelled | null> {
    return unit.transact(async () => {
      if ((await this.#mark(unit, id, { state: 'CANCELLED', finishedAt: now() })) === null) return null;
      unit.afterCommit(() => this.#options.bus.publish(jobTopic(id), cancelled));
      // An earlier version's, perhaps.
      if (!this.#kinds.has(kind)) return { data: null };
      const db = fromDrizzle(database, sql);
      const [job] = await this.#boss.findJobs<Payload>(kind, { id, db });
      await this.#boss.cancel(kind, id, { db });
      return { data: job?.data.data ?? null };
    });
  }

  /** Works on jobs of these kinds, and on what comes again and again, until the queue stops. */
  async work<Work>(
    handlers: Readonly<Record<string, JobHandler<Work>>>,
    schedules: Readonly<Record<string, Schedule<Work>>>,
    workOf: (unit: UnitOfWork) => Work,
  ): Promise<void> {
    for (const [kind, handler] of Object.entries(handlers))
      for (let started = 0; started < handler.concurrency; started++) await this.#startWorker(kind, handler, workOf);
    await this.#boss.work<Payload>(deadLetters, fetching, async ([letter]) =>
      letter === undefined ? undefined : this.#giveUp(letter as JobWithMetadata<Payload>, handlers, workOf),
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
    const worker = await this.#boss.work<Payload>(kind, fetching, async ([job]) => {
      if (job === undefined) return;
      // The package would wait for the next poll after every job.
      await this.#run(job as JobWithMetadata<Payload>, handler, workOf).finally(() => this.#boss.notifyWorker(worker));
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

  /** Each line it logs names the request that asked for the job, and its trace. */
  #run<Work>(job: JobWithMetadata<Payload>, handler: JobHandler<Work>, workOf: (unit: UnitOfWork) => Work) {
    const asked = job.data.asked ?? { requestId: `job ${job.id}` };
    const record = this.#options.observer.job(asked);
    const scope = { requestId: asked.requestId, traceId: record.trace?.traceId ?? asked.trace?.traceId ?? '' };
    return inScope(scope, () => this.#carryOut(job, handler, workOf, record));
  }

  async #carryOut<Work>(
    job: JobWithMetadata<Payload>,
    handler: JobHandler<Work>,
    workOf: (unit: UnitOfWork) => Work,
    record: WorkRecord,
  ): Promise<void> {
    const unit = this.#unitOf(job, record);
    const attempt = job.retryCount + 1;
    const mark = (values: Marks) => this.#mark(unit, job.id, values);
    const cancelling = this.#cancelling(job.id);
    const cancel = () => cancelling.abort(new JobEnded('The job was cancelled.'));
    const told = tellEnd(job.name, (outcome) => {
      const attributes = { 'tessera.job_id': job.id, 'tessera.attempt': attempt, 'tessera.outcome': outcome };
      record.end(`job ${job.name}`, attributes, outcome === 'failed');
    });
    try {
      // It has ended already when the end was written and only the package's word of it was lost, or when it was cancelled.
      const begun = await mark({ state: 'RUNNING', attempts: attempt, startedAt: now() });
      if (begun === null) return;
      const run: Run = {
        jobId: job.id,
        attempt,
        kept: begun.result,
        signal: AbortSignal.any([this.#stopping.signal, cancelling.signal]),
        // The bus may have lost the word of it.
        progress: async (percent) => void ((await mark({ progress: Math.round(percent) })) ?? cancel()),
        keep: async (other, result, percent) => {
          const progress = Math.round(percent);
          if ((await this.#mark(other, job.id, { result, progress })) !== null) return;
          cancel();
          throw new JobEnded('The job has ended.');
        },
      };
      const result = await handler.run(workOf(unit), job.data.data, run);
      await unit.transact(async () => {
        await mark({ state: 'SUCCEEDED', progress: 100, result: result ?? null, finishedAt: now() });
        // Here and not by the package afterwards, so that both rows say the same at every moment.
        await this.#boss.complete(job.name, job.id, undefined, { db: fromDrizzle(database, sql) });
      });
      told('succeeded');
    } catch (error) {
      // Whatever it was doing, nobody waits for it.
      if (cancelling.signal.aborted) return told('cancelled');
      told('failed');
      this.#options.log.warn({ kind: job.name, jobId: job.id, attempt, message: messageOf(error) }, 'A job failed.');
      // After the last try it goes on to the dead letters, as it does after a crash.
      if (job.retryCount < job.retryLimit) await mark({ state: 'QUEUED' });
      throw new Error(messageOf(error), { cause: error });
    } finally {
      cancelling.stop();
      await unit.rest();
    }
  }

  /** Listens for the word that a job is cancelled, until it is stopped. */
  #cancelling(id: string) {
    const controller = new AbortController();
    const messages = this.#options.bus.subscribe(jobTopic(id));
    const listen = async () => {
      for await (const message of messages)
        if ('state' in message && message.state === cancelled.state)
          controller.abort(new JobEnded('The job was cancelled.'));
    };
    // Whoever falls behind learns it from the row, the next time something is written there.
    listen().catch(() => undefined);
    return {
      signal: controller.signal,
      abort: (reason: JobEnded) => controller.abort(reason),
      stop: () => void messages.return?.(),
    };
  }

  /** Ends a job for good, with what it worked on. */
  async #giveUp<Work>(
    letter: JobWithMetadata<Payload>,
    handlers: Readonly<Record<string, JobHandler<Work>>>,
    workOf: (unit: UnitOfWork) => Work,
  ): Promise<void> {
    const { sourceName: kind, sourceId: jobId, data } = letter;
    const told = tellEnd(kind ?? 'unknown');
    this.#options.log.error({ kind, jobId }, 'A job was given up.');
    const unit = this.#unitOf(letter);
    await unit.transact(async () => {
      const error = 'The work failed and was given up.';
      const ended = await this.#mark(unit, jobId ?? '', { state: 'FAILED', error, finishedAt: now() });
      if (ended !== null) await handlers[kind ?? '']?.giveUp(workOf(unit), data.data, 'FAILED');
    });
    told('given_up');
  }

  /** Sees the whole organization that the job belongs to, as whoever asked for it. */
  #unitOf({ id, data: { organizationId, userId, asked } }: JobWithMetadata<Payload>, record?: WorkRecord): UnitOfWork {
    const trace = record?.trace ?? asked?.trace;
    const origin = { requestId: `job ${id}`, address: null, userAgent: null, ...(trace && { trace }) };
    const { pool, ledger, parts } = this.#options;
    return new UnitOfWork(wholeOf(organizationId, userId), {
      pool,
      ledger,
      ...(parts && { parts }),
      origin,
      onStatement: record?.listener,
    });
  }

  /** Writes down how far a job is, unless it has ended; null then. */
  #mark(unit: UnitOfWork, id: string, values: Marks): Promise<Pick<JobRow, 'result'> | null> {
    return unit.transact(async ({ organizationId }) => {
      const ofJob = and(eq(jobs.organizationId, organizationId), eq(jobs.id, id));
      const [marked] = await database
        .update(jobs)
        .set(values)
        .where(and(ofJob, inArray(jobs.state, ['QUEUED', 'RUNNING'])))
        .returning({ result: jobs.result });
      if (marked === undefined) return null;
      unit.afterCommit(() => this.#options.bus.publish(jobTopic(id), {}));
      return marked;
    });
  }
}

/** Begins to measure a run; what it gives tells how that ended. */
const tellEnd = (kind: string, ended: (outcome: Outcome) => void = () => undefined) => {
  const began = performance.now();
  return (outcome: Outcome): void => {
    jobEnded.tell({ kind, outcome, durationMs: performance.now() - began });
    ended(outcome);
  };
};

type Outcome = 'succeeded' | 'failed' | 'cancelled' | 'given_up';

const askedIn = ({ options: { origin } }: UnitOfWork): Asked => {
  const { requestId, trace } = origin;
  return trace === undefined ? { requestId } : { requestId, trace };
};

type Marks = Partial<typeof jobs.$inferInsert>;

const now = () => new Date().toISOString();

/** Messages of drivers can hold values; the queue stores what is thrown. */
const messageOf = (error: unknown): string => (Error.isError(error) ? error.name : typeof error);

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
