/**
 * Runs a command beside a private Postgres: `node scripts/postgres-run.ts -- command…`. The command finds the superuser's
 * URL in TEST_POSTGRES_URL; its exit code becomes ours. The cluster is removed however the command ends, also when
 * SIGINT, SIGTERM or SIGHUP ends it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { startPostgres } from './postgres.ts';

const [separator, command, ...args] = process.argv.slice(2);
if (separator !== '--' || command === undefined) throw new Error('Usage: postgres-run.ts -- command…');

let child: ChildProcess | undefined;
let interruption: NodeJS.Signals | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interruption ??= signal;
    child?.kill(signal);
  });
}

const cluster = await startPostgres();
try {
  process.exitCode = interruption ? exitCodeOf(interruption) : await runBeside(cluster.superuserUrl, command);
} finally {
  await cluster.stop();
}

async function runBeside(url: string, command: string): Promise<number> {
  const running = spawn(command, args, { stdio: 'inherit', env: { ...process.env, TEST_POSTGRES_URL: url } });
  child = running;
  await once(running, 'exit');
  return running.signalCode ? exitCodeOf(running.signalCode) : (running.exitCode ?? 1);
}

/** As shells number it. */
function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
