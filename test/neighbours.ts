import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe } from '@jest/globals';
import { freePort } from '../scripts/free-port.ts';

/** Debian's packages; CI installs them. */
const redisProgram = '/usr/bin/redis-server';
const bouncerProgram = '/usr/sbin/pgbouncer';

for (const program of [redisProgram, bouncerProgram])
  if (process.env.CI === 'true' && !existsSync(program))
    throw new Error(`There is no ${program}; .ci/install-redis-and-pgbouncer installs it.`);

/** `npm test` also has to pass where it is not installed; CI has it, and fails without. */
export const whereRedisIs = existsSync(redisProgram) ? describe : describe.skip;
/** The same, where there is a Postgres to stand in front of. */
export const wherePgBouncerIs =
  existsSync(bouncerProgram) && process.env.TEST_POSTGRES_URL !== undefined ? describe : describe.skip;
/** Processes of their own need a database that several can connect to. */
export const whereRedisAndPostgresAre = process.env.TEST_POSTGRES_URL === undefined ? describe.skip : whereRedisIs;

/** A Redis of a suite's own, which keeps nothing. */
export interface RealRedis {
  readonly url: string;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again at the same address. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export const startRealRedis = async (): Promise<RealRedis> => {
  const port = await freePort();
  let server: ChildProcess | undefined;
  const start = async () => {
    const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    server = spawn(redisProgram, [...settings, '--dir', tmpdir()], { stdio: 'ignore' });
    await answering(port, server);
  };
  const kill = async () => {
    await ended(server, 'SIGKILL');
  };
  await start();
  return { url: `redis://127.0.0.1:${port}`, kill, start, stop: kill };
};

/** A PgBouncer in transaction mode in front of a server; its address with the login's name and password. */
export const startPgBouncer = async (
  serverUrl: string,
  { user, password, serverConnections }: { user: string; password: string; serverConnections: number },
): Promise<{ port: number; stop: () => Promise<void> }> => {
  const port = await freePort();
  const home = await mkdtemp(join(tmpdir(), 'tessera-pgbouncer-'));
  const { hostname, port: serverPort } = new URL(serverUrl);
  const settings = join(home, 'pgbouncer.ini');
  const users = join(home, 'users');
  await writeFile(users, `"${user}" "${password}"\n`);
  await writeFile(
    settings,
    `[databases]
* = host=${hostname} port=${serverPort}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${serverConnections}
max_client_conn = 200
ignore_startup_parameters = role, statement_timeout, idle_in_transaction_session_timeout, plan_cache_mode
`,
  );
  // It refuses to be root.
  const owner = process.getuid?.() === 0 ? await idsOf('postgres') : undefined;
  if (owner) for (const path of [home, settings, users]) await chown(path, owner.uid, owner.gid);
  const server = spawn(bouncerProgram, ['-q', settings], { stdio: 'ignore', ...owner });
  await answering(port, server);
  return {
    port,
    stop: async () => {
      await ended(server, 'SIGKILL');
      await rm(home, { recursive: true, force: true });
    },
  };
};

const isRunning = (server: ChildProcess) => server.exitCode === null && server.signalCode === null;

const ended = async (server: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> => {
  if (server === undefined || !isRunning(server)) return;
  const exit = once(server, 'exit');
  server.kill(signal);
  await exit;
};

const answering = async (port: number, server: ChildProcess): Promise<void> => {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline && isRunning(server); await pause(20))
    if (await takesConnections(port)) return;
  await ended(server, 'SIGKILL');
  throw new Error('A program beside the tests did not become ready.');
};

const takesConnections = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

const idsOf = async (user: string): Promise<{ uid: number; gid: number }> => {
  const id = async (option: string) => Number((await promisify(execFile)('id', [option, user])).stdout);
  return { uid: await id('-u'), gid: await id('-g') };
};
