import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EmbeddedMessage, EmbeddedOptions } from './embedded-process.ts';

/** The data directory belongs to another running process. */
export class DirectoryInUse extends Error {
  constructor(directory: string) {
    super(
      `${directory} is in use by another Tessera process. Stop that one first, or set TESSERA_DATA_DIR to another directory.`,
    );
  }
}

export interface EmbeddedDatabase {
  readonly socketPath: string;
  stop(): Promise<void>;
}

/** Pause before a database that ended by itself is started again. */
const restartMs = 500;

/**
 * Starts the embedded Postgres of a data directory, made and migrated when it is new. Should its process end by itself, it is
 * started again; meanwhile statements fail as with any server that is away. `migrates: false` leaves it as it is, and a new one
 * empty. Throws DirectoryInUse.
 */
export const startEmbedded = async (
  dataDirectory: string,
  role: string,
  { migrates = true } = {},
): Promise<EmbeddedDatabase> => {
  const directory = resolve(dataDirectory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const socket = await socketIn(directory);
  const options: EmbeddedOptions = { directory, socketPath: socket.path, role, migrates };
  let stopping = false;
  // The socket stays where it is when this fails: it may be the running process's.
  let child = await started(options);
  const watch = (): void => {
    child.once('exit', () => {
      if (!stopping) setTimeout(() => void again(), restartMs);
    });
  };
  const again = async (): Promise<void> => {
    if (stopping) return;
    try {
      child = await started(options);
      watch();
    } catch {
      // Tried until it succeeds or the server stops; requests are told meanwhile that the database is away.
      setTimeout(() => void again(), restartMs);
    }
  };
  watch();
  return {
    socketPath: socket.path,
    stop: async () => {
      stopping = true;
      if (child.connected) {
        child.send('stop');
        await Promise.race([once(child, 'message'), once(child, 'exit')]);
      }
      child.kill('SIGKILL');
      await socket.remove();
    },
  };
};

const program = fileURLToPath(new URL('./embedded-process.ts', import.meta.url));
const moduleFormat = new URL('../module-format.ts', import.meta.url).href;

const started = async (options: EmbeddedOptions): Promise<ChildProcess> => {
  const child = fork(program, [JSON.stringify(options)], {
    execArgv: ['--disable-warning=ExperimentalWarning', '--import', moduleFormat],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  // The casts are safe: the program says nothing else, and an exit gives its code.
  const [message] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [
    EmbeddedMessage | number | null,
  ];
  if (message === 'ready') return child;
  child.kill('SIGKILL');
  throw message === 'in use'
    ? new DirectoryInUse(options.directory)
    : new Error('The embedded database did not start.');
};

/** Operating systems bound a socket's path to about 100 bytes; a deeper directory gets its socket elsewhere. */
const maxSocketPathBytes = 100;

const socketIn = async (directory: string): Promise<{ path: string; remove(): Promise<void> }> => {
  const path = join(directory, 'postgres.sock');
  if (Buffer.byteLength(path) <= maxSocketPathBytes) return { path, remove: () => rm(path, { force: true }) };
  const elsewhere = await mkdtemp(join(tmpdir(), 'tessera-'));
  return { path: join(elsewhere, 'postgres.sock'), remove: () => rm(elsewhere, { recursive: true, force: true }) };
};
