import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type postgres from 'postgres';
import { createTesseraDatabase } from '../scripts/tessera-database.ts';
import { startEmbedded } from '../src/database/embedded.ts';
import { readSettings } from '../src/settings.ts';
import { withPlaces } from '../src/upkeep/places.ts';

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
