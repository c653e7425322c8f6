import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import { purgeAnalytics } from '../src/domains/analytics/retention.ts';
import { tamper } from './machines.ts';
import { unitOf, uuidOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let bob: Awaited<ReturnType<Testbed['signUp']>>;

beforeAll(async () => {
  bed = await startTestbed();
  [ada, bob] = [await bed.signUp('Ada'), await bed.signUp('Bob')];
}, 120_000);
afterAll(() => bed.stop());

const tables = ['user_activities', 'analytics_events', 'user_engagements', 'metrics'] as const;

/** One row in each of the tables for each of so many days back, 1,500 more events of the oldest day. */
const fill = async ({ organizationId, userId }: typeof ada, days: number): Promise<void> => {
  const [organization, user] = [uuidOf(organizationId), uuidOf(userId)];
  const at = sql`now() - make_interval(days => n) + interval '1 hour'`;
  const each = sql`from generate_series(1, ${days}) n`;
  const key = sql`select ${organization}::uuid, gen_random_uuid()`;
  for (const statement of [
    sql`insert into user_activities (organization_id, id, created_at, user_id, action, mutation, duration_ms, request_id) ${key}, ${at}, ${user}::uuid, 'a', false, 1, 'r' ${each}`,
    sql`insert into analytics_events (organization_id, id, occurred_at, name, source) ${key}, ${at}, 'n', 'SERVER' ${each}`,
    sql`insert into analytics_events (organization_id, id, occurred_at, name, source) ${key}, now() - make_interval(days => ${days}), 'n', 'CLIENT' from generate_series(1, 1500)`,
    sql`insert into user_engagements (organization_id, id, user_id, date, sessions, session_seconds, requests, page_views, conversations, messages, orders)
      ${key}, ${user}::uuid, (now() at time zone 'UTC')::date - n, 1, 1, 1, 1, 1, 1, 1 ${each}`,
    sql`insert into metrics (organization_id, id, name, category, period, period_start, value, samples)
      ${key}, 'm', 'c', (array['HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY'])[n % 4 + 1], ${at}, 1, 1 ${each}`,
  ])
    await tamper(bed, { organizationId, userId }, statement);
};

const left = async ({ organizationId }: typeof ada): Promise<Record<string, number>> => {
  const unit = unitOf(bed, organizationId);
  const whole = unit.as({ ...unit.scope, principals: [uuidOf(organizationId)] });
  const counts: Record<string, number> = {};
  for (const table of tables) {
    const rows = await whole.run(() =>
      database.execute<{ count: number }>(sql`select count(*)::integer as count from ${sql.identifier(table)}`),
    );
    counts[table] = rows[0]?.count ?? 0;
  }
  await whole.rest();
  return counts;
};

const purge = async (): Promise<void> => {
  const { services } = bed.server.installation;
  const unit = new UnitOfWork(nowhere, { ...services, origin: { requestId: 'test', address: null, userAgent: null } });
  await purgeAnalytics({ unit, services }, new AbortController().signal);
};

test('what is older than its organization keeps it goes, in batches, and nothing else', async () => {
  await fill(ada, 20);
  await fill(bob, 20);
  const settings = { activityDays: 5, eventDays: 7, metricDays: 12 };
  await ada.want(
    'mutation ($settings: OrganizationSettingsInput!) { updateOrganization(input: { settings: $settings }) { organization { id } } }',
    { settings },
  );
  const before = await left(bob);
  expect(before).toMatchObject({ user_activities: 20, analytics_events: 1520, metrics: 20, user_engagements: 20 });
  await purge();
  const kept = { user_activities: 5, analytics_events: 7, user_engagements: 12, metrics: 12 };
  expect(await left(ada)).toMatchObject(kept);
  expect(await left(bob)).toEqual(before);
  await purge();
  expect(await left(ada)).toMatchObject(kept);
}, 30_000);
