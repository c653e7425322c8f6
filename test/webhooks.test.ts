import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { sole } from '../src/database/rows.ts';
import { purgeWebhooks } from '../src/domains/platform/webhook-retention.ts';
import { eventsOf, faultsOf, tablesHolding, tamper, unitOfAll } from './machines.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';
import {
  answering,
  catchUp,
  deliveriesOf,
  makeDue,
  Receiver,
  settled,
  tamperWith,
  until,
  verified,
  webhookOf,
} from './webhooks.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let receiver: Receiver;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
const lines: string[] = [];

beforeAll(async () => {
  [bed, receiver] = await Promise.all([
    startTestbed({ ALLOW_PRIVATE_ADDRESSES: 'on', LOG_LEVEL: 'info' }, (line) => lines.push(line)),
    new Receiver().start(),
  ]);
  ada = await bed.signUp();
}, 60_000);
afterEach(async () => {
  receiver.answer = answering(204);
  const { webhooks }: Data = await ada.want('{ webhooks(first: 100) { edges { node { id } } } }');
  for (const { node } of webhooks.edges)
    await ada.want('mutation ($id: ID!) { deleteWebhook(input: { id: $id }) { deletedId } }', { id: node.id });
  receiver.received.length = 0;
});
afterAll(async () => {
  await bed.stop();
  receiver.stop();
});

const shown = 'webhook { id state stateReason consecutiveFailures failingSince pausedUntil previousSecretUntil }';
const change = (name: string, selection = shown) =>
  `mutation ($input: ${name.charAt(0).toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { ${selection} } }`;
const act = async (name: string, input: object, selection?: string): Promise<Data> => {
  const data: Data = await ada.want(change(name, selection), { input });
  return data[name];
};
const webhook = async (id: string): Promise<Data> => {
  const data: Data = await ada.want(
    '{ webhook(id: "' + id + '") { id url events description state stateReason consecutiveFailures pausedUntil } }',
  );
  return data.webhook;
};
const order = async (input: object = {}): Promise<string> => {
  const { createOrder }: Data = await ada.want(
    'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } } }',
    { input: { type: 'LOAN', ...input } },
  );
  return createOrder.order.id;
};
const rowsOf = async (statement: ReturnType<typeof sql>): Promise<Data[]> => {
  const unit = unitOfAll(bed, ada);
  const rows = await unit.run(() => database.execute(statement));
  await unit.rest();
  return [...rows];
};

describe('a webhook', () => {
  test('is told of a change, signed as its secret says', async () => {
    const { id, secret } = await webhookOf(ada, { url: receiver.url('/a'), events: ['order.*'] });
    const orderId = await order();

    await catchUp(bed);
    const [delivery] = await settled(ada, id, 1);

    const request = sole(receiver.received);
    const { headers, body } = request;
    expect(verified(secret, request)).toEqual({
      type: 'order.created',
      timestamp: expect.stringMatching(/^20\d\d-.*Z$/),
      data: {
        type: 'Order',
        id: orderId,
        organizationId: ada.organizationId,
        workspaceId: null,
        actorId: ada.userId,
        changes: expect.objectContaining({ type: 'LOAN' }),
      },
    });
    expect([headers['webhook-id'], headers['content-type'], headers['user-agent']]).toEqual([
      delivery?.id,
      'application/json',
      'Tessera/1.0',
    ]);
    expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(60);
    expect(JSON.parse(body)).toEqual(delivery?.payload);
    expect(delivery).toMatchObject({
      action: 'order.created',
      targetType: 'Order',
      targetId: orderId,
      attemptCount: 1,
      nextAttemptAt: null,
      original: null,
    });
    expect(delivery?.attempts).toMatchObject([{ number: 1, status: 204, error: null, responseExcerpt: null }]);
    expect(() => verified(`whsec_${Buffer.alloc(32).toString('base64')}`, request)).toThrow('signature');
    expect(() => verified(secret, { ...request, body: body.replace('LOAN', 'LOAM') })).toThrow('signature');

    // Looking again finds nothing new.
    await catchUp(bed);
    expect(await deliveriesOf(ada, id)).toHaveLength(1);
  });

  test('shows its secret once, and keeps it encrypted', async () => {
    const { id, secret } = await webhookOf(ada, {
      url: receiver.url('/a'),
      events: ['order.created', 'order.*', 'order.created'],
      description: ' Orders ',
    });
    const { secret: second } = await act('rotateWebhookSecret', { id }, 'secret');

    expect(await webhook(id)).toMatchObject({
      url: receiver.url('/a'),
      events: ['order.*', 'order.created'],
      description: 'Orders',
      state: 'ACTIVE',
    });
    for (const each of [secret, second]) {
      expect(each).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
      expect(await tablesHolding(bed, ada, each)).toEqual([]);
      expect(await tablesHolding(bed, ada, each.slice(6))).toEqual([]);
      expect(lines.join('')).not.toContain(each.slice(6));
    }
    expect(await eventsOf(bed, ada, 'webhook.%')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ action: 'webhook.created', target: uuidOf(id) }),
        expect.objectContaining({ action: 'webhook.secret_rotated', data: { keepFormerHours: 24 } }),
      ]),
    );
  });

  test.each<[string, object]>([
    ['url', { url: 'http://example.com/hook' }],
    ['url', { url: 'https://user:secret@example.com/hook' }],
    ['url', { url: 'ftp://example.com/hook' }],
    ['url', { url: 'https://example.com/#part' }],
    ['url', { url: `https://example.com/${'x'.repeat(2000)}` }],
    ['events', { events: [] }],
    ['events', { events: Array.from({ length: 51 }, (_, at) => `thing.no${at}`) }],
    ['events.1', { events: ['order.created', 'order'] }],
    ['events.0', { events: ['or*.created'] }],
    ['events.0', { events: ['Order.Created'] }],
    ['description', { description: 'x'.repeat(501) }],
  ])('with a wrong %s is refused (%#)', async (field, input) => {
    const good = { url: 'https://example.com/hook', events: ['*'] };
    expect(faultsOf(await ada.ask(change('createWebhook', 'secret'), { input: { ...good, ...input } }))).toEqual([
      ['BAD_USER_INPUT', field],
    ]);
    expect(await rowsOf(sql`select id from webhook_subscriptions`)).toEqual([]);
  });

  test('is changed, and its events count from then on', async () => {
    const { id } = await webhookOf(ada, { url: receiver.url('/a'), events: ['nothing.happened'] });
    await tamperWith(bed, ada.organizationId, sql`update webhook_subscriptions set listens_since = now()`);
    expect(faultsOf(await ada.ask(change('updateWebhook'), { input: { id, events: null } }))).toEqual([
      ['BAD_USER_INPUT', 'events'],
    ]);
    await act('updateWebhook', { id, events: ['order.created'], url: receiver.url('/b'), description: 'B' });
    await order();
    await catchUp(bed);
    await settled(ada, id, 1);

    expect(receiver.received.map(({ path }) => path)).toEqual(['/b']);
    expect(await webhook(id)).toMatchObject({ url: receiver.url('/b'), events: ['order.created'], description: 'B' });
  });

  test('is told what its patterns say and no more', async () => {
    const all = await webhookOf(ada, { url: receiver.url('/all'), events: ['*'] });
    const some = await webhookOf(ada, { url: receiver.url('/some'), events: ['order.pending', 'workspace.*'] });
    await order();
    await workspaceOf(ada);
    await catchUp(bed);
    await settled(ada, some.id, 1);
    const told = await until(
      () => deliveriesOf(ada, all.id),
      (found) => found.every(({ state }) => state === 'DELIVERED'),
    );

    expect((await deliveriesOf(ada, some.id)).map(({ action }) => action)).toEqual(['workspace.created']);
    const actions = told.map(({ action }) => action);
    expect(actions).toEqual(expect.arrayContaining(['order.created', 'workspace.created', 'webhook.created']));
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(told.length + 1);
    expect(await deliveriesOf(ada, all.id, { action: { eq: 'order.created' } })).toHaveLength(1);
    expect(await deliveriesOf(ada, all.id, { state: { eq: 'FAILED' } })).toEqual([]);
    expect(await deliveriesOf(ada, all.id, { createdAt: { lt: '2026-01-01T00:00:00Z' } })).toEqual([]);
  });

  test('of a workspace is told of that one alone', async () => {
    const [here, there] = [await workspaceOf(ada), await workspaceOf(ada)];
    const { id } = await webhookOf(ada, {
      url: receiver.url('/here'),
      events: ['conversation.*', 'order.*'],
      workspaceId: here,
    });
    for (const workspaceId of [here, there])
      await ada.want(
        'mutation ($input: StartConversationInput!) { startConversation(input: $input) { conversation { id } } }',
        {
          input: { workspaceId, title: 'Roses' },
        },
      );
    await order();
    await catchUp(bed);
    const [delivery] = await settled(ada, id, 1);

    expect(delivery).toMatchObject({ action: 'conversation.started', payload: { data: { workspaceId: here } } });
    const ofPlace: Data = await ada.want(
      'query ($id: ID!) { webhooks(workspaceId: $id) { totalCount } webhookDeliveries(workspaceId: $id) { totalCount } }',
      { id: here },
    );
    expect(ofPlace).toEqual({ webhooks: { totalCount: 1 }, webhookDeliveries: { totalCount: 1 } });
    const ofOther: Data = await ada.want(
      'query ($id: ID!) { webhooks(workspaceId: $id) { totalCount } webhookDeliveries(workspaceId: $id) { totalCount } }',
      { id: there },
    );
    expect(ofOther).toEqual({ webhooks: { totalCount: 0 }, webhookDeliveries: { totalCount: 0 } });
  });

  test('takes changes that came before it for none of its own', async () => {
    await order();
    const { id } = await webhookOf(ada, { url: receiver.url('/a'), events: ['order.*'] });
    await catchUp(bed);
    expect(await deliveriesOf(ada, id)).toEqual([]);
  });

  test('has no more than a hundred beside it', async () => {
    const { id } = await webhookOf(ada, { url: receiver.url('/a'), events: ['nothing.happened'] });
    await tamperWith(
      bed,
      ada.organizationId,
      sql`insert into webhook_subscriptions (organization_id, id, url, events, encrypted_secret)
        select organization_id, gen_random_uuid(), url, events, encrypted_secret from webhook_subscriptions, generate_series(1, 99)
        where id = ${uuidOf(id)}`,
    );
    const input = { url: receiver.url('/b'), events: ['*'] };
    expect(faultsOf(await ada.ask(change('createWebhook', 'secret'), { input }))).toEqual([['CONFLICT', 'url']]);
    expect(await rowsOf(sql`select count(*)::int as total from webhook_subscriptions`)).toEqual([{ total: 100 }]);
  });
});

describe('a delivery', () => {
  test('that fails is tried again, with the same id, and its failures are shown', async () => {
    const { id, secret } = await webhookOf(ada, { url: receiver.url('/a'), events: ['order.created'] });
    receiver.answer = (_request, response) =>
      void (receiver.received.length === 1
        ? response.writeHead(500).end(`Bad\0 day ${'x'.repeat(100_000)}`)
        : response.writeHead(200).end('fine'));
    await order();
    await catchUp(bed);
    await until(
      () => deliveriesOf(ada, id),
      ([first]) => first?.attempts.length === 1,
    );
    // Read anew: a delivery and its tries are read one after the other.
    const [waiting] = await deliveriesOf(ada, id);
    expect(waiting).toMatchObject({
      state: 'PENDING',
      attemptCount: 1,
      attempts: [{ number: 1, status: 500, error: 'The server answered 500.' }],
    });
    expect(waiting?.attempts[0]?.responseExcerpt).toBe(`Bad day ${'x'.repeat(1000 - 'Bad day '.length)}`);
    const pauseMs = Date.parse(waiting?.nextAttemptAt ?? '') - Date.parse(waiting?.attempts[0]?.at ?? '');
    expect(pauseMs).toBeGreaterThan(3_900);
    expect(pauseMs).toBeLessThan(8_000);
    expect(await webhook(id)).toMatchObject({ consecutiveFailures: 1, pausedUntil: null });

    // The next try comes by itself, within seconds.
    const [delivered] = await settled(ada, id, 1);
    expect(delivered?.attempts.map(({ number, status }) => [number, status])).toEqual([
      [1, 500],
      [2, 200],
    ]);
    expect(delivered?.attempts[1]?.responseExcerpt).toBe('fine');
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([waiting?.id, waiting?.id]);
    expect(receiver.received.map((request) => verified(secret, request))).toEqual([waiting?.payload, waiting?.payload]);
    expect(await webhook(id)).toMatchObject({ consecutiveFailures: 0, pausedUntil: null });
  }, 30_000);

  test('that fails ten times has failed, and is sent again when somebody asks', async () => {
    const { id } = await webhookOf(ada, { url: receiver.url('/a'), events: ['order.created'] });
    receiver.answer = answering(503, '', { 'retry-after': '3600' });
    await order();
    await catchUp(bed);
    const pauses: number[] = [];
    for (let tries = 1; tries <= 10; tries++) {
      await until(
        () => deliveriesOf(ada, id),
        ([first]) => first?.attempts.length === tries,
      );
      // Read anew: a delivery and its tries are read one after the other.
      const [tried] = await deliveriesOf(ada, id);
      const at = Date.parse(tried?.attempts.at(-1)?.at ?? '');
      if (tried?.nextAttemptAt) pauses.push(Math.round((Date.parse(tried.nextAttemptAt) - at) / 1000));
      if (tries === 10) break;
      await makeDue(bed, ada.organizationId, id);
      await act('resumeWebhook', { id });
    }
    const [failed] = await settled(ada, id, 1, 'FAILED');
    expect(failed).toMatchObject({ attemptCount: 10, nextAttemptAt: null, finishedAt: expect.any(String) });
    // At least as long as the server asked for, then as the schedule says, a fifth more or less.
    expect(pauses.slice(0, 3)).toEqual([3600, 3600, 3600]);
    for (const [at, hours] of [2, 5, 10, 14, 20, 24].entries()) {
      expect(pauses[at + 3]).toBeGreaterThanOrEqual(hours * 3600 * 0.8 - 1);
      expect(pauses[at + 3]).toBeLessThanOrEqual(hours * 3600 * 1.2 + 1);
    }
    expect(receiver.received).toHaveLength(10);

    receiver.answer = answering(200);
    const { delivery } = await act(
      'redeliver',
      { deliveryId: failed?.id },
      'count hasMore delivery { id original { id } }',
    );
    expect(delivery).toEqual({ id: expect.any(String), original: { id: failed?.id } });
    const both = await until(
      () => deliveriesOf(ada, id),
      (all) => all.length === 2 && all[1]?.state === 'DELIVERED',
    );
    expect(both[0]).toMatchObject({ state: 'FAILED', redeliveredAt: expect.any(String) });
    expect(receiver.received.at(-1)?.headers['webhook-id']).toBe(delivery.id);
    expect(delivery.id).not.toBe(failed?.id);
    expect(both[1]?.payload).toEqual(failed?.payload);
  }, 40_000);

  test('of a server that says it is gone disables the webhook', async () => {
    const { id } = await webhookOf(ada, { url: receiver.url('/a'), events: ['order.created'] });
    receiver.answer = answering(410);
    await tamperWith(
      bed,
      ada.organizationId,
      sql`update webhook_subscriptions set paused_until = now() + interval '1 hour'`,
    );
    for (let made = 0; made < 41; made++) await order();
    await catchUp(bed);
    await act('resumeWebhook', { id });
    await until(
      () => webhook(id),
      ({ state }) => state === 'DISABLED',
    );
    expect(await webhook(id)).toMatchObject({ stateReason: 'GONE' });
    const all = await deliveriesOf(ada, id);
    // What was sent in the same go has been tried; none is tried again.
    expect(all).toHaveLength(41);
    expect(all.every(({ state, finishedAt }) => state === 'CANCELLED' && finishedAt !== null)).toBe(true);
    expect(all.filter(({ attempts }) => attempts.length === 1)).toHaveLength(40);
    const events = await eventsOf(bed, ada, 'webhook.disabled');
    expect(events).toMatchObject([{ target: uuidOf(id), data: { reason: 'GONE' } }]);

    // Nothing is gathered for it, and it cannot be paused, tested or told again until it is resumed.
    await order();
    await catchUp(bed);
    expect(await deliveriesOf(ada, id)).toHaveLength(41);
    for (const name of ['pauseWebhook', 'testWebhook'])
      expect(faultsOf(await ada.ask(change(name, '__typename'), { input: { id } }))).toEqual([['CONFLICT', 'id']]);
    const again = { deliveryId: all[0]?.id };
    expect(faultsOf(await ada.ask(change('redeliver', 'count'), { input: again }))).toEqual([['CONFLICT', 'id']]);
    receiver.answer = answering(200);
    expect((await act('resumeWebhook', { id })).webhook).toMatchObject({ state: 'ACTIVE', stateReason: null });
    await catchUp(bed);
    expect(await deliveriesOf(ada, id)).toHaveLength(41);
    await order();
    await catchUp(bed);
    await until(
      () => deliveriesOf(ada, id, { state: { eq: 'DELIVERED' } }),
      (found) => found.length === 1,
    );
  }, 30_000);

  test('follows no redirect', async () => {
    const { id } = await webhookOf(ada, { url: receiver.url('/a'), events: ['order.created'] });
    receiver.answer = answering(302, '', { location: receiver.url('/elsewhere') });
    await order();
    await catchUp(bed);
    const [tried] = await until(
      () => deliveriesOf(ada, id),
      ([first]) => first?.attempts.length === 1,
    );
    expect(tried?.attempts).toMatchObject([{ status: 302, error: 'The server answered 302.' }]);
    expect(receiver.at('/elsewhere')).toEqual([]);
  });

  test('waits ten seconds for an answer, while others are told', async () => {
    const slow = await webhookOf(ada, { url: receiver.url('/slow'), events: ['order.created'] });
    const quick = await webhookOf(ada, { url: receiver.url('/quick'), events: ['order.created'] });
    receiver.answer = ({ path }, response) => void (path === '/quick' && response.writeHead(200).end());
    for (let made = 0; made < 30; made++) await order();
    const began = Date.now();
    await catchUp(bed);
    await settled(ada, quick.id, 30);
    expect(Date.now() - began).toBeLessThan(8_000);
    expect(receiver.at('/slow').length).toBeGreaterThan(0);
    const tried = await until(
      () => deliveriesOf(ada, slow.id),
      (all) => all.every(({ attempts }) => attempts.length === 1),
      40,
    );
    expect(tried[0]?.attempts).toMatchObject([{ status: null, error: 'The server did not answer within 10 seconds.' }]);
    expect(tried[0]?.attempts[0]?.durationMs).toBeGreaterThanOrEqual(9_900);
    // A server that fails again and again rests.
    const rested = await webhook(slow.id);
    expect(rested).toMatchObject({ state: 'ACTIVE', consecutiveFailures: 30 });
    expect(Date.parse(rested.pausedUntil)).toBeGreaterThan(Date.now() + 20_000);
  }, 60_000);

  test('of a server that rests waits, then one is tried before the others', async () => {
    const { id } = await webhookOf(ada, { url: receiver.url('/a'), events: ['order.created'] });
    await tamperWith(
      bed,
      ada.organizationId,
      sql`update webhook_subscriptions set consecutive_failures = 10, failing_since = now() - interval '10 minutes',
        paused_until = now() + interval '10 minutes'`,
    );
    for (let made = 0; made < 3; made++) await order();
    await catchUp(bed);
    expect((await deliveriesOf(ada, id)).map(({ attemptCount }) => attemptCount)).toEqual([0, 0, 0]);

    receiver.answer = answering(500);
    await tamperWith(bed, ada.organizationId, sql`update webhook_subscriptions set paused_until = now()`);
    await catchUp(bed);
    const rested = await until(
      () => webhook(id),
      ({ consecutiveFailures }) => consecutiveFailures === 11,
    );
    const restMs = Date.parse(rested.pausedUntil) - Date.now();
    expect(restMs).toBeGreaterThan(590_000);
    expect(restMs).toBeLessThan(620_000);
    expect(receiver.received).toHaveLength(1);

    receiver.answer = answering(200);
    await tamperWith(bed, ada.organizationId, sql`update webhook_subscriptions set paused_until = now()`);
    await makeDue(bed, ada.organizationId, id);
    await catchUp(bed);
    await settled(ada, id, 3);
    expect(await webhook(id)).toMatchObject({ consecutiveFailures: 0, pausedUntil: null });
  }, 30_000);

  test('fails for days, and the webhook is disabled', async () => {
    const { id } = await webhookOf(ada, { url: receiver.url('/a'), events: ['order.created'] });
    await tamperWith(
      bed,
      ada.organizationId,
      sql`update webhook_subscriptions set consecutive_failures = 3, failing_since = now() - interval '5 days 1 minute'`,
    );
    receiver.answer = answering(500);
    await order();
    await catchUp(bed);
    await until(
      () => webhook(id),
      ({ state, stateReason }) => state === 'DISABLED' && stateReason === 'FAILING',
    );
    expect(await deliveriesOf(ada, id)).toMatchObject([{ state: 'CANCELLED' }]);
  });
});

test('while a secret is replaced both sign, and then the new one alone', async () => {
  const { id, secret: first } = await webhookOf(ada, { url: receiver.url('/a'), events: ['order.created'] });
  const { secret: second, webhook: rotated } = await act('rotateWebhookSecret', { id }, `secret ${shown}`);
  expect(Date.parse(rotated.previousSecretUntil) - Date.now()).toBeGreaterThan(23.9 * 3_600_000);
  const told = async () => {
    await order();
    await catchUp(bed);
    await until(
      () => receiver.received.length,
      (count) => count > 0,
    );
    return sole(receiver.received.splice(0));
  };
  const both = await told();
  expect(String(both.headers['webhook-signature']).split(' ')).toHaveLength(2);
  expect(verified(first, both)).toEqual(verified(second, both));

  await tamperWith(bed, ada.organizationId, sql`update webhook_subscriptions set previous_secret_until = now()`);
  const later = await told();
  expect(() => verified(first, later)).toThrow('signature');
  expect(verified(second, later)).toMatchObject({ type: 'order.created' });

  // One that has leaked signs no more at once.
  const { secret: third } = await act('rotateWebhookSecret', { id, keepFormerHours: 0 }, 'secret');
  const last = await told();
  expect(() => verified(second, last)).toThrow('signature');
  expect(verified(third, last)).toMatchObject({ type: 'order.created' });
  for (const keepFormerHours of [-1, 169])
    expect(
      faultsOf(await ada.ask(change('rotateWebhookSecret', 'secret'), { input: { id, keepFormerHours } })),
    ).toEqual([['BAD_USER_INPUT', 'keepFormerHours']]);
});

test('while it is paused changes are gathered, and sent when it is resumed', async () => {
  const { id } = await webhookOf(ada, { url: receiver.url('/a'), events: ['order.created'] });
  expect((await act('pauseWebhook', { id })).webhook).toMatchObject({ state: 'PAUSED', stateReason: 'REQUESTED' });
  await order();
  await catchUp(bed);
  expect(await deliveriesOf(ada, id)).toMatchObject([{ state: 'PENDING', attemptCount: 0 }]);
  expect(faultsOf(await ada.ask(change('testWebhook', 'delivery { id }'), { input: { id } }))).toEqual([
    ['CONFLICT', 'id'],
  ]);
  expect(receiver.received).toEqual([]);
  await act('resumeWebhook', { id });
  await settled(ada, id, 1);
  expect(receiver.received).toHaveLength(1);
  const actions = (await eventsOf(bed, ada, 'webhook.%')).filter(({ target }) => target === uuidOf(id));
  expect(actions.map(({ action }) => action)).toEqual(['webhook.created', 'webhook.paused', 'webhook.resumed']);
});

test('a test is sent whatever the webhook listens to', async () => {
  const { id, secret } = await webhookOf(ada, { url: receiver.url('/a'), events: ['nothing.happened'] });
  const { delivery } = await act('testWebhook', { id }, 'delivery { id state action }');
  expect(delivery).toMatchObject({ state: 'PENDING', action: 'webhook.tested' });
  await settled(ada, id, 1);
  expect(verified(secret, sole(receiver.received))).toMatchObject({
    type: 'webhook.tested',
    data: { type: 'Webhook', id, actorId: ada.userId, changes: {} },
  });
});

test('those of a time are sent again, each once', async () => {
  const { id } = await webhookOf(ada, { url: receiver.url('/a'), events: ['order.created'] });
  for (let made = 0; made < 5; made++) await order();
  await catchUp(bed);
  const told = await settled(ada, id, 5);
  await tamperWith(bed, ada.organizationId, sql`update webhook_deliveries set state = 'FAILED'`);
  await tamperWith(
    bed,
    ada.organizationId,
    sql`update webhook_deliveries set created_at = now() - interval '1 day' where id in (${uuidOf(told[0]?.id ?? '')}, ${uuidOf(told[1]?.id ?? '')})`,
  );
  const again = (input: object) => act('redeliver', { webhookId: id, ...input }, 'count hasMore delivery { id }');
  const from = new Date(Date.now() - 3_600_000).toISOString();

  expect(await again({ states: ['DELIVERED'] })).toEqual({ count: 0, hasMore: false, delivery: null });
  expect(await again({ from, limit: 2 })).toEqual({ count: 2, hasMore: true, delivery: null });
  expect(await again({ from })).toEqual({ count: 1, hasMore: false, delivery: null });
  expect(await again({ from })).toEqual({ count: 0, hasMore: false, delivery: null });
  expect(await again({ to: from })).toEqual({ count: 2, hasMore: false, delivery: null });
  const all = await until(
    () => deliveriesOf(ada, id),
    (found) => found.filter(({ state }) => state === 'DELIVERED').length === 5,
  );
  const originals = all.flatMap(({ original }) => original?.id ?? []);
  expect(originals.sort()).toEqual(told.map((each) => each.id).sort());
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(10);

  const refused = async (input: object) => faultsOf(await ada.ask(change('redeliver', 'count'), { input }));
  const deliveryId = told[0]?.id;
  expect(await refused({})).toEqual([['BAD_USER_INPUT', 'deliveryId']]);
  expect(await refused({ deliveryId, webhookId: id })).toEqual([['BAD_USER_INPUT', 'deliveryId']]);
  expect(await refused({ deliveryId, from })).toEqual([['BAD_USER_INPUT', 'from']]);
  expect(await refused({ webhookId: id, limit: 1001 })).toEqual([['BAD_USER_INPUT', 'limit']]);
  expect(await refused({ webhookId: id, states: ['PENDING'] })).toEqual([['BAD_USER_INPUT', 'states']]);
  await tamperWith(
    bed,
    ada.organizationId,
    sql`update webhook_deliveries set state = 'PENDING', finished_at = null, next_attempt_at = now() + interval '1 day' where id = ${uuidOf(deliveryId ?? '')}`,
  );
  expect(await refused({ deliveryId })).toEqual([['CONFLICT', 'deliveryId']]);
});

test('a page of deliveries with webhooks and tries costs one statement for each level', async () => {
  const { id } = await webhookOf(ada, { url: receiver.url('/a'), events: ['order.created'] });
  for (let made = 0; made < 6; made++) await order();
  await catchUp(bed);
  await settled(ada, id, 6);
  const { data, statements } = await ada.ask(
    `{ webhookDeliveries(first: 5) { totalCount edges { node { id state webhook { url createdBy { name } } original { id } attempts { status } } } } }`,
  );
  const { webhookDeliveries }: Data = data;
  expect(webhookDeliveries.totalCount).toBe(6);
  expect(webhookDeliveries.edges).toHaveLength(5);
  // The page, its count, webhooks, their makers, tries.
  expect(statements).toHaveLength(5);
});

describe('by night', () => {
  test('old deliveries go with their tries, and so do secrets whose time is over', async () => {
    const { id } = await webhookOf(ada, { url: receiver.url('/a'), events: ['order.created'] });
    await act('rotateWebhookSecret', { id });
    for (let made = 0; made < 2; made++) await order();
    await catchUp(bed);
    const [old, recent] = await settled(ada, id, 2);
    await tamperWith(
      bed,
      ada.organizationId,
      sql`update webhook_deliveries set created_at = now() - interval '30 days 1 minute' where id = ${uuidOf(old?.id ?? '')}`,
    );
    const run = () =>
      purgeWebhooks(
        { unit: unitOf(bed, null), services: bed.server.installation.services },
        new AbortController().signal,
      );
    await run();
    expect((await deliveriesOf(ada, id)).map((each) => each.id)).toEqual([recent?.id]);
    expect(await rowsOf(sql`select delivery_id as id from webhook_attempts`)).toEqual([
      { id: uuidOf(recent?.id ?? '') },
    ]);
    const former = sql`select encrypted_previous_secret is null as gone from webhook_subscriptions`;
    expect(await rowsOf(former)).toEqual([{ gone: false }]);
    expect(await rowsOf(sql`select id from jobs where kind like 'platform.send-webhook%'`)).not.toEqual([]);

    await tamperWith(bed, ada.organizationId, sql`update webhook_subscriptions set previous_secret_until = now()`);
    await tamper(bed, ada, sql`update jobs set created_at = now() - interval '25 hours'`);
    await run();
    expect(await rowsOf(former)).toEqual([{ gone: true }]);
    const left = sql`select state from jobs where kind like 'platform.send-webhook%' and state not in ('QUEUED', 'RUNNING')`;
    expect(await rowsOf(left)).toEqual([]);
  });
});
