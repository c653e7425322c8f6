import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';

/** A process of Tessera's own, as an operator would start it. */
export interface StartedProcess {
  readonly pid: number;
  /** What it has written so far, both streams, the last 100,000 characters. */
  output(): string;
  /** Ends it by the signal, SIGTERM when none is named, and resolves with its exit code once it is gone; null when the signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** A server. */
export interface TesseraProcess extends StartedProcess {
  readonly url: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));

/** An encryption key for servers that hold nothing worth hiding. */
export const testEncryptionKey = `test:${Buffer.alloc(32, 7).toString('base64url')}`;

/** The server under this Node as `npm start` runs it, with further options of Node's own before the program. */
export const tesseraCommand = (...nodeOptions: string[]) => commandOf('src/main.ts', ...nodeOptions);

const commandOf = (program: string, ...nodeOptions: string[]): readonly [string, ...string[]] => [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  '--import',
  './src/module-format.ts',
  ...nodeOptions,
  program,
];

/**
 * Starts `src/main.ts`, or what `command` says, on a free port with no environment but `environment` and what a program needs to
 * run, and resolves when it is ready. Throws with what it wrote when it ends before, or after a minute. Whoever starts it stops it.
 */
export const startTessera = async (
  environment: Record<string, string>,
  command = tesseraCommand(),
): Promise<TesseraProcess> => {
  const port = environment['PORT'] ?? String(await freePort());
  const url = `http://127.0.0.1:${port}`;
  const started = await startProgram(command, { ...environment, PORT: port }, async () => {
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.ok ?? false;
  });
  return { ...started, url };
};

/** Starts `src/worker.ts`, or another program like it, in the same way, and resolves when it says that it works. */
export const startWorker = (environment: Record<string, string>, program = 'src/worker.ts'): Promise<StartedProcess> =>
  startProgram(commandOf(program), environment, (output) => output.includes('Tessera works on jobs.'));

/** A directory for the files and keys of a process, and how to remove it. */
export const dataDirectory = async (): Promise<{ path: string; remove: () => Promise<void> }> => {
  const path = await mkdtemp(join(tmpdir(), 'tessera-data-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
};

const startProgram = async (
  [command, ...arguments_]: readonly [string, ...string[]],
  environment: Record<string, string>,
  isReady: (output: string) => boolean | Promise<boolean>,
): Promise<StartedProcess> => {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, arguments_, {
    cwd: root,
    env: { PATH, HOME, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-100_000)));
  await ready(child, isReady, () => output);
  return {
    pid: child.pid ?? 0,
    output: () => output,
    stop: async (signal = 'SIGTERM') => {
      if (running(child)) {
        const exit = once(child, 'exit');
        child.kill(signal);
        await exit;
      }
      return child.exitCode;
    },
  };
};

const running = (child: ChildProcess) => child.exitCode === null && child.signalCode === null;

const ready = async (
  child: ChildProcess,
  isReady: (output: string) => boolean | Promise<boolean>,
  output: () => string,
): Promise<void> => {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline && running(child); await sleep(20))
    if (await isReady(output())) return;
  child.kill('SIGKILL');
  throw new Error(`Tessera did not become ready. ${output()}`);
};
