import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { v7 } from 'uuid';
import { database } from '../src/database/client.ts';
import { makeEngagements } from '../src/domains/analytics/engagement.ts';
import { schedules } from '../src/domains/analytics/schedules.ts';
import { analyticsEvents, rollUps, userActivities, userEngagements } from '../src/domains/analytics/tables.ts';
import { conversations, messages } from '../src/domains/conversations/tables.ts';
import { orders } from '../src/domains/orders/tables.ts';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import { whole } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let member: Colleague;
let workspaceId: string;
let organizationId: string;

beforeAll(async () => {
  bed = await startTestbed({ WORKERS: 'off' });
}, 120_000);
beforeEach(async () => {
  ada = await bed.signUp('Ada');
  member = await colleagueOf(bed, ada.organizationId, 'Max', 'MEMBER');
  workspaceId = uuidOf(await workspaceOf(ada));
  organizationId = uuidOf(ada.organizationId);
});
afterAll(() => bed.stop());

const within = async <Result>(work: () => Promise<Result>): Promise<Result> =>
  whole(bed, ada.organizationId).transact(work);
const idAt = (time: string): string => v7({ msecs: Date.parse(time) });

const plantRequests = (person: { userId: string }, times: readonly string[]) =>
  within(() =>
    database.insert(userActivities).values(
      times.map((createdAt) => ({
        organizationId,
        userId: uuidOf(person.userId),
        createdAt,
        action: 'x',
        mutation: false,
        durationMs: 1,
        requestId: 'r',
      })),
    ),
  );
const plantEvent = (person: { userId: string }, occurredAt: string, name = 'page_view') =>
  within(() =>
    database
      .insert(analyticsEvents)
      .values({ organizationId, userId: uuidOf(person.userId), name, source: 'CLIENT', occurredAt }),
  );
let orderNumber = 0;
/** A conversation, a message in it and an order, made at a time. */
const plantWork = (person: { userId: string }, createdAt: string) =>
  within(async () => {
    const userId = uuidOf(person.userId);
    const conversation = { organizationId, workspaceId, id: idAt(createdAt), createdAt };
    await database.insert(conversations).values({ ...conversation, userId, title: 't' });
    await database.insert(messages).values({
      organizationId,
      workspaceId,
      id: idAt(createdAt),
      createdAt,
      conversationId: conversation.id,
      role: 'USER',
      senderId: userId,
      content: 'm',
    });
    await database.insert(orders).values({
      organizationId,
      id: idAt(createdAt),
      createdAt,
      readers: [organizationId],
      number: ++orderNumber,
      type: 'LOAN',
      createdById: userId,
      metadata: {},
    });
  });

const make = (timeZone = 'UTC'): Promise<number> =>
  makeEngagements(whole(bed, ada.organizationId), timeZone, new AbortController().signal);

const stored = () =>
  within(async () => {
    const rows = await database.select().from(userEngagements).orderBy(userEngagements.date, userEngagements.userId);
    return rows.map(({ id: _id, organizationId: _organization, createdAt: _made, updatedAt: _changed, ...row }) => row);
  });

/** So many days ago at a time of the day, UTC. */
const ago = (days: number, time: string): string => {
  const day = new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
  return `${day}T${time}Z`;
};
const dayAgo = (days: number): string => ago(days, '').slice(0, 10);

const nothing = { sessions: 0, sessionSeconds: 0, requests: 0, pageViews: 0, conversations: 0, messages: 0, orders: 0 };

test('a day counts requests, sessions, pages seen and what was made', async () => {
  await plantRequests(member, [
    ago(3, '10:00:00'),
    ago(3, '10:10:00'),
    ago(3, '10:50:00'),
    ago(2, '23:50:00'),
    ago(1, '00:10:00'),
  ]);
  await plantEvent(member, ago(3, '10:00:00'));
  await plantEvent(member, ago(3, '10:00:01'), 'click');
  await plantWork(member, ago(3, '12:00:00'));
  await plantWork(ada, ago(3, '12:00:00'));
  await make();
  const userId = uuidOf(member.userId);
  const work = { conversations: 1, messages: 1, orders: 1 };
  const rows = await stored();
  expect(rows).toHaveLength(4);
  expect(rows).toEqual(
    expect.arrayContaining([
      { ...nothing, ...work, userId, date: dayAgo(3), sessions: 2, sessionSeconds: 600, requests: 3, pageViews: 1 },
      { ...nothing, ...work, userId: uuidOf(ada.userId), date: dayAgo(3) },
      // A session that goes on past midnight counts on both days.
      { ...nothing, userId, date: dayAgo(2), sessions: 1, requests: 1 },
      { ...nothing, userId, date: dayAgo(1), sessions: 1, requests: 1 },
    ]),
  );
});

test('it comes to the same however often and by however many it is made', async () => {
  await plantRequests(member, [ago(3, '10:00:00'), ago(3, '10:10:00')]);
  await make();
  const first = await stored();
  await make();
  expect(await stored()).toEqual(first);
  await plantRequests(member, [ago(0, '00:00:01')]);
  await within(() => database.update(rollUps).set({ lookedUntil: ago(30, '00:00:00') }));
  await Promise.all([make(), make(), make()]);
  const rows = await stored();
  expect(rows.filter(({ date }) => date === dayAgo(3))).toEqual(first);
  expect(rows).toHaveLength(2);
});

test('only the days are made on which something came, late rows among them', async () => {
  await plantRequests(member, [ago(20, '10:00:00'), ago(5, '10:00:00')]);
  await plantEvent(member, ago(5, '10:00:00'));
  await make();
  // The first look was just now; from here on, what comes is seen.
  await within(() => database.update(rollUps).set({ lookedUntil: sql`now()` }));
  expect(await make()).toBe(0);
  // Recorded now, it happened five days ago. A day that nothing came to is left alone.
  await within(() =>
    database
      .update(userEngagements)
      .set({ requests: 77 })
      .where(sql`date = ${dayAgo(20)}::date`),
  );
  await plantEvent(member, ago(5, '11:00:00'));
  expect(await make()).toBe(1);
  expect(await stored()).toMatchObject([
    { date: dayAgo(20), requests: 77 },
    { date: dayAgo(5), requests: 1, pageViews: 2 },
  ]);
});

test('what is no longer kept stays in the figures of its day', async () => {
  await plantRequests(member, [ago(10, '10:00:00'), ago(10, '11:00:00'), ago(2, '10:00:00')]);
  await plantWork(member, ago(10, '10:00:00'));
  await make();
  await within(() => database.delete(userActivities).where(sql`created_at < ${ago(5, '00:00:00')}`));
  await within(() => database.delete(conversations));
  await plantEvent(member, ago(10, '10:00:00'));
  await make();
  expect(await stored()).toMatchObject([
    { date: dayAgo(10), sessions: 2, requests: 2, pageViews: 1, conversations: 1 },
    { date: dayAgo(2), requests: 1 },
  ]);
});

test("days are those of the organization's time zone, the long and the short one of a year too", async () => {
  // Berlin: 2026-03-29 has 23 hours (from 2026-03-28T23:00Z to 2026-03-29T22:00Z), 2026-10-25 has 25 (from 2026-10-24T22:00Z to 2026-10-25T23:00Z).
  await within(() =>
    database.insert(rollUps).values({
      organizationId,
      source: 'user_engagements',
      lookedUntil: '2026-01-01T00:00:00Z',
      timeZone: 'Europe/Berlin',
    }),
  );
  await plantRequests(member, [
    '2026-03-28T22:59:59.999Z',
    '2026-03-28T23:00:00Z',
    '2026-03-29T21:59:59.999Z',
    '2026-03-29T22:00:00Z',
  ]);
  await plantRequests(member, [
    '2026-10-24T21:59:59.999Z',
    '2026-10-24T22:00:00Z',
    '2026-10-25T22:59:59.999Z',
    '2026-10-25T23:00:00Z',
  ]);
  await make('Europe/Berlin');
  const days = (await stored()).map(({ date, requests }) => [date, requests]);
  expect(days).toEqual([
    ['2026-03-28', 1],
    ['2026-03-29', 2],
    ['2026-03-30', 1],
    ['2026-10-24', 1],
    ['2026-10-25', 2],
    ['2026-10-26', 1],
  ]);
});

test('another time zone makes all days anew', async () => {
  await plantRequests(member, [ago(4, '23:30:00'), ago(3, '22:30:00')]);
  await make('UTC');
  expect((await stored()).map(({ date }) => date)).toEqual([dayAgo(4), dayAgo(3)]);
  await make('Asia/Tokyo');
  expect((await stored()).map(({ date, requests }) => [date, requests])).toEqual([
    [dayAgo(3), 1],
    [dayAgo(2), 1],
  ]);
});

test('the schedule makes the days of all organizations in their own time zones', async () => {
  await ada.want(
    'mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { organization { settings { timeZone } } } }',
    {
      input: { settings: { timeZone: 'Asia/Tokyo' } },
    },
  );
  expect(
    await ada.codes(
      'mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { organization { id } } }',
      {
        input: { settings: { timeZone: '+09:00' } },
      },
    ),
  ).toEqual(['BAD_USER_INPUT']);
  await plantRequests(member, [ago(4, '23:30:00')]);
  const { services } = bed.server.installation;
  const origin = { requestId: 'test', address: null, userAgent: null };
  const unit = new UnitOfWork(nowhere, { ...services, origin });
  await schedules['analytics.make-engagements']?.run({ unit, services }, new AbortController().signal);
  expect((await stored()).map(({ date }) => date)).toEqual([dayAgo(3)]);
});

const engagementText = `query ($filter: UserEngagementFilter, $orderBy: [UserEngagementOrder!], $first: Int, $after: String) {
  userEngagement(filter: $filter, orderBy: $orderBy, first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }
    edges { node { id date requests user { id } } } } }`;
const engagementOf = async (person: Person, variables: object = {}): Promise<Data[]> => {
  const data: Data = await person.want(engagementText, variables);
  return data.userEngagement.edges.map(({ node }: Data) => node);
};

test('days are listed by date, for members their own and for administrators all', async () => {
  await plantRequests(member, [ago(4, '10:00:00'), ago(3, '10:00:00'), ago(2, '10:00:00')]);
  await plantRequests(ada, [ago(3, '10:00:00')]);
  await make();
  expect((await engagementOf(member)).map(({ date }) => date)).toEqual([dayAgo(2), dayAgo(3), dayAgo(4)]);
  expect(await engagementOf(ada)).toHaveLength(4);
  expect(
    await engagementOf(ada, { filter: { userId: { eq: member.userId }, date: { gte: dayAgo(3), lt: dayAgo(2) } } }),
  ).toMatchObject([{ date: dayAgo(3), requests: 1, user: { id: member.userId } }]);
  const eve = await bed.signUp('Eve');
  expect(await engagementOf(eve)).toEqual([]);
  const dates: string[] = [];
  for (let after: string | null = null, more = true; more;) {
    const variables = { first: 1, after, orderBy: [{ field: 'DATE', direction: 'ASC' }] };
    const { userEngagement: page }: Data = await ada.want(engagementText, variables);
    dates.push(...page.edges.map(({ node }: Data) => node.date));
    [after, more] = [page.pageInfo.endCursor, page.pageInfo.hasNextPage];
  }
  expect(dates).toEqual([dayAgo(4), dayAgo(3), dayAgo(3), dayAgo(2)]);
});

const summaryText = `query ($first: Int! = 20, $after: String, $filter: UserActivitySummaryFilter, $orderBy: [UserActivitySummaryOrder!]) {
  userActivitySummary(first: $first, after: $after, filter: $filter, orderBy: $orderBy) { totalCount pageInfo { hasNextPage endCursor }
    edges { node { user { id } name role totalActivities lastActivity activeDays } } } }`;
const summaryOf = async (person: Person, variables: object = {}): Promise<Data[]> => {
  const data: Data = await person.want(summaryText, variables);
  return data.userActivitySummary.edges.map(({ node }: Data) => node);
};

test('the summary has all members, those without activity too, whatever is summed up already', async () => {
  const idle = await colleagueOf(bed, ada.organizationId, 'Ida', 'GUEST');
  await plantRequests(member, [ago(4, '10:00:00'), ago(4, '12:00:00'), ago(3, '10:00:00'), ago(0, '00:00:00')]);
  await plantRequests(ada, [ago(3, '10:00:00')]);
  const expected = [
    {
      user: { id: ada.userId },
      name: 'Ada',
      role: 'OWNER',
      totalActivities: 1,
      lastActivity: ago(3, '10:00:00.000'),
      activeDays: 1,
    },
    { user: { id: idle.userId }, name: 'Ida', role: 'GUEST', totalActivities: 0, lastActivity: null, activeDays: 0 },
    {
      user: { id: member.userId },
      name: 'Max',
      role: 'MEMBER',
      totalActivities: 4,
      lastActivity: ago(0, '00:00:00.000'),
      activeDays: 3,
    },
  ];
  expect(await summaryOf(ada)).toEqual(expected);
  await make();
  expect(await summaryOf(ada)).toEqual(expected);
  // What is no longer kept one by one is in the sums of days.
  await within(() => database.delete(userActivities).where(sql`created_at < ${ago(1, '00:00:00')}`));
  expect(await summaryOf(ada)).toMatchObject([
    { totalActivities: 1, lastActivity: null },
    { totalActivities: 0 },
    { totalActivities: 4, activeDays: 3 },
  ]);
  // Who sees no more than themselves is not shown zeros of others.
  expect((await summaryOf(member)).map(({ name }) => name)).toEqual(['Max']);
  const manager = await colleagueOf(bed, ada.organizationId, 'Mona', 'MANAGER');
  expect((await summaryOf(manager)).map(({ name }) => name)).toEqual(['Mona']);
});

test('the summary is walked in each order, with one statement a page', async () => {
  const names = ['Ben', 'Cat', 'Dan'];
  for (const [number, name] of names.entries()) {
    const colleague = await colleagueOf(bed, ada.organizationId, name, 'MEMBER');
    await plantRequests(
      colleague,
      Array.from({ length: number + 1 }, (_, each) => ago(9 - number, `10:00:0${each}`)),
    );
  }
  await make();
  const walk = async (field: string, direction: string): Promise<string[]> => {
    const found: string[] = [];
    for (let after: string | null = null, more = true; more;) {
      const { userActivitySummary: page }: Data = await ada.want(summaryText, {
        first: 2,
        after,
        orderBy: [{ field, direction }],
      });
      expect(page.totalCount).toBe(5);
      found.push(...page.edges.map(({ node }: Data) => node.name));
      [after, more] = [page.pageInfo.endCursor, page.pageInfo.hasNextPage];
    }
    return found;
  };
  expect(await walk('NAME', 'ASC')).toEqual(['Ada', 'Ben', 'Cat', 'Dan', 'Max']);
  expect(await walk('NAME', 'DESC')).toEqual(['Max', 'Dan', 'Cat', 'Ben', 'Ada']);
  for (const field of ['TOTAL_ACTIVITIES', 'LAST_ACTIVITY']) {
    expect((await walk(field, 'DESC')).slice(0, 3)).toEqual(['Dan', 'Cat', 'Ben']);
    expect((await walk(field, 'ASC')).slice(2)).toEqual(['Ben', 'Cat', 'Dan']);
  }
  const { statements } = await ada.ask(
    `{ userActivitySummary(first: 5) { edges { node { name totalActivities lastActivity activeDays } } } }`,
  );
  expect(statements).toHaveLength(1);
  expect((await summaryOf(ada, { filter: { role: { eq: 'OWNER' } } })).map(({ name }) => name)).toEqual(['Ada']);
  expect(await ada.codes(summaryText, { after: 'x' })).toEqual(['BAD_USER_INPUT']);
  expect(await ada.codes(summaryText, { first: 101 })).toEqual(['BAD_USER_INPUT']);
});
