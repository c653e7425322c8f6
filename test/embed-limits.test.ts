import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { settled } from '../src/domains/conversations/answering.ts';
import { claimsOf } from '../src/domains/conversations/visitor-limits.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { modelFor, promote, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';
import { Page, widgetIn } from './visitors.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let models: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let garden: string;

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed({ TRUSTED_PROXIES: '1' }), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
  garden = await workspaceOf(ada);
  await modelFor(ada, garden, models.url);
}, 60_000);
beforeEach(() => models.reset());
afterAll(async () => {
  await settled();
  await bed.stop();
  await models.stop();
});

/** Sends a message from an address, and gives the status with what a refusal tells. */
const send = async (page: Page, address: string): Promise<Data> => {
  const response = await page.fetch('POST', '/messages', { text: 'Roses?' }, { 'x-forwarded-for': address });
  const text = await response.text();
  return response.status === 200
    ? { status: 200 }
    : { status: response.status, ...JSON.parse(text).errors[0].extensions };
};
const visitors = async (publicId: string, count: number): Promise<Page[]> => {
  const pages = Array.from({ length: count }, () => new Page(bed, publicId));
  for (const page of pages) await page.enter();
  return pages;
};
const messagesOf = async (page: Page): Promise<number> => (await page.ask('GET', '/messages')).body.messages.length;

const limits = [
  { input: { maxMessagesPerDay: 3 }, scope: 'WIDGET', visitors: 6, addresses: 6 },
  { input: { maxMessagesPerVisitor: 3 }, scope: 'VISITOR', visitors: 1, addresses: 6 },
  { input: { maxMessagesPerAddress: 3 }, scope: 'ADDRESS', visitors: 6, addresses: 1 },
] as const;

test.each(limits)('$scope: messages sent at the same time never pass the limit', async (each) => {
  const { publicId } = await widgetIn(ada, garden, each.input);
  const pages = await visitors(publicId, each.visitors);
  const outcomes = await Promise.all(
    Array.from({ length: 6 }, (_, at) =>
      send(pages[at % pages.length] as Page, `192.0.2.${(at % each.addresses) + 1}`),
    ),
  );
  expect(outcomes.map(({ status }) => status).sort((one, other) => one - other)).toEqual([
    200, 200, 200, 429, 429, 429,
  ]);
  const refused = outcomes.find(({ status }) => status === 429);
  expect(refused).toEqual({
    status: 429,
    code: 'QUOTA_EXCEEDED',
    scope: each.scope,
    limit: 3,
    resetsAt: expect.any(String),
  });
  expect(Date.parse(refused.resetsAt)).toBeGreaterThan(Date.now());
  expect(Date.parse(refused.resetsAt)).toBeLessThanOrEqual(Date.now() + 86_400_000);
  // What was refused left nothing: three questions with their answers.
  const stored = await Promise.all(pages.map(messagesOf));
  expect(stored.reduce((sum, count) => sum + count, 0)).toBe(6);
  expect(models.seen.length).toBe(3);
});

test('a visitor who begins anew has no more messages than before', async () => {
  const { publicId } = await widgetIn(ada, garden, { maxMessagesPerVisitor: 1 });
  const [page] = await visitors(publicId, 1);
  expect((await send(page as Page, '192.0.2.1')).status).toBe(200);
  const fresh = await (page as Page).ask('POST', '/reset');
  (page as Page).token = fresh.body.token;
  expect(await send(page as Page, '192.0.2.1')).toMatchObject({ status: 429, scope: 'VISITOR' });
});

test('one limit leaves another widget alone', async () => {
  const [first, second] = [
    await widgetIn(ada, garden, { maxMessagesPerAddress: 1 }),
    await widgetIn(ada, garden, { maxMessagesPerAddress: 1 }),
  ];
  const [one] = await visitors(first.publicId, 1);
  const [two] = await visitors(second.publicId, 1);
  expect((await send(one as Page, '192.0.2.9')).status).toBe(200);
  expect((await send(two as Page, '192.0.2.9')).status).toBe(200);
  expect((await send(one as Page, '192.0.2.9')).status).toBe(429);
});

test('an address is counted by its hash, and of IPv6 its network', () => {
  const widget = { id: 'w', maxMessagesPerDay: null, maxMessagesPerVisitor: null, maxMessagesPerAddress: 5 };
  const keyOf = (address: string) => claimsOf(widget, 'v', address)[0]?.subjectKey;
  expect(keyOf('192.0.2.1')).not.toContain('192');
  expect(keyOf('::ffff:192.0.2.1')).toBe(keyOf('192.0.2.1'));
  expect(keyOf('192.0.2.2')).not.toBe(keyOf('192.0.2.1'));
  expect(keyOf('2001:db8:1:2:3::1')).toBe(keyOf('2001:db8:1:2::ffff'));
  expect(keyOf('2001:db8:1:3::1')).not.toBe(keyOf('2001:db8:1:2::1'));
  expect(claimsOf({ ...widget, maxMessagesPerAddress: null }, 'v', null)).toEqual([]);
});
