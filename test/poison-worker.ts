import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { Pool } from '../src/database/pool.ts';
import { LocalBus } from '../src/events/local-bus.ts';
import { ledgerOn } from '../src/events/ledger.ts';
import { BossQueue } from '../src/queue/boss.ts';
import { asItIs, type JobHandler } from '../src/queue/queue.ts';
import { Observer } from '../src/telemetry/observer.ts';

/** How soon a worker's end is noticed in the tests: the package wants 10 seconds at least. */
export const pace = { heartbeatSeconds: 10, superviseSeconds: 1, lettersRetried: 1 };

const handled = (other: Pick<JobHandler<unknown>, 'run'> & Partial<JobHandler<unknown>>): JobHandler<unknown> => ({
  concurrency: 2,
  retries: 2,
  expireSeconds: 60,
  giveUp: async () => undefined,
  revive: asItIs,
  ...other,
});

/** Work that ends badly, and work beside it. `data` says how. */
export const handlers: Readonly<Record<string, JobHandler<unknown>>> = {
  'test.mixed': handled({
    run: async (_work, { how }, { attempt }) => {
      if (how === 'kill') process.kill(process.pid, 'SIGKILL');
      if (how === 'kill once' && attempt === 1) process.kill(process.pid, 'SIGKILL');
      return { by: process.pid, attempt };
    },
  }),
  'test.slow': handled({
    run: async (_work, { how }) => {
      if (how === 'hang') await pause(120_000);
      return { by: process.pid };
    },
    expireSeconds: 3,
  }),
};

/** What a queue of a process of its own needs. */
export const openQueue = async (url: string): Promise<{ queue: BossQueue; pool: Pool }> => {
  const pool = new Pool({
    url,
    role: 'tessera_server',
    size: 4,
    connectTimeoutMs: 10_000,
    acquireTimeoutMs: 10_000,
    statementTimeoutMs: 10_000,
    tls: 'off',
    prepare: true,
  });
  const bus = new LocalBus();
  const log = pino({ level: 'warn' });
  const observer = new Observer({ tracer: undefined, slowOperationMs: undefined, onStatement: undefined });
  const queue = await BossQueue.open({ pool, ledger: ledgerOn(bus), bus, log, observer }, handlers, {}, pace);
  return { queue, pool };
};

// Started as a program, as `src/worker.ts` is.
if (process.argv[1]?.endsWith('poison-worker.ts') === true) {
  const { queue } = await openQueue(process.env.DATABASE_URL ?? '');
  await queue.work(handlers, {}, () => undefined);
  process.stdout.write('Tessera works on jobs.\n');
}
