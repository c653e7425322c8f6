import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.ts';
import { startPostgres } from '../../scripts/postgres.ts';
import { createTesseraDatabase } from '../../scripts/tessera-database.ts';
import {
  dataDirectory,
  startTessera,
  startWorker,
  testEncryptionKey,
  type StartedProcess,
} from '../../scripts/tessera-process.ts';

/** What can be killed. */
export type Victim = 'server' | 'worker' | 'database';

/** Two servers and a worker on a Postgres that syncs what it commits, all of them to be killed and started again. */
export interface FragileInstallation {
  /** The servers' addresses, which stay the same through restarts. */
  readonly urls: readonly string[];
  /** To the database as its owner. */
  readonly ownerUrl: string;
  /** Where the bytes of files are. */
  readonly filesPath: string;
  /** Kills with SIGKILL and gives the way to start the same thing again. Of the servers it is the one with this number. */
  kill(victim: Victim, server: number): Promise<(options?: { readonly workers: boolean }) => Promise<void>>;
  /** Everything the processes have written so far, also those that are gone. */
  output(): string;
  /** Stops everything and removes its files. */
  stop(): Promise<void>;
}

/** `environment` is added to that of all processes. */
export const startFragileInstallation = async (
  environment: Record<string, string> = {},
): Promise<FragileInstallation> => {
  const cluster = await startPostgres({ durable: true });
  const files = await dataDirectory();
  const running = new Map<string, StartedProcess>();
  let past = '';
  const stop = async () => {
    await Promise.all([...running.values()].map((one) => one.stop('SIGKILL')));
    await cluster.stop();
    await files.remove();
  };
  try {
    const database = await createTesseraDatabase(cluster.superuserUrl, 'faults');
    const shared = {
      NODE_ENV: 'production',
      DATABASE_URL: database.url,
      ENCRYPTION_KEYS: testEncryptionKey,
      TESSERA_DATA_DIR: files.path,
      RATE_LIMIT: 'off',
      LOG_LEVEL: 'warn',
      ...environment,
    };
    const ports = [await freePort(), await freePort()].map(String);
    const startServer = async (server: number, workers: boolean) => {
      const PORT = ports[server] ?? '';
      const settings = { ...shared, PORT, WORKERS: workers ? 'on' : 'off' };
      running.set(`server ${server}`, await patiently(() => startTessera(settings)));
    };
    const startOneWorker = async () => {
      running.set('worker', await patiently(() => startWorker(shared)));
    };
    const killed = async (name: string) => {
      const one = running.get(name);
      await one?.stop('SIGKILL');
      past = (past + (one?.output() ?? '')).slice(-1_000_000);
    };
    await Promise.all([startServer(0, false), startServer(1, false), startOneWorker()]);
    return {
      urls: ports.map((port) => `http://127.0.0.1:${port}`),
      ownerUrl: database.ownerUrl,
      filesPath: `${files.path}/files`,
      kill: async (victim, server) => {
        if (victim === 'database') {
          await cluster.kill9();
          return () => cluster.restart();
        }
        await killed(victim === 'server' ? `server ${server}` : 'worker');
        return ({ workers } = { workers: false }) =>
          victim === 'server' ? startServer(server, workers) : startOneWorker();
      },
      output: () => past + [...running.values()].map((one) => one.output()).join('\n'),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** A process may be started while the database is away; a supervisor would try again. */
const patiently = async (start: () => Promise<StartedProcess>): Promise<StartedProcess> => {
  for (let attempt = 1; ; attempt++)
    try {
      return await start();
    } catch (error) {
      if (attempt === 20) throw error;
      await pause(500);
    }
};

/** Runs `stop` before SIGINT, SIGTERM or a fault of ours ends this process. */
export const stopBeforeTheEnd = (stop: () => Promise<void>): void => {
  const end = async (error: unknown) => {
    if (Error.isError(error)) process.stderr.write(`${error.stack}\n`);
    await stop();
    process.exit(1);
  };
  for (const event of ['SIGINT', 'SIGTERM', 'uncaughtException', 'unhandledRejection'])
    process.once(event, (error: unknown) => void end(error));
};
