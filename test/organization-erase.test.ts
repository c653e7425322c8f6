import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { forgetErased, sweepForgotten } from '../src/domains/knowledge/forgetting.ts';
import { trainingExamples } from '../src/domains/knowledge/tables.ts';
import { eraseOverdue, sweepErased } from '../src/domains/tenancy/organization-purge.ts';
import { filledCast, type Filled } from './organization-filled.ts';
import { asOwner, joinAs, type OwnedBed } from './organization-people.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person } from './testbed.ts';
import { fingerprint, secret } from './access/cast.ts';

let bed: OwnedBed;
let cast: Filled;
let organizationId: string;

beforeAll(async () => {
  bed = await startTestbed();
  if (bed.ownerUrl !== undefined) await asOwner(bed, ...ownedByNobodySpecial);
  cast = await filledCast(bed);
  organizationId = uuidOf(cast.owner.organizationId);
  // Accounts stay, and so do the names of people.
  await asOwner(
    bed,
    `update users set name = 'Ada', email = id || '@example.com' where id = '${uuidOf(cast.owner.userId)}'`,
  );
  // What a member alone may read, and what nobody can: its reader is gone.
  await asOwner(
    bed,
    // The postings of passages are written with the rights of the tables' owner, who is bound by row security too.
    `set app.organization_id = '${organizationId}'`,
    `update documents set readers = array['${cast.memberId}']::uuid[] where organization_id = '${organizationId}' and workspace_id = '${uuidOf(cast.ids.Workspace ?? '')}'`,
    'reset app.organization_id',
  );
}, 60_000);
afterAll(() => bed.stop());

/** Statements that let a role own the tables that is bound by row security, as a careful operator's does; the tests' own is a superuser. */
const ownedByNobodySpecial = [
  `do $$ begin create role plain_owner nologin nosuperuser nobypassrls; exception when duplicate_object or unique_violation then null; end $$`,
  `do $$ declare owned record; begin
    for owned in select c.oid::regclass as name from pg_class c
      where relnamespace in ('public'::regnamespace, 'pgboss'::regnamespace, 'knowledge'::regnamespace) and relkind in ('r', 'p')
    loop execute format('alter table %s owner to plain_owner', owned.name); end loop;
    for owned in select p.oid::regprocedure as name from pg_proc p
      where pronamespace = 'knowledge'::regnamespace or pronamespace = 'public'::regnamespace and proname ~ '^(app_|document_chunks_)'
    loop execute format('alter function %s owner to plain_owner', owned.name); end loop;
  end $$`,
  `grant usage on schema public, pgboss, knowledge to plain_owner`,
  `alter policy chunk_postings_erase on chunk_postings to plain_owner`,
];

const slugOf = async (person: Person): Promise<string> =>
  ((await person.want('{ viewer { organization { slug } } }')) as { viewer: { organization: { slug: string } } }).viewer
    .organization.slug;

const remove =
  'mutation ($input: DeleteOrganizationInput!) { deleteOrganization(input: $input) { organization { id } } }';
const erase = 'mutation ($input: EraseOrganizationInput!) { eraseOrganization(input: $input) { job { id state } } }';
const password = 'correct horse battery';

/** Waits until an organization's row is gone. */
const gone = async (id: string): Promise<void> => {
  for (;;) {
    const left = await asOwner(bed, `select from organizations where id = '${id}'`);
    if (left.length === 0) return;
    await pause(50);
  }
};

/** Rows of the whole database that hold one of these words in whatever column, as text. */
const rowsWith = async (...words: string[]): Promise<string[]> => {
  const tables = await asOwner(
    bed,
    `select format('%I.%I', nspname, relname) as name from pg_class c join pg_namespace n on n.oid = relnamespace
     where relkind in ('r', 'm') and nspname !~ '^(pg_|information_schema$)' order by 1`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const holds = words.map((word) => `entry::text ilike '%${word}%'`).join(' or ');
    const rows = await asOwner(bed, `select entry::text as row from ${String(name)} entry where ${holds}`);
    found.push(...rows.map(({ row }) => `${String(name)} ${String(row)}`));
  }
  return found;
};

/** Names of files and folders of the store, and what is in files, that hold one of these words. */
const filesWith = async (...words: string[]): Promise<string[]> => {
  const root = join(bed.server.installation.services.settings.dataDirectory, 'files');
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const holds = (text: string) => words.some((word) => text.includes(word));
  const found: string[] = [];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (holds(path) || (entry.isFile() && holds(await readFile(path, 'latin1')))) found.push(path);
  }
  return found;
};

test('only what is deleted can be erased, and only by who knows its slug and their password', async () => {
  const slug = await slugOf(cast.owner);
  const rows = async () => {
    // The log tells of the wrong password.
    const { events: _events, ...others } = await fingerprint(bed, cast.owner.organizationId);
    return others;
  };
  const before = await rows();
  const codes = (person: Person, input: object) => person.codes(erase, { input });
  expect(await codes(cast.owner, { confirmation: slug, password })).toEqual(['CONFLICT']);
  expect(await codes(cast.owner, { confirmation: 'other', password })).toEqual(['BAD_USER_INPUT']);
  expect(await codes(cast.owner, { confirmation: slug, password: 'wrong' })).toEqual(['BAD_USER_INPUT']);
  expect(await codes(cast.people.neighbour, { confirmation: slug, password })).toEqual(['FORBIDDEN']);
  expect(await codes(bed.anonymous, { confirmation: slug, password })).toEqual(['UNAUTHENTICATED']);
  const unit = unitOf(bed, cast.owner.organizationId);
  const directly = unit.transact(() => database.execute(sql`select app_erase_organization(${organizationId}::uuid)`));
  await expect(directly).rejects.toMatchObject({ code: '55000' });
  const open = `select has_function_privilege('public', 'app_erase_organization(uuid)', 'execute') as open`;
  expect(await asOwner(bed, open)).toEqual([{ open: false }]);
  expect(await rows()).toEqual(before);
});

test('an erased organization leaves nothing but the word of it', async () => {
  const { services } = bed.server.installation;
  const { stranger, owner, memberId } = cast;
  const strangers = await fingerprint(bed, stranger.organizationId);
  // Another owner, whose only organization it is by now, and the member's is their second.
  await asOwner(
    bed,
    `update users set default_organization_id = '${organizationId}' where id in ('${memberId}', '${uuidOf(owner.userId)}')`,
  );
  await owner.want('mutation { exportOrganization { job { id } } }');
  while ((await filesWith('PK')).length === 0) await pause(50);
  const slug = await slugOf(owner);
  const words = [organizationId, owner.organizationId, secret];
  const tables = new Set((await rowsWith(...words)).map((row) => row.split(' ')[0]));
  // What is looked for would be found.
  expect(tables.size).toBeGreaterThan(30);
  expect((await filesWith(...words)).length).toBeGreaterThan(4);

  await owner.want(remove, { input: { confirmation: slug } });
  const removeFolder = services.store.removeFolder.bind(services.store);
  let failures = 0;
  services.store.removeFolder = async (folder) => {
    // As a crash between the workspaces and the rest.
    if (failures++ === 0) throw new Error('The disk is away.');
    await removeFolder(folder);
  };
  const data: { eraseOrganization: { job: { state: string } } } = await owner.want(erase, {
    input: { confirmation: slug, password },
  });
  expect(data.eraseOrganization.job.state).toBe('QUEUED');
  expect(await owner.codes('mutation { restoreOrganization { organization { id } } }')).toEqual(['CONFLICT']);
  expect(await owner.codes(erase, { input: { confirmation: slug, password } })).toEqual(['CONFLICT']);
  await gone(organizationId);
  // The queue writes the end of its job a moment later, if it still could.
  await pause(1500);
  services.store.removeFolder = removeFolder;

  expect(failures).toBeGreaterThan(2);
  // The knowledge bank hears of it from the log of the installation, within a minute.
  const knows = async () => (await rowsWith(...words)).some((row) => row.startsWith('knowledge.'));
  expect(await knows()).toBe(true);
  await forgetErased({ services, unit: unitOf(bed, null) }, new AbortController().signal);
  const left = await rowsWith(...words);
  expect(left).toEqual([expect.stringMatching(/^public\.platform_events .*organization\.erased/)]);
  expect(await filesWith(...words)).toEqual([]);
  const [event] = await asOwner(
    bed,
    `select target_type, target_id, actor_id, address, data from platform_events where action = 'organization.erased'`,
  );
  expect(event).toMatchObject({
    target_type: 'Organization',
    target_id: organizationId,
    actor_id: uuidOf(owner.userId),
    data: { members: 10, events: expect.any(Number), workspaces: expect.any(Number) },
  });
  const people = await asOwner(
    bed,
    `select id, default_organization_id = (select organization_id from user_organizations u where u.user_id = users.id) as moved
     from users where id in ('${memberId}', '${uuidOf(owner.userId)}')`,
  );
  expect(people).toHaveLength(2);
  expect(people).toEqual(
    expect.arrayContaining([
      { id: memberId, moved: true },
      { id: uuidOf(owner.userId), moved: null },
    ]),
  );
  for (const person of [owner, cast.people.neighbour])
    expect(await person.codes('{ viewer { role } }')).toEqual(['UNAUTHENTICATED']);
  expect(await fingerprint(bed, stranger.organizationId)).toEqual(strangers);
  expect(await stranger.codes('{ viewer { role } }')).toEqual([]);
}, 30_000);

test('other work of the organization is called off or waited for', async () => {
  const ada = await bed.signUp();
  const id = uuidOf(ada.organizationId);
  const job = (state: string) =>
    `insert into jobs (organization_id, id, readers, kind, state) values ('${id}', gen_random_uuid(), array['${id}']::uuid[], 'other', '${state}')`;
  await ada.want(remove, { input: { confirmation: await slugOf(ada) } });
  await asOwner(bed, job('QUEUED'), job('RUNNING'));
  await ada.want(erase, { input: { confirmation: await slugOf(ada), password } });
  const others = `select state from jobs where organization_id = '${id}' and kind = 'other' order by state`;
  while ((await asOwner(bed, others))[0]?.state !== 'CANCELLED') await pause(50);
  await pause(700);
  expect(await asOwner(bed, others)).toEqual([{ state: 'CANCELLED' }, { state: 'RUNNING' }]);
  await asOwner(bed, `update jobs set state = 'SUCCEEDED' where organization_id = '${id}' and kind = 'other'`);
  await gone(id);
}, 30_000);

test('what is written behind an erasure is swept', async () => {
  const { services } = bed.server.installation;
  expect(await sweepErased(services)).toBe(0);
  const late = unitOf(bed, cast.owner.organizationId);
  await late.transact(async () => late.record({ action: 'late.written', type: 'File', id: cast.memberId }));
  await services.store.write(`${organizationId}/late`, Readable.from(['late']), { maxBytes: 10 });
  const example = { type: 'FAQ' as const, input: 'late', fingerprint: 'late', organizationId };
  await late.transact(() => database.insert(trainingExamples).values(example));
  expect(await sweepErased(services)).toBe(1);
  const signal = new AbortController().signal;
  await forgetErased({ services, unit: late }, signal);
  expect(await rowsWith(organizationId)).toHaveLength(2);
  await sweepForgotten({ services, unit: late }, signal);
  expect(await sweepErased(services)).toBe(0);
  expect(await rowsWith(organizationId)).toHaveLength(1);
  expect(await filesWith(organizationId)).toEqual([]);
});

test('what is deleted longer than it is kept is erased, and nothing else', async () => {
  const { services } = bed.server.installation;
  const [ada, bob, eve] = [await bed.signUp(), await bed.signUp('Bob'), await bed.signUp('Eve')];
  for (const person of [ada, bob]) {
    await workspaceOf(person);
    await person.want(remove, { input: { confirmation: await slugOf(person) } });
  }
  await joinAs(bed, eve.organizationId, ada.userId, 'MEMBER');
  const age = (id: string, days: number) =>
    asOwner(bed, `update organizations set deleted_at = now() - interval '${days} days' where id = '${uuidOf(id)}'`);
  await age(ada.organizationId, 31);
  await age(bob.organizationId, 29);
  expect(await eraseOverdue(services)).toBe(1);
  await gone(uuidOf(ada.organizationId));
  expect(await eraseOverdue(services)).toBe(0);
  const text = 'mutation { restoreOrganization { organization { deletedAt } } }';
  expect(await bob.want(text)).toEqual({ restoreOrganization: { organization: { deletedAt: null } } });
  expect(await eve.codes('{ viewer { role } }')).toEqual([]);
  const place = `select default_organization_id as place from users where id = '${uuidOf(ada.userId)}'`;
  expect(await asOwner(bed, place)).toEqual([{ place: uuidOf(eve.organizationId) }]);
}, 30_000);
