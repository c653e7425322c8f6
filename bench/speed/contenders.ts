import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../scripts/free-port.ts';
import type { TesseraDatabase } from '../../scripts/tessera-database.ts';
import { startTessera, testEncryptionKey } from '../../scripts/tessera-process.ts';
import { graphql, oneStatement, type Dialect } from './dialects.ts';
import { operations as postGraphile } from './rivals/postgraphile-operations.ts';
import { operations as usualApollo } from './rivals/usual-apollo-operations.ts';
import { operations as tessera } from './tessera-operations.ts';
import type { Subject } from './operations.ts';

/** A server that takes part, running. */
export interface Contender {
  readonly name: string;
  readonly dialect: Dialect;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<unknown>;
}

const namedViewer = ({ organizationId, userId }: Subject) => ({
  'x-organization-id': organizationId,
  'x-user-id': userId,
});

const tesseraAs = async (
  name: string,
  { url }: TesseraDatabase,
  dataDirectory: string,
  more: Record<string, string> = {},
): Promise<Contender> => {
  const settings = {
    NODE_ENV: 'production',
    DATABASE_URL: url,
    TESSERA_DATA_DIR: dataDirectory,
    ENCRYPTION_KEYS: testEncryptionKey,
    ...more,
  };
  const dialect = graphql(tessera, ({ token }) => ({ authorization: `Bearer ${token}` }));
  return { name, dialect, ...(await startTessera(settings)) };
};

/** Tessera without records of what members ask for; it takes part where it is named. */
export const unrecorded = 'Tessera without records';

/** Who can take part, and how each is started; the first is what the others are measured by. */
export const contenders = {
  'one statement': ({ ownerUrl }: TesseraDatabase) =>
    rival('one statement', oneStatement, 'one-statement.ts', ownerUrl),
  Tessera: (database: TesseraDatabase, dataDirectory: string) => tesseraAs('Tessera', database, dataDirectory),
  PostGraphile: ({ url }: TesseraDatabase) =>
    rival('PostGraphile', graphql(postGraphile, namedViewer), 'postgraphile.mjs', url),
  'usual Apollo': ({ ownerUrl }: TesseraDatabase) =>
    rival('usual Apollo', graphql(usualApollo, namedViewer, '/'), 'usual-apollo.ts', ownerUrl),
  [unrecorded]: (database: TesseraDatabase, dataDirectory: string) =>
    tesseraAs(unrecorded, database, dataDirectory, { ACTIVITY_RECORDS: 'off' }),
};
export type ContenderName = keyof typeof contenders;

const rival = async (name: string, dialect: Dialect, file: string, database: string): Promise<Contender> => {
  const port = String(await freePort());
  const program = fileURLToPath(new URL(`rivals/${file}`, import.meta.url));
  const child = spawn(process.execPath, [program, '--database', database, '--port', port], {
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', GRAPHILE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await ready(child, name);
  const stop = async () => {
    const exit = once(child, 'exit');
    if (child.kill()) await exit;
  };
  return { name, dialect, url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, stop };
};

/** Resolves at the line `ready`. */
const ready = async (child: ChildProcess, name: string): Promise<void> => {
  if (child.stdout === null) throw new Error('The program has no output to read.');
  for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') return;
  throw new Error(`${name} did not start.`);
};
