import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import {
  allMigrations,
  downPath,
  knowledgeMigrations,
  knownMigrations,
  mainMigrations,
  reversibleMigrations,
  type Migrations,
} from '../src/database/migrations.ts';
import type postgres from 'postgres';
import { readSettings } from '../src/settings.ts';
import { withPlaces, type Place } from '../src/upkeep/places.ts';
import { dropPart, migratePart } from '../src/upkeep/rebuild.ts';
import { rollBack } from '../src/upkeep/rollback.ts';
import { catalogueLines } from './catalogue-lines.ts';
import { filledCast } from './organization-filled.ts';
import { arrangements, newGround, rowsOf, runCommand, serverOn, type Ground } from './operators.ts';

const newest = knownMigrations(mainMigrations).at(-1)?.name;

const grounds: Ground[] = [];
const fresh = async (arrangement: string, more?: Record<string, string>): Promise<Ground> => {
  const made = await newGround(arrangement, more);
  grounds.push(made);
  return made;
};
afterAll(async () => {
  for (const each of grounds) await each.remove();
}, 120_000);

const on = <Result>({ environment }: Ground, work: (places: readonly Place[]) => Promise<Result>) =>
  withPlaces(readSettings(environment), work);
/** Ids of rows apart: a journal's numbers go on. */
const catalogueOf = async (places: readonly Place[]): Promise<string[][]> =>
  Promise.all(places.map(({ sql }) => catalogueLines(sql)));
/** In the place of the part. */
const inPlaceOf = async (
  places: readonly Place[],
  part: Migrations,
  work: (sql: postgres.ISql) => Promise<void>,
): Promise<void> => {
  const place = places.find(({ parts }) => parts.includes(part));
  await place?.sql.begin(work);
};

test('each new migration of both parts has a way back', () => {
  for (const part of allMigrations) {
    expect(reversibleMigrations(part).length).toBeGreaterThan(0);
    for (const migration of reversibleMigrations(part)) expect(existsSync(downPath(part, migration))).toBe(true);
  }
});

test.each(['db:rollback', 'db:reset', 'db:studio', 'db:migrate', 'db:check', 'admin:create'])(
  '%s tells what it is for',
  async (name) => {
    const help = await runCommand({}, name, ['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(new RegExp(`^npm run ${name}( -- --email ADDRESS)?\n`));
    expect(help.stdout).toContain('Exit codes: 0 done, 1 failed, 2 wrong usage or settings.');
    expect((await runCommand({}, name, ['--colour'])).code).toBe(2);
  },
);

test('db:studio and admin:create refuse what they cannot use', async () => {
  expect(await runCommand({}, 'db:studio', ['--port', '70000'])).toMatchObject({
    code: 2,
    stderr: '--port must be a number from 1 to 65535.\n',
  });
  const nowhere = await mkdtemp(join(tmpdir(), 'tessera-nowhere-'));
  expect(await runCommand({ TESSERA_DATA_DIR: nowhere }, 'db:studio', [])).toMatchObject({
    code: 1,
    stderr: `There is no database in ${nowhere} yet; the first start makes it.\n`,
  });
  expect(existsSync(join(nowhere, 'postgres'))).toBe(false);
  await rm(nowhere, { recursive: true });
  expect(await runCommand({}, 'admin:create', ['--email', 'nobody'])).toMatchObject({
    code: 2,
    stderr: '--email must be an e-mail address.\n',
  });
});

describe.each(arrangements)('one step back (%s)', (arrangement) => {
  test.each(allMigrations.map((part) => [part.schema, part] as const))(
    'leaves the catalogue of %s that there was before each migration, and the way up leads to the same again',
    async (schema, part) => {
      const [ground, other] = [await fresh(arrangement), await fresh(arrangement)];
      const ways = reversibleMigrations(part);
      const catalogues = await on(other, async (places) => {
        // This database never sees the newer migrations.
        await inPlaceOf(places, part, (sql) => dropPart(sql, part));
        const found: string[][][] = [];
        for (const { createdAt } of ways) {
          await inPlaceOf(places, part, (sql) => migratePart(sql, part, createdAt - 1));
          found.push(await catalogueOf(places));
        }
        return found;
      });
      await on(ground, async (places) => {
        const whole = await catalogueOf(places);
        for (const [at, { name }] of [...ways.entries()].reverse()) {
          expect(await rollBack(places, schema)).toBe(name);
          expect(await catalogueOf(places)).toEqual(catalogues[at]);
        }
        await inPlaceOf(places, part, (sql) => migratePart(sql, part));
        expect(await catalogueOf(places)).toEqual(whole);
      });
    },
    120_000,
  );

  test('is taken with rows in the tables, and a backup from before a migration is brought up to date', async () => {
    const ground = await fresh(arrangement);
    const bed = await serverOn(ground);
    await filledCast(bed);
    await bed.server.stop();
    expect(await ground.run('db:rollback')).toEqual({ code: 0, stdout: `${newest} is undone.\n`, stderr: '' });
    const status = await ground.run('db:status');
    expect(status.code).toBe(1);
    expect(status.stdout).toContain(`    pending: ${newest}\n`);

    const folder = await mkdtemp(join(tmpdir(), 'tessera-older-'));
    const path = join(folder, 'older.backup');
    expect((await ground.run('db:backup', '--to', path)).code).toBe(0);
    const target = await fresh(arrangement);
    expect(await target.run('db:restore', '--from', path)).toMatchObject({ code: 0 });
    await rm(folder, { recursive: true });
    expect((await ground.run('db:migrate')).stdout).toBe('The database is up to date.\n');
    expect((await target.run('db:status')).code).toBe(0);
    expect((await target.run('db:verify')).code).toBe(0);
    expect((await ground.run('db:verify')).code).toBe(0);
    expect(await rowsOf(target)).toEqual(await rowsOf(ground));
  }, 240_000);

  test('is refused in production unless it is meant, and where there is no way back', async () => {
    const ground = await fresh(arrangement, { NODE_ENV: 'production', ENCRYPTION_KEYS: `k:${'A'.repeat(43)}` });
    expect(await ground.run('db:rollback')).toMatchObject({
      code: 1,
      stderr: 'This is production. Make a backup, and say --yes.\n',
    });
    expect((await ground.run('db:status')).code).toBe(0);
    expect((await ground.run('db:rollback', '--schema', 'elsewhere')).code).toBe(2);
    const knowledge = ['--yes', '--schema', 'knowledge'];
    for (const { name } of reversibleMigrations(knowledgeMigrations).toReversed())
      expect(await ground.run('db:rollback', ...knowledge)).toMatchObject({ code: 0, stdout: `${name} is undone.\n` });
    expect(await ground.run('db:rollback', ...knowledge)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^There is no way back behind \d{4}_\w+: restore a backup instead\.\n$/),
    });
    expect(await ground.run('db:reset', '--yes')).toMatchObject({
      code: 1,
      stderr: 'This is production, where nothing is reset.\n',
    });
  }, 240_000);

  test('db:reset leaves what a new installation has', async () => {
    const [ground, untouched] = [await fresh(arrangement), await fresh(arrangement)];
    const bed = await serverOn(ground);
    await bed.signUp();
    await bed.server.stop();
    await copyFile(new URL(import.meta.url), join(ground.directory, 'files', 'some'));
    await writeFile(join(ground.directory, 'bootstrapped'), '');
    expect(await ground.run('db:reset')).toMatchObject({
      code: 1,
      stderr: 'Everything would be lost. Say so: npm run db:reset -- --yes\n',
    });
    expect((await rowsOf(ground)).find((line) => line.startsWith('public.users '))).toMatch(/^public.users 1 /);
    expect(await ground.run('db:reset', '--yes')).toMatchObject({ code: 0, stdout: 'The databases are empty.\n' });
    const counts = (lines: readonly string[]) => lines.map((line) => line.split(' ').slice(0, 2).join(' '));
    expect(counts(await rowsOf(ground))).toEqual(counts(await rowsOf(untouched)));
    expect(existsSync(join(ground.directory, 'files'))).toBe(false);
    expect(existsSync(join(ground.directory, 'bootstrapped'))).toBe(false);
    expect((await ground.run('db:verify')).code).toBe(0);
    const catalogues = [await on(ground, catalogueOf), await on(untouched, catalogueOf)];
    expect(catalogues[0]).toEqual(catalogues[1]);
    expect((await ground.run('db:status')).stdout).toContain(newest);
  }, 240_000);
});
