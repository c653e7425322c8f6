import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat, truncate, writeFile, copyFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import { createGunzip, createGzip } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { array, assert, option, property, string } from 'fast-check';
import postgres from 'postgres';
import { extract, pack } from 'tar-stream';
import { fieldsOf, lineOf } from '../src/upkeep/lines.ts';
import type { Manifest, Summary } from '../src/upkeep/backup-file.ts';
import { filledCast } from './organization-filled.ts';
import { arrangements, newGround, rowsOf, runCommand, serverOn, superuserUrl, type Ground } from './operators.ts';

const clusterUrl = superuserUrl ?? '';
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tessera-backups-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** What could be taken for the marks of a format. */
const awkward = [
  '',
  '\\N',
  '\\',
  'tab\tline\nreturn\r',
  '"quoted", {braced} (bracketed)',
  '\\."\b\f\v',
  'né 🙂',
  "it's",
];

const contentOf = async (path: string): Promise<{ manifest: Manifest; summary: Summary; names: string[] }> => {
  const archive = extract();
  createReadStream(path).pipe(createGunzip()).pipe(archive);
  const found = new Map<string, string>();
  for await (const entry of archive) found.set(entry.header.name, await text(entry));
  const json = (name: string) => JSON.parse(found.get(name) ?? '') as never;
  return { manifest: json('manifest.json'), summary: json('summary.json'), names: [...found.keys()] };
};

const filesOf = async (ground: Ground): Promise<Record<string, string>> => {
  const root = join(ground.directory, 'files');
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(files.map((file) => readFile(file, 'base64')));
  return Object.fromEntries(files.map((file, at) => [relative(root, file), contents[at] ?? '']));
};

test('any fields come back from their line', () => {
  assert(
    property(array(option(string({ unit: 'binary' })), { minLength: 1 }), (fields) => {
      expect(fieldsOf(lineOf(fields))).toEqual(fields);
    }),
  );
  expect(fieldsOf(lineOf(awkward))).toEqual(awkward);
});

test.each(['db:backup', 'db:restore'])('%s tells what it is for, and what it needs', async (name) => {
  const help = await runCommand({}, name, ['--help']);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toMatch(new RegExp(`^npm run ${name} -- --(to|from) FILE\n`));
  const option = name === 'db:backup' ? '--to' : '--from';
  for (const args of [[], [option, '']])
    expect(await runCommand({}, name, args)).toEqual({
      code: 2,
      stdout: '',
      stderr: `${option} is missing. See: npm run ${name} -- --help\n`,
    });
});

test('db:restore wants a file', async () => {
  for (const path of ['/no/such/file', directory])
    expect(await runCommand({}, 'db:restore', ['--from', path])).toEqual({
      code: 2,
      stdout: '',
      stderr: `There is no file ${path}.\n`,
    });
});

describe.each(arrangements)('a backup (%s)', (arrangement) => {
  let ground: Ground;
  let path: string;
  const grounds: Ground[] = [];
  const fresh = async (where: string): Promise<Ground> => {
    const made = await newGround(where);
    grounds.push(made);
    return made;
  };
  beforeAll(async () => {
    ground = await fresh(arrangement);
    const bed = await serverOn(ground);
    await filledCast(bed);
    await bed.server.stop();
    await ground.each(async (sql) => {
      const [found] = await sql`select to_regclass('public.groups') as name`;
      if (found?.name === null) return;
      const [own] = await sql<{ id: string }[]>`select id from organizations limit 1`;
      for (const name of awkward)
        await sql`insert into groups (organization_id, id, name, description) values (${own?.id ?? ''}, ${randomUUID()}, ${`x${name}`}, ${name})`;
    });
    path = join(directory, `${arrangement}.backup`);
  }, 120_000);
  afterAll(async () => {
    for (const each of grounds) await each.remove();
  });

  test('holds every table and file, and is for its owner alone', async () => {
    const before = await rowsOf(ground);
    const outcome = await ground.run('db:backup', '--to', path);
    expect(outcome.code).toBe(0);
    const { size, mode } = await stat(path);
    expect(mode & 0o777).toBe(0o600);
    expect(outcome.stdout).toContain(`files, ${size} bytes, in `);
    const { manifest, summary, names } = await contentOf(path);
    expect(manifest.parts.map(({ schema }) => schema)).toEqual(['public', 'knowledge']);
    const counts = before.map((line) => line.split(' ').slice(0, 2).join(' '));
    expect(
      Object.entries(summary.tables)
        .map(([name, { rows }]) => `${name} ${rows}`)
        .sort(),
    ).toEqual(counts);
    // Else the comparisons below would compare nothing.
    const empty = counts.filter((line) => line.startsWith('public.') && line.endsWith(' 0'));
    expect(counts.length - empty.length).toBeGreaterThan(90);
    const kept = Object.keys(await filesOf(ground)).filter((file) => !file.startsWith('incoming/'));
    expect(kept.length).toBeGreaterThan(1);
    expect(names.filter((name) => name.startsWith('files/')).sort()).toEqual(
      kept.map((file) => `files/${file}`).sort(),
    );
    expect(await ground.run('db:backup', '--to', path)).toMatchObject({ code: 1, stderr: `${path} exists already.\n` });
    expect(await ground.run('db:backup', '--to', '/no/such/folder/x')).toMatchObject({
      code: 1,
      stderr: 'There is no folder /no/such/folder.\n',
    });
    expect(await rowsOf(ground)).toEqual(before);
  }, 60_000);

  const targets = superuserUrl === undefined ? ['embedded'] : ['together', 'apart', 'embedded'];
  test.each(targets)(
    'restored into an empty database (%s), every table and file is equal',
    async (where) => {
      const target = await fresh(where);
      const outcome = await target.run('db:restore', '--from', path);
      expect(outcome).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^\d+ rows of \d+ tables and \d+ files in /),
      });
      expect(await rowsOf(target)).toEqual(await rowsOf(ground));
      const files = Object.entries(await filesOf(ground)).filter(([file]) => !file.startsWith('incoming/'));
      expect(await filesOf(target)).toEqual(Object.fromEntries(files));
      const again = join(directory, `${arrangement}-${where}.backup`);
      expect((await target.run('db:backup', '--to', again)).code).toBe(0);
      expect((await contentOf(again)).summary).toEqual((await contentOf(path)).summary);
      // Also that triggers and references are in force again.
      expect(await target.run('db:verify')).toMatchObject({ code: 0, stdout: expect.not.stringContaining('WRONG') });
      const deferrable = await target.each(
        (sql) =>
          sql`select conname from pg_constraint where condeferrable and connamespace::regnamespace::text <> 'pgboss'`,
      );
      expect(deferrable.flat()).toEqual([]);
      if (where === 'embedded') expect(await readFile(join(target.directory, 'bootstrapped'), 'utf8')).toBe('');
    },
    120_000,
  );

  test('is refused by a database with rows, and with --force takes their place', async () => {
    const target = await fresh(arrangement);
    await target.each(async (sql) => {
      const [found] = await sql`select to_regclass('public.users') as name`;
      if (found?.name !== null)
        await sql`insert into users (id, email, name) values (gen_random_uuid(), 'old@example.com', 'Old')`;
    });
    const before = await rowsOf(target);
    expect(await target.run('db:restore', '--from', path)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'is not empty: there are rows in public.users. With --force they are all replaced.\n',
      ),
    });
    expect(await rowsOf(target)).toEqual(before);
    expect((await target.run('db:restore', '--from', path, '--force')).code).toBe(0);
    expect(await rowsOf(target)).toEqual(await rowsOf(ground));
  }, 120_000);

  test('that is damaged changes nothing', async () => {
    const target = await fresh(arrangement);
    const before = await rowsOf(target);
    const damaged = join(directory, `${arrangement}-damaged`);
    const refused = async (told: RegExp) => {
      const outcome = await target.run('db:restore', '--from', damaged);
      expect(outcome.stderr).toMatch(told);
      expect(outcome.code).toBe(1);
      expect(await rowsOf(target)).toEqual(before);
    };
    await writeFile(damaged, 'no backup at all');
    await refused(/incorrect header check/);
    await copyFile(path, damaged);
    await truncate(damaged, Math.floor((await stat(path)).size / 2));
    await refused(/unexpected end of file|Unexpected end of data|Premature close/);
    await rewritten(path, damaged, (name, content) => (name === 'summary.json' ? null : content));
    await refused(/The backup is damaged: its end is missing/);
    await rewritten(path, damaged, (name, content) =>
      name.startsWith('tables/public.users/') ? content.replace('@example.com', '@example.net') : content,
    );
    await refused(/The backup is damaged: the rows of public.users are not those that were backed up/);
    // A row that others refer to.
    await rewritten(path, damaged, (name, content) => (name.startsWith('tables/public.users/') ? '' : content));
    await refused(/violates foreign key constraint/);
    await rewritten(path, damaged, (name, content) => (name.startsWith('files/') ? null : content));
    await refused(/The backup is damaged: files are missing/);
    await rewritten(path, damaged, (name, content) =>
      name === 'manifest.json' ? content.replace(/"hash":"[0-9a-f]{4}/, '"hash":"zzzz') : content,
    );
    await refused(/The backup is of a newer version/);
  }, 120_000);

  if (superuserUrl !== undefined)
    test('is restored by an owner who is no superuser, into a database that was never migrated', async () => {
      const name = `plain_${randomUUID().replaceAll('-', '')}`;
      const admin = postgres(clusterUrl, { max: 1, onnotice: () => undefined });
      // A role of its own: other suites on the same server have roles of theirs, with other rights.
      await admin.unsafe(`create role ${name} login bypassrls password 'test'`);
      await admin.unsafe(`create database ${name} owner ${name}`);
      const superuser = postgres(Object.assign(new URL(clusterUrl), { pathname: `/${name}` }).href, { max: 1 });
      await superuser.unsafe('create extension vector');
      await superuser.end();
      const url = Object.assign(new URL(clusterUrl), {
        pathname: `/${name}`,
        username: name,
        password: 'test',
      }).href;
      const environment = { TESSERA_DATA_DIR: join(directory, name), DATABASE_URL: url, DATABASE_OWNER_URL: url };
      expect(await runCommand(environment, 'db:restore', ['--from', path])).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('Schema knowledge is loaded.'),
      });
      const again = join(directory, `${arrangement}-plain.backup`);
      expect((await runCommand(environment, 'db:backup', ['--to', again])).code).toBe(0);
      expect((await contentOf(again)).summary).toEqual((await contentOf(path)).summary);
      await admin.unsafe(`drop database ${name} with (force)`);
      await admin.unsafe(`drop role ${name}`);
      await admin.end();
    }, 60_000);
});

/** The backup with its entries changed; those that become null are left out. */
const rewritten = async (
  path: string,
  to: string,
  change: (name: string, content: string) => string | null,
): Promise<void> => {
  const [source, target] = [extract(), pack()];
  createReadStream(path).pipe(createGunzip()).pipe(source);
  const written = (async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of target.pipe(createGzip())) chunks.push(chunk as Buffer);
    await writeFile(to, Buffer.concat(chunks));
  })();
  for await (const entry of source) {
    const content = change(entry.header.name, await text(entry));
    if (content !== null) target.entry({ name: entry.header.name }, content);
  }
  target.finalize();
  await written;
};
