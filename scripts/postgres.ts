import { type ChildProcess, execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, chown, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { freePort } from './free-port.ts';
import { crash, end, FAST, IMMEDIATE, type Place, startServer } from './postgres-server.ts';

const run = promisify(execFile);

/** A private Postgres in a temporary directory. Its superuser is `postgres`; all further roles are the caller's. */
export interface PostgresCluster {
  /** As the superuser to the database `postgres`, by TCP on 127.0.0.1; stays the same through restarts. */
  readonly superuserUrl: string;
  /**
   * Creates a database, a copy of `template` when one is named (nobody may be connected to that), and returns the
   * superuser's URL to it. Only for names that mean themselves in a URL.
   */
  createDatabase(name: string, template?: string): Promise<string>;
  /** Kills the server and its backends at once, as a crash would; `restart` recovers. */
  kill9(): Promise<void>;
  /** Ends the server and its connections where it still runs, and starts it again at the same address. */
  restart(): Promise<void>;
  /** Ends the server and removes its files; harmless when repeated. */
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** Whether the server syncs what is committed. Off by default, because tests run faster without. */
  durable?: boolean;
}

/** Starts a cluster of the newest Postgres installed. Where we are root it runs as `postgres`, since it refuses to be root. */
export async function startPostgres({ durable = false }: PostgresOptions = {}): Promise<PostgresCluster> {
  const home = await mkdtemp(join(tmpdir(), 'tessera-postgres-'));
  try {
    const user = process.getuid?.() === 0 ? await idsOf('postgres') : undefined;
    const place: Place = { bin: await newestBin(), home, port: await freePort(), user };
    const password = randomBytes(18).toString('base64url');
    await initialise(place, password, durable);
    return clusterAt(place, `postgres://postgres:${password}@127.0.0.1:${place.port}/`, await startServer(place));
  } catch (error) {
    const log = await readFile(join(home, 'log'), 'utf8').catch(() => '');
    await rm(home, { recursive: true, force: true });
    throw new Error(`No private Postgres could be started. ${log}`.trim(), { cause: error });
  }
}

function clusterAt(place: Place, url: string, first: ChildProcess): PostgresCluster {
  let server = first;
  const superuserUrl = `${url}postgres`;
  return {
    superuserUrl,
    createDatabase: async (name, template = 'template1') => {
      const sql = postgres(superuserUrl, { max: 1 });
      try {
        await sql`create database ${sql(name)} template ${sql(template)}`;
      } finally {
        await sql.end();
      }
      return url + name;
    },
    kill9: () => crash(server),
    restart: async () => {
      await end(server, FAST);
      server = await startServer(place);
    },
    stop: async () => {
      await end(server, IMMEDIATE);
      await rm(place.home, { recursive: true, force: true });
    },
  };
}

async function initialise({ bin, home, port, user }: Place, password: string, durable: boolean) {
  const data = join(home, 'data');
  const secret = join(home, 'password');
  await writeFile(secret, password, { mode: 0o600 });
  if (user) await Promise.all([home, secret].map((path) => chown(path, user.uid, user.gid)));

  // The collation is the embedded database's, so that both sort alike.
  const locale = ['--encoding=UTF8', '--lc-collate=C', '--lc-ctype=C.UTF-8', '--lc-messages=C'];
  const access = ['--username=postgres', '--auth=scram-sha-256', '--pwfile', secret];
  await run(join(bin, 'initdb'), ['--pgdata', data, ...access, ...locale, '--no-sync'], { ...user, cwd: home });
  await rm(secret);

  const settings = [
    `listen_addresses = '127.0.0.1'`,
    `port = ${port}`,
    `unix_socket_directories = '${home}'`,
    `max_connections = 100`,
    `timezone = 'UTC'`,
    `log_timezone = 'UTC'`,
    ...(durable ? [] : ['fsync = off', 'synchronous_commit = off', 'full_page_writes = off']),
  ];
  await appendFile(join(data, 'postgresql.conf'), `${settings.join('\n')}\n`);
}

/** Debian's directory with the highest version, or elsewhere what `pg_config` on the PATH says. */
async function newestBin(): Promise<string> {
  const versions = await readdir('/usr/lib/postgresql').catch((): string[] => []);
  const bins = versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => `/usr/lib/postgresql/${version}/bin`);
  for (const bin of bins) if ((await readdir(bin).catch((): string[] => [])).includes('initdb')) return bin;
  return (await run('pg_config', ['--bindir'])).stdout.trim();
}

async function idsOf(user: string): Promise<{ uid: number; gid: number }> {
  const [uid, gid] = await Promise.all([run('id', ['-u', user]), run('id', ['-g', user])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}
