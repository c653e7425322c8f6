import { bootstrap, bootstrapped, type Credentials } from './bootstrap.ts';
import { fail, openLog, say, stopOnSignals } from './lifetime.ts';
import { endpoint, startServer, type RunningServer } from './server.ts';
import { readSettings, type Settings } from './settings.ts';

/** Asks the demo workspace, once the token that signing in gives stands in the header `authorization: Bearer …`. */
const signInMutation = 'mutation { signIn(input: { email: "admin@example.com", password: "ChangeMe123!" }) { token } }';

const start = async (settings: Settings): Promise<RunningServer> => {
  const server = await startServer({ settings, log: openLog(settings), defaultQuery: signInMutation });
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

try {
  stopOnSignals(await start(readSettings()));
} catch (error) {
  fail(error);
}
