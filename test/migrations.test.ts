import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { pino } from 'pino';
import postgres from 'postgres';
import { database } from '../src/database/client.ts';
import { knownMigrations, mainMigrations } from '../src/database/migrations.ts';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import { openInstallation, systemOrigin, UnfitDatabase } from '../src/installation.ts';
import { startPostgres } from '../scripts/postgres.ts';
import { readSettings } from '../src/settings.ts';
import { catalogueLines } from './catalogue-lines.ts';

const superuserUrl = process.env.TEST_POSTGRES_URL ?? '';
const onPostgres = superuserUrl === '' ? describe.skip : describe;
const run = promisify(execFile);

const made: string[] = [];
let admin: postgres.Sql;
beforeAll(() => {
  admin = postgres(superuserUrl, { max: 1, onnotice: () => undefined });
});
afterAll(async () => {
  for (const name of made) await admin.unsafe(`drop database ${name} with (force)`);
  await admin.end();
});

const newDatabase = async (): Promise<{ name: string; url: string }> => {
  const name = `migrated_${randomUUID().replaceAll('-', '')}`;
  await admin.unsafe(`create database ${name}`);
  made.push(name);
  return { name, url: Object.assign(new URL(superuserUrl), { pathname: `/${name}` }).href };
};

const node = (script: readonly string[], ownerUrl: string) =>
  run(process.execPath, ['--disable-warning=ExperimentalWarning', ...script], {
    env: { PATH: process.env.PATH, DATABASE_OWNER_URL: ownerUrl, DATABASE_URL: ownerUrl },
  });
const ours = (ownerUrl: string) => node(['scripts/migrate.ts'], ownerUrl);
const kits = async (ownerUrl: string): Promise<void> => {
  for (const config of ['drizzle.config.ts', 'drizzle.knowledge.config.ts'])
    await node(['node_modules/drizzle-kit/bin.cjs', 'migrate', '--config', config], ownerUrl);
};

const catalogueOf = async (url: string): Promise<string[]> => {
  const client = postgres(url, { max: 1 });
  const lines = await catalogueLines(client);
  await client.end();
  return lines;
};

const settingsOf = (url: string, more: Record<string, string>) =>
  readSettings({ NODE_ENV: 'test', DATABASE_URL: url, DATABASE_POOL_SIZE: '2', LOG_LEVEL: 'silent', ...more });
const openingOf = (url: string, more: Record<string, string> = {}) =>
  openInstallation(settingsOf(url, more), pino({ level: 'silent' }));

onPostgres('migrations', () => {
  test('the plain tool and our command make the same catalogue, and a second run changes nothing', async () => {
    const [left, right] = [await newDatabase(), await newDatabase()];
    await ours(left.url);
    await kits(right.url);
    const catalogue = await catalogueOf(left.url);
    expect(catalogue.length).toBeGreaterThan(300);
    for (const kind of ['policy', 'function', 'trigger', 'index', 'constraint', 'column', 'migration'])
      expect(catalogue.some((line) => line.startsWith(kind))).toBe(true);
    expect(await catalogueOf(right.url)).toEqual(catalogue);
    await ours(right.url);
    await kits(left.url);
    expect(await catalogueOf(left.url)).toEqual(catalogue);
    expect(await catalogueOf(right.url)).toEqual(catalogue);
  });

  test('an owner who may not create roles is told what an administrator runs', async () => {
    // In a cluster of its own: roles belong to all databases of one.
    const cluster = await startPostgres();
    try {
      const base = await cluster.createDatabase('owned');
      const superuser = postgres(base, { max: 1 });
      await superuser.unsafe(`create role owner login password 'test'; alter database owned owner to owner`);
      await superuser.unsafe('create extension vector');
      const url = Object.assign(new URL(base), { username: 'owner', password: 'test' }).href;
      await expect(ours(url)).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('Let an administrator run: CREATE ROLE tessera_server NOLOGIN'),
      });
      await superuser.unsafe('create role tessera_server nologin nosuperuser nobypassrls');
      expect((await ours(url)).stdout).toBe('The database is up to date.\n');
      await superuser.end();
    } finally {
      await cluster.stop();
    }
  });

  test('the server does not start on an empty database, nor while migrations are pending', async () => {
    const { url } = await newDatabase();
    const open = async () => (await openingOf(url)).close(0);
    await expect(open()).rejects.toEqual(
      new UnfitDatabase("The database is empty, or not Tessera's. Run: npm run db:migrate"),
    );
    await ours(url);
    const last = knownMigrations(mainMigrations).at(-1);
    const client = postgres(url, { max: 1 });
    await client`delete from drizzle.__drizzle_migrations where created_at = ${last?.createdAt ?? 0}`;
    await client.end();
    await expect(open()).rejects.toEqual(
      new UnfitDatabase(`Migrations are pending (${last?.name}). Run: npm run db:migrate`),
    );
  });

  test('the knowledge bank is migrated where it stands, and the server says what is missing there', async () => {
    const [main, bank] = [await newDatabase(), await newDatabase()];
    const apart = (url: string, knowledgeUrl: string) =>
      run(process.execPath, ['--disable-warning=ExperimentalWarning', 'scripts/migrate.ts'], {
        env: {
          PATH: process.env.PATH,
          DATABASE_OWNER_URL: url,
          DATABASE_URL: url,
          KNOWLEDGE_DATABASE_URL: knowledgeUrl,
          ...(knowledgeUrl === bank.url && { KNOWLEDGE_DATABASE_OWNER_URL: knowledgeUrl }),
        },
      });
    await expect(apart(main.url, main.url)).rejects.toMatchObject({
      code: 2,
      stderr: 'Set KNOWLEDGE_DATABASE_OWNER_URL to the owner of the database of the knowledge bank.\n',
    });
    await ours(main.url);
    const open = async () => (await openingOf(main.url, { KNOWLEDGE_DATABASE_URL: bank.url })).close(0);
    await expect(open()).rejects.toEqual(
      new UnfitDatabase("The database of the knowledge bank is empty, or not Tessera's. Run: npm run db:migrate"),
    );
    expect((await apart(main.url, bank.url)).stdout).toBe('The database is up to date.\n');
    await open();
    const client = postgres(bank.url, { max: 1 });
    const tables = await client<{ name: string }[]>`select relnamespace::regnamespace::text as name from pg_class
      where relkind = 'r' and relnamespace::regnamespace::text !~ '^(pg_|information_schema$)' group by 1 order by 1`;
    expect(tables.map(({ name }) => name)).toEqual(['drizzle', 'knowledge']);
    await client`delete from drizzle.__knowledge_migrations`;
    await client.end();
    await expect(open()).rejects.toThrow('Migrations are pending (0000_knowledge');
  });

  test("whatever DATABASE_URL logs in as, statements run as the server's role", async () => {
    const { url } = await newDatabase();
    await ours(url);
    const installation = await openingOf(url);
    const unit = new UnitOfWork(nowhere, { ...installation.services, origin: systemOrigin });
    const [session] = await unit.run(() =>
      database.execute(
        sql`select current_user as acting, rolsuper, rolbypassrls from pg_roles where rolname = current_user`,
      ),
    );
    await unit.rest();
    expect(session).toEqual({ acting: 'tessera_server', rolsuper: false, rolbypassrls: false });
    await installation.close(0);
  });
});
