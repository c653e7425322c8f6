import { pino, type Logger } from 'pino';
import { openLog as openLogOn } from './telemetry/log.ts';
import { DirectoryInUse } from './database/embedded.ts';
import { UnfitDatabase } from './installation.ts';
import { FaultySettings, type Settings } from './settings.ts';

/** What runs until it is told to stop. */
export interface Stoppable {
  stop(): Promise<void>;
}

/** Tells whoever started the process. */
export const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** The log of a process, on stderr. */
export const openLog = ({ logLevel }: Settings): Logger =>
  openLogOn(logLevel, pino.destination({ dest: 2, sync: false }));

/** Stops in good order at SIGTERM or SIGINT and ends the process with 0; a second signal ends it at once with 1. */
export const stopOnSignals = (running: Stoppable): void => {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      void running.stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
};

/** Ends a process that could not start. Faults that a person can mend are told in a sentence; all others with their stack. */
export const fail = (error: unknown): never => {
  const known = error instanceof FaultySettings || error instanceof UnfitDatabase || error instanceof DirectoryInUse;
  const inUse = Error.isError(error) && 'code' in error && error.code === 'EADDRINUSE';
  const text = inUse
    ? 'The port is in use. Set PORT to another one.'
    : Error.isError(error)
      ? known
        ? error.message
        : (error.stack ?? error.message)
      : 'Tessera did not start.';
  process.stderr.write(`${text}\n`);
  process.exit(1);
};
