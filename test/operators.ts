import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type postgres from 'postgres';
import { createTesseraDatabase } from '../scripts/tessera-database.ts';
import { startEmbedded } from '../src/database/embedded.ts';
import { startServer } from '../src/server.ts';
import { readSettings } from '../src/settings.ts';
import { withPlaces } from '../src/upkeep/places.ts';
import { Testbed } from './testbed.ts';

/** What a command did. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory of data and, with a database server, databases: what the settings of an installation name. */
export interface Ground {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Runs `npm run NAME` as an operator would. */
  run(name: string, ...args: string[]): Promise<Outcome>;
  /** Statements as the owner, in each database that there is. */
  each<Result>(work: (sql: postgres.Sql) => Promise<Result>): Promise<Result[]>;
  remove(): Promise<void>;
}

export const superuserUrl = process.env.TEST_POSTGRES_URL;
/** Where the knowledge bank stands. */
export const arrangements = superuserUrl === undefined ? ['embedded'] : ['together', 'apart'];

/** A migrated installation that nobody has used. */
export const newGround = async (arrangement: string, more: Record<string, string> = {}): Promise<Ground> => {
  const directory = await mkdtemp(join(tmpdir(), 'tessera-ground-'));
  const database =
    arrangement === 'embedded' || superuserUrl === undefined
      ? undefined
      : await createTesseraDatabase(superuserUrl, `ground_${randomUUID().replaceAll('-', '')}`, {
          knowledgeApart: arrangement === 'apart',
        });
  if (database === undefined) await (await startEmbedded(directory, 'postgres')).stop();
  const environment = {
    NODE_ENV: 'test',
    TESSERA_DATA_DIR: directory,
    LOG_LEVEL: 'error',
    ...(database && { DATABASE_URL: database.url, DATABASE_OWNER_URL: database.ownerUrl }),
    ...(database?.knowledge && {
      KNOWLEDGE_DATABASE_URL: database.knowledge.url,
      KNOWLEDGE_DATABASE_OWNER_URL: database.knowledge.ownerUrl,
    }),
    ...more,
  };
  return {
    directory,
    environment,
    run: (name, ...args) => runCommand(environment, name, args),
    each: (work) =>
      withPlaces(readSettings(environment), async (places) => {
        const results = [];
        for (const { sql } of places) results.push(await work(sql));
        return results;
      }),
    remove: async () => {
      await database?.drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
};

export const runCommand = async (
  environment: Readonly<Record<string, string>>,
  name: string,
  args: readonly string[],
): Promise<Outcome> => {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn('npm', ['run', '--silent', name, '--', ...args], {
    env: { PATH, HOME, npm_config_loglevel: 'silent', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => (said[stream] += text));
  await once(child, 'close');
  return { code: child.exitCode, ...said };
};

/** A server on the ground, in this process. Ended by `bed.server.stop()`, it leaves everything where it is. */
export const serverOn = async ({ environment, directory }: Ground): Promise<Testbed> => {
  const settings = readSettings({
    ...environment,
    PORT: '0',
    LOG_LEVEL: 'silent',
    RATE_LIMIT: 'off',
    SCHEDULES: 'off',
  });
  const server = await startServer({ settings, log: pino({ level: 'silent' }) });
  return new Testbed(server, [], directory, async () => undefined);
};

/** The rows of every table, counted and hashed by the database itself: `schema.table count hash`. */
export const rowsOf = async (ground: Ground): Promise<string[]> => {
  const places = await ground.each(async (sql) => {
    const tables = await sql<{ name: string; columns: string }[]>`
      select format('%I.%I', n.nspname, relname) as name,
        (select string_agg(quote_ident(attname), ', ' order by attname) from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped) as columns
      from pg_class c join pg_namespace n on n.oid = relnamespace
      where nspname in ('public', 'pgboss', 'knowledge') and relkind in ('r', 'p') and not relispartition`;
    const lines: string[] = [];
    for (const { name, columns } of tables) {
      const [row] = await sql.unsafe<{ line: string }[]>(
        `select concat_ws(' ', count(*), md5(string_agg(r::text, chr(10) order by r::text collate "C"))) as line from (select ${columns} from ${name}) r`,
      );
      lines.push(`${name} ${row?.line}`);
    }
    return lines;
  });
  return places.flat().sort();
};
