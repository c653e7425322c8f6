import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import type { UnitOfWork } from '../src/database/unit-of-work.ts';
import { globalId } from '../src/ids.ts';
import { BossQueue } from '../src/queue/boss.ts';
import { usualPace } from '../src/queue/preparing.ts';
import { asItIs, type JobHandler, type Run } from '../src/queue/queue.ts';
import { jobs, type JobRow } from '../src/queue/tables.ts';
import { hasEnded, jobNow, jobWhen, queuedRows, type ToldJob } from './job-talk.ts';
import { unitOfAll } from './machines.ts';
import { uuidOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

type Handler = JobHandler<UnitOfWork>;
type Handlers = Readonly<Record<string, Handler>>;

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
beforeAll(async () => {
  bed = await startTestbed({ WORKERS: 'off', LOG_LEVEL: 'silent' });
  ada = await bed.signUp();
}, 120_000);
afterAll(() => bed.stop());

const queues: BossQueue[] = [];
afterEach(async () => {
  for (const queue of queues.splice(0)) await queue.stop(100);
});

/** Work of a test's own, which ends at once and well unless it is said otherwise. */
const handled = (other: Partial<Handler>): Handler => ({
  concurrency: 1,
  retries: 0,
  expireSeconds: 60,
  run: async () => undefined,
  giveUp: async () => undefined,
  revive: asItIs,
  ...other,
});

/** A queue that knows these kinds of work, and whether this process works on them. */
const queueOf = async (handlers: Handlers, { works = true, lettersRetried = 1 } = {}): Promise<BossQueue> => {
  const queue = await BossQueue.open(bed.server.installation.services, handlers, {}, { ...usualPace, lettersRetried });
  queues.push(queue);
  if (works) await queue.work(handlers, {}, (unit) => unit);
  return queue;
};

const unit = (): UnitOfWork => unitOfAll(bed, ada);

const enqueued = async (queue: BossQueue, kind: string, data: Record<string, string> = {}): Promise<string> => {
  const target = { type: 'Organization', id: uuidOf(ada.organizationId) };
  return globalId('Job', await queue.enqueue(unit(), { kind, data, target }));
};

const rowOf = async (id: string): Promise<JobRow> => {
  const reader = unit();
  const [row] = await reader.run(() =>
    database
      .select()
      .from(jobs)
      .where(eq(jobs.id, uuidOf(id))),
  );
  await reader.rest();
  if (row === undefined) throw new Error('There is no such job.');
  return row;
};

const retried = async (queue: BossQueue, id: string): Promise<JobRow | null> =>
  queue.retry(unit(), await rowOf(id), asItIs);

/** Runs that go on until they are told to end, whatever their signal says. */
class Stubborn {
  readonly runs: { readonly run: Run; readonly end: (result: Record<string, unknown>) => void }[] = [];
  readonly work: Handler['run'] = (_unit, _data, run) => {
    const { promise, resolve } = Promise.withResolvers<Record<string, unknown>>();
    this.runs.push({ run, end: resolve });
    return promise;
  };

  async begun(count: number): Promise<void> {
    for (const deadline = Date.now() + 10_000; this.runs.length < count; await pause(20))
      if (Date.now() > deadline) throw new Error(`${this.runs.length} of ${count} runs have begun.`);
  }
}

const statesOf = async (ids: readonly string[]): Promise<string[]> => {
  const states = [];
  for (const id of ids) states.push((await jobNow(ada, id)).state);
  return states;
};

test('of a kind as many run at a time as it says, and kinds do not wait for each other', async () => {
  const slow = new Stubborn();
  const queue = await queueOf({
    'test.slow': handled({ concurrency: 2, run: slow.work }),
    'test.quick': handled({ run: async () => ({ quick: true }) }),
  });
  const slowIds = [];
  for (let count = 0; count < 5; count++) slowIds.push(await enqueued(queue, 'test.slow'));
  const quickIds = [];
  for (let count = 0; count < 4; count++) quickIds.push(await enqueued(queue, 'test.quick'));
  for (const id of quickIds)
    expect(await jobWhen(ada, id, hasEnded)).toMatchObject({ state: 'SUCCEEDED', result: { quick: true } });
  await slow.begun(2);
  // As long as it takes to look for work, and once more.
  await pause(2500);
  expect(slow.runs).toHaveLength(2);
  expect((await statesOf(slowIds)).filter((state) => state === 'RUNNING')).toHaveLength(2);
  for (let ended = 0; ended < 5; ended++) {
    await slow.begun(ended + 1);
    slow.runs[ended]?.end({});
    await pause(100);
    expect(slow.runs.length - ended - 1).toBeLessThanOrEqual(2);
  }
  for (const id of slowIds) expect((await jobWhen(ada, id, hasEnded)).state).toBe('SUCCEEDED');
  for (const id of [...slowIds, ...quickIds]) expect(await queuedRows(bed, id)).toEqual([]);
});

test('a run of before writes nothing into a job that was put back, and does not end it', async () => {
  const runs = new Stubborn();
  const queue = await queueOf({ 'test.called-off': handled({ concurrency: 2, retries: 2, run: runs.work }) });
  const id = await enqueued(queue, 'test.called-off');
  await runs.begun(1);
  const before = await rowOf(id);
  await queue.cancel(unit(), before);
  const [old] = runs.runs;
  for (let tries = 0; old?.run.signal.aborted !== true && tries < 100; tries++) await pause(20);
  expect(old?.run.signal.aborted).toBe(true);
  expect(await retried(queue, id)).toMatchObject({ state: 'QUEUED', attempts: 1 });
  expect(await retried(queue, id)).toBeNull();
  await runs.begun(2);
  const fresh = runs.runs[1];
  expect(fresh?.run).toMatchObject({ attempt: 1, kept: null, jobId: uuidOf(id) });

  await old?.run.progress(77);
  await expect(old?.run.keep(unit(), { who: 'old' }, 88)).rejects.toThrow('The job has ended.');
  // The word that it was called off may come late.
  bed.server.installation.services.bus.publish(`job:${uuidOf(id)}`, { cancelled: before.queueId ?? before.id });
  old?.end({ who: 'old' });
  await pause(300);
  expect(fresh?.run.signal.aborted).toBe(false);
  expect(await jobNow(ada, id)).toMatchObject({ state: 'RUNNING', attempts: 2, progress: 0, result: null });
  expect((await queuedRows(bed, id)).map(({ state }) => state)).toEqual(['active']);
  fresh?.end({ who: 'fresh' });
  expect(await jobWhen(ada, id, hasEnded)).toMatchObject({ state: 'SUCCEEDED', result: { who: 'fresh' }, attempts: 2 });
});

test('a job that was put back is not given up by the letter of before', async () => {
  let fails = true;
  const runs = new Stubborn();
  const run: Handler['run'] = (...given) => (fails ? Promise.reject(new Error('Away.')) : runs.work(...given));
  const given: string[] = [];
  const queue = await queueOf({
    'test.given-up': handled({ run, giveUp: async (_unit, _data, why) => void given.push(why) }),
  });
  const id = await enqueued(queue, 'test.given-up');
  expect((await jobWhen(ada, id, hasEnded)).state).toBe('FAILED');
  fails = false;
  await retried(queue, id);
  await runs.begun(1);
  // As after a crash between giving up and the package's word of it.
  const letter = () =>
    bed.server.installation.services.pool.run(
      `select state::text from pgboss.job where name = 'dead-letters' and data -> 'carried' ->> 'jobId' = $1`,
      [uuidOf(id)],
    );
  await bed.server.installation.services.pool.run(
    `update pgboss.job set state = 'created', completed_on = null where name = 'dead-letters' and data -> 'carried' ->> 'jobId' = $1`,
    [uuidOf(id)],
  );
  for (let tries = 0; tries < 100 && JSON.stringify(await letter()) !== '[{"state":"completed"}]'; tries++)
    await pause(50);
  expect(JSON.stringify(await letter())).toBe('[{"state":"completed"}]');
  expect([given, (await jobNow(ada, id)).state]).toEqual([['FAILED'], 'RUNNING']);
  runs.runs[0]?.end({});
  expect((await jobWhen(ada, id, hasEnded)).state).toBe('SUCCEEDED');
});

test('a job goes on with what it kept when it is put back', async () => {
  const kept: Run['kept'][] = [];
  const queue = await queueOf({
    'test.keeps': handled({
      run: async (own, _data, run) => {
        kept.push(run.kept);
        if (run.kept !== null) return { ...run.kept, done: true };
        await run.keep(own, { place: 7 }, 40);
        throw new Error('Away.');
      },
    }),
  });
  const id = await enqueued(queue, 'test.keeps');
  expect(await jobWhen(ada, id, hasEnded)).toMatchObject({ state: 'FAILED', progress: 40, result: { place: 7 } });
  expect(await retried(queue, id)).toMatchObject({ progress: 40, result: { place: 7 } });
  expect((await jobWhen(ada, id, hasEnded)).result).toEqual({ place: 7, done: true });
  expect(kept).toEqual([null, { place: 7 }]);
});

test('a run that takes too long is told so, and another does the work', async () => {
  const runs = new Stubborn();
  const queue = await queueOf({ 'test.hangs': handled({ retries: 1, expireSeconds: 1, run: runs.work }) });
  const id = await enqueued(queue, 'test.hangs');
  await runs.begun(2);
  expect(runs.runs.map(({ run }) => [run.attempt, run.signal.aborted])).toEqual([
    [1, true],
    [2, false],
  ]);
  runs.runs[1]?.end({ run: 2 });
  expect(await jobWhen(ada, id, hasEnded)).toMatchObject({ state: 'SUCCEEDED', attempts: 2, result: { run: 2 } });
  runs.runs[0]?.end({ run: 1 });
  await pause(200);
  expect((await jobNow(ada, id)).result).toEqual({ run: 2 });
});

test('one that cannot be given up blocks nobody, and comes to its end', async () => {
  const away: Handler['run'] = () => Promise.reject(new Error('Away.'));
  const tries: string[] = [];
  const stuck: Handler['giveUp'] = (_unit, _data, why) => {
    tries.push(why);
    return Promise.reject(new Error('What it worked on is away, too.'));
  };
  const given: string[] = [];
  const queue = await queueOf({
    'test.stuck': handled({ run: away, giveUp: stuck }),
    'test.fails': handled({ run: away, giveUp: async (_unit, { name }) => void given.push(String(name)) }),
  });
  const stuckIds = [];
  for (let count = 0; count < 3; count++) stuckIds.push(await enqueued(queue, 'test.stuck'));
  for (let count = 0; tries.length < 3 && count < 200; count++) await pause(50);
  expect(tries).toHaveLength(3);
  const id = await enqueued(queue, 'test.fails', { name: 'rose' });
  const failed = await jobWhen(ada, id, hasEnded);
  expect([failed.state, given]).toEqual(['FAILED', ['rose']]);
  expect(await statesOf(stuckIds)).toEqual(['RUNNING', 'RUNNING', 'RUNNING']);
  for (const each of stuckIds)
    expect(await jobWhen(ada, each, hasEnded)).toMatchObject({
      state: 'FAILED',
      error: 'The work failed and was given up.',
    });
  expect(tries).toHaveLength(3);
}, 60_000);

/** Makes the queue's row of a job as if it had waited for so many hours. */
const waitedFor = async (id: string, hours: number): Promise<void> => {
  await bed.server.installation.services.pool.run(
    `update pgboss.job set start_after = now() - make_interval(hours => $2::integer) where id = $1`,
    [uuidOf(id), hours],
  );
};

test('work of kinds that no version knows any more ends, and what is known or new waits', async () => {
  const before = await queueOf({ 'test.former': handled({}), 'test.known': handled({}) }, { works: false });
  const former = await enqueued(before, 'test.former');
  const young = await enqueued(before, 'test.former');
  const known = await enqueued(before, 'test.known');
  for (const [id, hours] of [
    [former, 25],
    [young, 23],
    [known, 25],
  ] as const)
    await waitedFor(id, hours);
  const after = await queueOf({ 'test.known': handled({}) }, { works: false });
  await after.endForgotten(new AbortController().signal);
  expect(await statesOf([former, young, known])).toEqual(['FAILED', 'QUEUED', 'QUEUED']);
  expect(await jobNow(ada, former)).toMatchObject({
    error: 'This version of Tessera does not know this kind of work.',
    finishedAt: expect.any(String),
  });
  // A version that knows it can still do it.
  expect(await retried(after, former)).toBeNull();
  const again = await queueOf({ 'test.former': handled({}) });
  expect(await retried(again, former)).toMatchObject({ state: 'QUEUED' });
  const states = async () => [...(await ended([former, young]))];
  expect(await states()).toEqual(['SUCCEEDED', 'SUCCEEDED']);
});

const ended = (ids: readonly string[]): Promise<ToldJob['state'][]> =>
  Promise.all(ids.map(async (id) => (await jobWhen(ada, id, hasEnded)).state));

test('a job whose letter failed to its last try ends with the next look', async () => {
  const away: Handler['run'] = () => Promise.reject(new Error('Away.'));
  const queue = await queueOf({
    'test.lost': handled({ run: away, giveUp: () => Promise.reject(new Error('Away.')) }),
  });
  const id = await enqueued(queue, 'test.lost');
  const { pool } = bed.server.installation.services;
  const spoil = () =>
    pool.run(
      `update pgboss.job set state = 'failed', completed_on = now() where name = 'dead-letters' and data -> 'carried' ->> 'jobId' = $1 returning id`,
      [uuidOf(id)],
    );
  for (let tries = 0; tries < 200 && JSON.stringify(await spoil()) === '[]'; tries++) await pause(50);
  await queue.stop(100);
  await spoil();
  expect((await jobNow(ada, id)).state).toBe('RUNNING');
  await queue.endForgotten(new AbortController().signal);
  expect((await jobNow(ada, id)).state).toBe('FAILED');
  const rows: unknown = await pool.run(
    `select id from pgboss.job where name = 'dead-letters' and data -> 'carried' ->> 'jobId' = $1`,
    [uuidOf(id)],
  );
  expect(rows).toEqual([]);
});
