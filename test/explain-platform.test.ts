import { afterAll, beforeAll, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { encodeCursor } from '../src/database/cursor.ts';
import type { Scope, UnitOfWork } from '../src/database/unit-of-work.ts';
import { cacheEntriesByOwner } from '../src/domains/platform/cache-loaders.ts';
import { eventLog } from '../src/domains/platform/event-log.ts';
import {
  webhookDeliveriesByWorkspace,
  webhookDeliveryList,
  webhookList,
  webhooksByWorkspace,
} from '../src/domains/platform/webhook-loaders.ts';
import { globalId } from '../src/ids.ts';
import { explained } from './plans.ts';
import { startTestbed, type Testbed } from './testbed.ts';

/** 200,000 rows and their plans say nothing on the embedded database, and take too long there. */
const onPostgres = process.env.TEST_POSTGRES_URL ? test : test.skip;

const tenants = 4;
const rowCount = 200_000;
const idOf = (kind: number, number: number): string =>
  `0189${String(kind).padStart(4, '0')}-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
const inSql = (kind: number, number: string) =>
  `('0189${String(kind).padStart(4, '0')}-0000-7000-8000-' || lpad(to_hex((${number})::bigint), 12, '0'))::uuid`;
const [organization, user, workspace, event, target, webhook, delivery, entry] = [1, 2, 3, 4, 5, 6, 7, 8] as const;
const time = (number: string) => `timestamptz '2026-01-01' + (${number}) * interval '1 second'`;

let bed: Testbed & { ownerUrl: string | undefined };

/**
 * Row n belongs to tenant n mod 4. Each has 20 workspaces, 50 people, 40 actions, ten kinds of things, a thing that each twentieth entry is of, 100
 * webhooks, and 50 caches of a thousand entries.
 */
const fill = async (url: string): Promise<void> => {
  const owner = postgres(url, { max: 1, onnotice: () => undefined });
  // Numbers that have nothing to do with each other.
  const by = (what: number) => `abs(hashint4(n * 20 + ${what}) / 2)`;
  const among = (kind: number, many: number) => inSql(kind, `n % ${tenants} + ${tenants} * (${by(kind)} % ${many})`);
  const rows = (table: string, columns: string, kind: number, values: string, count = rowCount) =>
    owner.unsafe(`insert into ${table} (organization_id, id, created_at, ${columns})
      select ${inSql(organization, `n % ${tenants}`)}, ${inSql(kind, 'n')}, ${time('n')}, ${values} from generate_series(0, ${count - 1}) n`);
  // The rows are given as they are: what triggers and references would add is not what is measured.
  await owner.unsafe(`set session_replication_role = replica; set synchronous_commit = off`);
  await owner.unsafe(
    `insert into organizations (id, name, slug) select ${inSql(organization, 'n')}, 'o', 'o' || n from generate_series(0, ${tenants - 1}) n`,
  );
  // Of eight entries one is of no workspace, one of any and six of the first. Each thousandth of a tenant has an action that is rare.
  const place = `case ${by(30)} % 8 when 0 then null when 1 then ${among(workspace, 20)} else ${inSql(workspace, `n % ${tenants}`)} end`;
  const action = `case when n / ${tenants} % 1000 = 7 then 'rare.done' else 'a' || ${by(31)} % 40 || '.done' end`;
  const thing = inSql(target, `case when n / ${tenants} % 20 = 3 then n % ${tenants} else n end`);
  await rows(
    'events',
    'workspace_id, action, target_type, target_id, actor_id, request_id',
    event,
    `${place}, ${action}, 'T' || ${by(32)} % 10, ${thing}, ${among(user, 50)}, 'r'`,
  );
  await rows(
    'webhook_subscriptions',
    'workspace_id, url, events, encrypted_secret, state, state_reason',
    webhook,
    `case when n / ${tenants} % 2 = 0 then ${inSql(workspace, `n % ${tenants}`)} end, 'https://example.com', '{*}', 's',
      case when n / ${tenants} % 3 = 0 then 'PAUSED' else 'ACTIVE' end, case when n / ${tenants} % 3 = 0 then 'REQUESTED' end`,
    100 * tenants,
  );
  // Of each tenant's deliveries one in fifty failed, one in a hundred waits, and half are of its first webhook.
  const state = `case ${by(33)} % 100 when 0 then 'PENDING' when 1 then 'FAILED' when 2 then 'FAILED' else 'DELIVERED' end`;
  await rows(
    'webhook_deliveries',
    'workspace_id, subscription_id, event_id, action, target_type, target_id, payload, state, next_attempt_at',
    delivery,
    `${place}, ${inSql(webhook, `n % ${tenants} + ${tenants} * case when ${by(34)} % 2 = 0 then 0 else ${by(35)} % 100 end`)}, ${inSql(event, 'n')},
      ${action}, 'T', ${thing}, '{}', ${state}, case when ${state} = 'PENDING' then now() end`,
  );
  const cacheOwner = inSql(user, `n % ${tenants} + ${tenants} * (n / ${tenants} % 50)`);
  await rows(
    'cache_entries',
    'readers, owner_type, owner_id, user_id, key, value, size, expires_at',
    entry,
    `array[${cacheOwner}], 'USER', ${cacheOwner}, ${cacheOwner}, 'k' || n, '{}', 2, now() + n * interval '1 day'`,
  );
  await owner.unsafe('analyze');
  await owner.end();
};

beforeAll(async () => {
  if (process.env.TEST_POSTGRES_URL === undefined) return;
  bed = await startTestbed();
  await fill(bed.ownerUrl ?? '');
}, 240_000);
afterAll(() => bed?.stop());

const tenant = idOf(organization, 0);
const place = idOf(workspace, 0);
const member: Scope = {
  organizationId: tenant,
  userId: idOf(user, 0),
  principals: [idOf(user, 0), place],
  workspaces: [place],
};
const administrator: Scope = { ...member, principals: [idOf(user, 0), tenant], workspaces: '*' };
const at = (number: number): string =>
  new Date(Date.UTC(2026, 0, 1) + number * 1000)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z/, '+00');
const later = new Date(Date.UTC(2026, 0, 1) + 150_000_000).toISOString();

type Read = (unit: UnitOfWork, args: object) => Promise<unknown>;

/** So many rows are sorted as quickly as an index is walked, and Postgres may do so. */
const few = 250;

/**
 * What is wrong with the plans of a list's pages, both ways and from the middle: a sort of many, another index, or more rows read than `most`,
 * which stands for how many a viewer of one workspace passes over for those that are seen.
 */
const faultsOf = async (scope: Scope, read: Read, kind: number, indexes: readonly string[], most: number) => {
  const faults: string[] = [];
  for (const direction of ['ASC', 'DESC'] as const) {
    const cursor = encodeCursor(`CREATED_AT ${direction}`, [at(100_000), idOf(kind, 100_000)]);
    for (const page of [{ first: 20 }, { last: 20 }, { first: 20, after: cursor }, { last: 20, before: cursor }]) {
      const args = { ...page, orderBy: [{ field: 'CREATED_AT', direction }] };
      const plans = await explained(bed, scope, (unit) => read(unit, args));
      expect(plans).toHaveLength(1);
      const nodes = plans[0] ?? [];
      const scans = nodes.filter((node) => node['Relation Name'] !== undefined);
      const rows = Math.max(...scans.map((node) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)));
      const used = nodes.flatMap((node) => node['Index Name'] ?? []);
      const sorts = nodes.some((node) => node['Node Type'] === 'Sort');
      const fine =
        rows <= (sorts ? Math.min(most, few) : most) &&
        used.length === 1 &&
        used.every((name) => indexes.includes(name));
      const told = nodes.map((node) => node['Node Type']).join(' < ');
      if (!fine) faults.push(`${JSON.stringify(args)} ${String(scope.workspaces)}: ${told}; ${used.join()} ${rows}`);
    }
  }
  return faults;
};

const log =
  (filter?: object): Read =>
  (unit, args) =>
    eventLog(unit, { ...args, ...(filter && { filter }) });
const both = ['events_created_at_index', 'events_action_index'] as const;
const logs: readonly (readonly [string, Read, readonly string[]])[] = [
  ['all', log(), ['events_created_at_index']],
  ['of an action', log({ action: { eq: 'a3.done' } }), ['events_action_index']],
  ['of a rare action', log({ action: { eq: 'rare.done' } }), ['events_action_index']],
  ['of no action that there is', log({ action: { eq: 'never.done' } }), ['events_action_index']],
  ['of several actions', log({ action: { in: ['a1.done', 'a2.done', 'a3.done', 'a4.done'] } }), both],
  ['of a kind of thing', log({ targetType: { eq: 'T3' } }), ['events_target_type_index']],
  ['of a thing', log({ targetId: { eq: globalId('Thing', idOf(target, 40_000)) } }), ['events_target_id_index']],
  ['of a thing of many', log({ targetId: { eq: globalId('Thing', idOf(target, 0)) } }), ['events_target_id_index']],
  ['of a person', log({ actorId: { eq: idOf(user, 0) } }), ['events_actor_id_index']],
  ['of a workspace', log({ workspaceId: { eq: place } }), ['events_workspace_id_index']],
  ['since a time', log({ createdAt: { gte: later } }), ['events_created_at_index']],
  ['until a time', log({ createdAt: { lt: later } }), ['events_created_at_index']],
  [
    'of a person since a time',
    log({ actorId: { eq: idOf(user, 0) }, createdAt: { gte: later } }),
    ['events_actor_id_index'],
  ],
];

onPostgres.each(logs)('the log, %s, comes from an ordered index', async (_which, read, indexes) => {
  expect(await faultsOf(administrator, read, event, indexes, 400)).toEqual([]);
  // Of twenty workspaces one is seen.
  expect(await faultsOf(member, read, event, indexes, 2500)).toEqual([]);
});

const sent =
  (filter?: object): Read =>
  (unit, args) =>
    webhookDeliveryList(unit, { ...args, ...(filter && { filter }) });
const deliveries: readonly (readonly [string, Read, readonly string[]])[] = [
  ['all', sent(), ['webhook_deliveries_created_at_index']],
  ['that failed', sent({ state: { eq: 'FAILED' } }), ['webhook_deliveries_state_index']],
  ['that wait', sent({ state: { eq: 'PENDING' } }), ['webhook_deliveries_state_index']],
  [
    'that arrived',
    sent({ state: { eq: 'DELIVERED' } }),
    ['webhook_deliveries_state_index', 'webhook_deliveries_created_at_index'],
  ],
  ['of a webhook', sent({ webhookId: { eq: idOf(webhook, 40) } }), ['webhook_deliveries_subscription_id_index']],
  [
    'of a webhook of many',
    sent({ webhookId: { eq: idOf(webhook, 0) } }),
    ['webhook_deliveries_subscription_id_index', 'webhook_deliveries_created_at_index'],
  ],
  ['of an action', sent({ action: { eq: 'a3.done' } }), ['webhook_deliveries_action_index']],
  ['since a time', sent({ createdAt: { gte: later } }), ['webhook_deliveries_created_at_index']],
];

onPostgres.each(deliveries)('deliveries, %s, come from an ordered index', async (_which, read, indexes) => {
  expect(await faultsOf(administrator, read, delivery, indexes, 400)).toEqual([]);
});

const sentIn =
  (filter?: object): Read =>
  (unit, args) =>
    webhookDeliveriesByWorkspace(unit, { ...args, ...(filter && { filter }) }, place);

onPostgres.each([
  ['all', sentIn(), 60],
  ['of a webhook of many', sentIn({ webhookId: { eq: idOf(webhook, 0) } }), 200],
  ['that arrived', sentIn({ state: { eq: 'DELIVERED' } }), 200],
  ['that failed', sentIn({ state: { eq: 'FAILED' } }), 200],
] as const)('deliveries of a workspace, %s, come from an ordered index', async (_which, read, most) => {
  const indexes = ['workspace_id', 'state', 'subscription_id'].map((column) => `webhook_deliveries_${column}_index`);
  for (const scope of [member, administrator]) expect(await faultsOf(scope, read, delivery, indexes, most)).toEqual([]);
});

onPostgres('webhooks, of which an organization has few, are read without those of others', async () => {
  const all: Read = (unit, args) => webhookList(unit, args);
  const paused: Read = (unit, args) => webhookList(unit, { ...args, filter: { state: { eq: 'PAUSED' } } });
  const here: Read = (unit, args) => webhooksByWorkspace(unit, args, place);
  const indexes = ['pkey', 'created_at_index', 'workspace_id_index'].map((name) => `webhook_subscriptions_${name}`);
  for (const read of [all, paused]) expect(await faultsOf(administrator, read, webhook, indexes, 100)).toEqual([]);
  for (const scope of [member, administrator])
    expect(await faultsOf(scope, here, webhook, ['webhook_subscriptions_workspace_id_index'], 60)).toEqual([]);
});

onPostgres('a cache is read by its owner, a page from the ordered index and no more than it holds', async () => {
  const cached =
    (filter?: object): Read =>
    (unit, args) =>
      cacheEntriesByOwner(unit, { ...args, ...(filter && { filter }) }, idOf(user, 0));
  const ordered = ['cache_entries_created_at_index'];
  // What has expired is passed over.
  expect(await faultsOf(member, cached(), entry, ordered, 60)).toEqual([]);
  expect(await faultsOf(member, cached({ expiresAt: { gte: '2030-01-01T00:00:00Z' } }), entry, ordered, 1000)).toEqual(
    [],
  );
  for (const filter of [{ key: { startsWith: 'k1' } }, { key: { eq: 'k40000' } }, { key: { in: ['k0', 'k200'] } }]) {
    const [nodes = []] = await explained(bed, member, (unit) => cached(filter)(unit, { first: 20 }));
    const scans = nodes.filter((node) => node['Relation Name'] !== undefined);
    const read = scans.map((node) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0));
    const used = scans.map((node) => node['Index Name'] ?? node['Node Type']);
    expect({ filter, used, many: read.filter((rows) => rows > 1000) }).toEqual({ filter, used, many: [] });
    expect(used.filter((name) => !/^cache_entries_(created_at_index|key_key)$/.test(name))).toEqual([]);
  }
});
