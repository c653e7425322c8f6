import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where a private server lives and whom it runs as. */
export interface Place {
  /** The directory of Postgres' programs. */
  bin: string;
  /** Holds `data`, `log` and the socket. */
  home: string;
  port: number;
  /** Ourselves when undefined. */
  user: { uid: number; gid: number } | undefined;
}

/** How to end a server: FAST writes all out first, IMMEDIATE leaves that to the next start's recovery. */
export const FAST = 'SIGINT';
export const IMMEDIATE = 'SIGQUIT';

/** Resolves when the server takes connections; throws when it ends before, or after a minute. */
export async function startServer({ bin, home, port, user }: Place): Promise<ChildProcess> {
  const log = await open(join(home, 'log'), 'a');
  // Detached, so that Ctrl-C in a terminal reaches only whoever started us, who then stops the server in good order.
  const stdio: ['ignore', number, number] = ['ignore', log.fd, log.fd];
  const server = spawn(join(bin, 'postgres'), ['-D', join(home, 'data')], {
    ...user,
    cwd: home,
    stdio,
    detached: true,
  });
  await once(server, 'spawn');
  await log.close();

  for (const deadline = Date.now() + 60_000; Date.now() < deadline && isRunning(server); await sleep(20)) {
    const ready = await run(join(bin, 'pg_isready'), ['-q', '-h', home, '-p', String(port)]).catch(() => null);
    if (ready) return server;
  }
  await end(server, IMMEDIATE);
  throw new Error('Postgres did not become ready.');
}

const isRunning = (server: ChildProcess) => server.exitCode === null && server.signalCode === null;

/** Ends the server and its connections; does nothing when it has ended already. */
export async function end(server: ChildProcess, signal: NodeJS.Signals) {
  if (!isRunning(server)) return;
  const exit = once(server, 'exit');
  server.kill(signal);
  await exit;
}

/**
 * Kills the server with its backends, which lead process groups of their own and would outlive it long enough to commit
 * something. Resolves when all have let go of their shared memory, which the next start insists on.
 */
export async function crash(server: ChildProcess): Promise<void> {
  if (!isRunning(server)) return;
  const exit = once(server, 'exit');
  // Stopped first, so that it neither forks nor reaps a backend between the look and the kill.
  server.kill('SIGSTOP');
  const backends = (await readFile(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8'))
    .split(' ')
    .filter(Boolean);
  for (const pid of backends) process.kill(Number(pid), 'SIGKILL');
  server.kill('SIGKILL');
  await exit;
  for (const pid of backends) while (await readlink(`/proc/${pid}/exe`).catch(() => '')) await sleep(5);
}
