import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { unzipSync } from 'fflate';
import { removeOldExports } from '../src/domains/tenancy/organization-purge.ts';
import { withheldColumns } from '../src/domains/tenancy/tenant-rows.ts';
import { zipOf } from '../src/storage/archive.ts';
import { filledCast, sealed, type Filled } from './organization-filled.ts';
import { asOwner, enrol, joinAs, retype, type OwnedBed } from './organization-people.ts';
import { uuidOf } from './talk.ts';
import { startTestbed, type Person } from './testbed.ts';
import { secret } from './access/cast.ts';

let bed: OwnedBed;
let cast: Filled;
let organizationId: string;
beforeAll(async () => {
  bed = await startTestbed();
  cast = await filledCast(bed);
  organizationId = uuidOf(cast.owner.organizationId);
  await asOwner(
    bed,
    // A table of a shape that no other has: each row is one person's own.
    `create table planted (organization_id uuid not null, id uuid not null, user_id uuid not null, primary key (organization_id, id))`,
    `create policy planted_owner on planted using (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
       and user_id = nullif(current_setting('app.user_id', true), '')::uuid)`,
    `select app_guard_tables()`,
    `insert into planted select organization_id, gen_random_uuid(), user_id from memberships`,
    // Rows that members alone may read, or groups, or both; and more of one kind than a page holds.
    `update documents set readers = array['${cast.memberId}']::uuid[] where organization_id = '${organizationId}' and file_id is null`,
    `update documents set readers = array['${cast.memberId}', '${cast.groupId}']::uuid[] where organization_id = '${organizationId}' and file_id is not null`,
    ...['document_chunks', 'chunk_embeddings'].map(
      (table) =>
        `update ${table} set readers = array['${cast.groupId}']::uuid[] where organization_id = '${organizationId}'`,
    ),
    `insert into groups (organization_id, id, name) select '${organizationId}', gen_random_uuid(), 'Group ' || n from generate_series(1, 1201) n`,
  );
}, 60_000);
afterAll(() => bed.stop());

interface Job {
  readonly id: string;
  readonly state: string;
  readonly progress: number;
  readonly attempts: number;
  readonly result: { files: number; rows: number; bytes: number } | null;
}

const begin = async (owner: Person): Promise<string> => {
  const data: { exportOrganization: { job: { id: string } } } = await owner.want(
    'mutation { exportOrganization { job { id } } }',
  );
  return data.exportOrganization.job.id;
};

const jobNow = async (owner: Person, id: string): Promise<Job> => {
  const data: { job: Job } = await owner.want(
    'query ($id: ID!) { job(id: $id) { id state progress attempts result } }',
    { id },
  );
  return data.job;
};

const ended = async (owner: Person, id: string): Promise<Job> => {
  for (;;) {
    const job = await jobNow(owner, id);
    if (job.state === 'SUCCEEDED' || job.state === 'FAILED') return job;
    await pause(50);
  }
};

const open =
  'mutation ($id: ID!) { createExportDownload(input: { jobId: $id }) { organizationExport { url expiresAt size } } }';
const opened = async (owner: Person, id: string): Promise<{ url: string; expiresAt: string; size: number }> => {
  const data: { createExportDownload: { organizationExport: { url: string; expiresAt: string; size: number } } } =
    await owner.want(open, { id });
  return data.createExportDownload.organizationExport;
};

const filesIn = (archive: Uint8Array): Record<string, string> =>
  Object.fromEntries(Object.entries(unzipSync(archive)).map(([name, bytes]) => [name, Buffer.from(bytes).toString()]));

const rowsIn = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Rows of the organization in each table of tenants, past row security; without what is written after the reading. */
const counted = async (): Promise<Record<string, number>> => {
  const tables = await asOwner(
    bed,
    `select case nspname when 'public' then '' else nspname || '.' end || c.relname as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_index i on i.indrelid = c.oid and i.indisprimary
       join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
     where nspname in ('public', 'knowledge') and a.attname = 'organization_id' order by 1`,
  );
  const counts: Record<string, number> = {};
  for (const { name } of tables) {
    const later = name === 'events' ? `and action !~ '^organization.export(ed|_opened|_downloaded)$'` : '';
    const [row] = await asOwner(
      bed,
      `select count(*)::int as total from ${String(name)} where organization_id = '${organizationId}' ${later}`,
    );
    counts[String(name)] = Number(row?.total);
  }
  return counts;
};

test('an export holds every row, and every file, and no secret', async () => {
  const id = await begin(cast.owner);
  const job = await ended(cast.owner, id);
  expect(job).toMatchObject({ state: 'SUCCEEDED', progress: 100 });
  const counts = await counted();
  const { url, expiresAt, size } = await opened(cast.owner, id);
  expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now() + 3_500_000);
  const response = await fetch(url);
  const archive = Buffer.from(await response.arrayBuffer());

  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'application/zip',
    'content-length': String(size),
    'content-disposition': `attachment; filename="export-${uuidOf(id)}.zip"`,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });
  expect(archive).toHaveLength(size);
  const files = filesIn(archive);
  // Each table has rows, so that none is compared in vain.
  expect(Object.entries(counts).filter(([, total]) => total === 0)).toEqual([]);
  expect(counts.groups).toBe(1203);
  const told = Object.keys(counts).map((name) => [name, rowsIn(files[`${name}.ndjson`] ?? '').length]);
  expect(Object.fromEntries(told)).toEqual(counts);
  for (const name of Object.keys(counts)) {
    const lines = (files[`${name}.ndjson`] ?? '').trim().split('\n');
    expect({ name, distinct: new Set(lines).size }).toEqual({ name, distinct: lines.length });
  }
  const people = rowsIn(files['users.ndjson'] ?? '');
  const members = await asOwner(bed, `select user_id from memberships where organization_id = '${organizationId}'`);
  const ids = people.map((person) => String(person.id));
  expect(ids.sort()).toEqual(members.map((row) => String(row.user_id)).sort());
  expect(ids).toEqual(expect.arrayContaining([uuidOf(cast.owner.userId), cast.memberId]));
  expect(Object.keys(people[0] ?? {}).sort()).toEqual(
    ['bio', 'createdAt', 'email', 'id', 'name', 'updatedAt', 'username'].sort(),
  );
  expect(JSON.parse(files['organization.json'] ?? '')).toMatchObject({ id: organizationId });
  const stored = Object.keys(files).filter((name) => name.startsWith('files/'));
  const digests = [...new Set(rowsIn(files['files.ndjson'] ?? '').map(({ sha256 }) => String(sha256)))];
  expect(stored.sort()).toEqual(
    [...digests.map((digest) => `files/${digest}`), `files/avatars/${uuidOf(cast.ids.Workspace ?? '')}`].sort(),
  );
  const unzipped = unzipSync(archive);
  for (const digest of digests) {
    const bytes = unzipped[`files/${digest}`] ?? new Uint8Array();
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(digest);
  }
  const rows = Object.values(counts).reduce((sum, total) => sum + total, 0) + members.length;
  expect(job.result).toEqual({ files: digests.length + 1, rows, bytes: size });
  const everything = Object.values(files).join('\n');
  expect(everything).toContain(secret);
  for (const hidden of [sealed, 'eyJ', `sk-${secret}`, '$argon2', String(cast.owner.token)])
    expect({ hidden, found: everything.includes(hidden) }).toEqual({ hidden, found: false });
  expect(files['README.txt']).toContain('users.ndjson');
});

test('whatever looks like a secret is left out by name', async () => {
  const looks = await asOwner(
    bed,
    `select c.oid::regclass || '.' || a.attname as name from pg_class c join pg_index i on i.indrelid = c.oid and i.indisprimary
       join pg_attribute k on k.attrelid = c.oid and k.attnum = i.indkey[0]
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace in ('public'::regnamespace, 'knowledge'::regnamespace) and k.attname = 'organization_id'
       and a.attname ~ 'secret|hash|token|password|encrypted|key|code|credential|private' order by 1`,
  );
  /** Fingerprints of contents, counts of model tokens, places in the store, and words. */
  const harmless = [
    'agent_invocations.credential_id',
    'agent_invocations.credential_kind',
    'agent_invocations.error_code',
    'agent_invocations.input_tokens',
    'agent_invocations.output_tokens',
    'agent_steps.input_tokens',
    'agent_steps.output_tokens',
    'api_key_workspaces.api_key_id',
    'document_chunks.hash',
    'document_chunks.tokens',
    'document_labels.key',
    'document_versions.content_hash',
    'documents.content_hash',
    'documents.source_hash',
    'documents.token_count',
    'execution_logs.api_key_id',
    'execution_logs.cached_input_tokens',
    'execution_logs.input_tokens',
    'execution_logs.output_tokens',
    'execution_logs.platform_key_id',
    'execution_logs.provider_key_id',
    'execution_logs.time_to_first_token_ms',
    'knowledge.entry_chunks.hash',
    'knowledge.entry_chunks.tokens',
    'messages.error_code',
    'messages.input_tokens',
    'messages.output_tokens',
    'model_usage_days.api_key_id',
    'model_usage_days.cached_input_tokens',
    'model_usage_days.input_tokens',
    'model_usage_days.key_source',
    'model_usage_days.output_tokens',
    'parsed_files.token_count',
    'prompt_runs.input_tokens',
    'prompt_runs.output_tokens',
    'prompt_runs.time_to_first_token_ms',
    'projects.key',
    'prompt_variables.key',
    'quota_counters.subject_key',
    'rooms.direct_key',
    'user_activities.credential_id',
    'cache_entries.key',
    'organization_setting_values.key',
    'workspace_setting_values.key',
    'webhook_subscriptions.previous_secret_until',
    'workspaces.avatar_key',
  ];
  const withheld = Object.entries(withheldColumns).flatMap(([table, columns]) =>
    columns.map((column) => `${table}.${column}`),
  );
  expect(looks.map(({ name }) => String(name)).sort()).toEqual([...harmless, ...withheld].sort());
});

test('an archive is given out to owners alone, for as long as they are', async () => {
  const eve = await bed.signUp('Eve');
  const other = await joinAs(bed, cast.owner.organizationId, eve.userId, 'OWNER');
  const admin = await joinAs(bed, cast.owner.organizationId, (await bed.signUp('Bob')).userId, 'ADMIN');
  const id = await begin(other);
  await ended(other, id);
  for (const [person, code] of [
    [admin, 'FORBIDDEN'],
    [cast.people.neighbour, 'FORBIDDEN'],
    [cast.stranger, 'NOT_FOUND'],
    [bed.anonymous, 'UNAUTHENTICATED'],
  ] as const) {
    expect(await person.codes(open, { id })).toEqual([code]);
    if (code !== 'NOT_FOUND')
      expect(await person.codes('mutation { exportOrganization { job { id } } }')).toEqual([code]);
  }
  expect(await other.codes(open, { id: cast.ids.Job })).toEqual(['NOT_FOUND']);
  const { url } = await opened(other, id);
  const [first, second] = [await fetch(url), await fetch(url)];
  expect([(await first.bytes()).length, (await second.bytes()).length].every((size) => size > 1000)).toBe(true);
  expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  expect((await fetch(`${url.slice(0, -1)}${url.endsWith('x') ? 'y' : 'x'}`)).status).toBe(404);
  const session = url.slice(0, url.lastIndexOf('/') + 1) + String(other.token);
  expect((await fetch(session)).status).toBe(404);

  await asOwner(
    bed,
    `update memberships set role = 'ADMIN' where user_id = '${uuidOf(eve.userId)}' and organization_id = '${organizationId}'`,
  );
  expect((await fetch(url)).status).toBe(404);
  await asOwner(
    bed,
    `update memberships set role = 'OWNER' where user_id = '${uuidOf(eve.userId)}' and organization_id = '${organizationId}'`,
  );
  expect((await fetch(url)).status).toBe(200);
  await asOwner(bed, `update access_tokens set expires_at = now() where kind = 'DOWNLOAD'`);
  const late = await fetch(url);
  expect([
    late.status,
    ((await late.json()) as { errors: { extensions: { code: string } }[] }).errors[0]?.extensions.code,
  ]).toEqual([404, 'NOT_FOUND']);
});

test('an export that breaks off leaves nothing and begins anew; there is one at a time', async () => {
  const { store } = bed.server.installation.services;
  const list = store.list.bind(store);
  const archives = async () => (await Array.fromAsync(list(`${organizationId}/exports`))).length;
  const before = await archives();
  let left = -1;
  store.list = (folder) => {
    store.list = async function* () {
      left = await archives();
      store.list = list;
      yield* list(folder);
    };
    throw new Error('The disk is away.');
  };
  const id = await begin(cast.owner);
  expect(await cast.owner.codes('mutation { exportOrganization { job { id } } }')).toEqual(['CONFLICT']);
  expect(await cast.owner.codes(open, { id })).toEqual(['CONFLICT']);
  const job = await ended(cast.owner, id);
  expect(job).toMatchObject({ state: 'SUCCEEDED', attempts: 2 });
  expect([left, await archives()]).toEqual([before, before + 1]);
});

test('archives are removed after a week, and told to be', async () => {
  const { services } = bed.server.installation;
  const id = await begin(cast.owner);
  await ended(cast.owner, id);
  const { url } = await opened(cast.owner, id);
  const age = (days: number) =>
    asOwner(bed, `update jobs set finished_at = now() - interval '${days * 24} hours' where id = '${uuidOf(id)}'`);
  await age(6.9);
  expect(await removeOldExports(services)).toBe(0);
  expect((await fetch(url)).status).toBe(200);
  await age(7.1);
  expect(await removeOldExports(services)).toBe(1);
  expect(await removeOldExports(services)).toBe(0);
  expect(await services.store.exists(`${organizationId}/exports/${uuidOf(id)}.zip`)).toBe(false);
  expect((await fetch(url)).status).toBe(404);
  expect(await cast.owner.codes(open, { id })).toEqual(['CONFLICT']);
});

test('an archive breaks off with what fills it, and stops when nobody reads on', async () => {
  const failing = zipOf(async (add) => {
    await add('a', Readable.from([Buffer.from('a')]));
    throw new Error('No more.');
  });
  await expect(buffer(failing)).rejects.toThrow('No more.');
  const broken = zipOf((add) =>
    add(
      'a',
      Readable.from(
        (async function* () {
          yield Buffer.from('a');
          throw new Error('The row is away.');
        })(),
      ),
    ),
  );
  await expect(buffer(broken)).rejects.toThrow('The row is away.');
  let ended = false;
  const endless = zipOf(async (add) => {
    const content = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(100_000, Math.random().toString());
      })(),
    );
    await add('a', content).finally(() => (ended = content.destroyed));
  });
  for await (const _ of endless) break;
  await pause(50);
  expect(ended).toBe(true);
});

test('who lacks the second factor that is demanded downloads nothing', async () => {
  const id = await begin(cast.owner);
  await ended(cast.owner, id);
  const { url } = await opened(cast.owner, id);
  await retype(bed, cast.owner.organizationId, 'ENTERPRISE');
  await asOwner(bed, `update organizations set settings = '{"requireTwoFactor": true}' where id = '${organizationId}'`);
  expect((await fetch(url)).status).toBe(404);
  await enrol(bed, cast.owner.userId);
  expect((await fetch(url)).status).toBe(200);
});
