import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startWorker } from '../scripts/tessera-process.ts';
import { globalId } from '../src/ids.ts';
import type { BossQueue } from '../src/queue/boss.ts';
import { hasEnded, jobWhen, queuedRows, type ToldJob } from './job-talk.ts';
import { unitOfAll } from './machines.ts';
import { openQueue } from './poison-worker.ts';
import { uuidOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

/** Processes of their own need a database that several can connect to. */
const onPostgres = process.env.TEST_POSTGRES_URL !== undefined && process.env.TEST_POOL_SIZE !== '1' ? test : test.skip;

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
const stack = new AsyncDisposableStack();
beforeAll(async () => {
  bed = await startTestbed({ WORKERS: 'off', SCHEDULES: 'off' });
  stack.defer(() => bed.stop());
  ada = await bed.signUp();
}, 120_000);
afterAll(() => stack.disposeAsync());

/** Keeps so many workers running, as whoever runs them does: one that ends is started again. */
const keepWorking = (url: string, count: number) => {
  const begun: number[] = [];
  const stopping = new AbortController();
  const { signal } = stopping;
  const lane = async () => {
    while (!signal.aborted) {
      const worker = await startWorker({ DATABASE_URL: url }, 'test/poison-worker.ts');
      begun.push(worker.pid);
      while (!signal.aborted && isAlive(worker.pid)) await pause(50);
      if (signal.aborted) await worker.stop('SIGKILL');
    }
  };
  const lanes = Array.from({ length: count }, lane);
  return {
    begun,
    stop: async () => {
      stopping.abort();
      await Promise.all(lanes);
    },
  };
};

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const enqueued = async (queue: BossQueue, kind: string, how = ''): Promise<string> => {
  const target = { type: 'Organization', id: uuidOf(ada.organizationId) };
  return globalId('Job', await queue.enqueue(unitOfAll(bed, ada), { kind, data: { how }, target }));
};

const ended = (id: string): Promise<ToldJob> => jobWhen(ada, id, hasEnded, 90_000);

onPostgres(
  'jobs that kill their worker or hang end FAILED after all their tries, and everything else is done meanwhile, once',
  async () => {
    const url = bed.server.installation.services.settings.database.url ?? '';
    const { queue, pool } = await openQueue(url);
    stack.defer(() => pool.close(100));
    stack.defer(() => queue.stop(100));
    const killer = await enqueued(queue, 'test.mixed', 'kill');
    const crashing = await enqueued(queue, 'test.mixed', 'kill once');
    const hanging = await enqueued(queue, 'test.slow', 'hang');
    const calm: string[] = [];
    for (let count = 0; count < 6; count++)
      calm.push(await enqueued(queue, count % 2 === 0 ? 'test.mixed' : 'test.slow'));
    const workers = keepWorking(url, 2);
    stack.defer(() => workers.stop());

    const [hung, killed, again] = [await ended(hanging), await ended(killer), await ended(crashing)];
    for (const job of [hung, killed]) {
      expect(job).toMatchObject({ state: 'FAILED', error: 'The work failed and was given up.' });
      expect(await queuedRows(bed, job.id)).toEqual([{ state: 'failed', left: 0 }]);
    }
    // Done once: the first run has left nothing.
    expect(again).toMatchObject({ state: 'SUCCEEDED', result: { attempt: again.attempts } });
    expect(again.attempts).toBeGreaterThan(1);
    // Three by the one, one by the other, at most two of them at once: others took their places.
    expect(new Set(workers.begun).size).toBeGreaterThanOrEqual(4);
    expect(workers.begun.indexOf(Number(again.result?.by))).toBeGreaterThan(0);
    for (const id of calm) {
      const job = await ended(id);
      expect(job.state).toBe('SUCCEEDED');
      // Nothing waits for those that end badly.
      expect(job.finishedAt?.localeCompare(killed.finishedAt ?? '')).toBe(-1);
    }
    // And whoever works at the end takes what comes.
    const after = await enqueued(queue, 'test.mixed');
    expect((await ended(after)).state).toBe('SUCCEEDED');
    for (const id of [...calm, crashing, after]) expect(await queuedRows(bed, id)).toEqual([]);
  },
  120_000,
);
