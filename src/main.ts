import { pino } from 'pino';
import { DirectoryInUse } from './database/embedded.ts';
import { bootstrap, bootstrapped, type Credentials } from './bootstrap.ts';
import { UnfitDatabase } from './installation.ts';
import { endpoint, startServer, type RunningServer } from './server.ts';
import { FaultySettings, readSettings, type Settings } from './settings.ts';

/** Asks the demo workspace, once the token that signing in gives stands in the header `authorization: Bearer …`. */
const signInMutation = 'mutation { signIn(input: { email: "admin@example.com", password: "ChangeMe123!" }) { token } }';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const start = async (settings: Settings): Promise<RunningServer> => {
  const log = pino({ level: settings.logLevel }, pino.destination({ dest: 2, sync: false }));
  const server = await startServer({ settings, log, defaultQuery: signInMutation });
  const first = settings.database.url === undefined ? await bootstrap(server.installation) : null;
  announce(server, settings, first);
  if (first !== null) await bootstrapped(server.installation);
  return server;
};

const announce = (server: RunningServer, settings: Settings, first: Credentials | null): void => {
  say(`Tessera answers at ${server.url}${endpoint}`);
  if (settings.database.url !== undefined) return;
  if (settings.mode === 'production') {
    say('Warning: this is the embedded database, made for trying out. Set DATABASE_URL for real use.');
    if (first !== null)
      say(`The first admin is ${first.email} with the password ${first.password} - it is shown only now.`);
    return;
  }
  say(`Explore: ${server.url}/graphiql   Sign in as admin@example.com with ChangeMe123!`);
  say(`Paste this first:\n\n${signInMutation}\n`);
};

const stopOnSignals = (server: RunningServer): void => {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      void server.stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
};

/** Faults that a person can mend are told in a sentence; all others with their stack. */
const fail = (error: unknown): never => {
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

await start(readSettings()).then(stopOnSignals, fail);
