import { access } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { type PostgresCluster, startPostgres } from '../scripts/postgres.ts';

// `npm test` also has to pass where no Postgres is installed; `npm run test:postgres` says that one is.
const wherePostgresIs = process.env['TEST_POSTGRES_URL'] ? describe : describe.skip;

wherePostgresIs('a private Postgres', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await startPostgres({ durable: true });
  });
  afterAll(() => cluster.stop());

  test('what was committed outlives a crash, what was not does not', async () => {
    const url = await cluster.createDatabase('crash');
    const before = postgres(url, { max: 2 });
    await before`create table entries (name text)`;
    await before`insert into entries values ('committed')`;
    const open = before.begin(async (sql) => {
      await sql`insert into entries values ('open')`;
      await cluster.kill9();
      await sql`select 1`;
    });
    await expect(open).rejects.toThrow();
    await before.end({ timeout: 0 });

    await cluster.restart();

    const after = postgres(url, { max: 1 });
    expect(await after`select name from entries`.values()).toEqual([['committed']]);
    await after.end();
  });

  test('a database is a copy of its template', async () => {
    const template = postgres(await cluster.createDatabase('template'), { max: 1 });
    await template`create table entries as select 7 as number`;
    await template.end();

    const copy = postgres(await cluster.createDatabase('copy', 'template'), { max: 1 });
    expect(await copy`select number from entries`.values()).toEqual([[7]]);
    await copy.end();
  });

  test('the superuser needs the password', async () => {
    const url = new URL(cluster.superuserUrl);
    url.password = 'wrong';
    const sql = postgres(url.href, { max: 1 });
    await expect(sql`select 1`).rejects.toMatchObject({ code: '28P01' });
    await sql.end();
  });

  test('stopping removes the files', async () => {
    const other = await startPostgres();
    const sql = postgres(other.superuserUrl, { max: 1 });
    const [row] = await sql<{ directory: string }[]>`select current_setting('data_directory') as directory`;
    await sql.end();

    await other.stop();
    await other.stop();

    await expect(access(row?.directory ?? '/')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
