import { globSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { buildSchema } from '../src/gateway/schema.ts';
import { castOf, quiet, whole, withStandIns, type Cast } from './access/cast.ts';
import { callers, type Caller, type Fixture, type Fixtures } from './access/fixture.ts';
import { due, operationOf, rootFields } from './access/matrix.ts';
import { globalId } from '../src/ids.ts';
import { unitOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

/** Mutations that rightly tell the log nothing, and why. */
const silent: Readonly<Record<string, string>> = {
  archiveEmailThread: 'a mark in a mailbox that one person sees',
  markEmailsRead: 'a mark in a mailbox that one person sees',
  starEmail: 'a mark in a mailbox that one person sees',
  markRoomRead: 'how far one person has read',
  markTaskMentionsRead: 'what one person has read',
  putCacheEntry:
    'what is put aside for a while is no change of what the organization has, and comes many times a second',
  deleteCacheEntry: 'the same; clearing is told',
  testWebhook: 'makes a delivery, which tells of itself',
  setTyping: 'stores nothing',
  previewUpload: 'stores nothing',
  recordEvents: 'its rows are events themselves, with who recorded them and when',
  setEmbeddingModel: 'asked for the model that is chosen already; test/embedding-models.test.ts chooses others',
};

const modules = (await Promise.all(
  globSync('access/*-fields.ts', { cwd: import.meta.dirname })
    .sort()
    .map((file) => import(`./${file}`)),
)) as { readonly fixtures: Fixtures }[];
const mutations: Readonly<Record<string, Fixture>> = Object.assign(
  {},
  ...modules.map(({ fixtures }) => fixtures.mutations),
);

/** They end or change the account they are asked by, or its place: people who are there for that alone ask them. */
const leaving = new Set([
  'signOut',
  'switchOrganization',
  'leaveOrganization',
  'transferOwnership',
  'claimInvite',
  'changePassword',
  'enableTwoFactor',
  'confirmTwoFactor',
  'disableTwoFactor',
  'createRecoveryCodes',
  'deleteAccount',
  'eraseAccount',
]);
const last = 'eraseOrganization';
/** The indexing that it begins may have written its row once more. */
const writtenOver = 'setKnowledgeBank';

/** How a mutation is asked so that it changes something, where its fixture asks for what is so already. */
interface Otherwise {
  readonly field?: string;
  readonly caller?: Caller;
  /** A mutation that the same caller asks before, of the same things. */
  readonly before?: string;
  /** What else it works on, made anew. */
  readonly target?: () => Promise<Record<string, string>>;
}
const undone = (name: string, input = 'id: $Fresh'): Otherwise => ({
  before: `${name}(input: { ${input} }) { __typename }`,
});
const otherwise: Readonly<Record<string, Otherwise>> = {
  enableChunk: undone('disableChunk'),
  enableEmbedWidget: undone('disableEmbedWidget'),
  unpinConversation: undone('pinConversation'),
  unarchiveConversation: undone('archiveConversation'),
  unpinDocument: undone('pinDocument'),
  resumeMember: undone('suspendMember', 'userId: $Member'),
  resumeOrganization: undone('suspendOrganization', 'organizationId: $FreshOrganization'),
  resumeUser: undone('suspendUser', 'userId: $Fresh'),
  resumeSync: undone('pauseSync', 'id: $Queue'),
  resumeWebhook: undone('pauseWebhook'),
  watchTask: undone('unwatchTask', 'id: $Task'),
  removeGroupMembers: undone('addGroupMembers', 'groupId: $FreshGroup, userIds: [$Member]'),
  removeReaction: undone('addReaction', 'messageId: $RoomMessage, emoji: "🌹"'),
  restoreKnowledgeVersion: undone('updateKnowledgeEntry', 'id: $Planted, content: "Another"'),
  joinRoom: { caller: 'editor' },
  moveDocument: { field: 'moveDocument(input: { id: $Fresh, workspaceId: $OtherWorkspace }) { document { title } }' },
  setKnowledgeBank: { field: 'setKnowledgeBank(input: { language: "de" }) { knowledgeBank { language } }' },
  updateOrganization: {
    field: 'updateOrganization(input: { settings: { retentionDays: 31 } }) { organization { name } }',
  },
  setWorkspaceMembers: {
    field:
      'setWorkspaceMembers(input: { workspaceId: $Fresh, members: [{ userId: $Editor, role: ADMIN }] }) { workspace { name } }',
  },
  importApiOperations: {
    field: 'importApiOperations(input: { id: $FreshApi, document: $Document }) { apiConfiguration { name } }',
    target: async () => {
      const fixture = mutations.importApiOperations as Fixture;
      const paths = { '/x': { get: { operationId: 'x', responses: { 200: { description: 'x' } } } } };
      const Document = JSON.stringify({ openapi: '3.1.0', info: { title: 'x', version: '1' }, paths });
      return { ...(await fixture.target?.(cast.owner, cast.ids, bed)), Document };
    },
  },
  revokeInboundEmailSource: {
    target: async () => {
      const data: { createInboundEmailSource: { source: { id: string } } } = await cast.owner.want(
        'mutation { createInboundEmailSource(input: { label: "Relay" }) { source { id } } }',
      );
      return { Source: data.createInboundEmailSource.source.id };
    },
  },
  revokeOtherSessions: {
    target: async () => {
      const input = { email: cast.owner.email, password: 'correct horse battery' };
      await bed.anonymous.want('mutation ($input: SignInInput!) { signIn(input: $input) { token } }', { input });
      return {};
    },
  },
};

let bed: Testbed;
let cast: Cast;

beforeAll(async () => {
  bed = await startTestbed();
  cast = await castOf(bed);
}, 240_000);
afterAll(() => bed.stop());

/** Who may: the owner where they can, for they see most. */
const whoMay = (fixture: Fixture): Caller => {
  const first: readonly Caller[] = ['owner', 'admin', 'platformAdmin', ...callers];
  const found = first.find((caller) => ['data', 'own'].includes(due(fixture, caller)));
  if (found === undefined) throw new Error('Nobody may.');
  return found;
};

interface Written extends Record<string, unknown> {
  /** The transaction that wrote it. */
  readonly transaction: string;
  /** When that began. */
  readonly at: string;
}

/** Tables whose rows are written besides: the logs, the queue's own, and what is counted. */
const besides = new Set(['events', 'platform_events', 'jobs', 'throttle_counters', 'user_activities', 'stale_windows']);

/** The transactions that wrote entries of a request, in whatever log; its program's name tells it apart. */
const entriesOf = async (program: string): Promise<Written[]> => {
  const platform = unitOf(bed, null);
  const inPlatform = await platform.run(() =>
    database.execute<Written>(
      sql`select xmin::text as transaction, created_at::text as at from platform_events where user_agent = ${program}`,
    ),
  );
  const all = await platform.run(() => database.execute<{ id: string }>(sql`select id from organizations`));
  await platform.rest();
  const found = [...inPlatform];
  for (const { id } of all) {
    const unit = whole(bed, globalId('Organization', id));
    const rows = await unit.run(() =>
      database.execute<Written>(
        sql`select xmin::text as transaction, created_at::text as at from events where user_agent = ${program}`,
      ),
    );
    await unit.rest();
    found.push(...rows);
    if (found.length > 0) break;
  }
  return found;
};

/** The transaction that comes next. */
const nextTransaction = async (): Promise<string> => {
  const unit = unitOf(bed, null);
  const [row] = await unit.run(() =>
    database.execute<{ next: string }>(sql`select pg_snapshot_xmax(pg_current_snapshot())::text as next`),
  );
  await unit.rest();
  return row?.next ?? '';
};

/** The transactions that wrote rows of the owner's organization since one. */
const changesSince = async (first: string): Promise<string[]> => {
  const unit = whole(bed, cast.owner.organizationId);
  const tables = await unit.run(() =>
    database.execute<{ name: string }>(sql`select oid::regclass::text as name from pg_class
      where relnamespace in ('public'::regnamespace, 'knowledge'::regnamespace) and relkind = 'r' order by relname`),
  );
  const each = tables
    .filter(({ name }) => !besides.has(name))
    .map(({ name }) => sql.raw(`select xmin::text as transaction from ${name} where xmin::text::bigint >= ${first}`));
  const rows = await unit.run(() => database.execute<Pick<Written, 'transaction'>>(sql.join(each, sql` union `)));
  await unit.rest();
  return rows.map(({ transaction }) => transaction);
};

/** When the transactions began that asked for jobs since one. What a job writes over no longer tells who wrote it before. */
const jobsSince = async (first: string): Promise<string[]> => {
  const unit = whole(bed, cast.owner.organizationId);
  const rows = await unit.run(() =>
    database.execute<{ at: string }>(
      sql`select created_at::text as at from jobs where xmin::text::bigint >= ${first}::bigint`,
    ),
  );
  await unit.rest();
  return rows.map(({ at }) => at);
};

/** What a mutation told the log: whether anything, and whether in a transaction that changed something, where one did. */
const walked = async (name: string, fixture: Fixture, people: Cast) => {
  const program = `walk/${name}`;
  const {
    field = fixture.field,
    caller: who = whoMay(fixture),
    before,
    target = fixture.target,
  } = otherwise[name] ?? {};
  const values = {
    ...people.ids,
    OtherWorkspace: people.otherWorkspace,
    ...(await target?.(people.owner, people.ids, bed)),
  };
  const caller = people.people[who];
  if (before !== undefined) await caller.want(operationOf('mutation', before, values));
  await quiet(bed, cast.owner.organizationId);
  const first = await nextTransaction();
  const { errors } = await caller.ask(operationOf('mutation', field, values), {}, { 'user-agent': program });
  const [entries, changes, asked] = [await entriesOf(program), await changesSince(first), await jobsSince(first)];
  const told = entries.length > 0;
  const together =
    changes.length === 0 || entries.some(({ transaction, at }) => changes.includes(transaction) || asked.includes(at));
  return { name, errors: errors.map(({ message }) => message), told, together };
};

test('every mutation tells the log of what it does, in the transaction that does it', async () => {
  expect(Object.keys(mutations).sort()).toEqual(rootFields(await buildSchema(), 'Mutation'));
  const found: Awaited<ReturnType<typeof walked>>[] = [];
  for (const [name, fixture] of Object.entries(mutations))
    if (!leaving.has(name) && name !== last) found.push(await walked(name, fixture, cast));
  for (const name of leaving) found.push(await walked(name, mutations[name] as Fixture, await withStandIns(cast)));
  // Its event goes with the organization's log; what the installation's log tells of it, others test.
  expect((await walked(last, mutations[last] as Fixture, cast)).errors).toEqual([]);
  expect(found.filter(({ errors }) => errors.length > 0)).toEqual([]);
  expect(
    found
      .filter(({ told }) => !told)
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(Object.keys(silent).toSorted());
  const apart = found.filter(({ told, together }) => told && !together).map(({ name }) => name);
  expect(apart.filter((name) => name !== writtenOver)).toEqual([]);
}, 600_000);
