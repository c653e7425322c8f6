import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { events } from '../src/events/tables.ts';
import { newId } from '../src/ids.ts';
import { faultsOf, unitOfAll } from './machines.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';
import { catchUp, deliveriesOf, Receiver, settled, tamperWith, until, webhookOf } from './webhooks.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let receiver: Receiver;
beforeAll(async () => {
  receiver = await new Receiver().start();
});
afterAll(() => receiver.stop());

/** The id of something that began so many seconds ago. */
const idFrom = (secondsAgo: number): string => {
  const hex = (Date.now() - secondsAgo * 1000).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}${newId().slice(13)}`;
};

describe('by the log alone', () => {
  let bed: Testbed;
  let ada: Awaited<ReturnType<Testbed['signUp']>>;
  beforeAll(async () => {
    bed = await startTestbed({ ALLOW_PRIVATE_ADDRESSES: 'on' });
    ada = await bed.signUp();
  }, 60_000);
  afterAll(() => bed.stop());

  /** Entries of these ids, as of a process that ended before it could tell anybody. */
  const entries = (action: string, ...ids: string[]): Promise<unknown> => {
    const [organizationId, targetId] = [uuidOf(ada.organizationId), uuidOf(ada.organizationId)];
    return unitOfAll(bed, ada).transact(() =>
      database
        .insert(events)
        .values(ids.map((id) => ({ organizationId, id, action, targetType: 'Thing', targetId, requestId: 'test' }))),
    );
  };
  const old = async (input: object) => {
    const made = await webhookOf(ada, { url: receiver.url('/a'), ...input });
    const since = sql`update webhook_subscriptions set listens_since = now() - interval '1 hour' where id = ${uuidOf(made.id)}`;
    await tamperWith(bed, ada.organizationId, since);
    return made;
  };
  const toldOf = async (webhookId: string): Promise<number> => (await deliveriesOf(ada, webhookId)).length;

  test('a change that nobody announced is told', async () => {
    const { id } = await old({ events: ['silent.changed'] });
    await entries('silent.changed', newId());
    await catchUp(bed);
    await settled(ada, id, 1);
  });

  test('a change that began minutes before others and was committed after them is told, once', async () => {
    const { id } = await old({ events: ['late.changed'] });
    await entries('late.changed', newId());
    await catchUp(bed);
    expect(await toldOf(id)).toBe(1);
    await entries('late.changed', idFrom(9.5 * 60), idFrom(3));
    await catchUp(bed);
    await settled(ada, id, 3);
    await catchUp(bed);
    expect(await toldOf(id)).toBe(3);
  });

  test('far more changes than one look holds are told, each once, whoever looks at the same time', async () => {
    const { id } = await old({ events: ['many.*'] });
    for (let some = 0; some < 3; some++) await entries('many.changed', ...Array.from({ length: 700 }, () => newId()));
    await tamperWith(
      bed,
      ada.organizationId,
      sql`update webhook_subscriptions set state = 'PAUSED', state_reason = 'REQUESTED' where id = ${uuidOf(id)}`,
    );
    await Promise.all([catchUp(bed), catchUp(bed), catchUp(bed)]);
    const count: Data = await ada.want(
      'query ($id: ID!) { webhookDeliveries(filter: { webhookId: { eq: $id } }) { totalCount } }',
      { id },
    );
    expect(count).toEqual({ webhookDeliveries: { totalCount: 2100 } });
  });

  test('a delivery whose sender crashed is sent by the next one', async () => {
    const { id } = await old({ events: ['crashed.changed'] });
    // As a sender leaves it that is killed with something under way.
    await tamperWith(
      bed,
      ada.organizationId,
      sql`update webhook_subscriptions set sending_until = now() + interval '4 seconds' where id = ${uuidOf(id)}`,
    );
    const { testWebhook }: Data = await ada.want(
      'mutation ($id: ID!) { testWebhook(input: { id: $id }) { delivery { id } } }',
      { id },
    );
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await deliveriesOf(ada, id)).toMatchObject([{ id: testWebhook.delivery.id, attemptCount: 0 }]);
    // Nobody asks for it: who found the place taken comes back.
    const [delivered] = await settled(ada, id, 1);
    expect(delivered?.attempts).toMatchObject([{ number: 1, status: 204 }]);
  }, 30_000);

  test('nothing is told of an organization that is deleted', async () => {
    const eve = await bed.signUp('Eve');
    const { id } = await webhookOf(eve, { url: receiver.url('/deleted'), events: ['*'] });
    await tamperWith(
      bed,
      eve.organizationId,
      sql`update organizations set deleted_at = now() where id = ${uuidOf(eve.organizationId)}`,
    );
    await catchUp(bed);
    await tamperWith(
      bed,
      eve.organizationId,
      sql`update organizations set deleted_at = null where id = ${uuidOf(eve.organizationId)}`,
    );
    bed.server.installation.services.viewers.forgetAll();
    expect(await deliveriesOf(eve, id)).toEqual([]);
    await catchUp(bed);
    expect((await settled(eve, id, 1)).map(({ action }) => action)).toEqual(['webhook.created']);
    expect(receiver.at('/deleted')).toHaveLength(1);
  });
});

test('an announcement brings it within a moment', async () => {
  const bed = await startTestbed({ ALLOW_PRIVATE_ADDRESSES: 'on', SCHEDULES: 'on' });
  try {
    const ada = await bed.signUp();
    // Whoever has no webhook yet is remembered as such.
    await workspaceOf(ada);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { id } = await webhookOf(ada, { url: receiver.url('/soon'), events: ['workspace.created'] });
    const swept = () =>
      unitOfAll(bed, ada).transact(async () => [
        ...(await database.execute(sql`select swept_until::text as at from webhook_logs`)),
      ]);
    const before = await swept();
    await workspaceOf(ada);
    await until(
      () => receiver.at('/soon').length,
      (count) => count === 1,
      5,
    );
    // The clock has not looked meanwhile.
    expect(await swept()).toEqual(before);
    await settled(ada, id, 1);
  } finally {
    await bed.stop();
  }
}, 60_000);

describe('where private addresses are not allowed', () => {
  let bed: Testbed;
  let ada: Awaited<ReturnType<Testbed['signUp']>>;
  let fine: string;
  const good = { url: 'https://hooks.invalid/', events: ['nothing.happened'] };
  beforeAll(async () => {
    bed = await startTestbed();
    ada = await bed.signUp();
    ({ id: fine } = await webhookOf(ada, good));
  }, 60_000);
  afterAll(() => bed.stop());

  const creating = 'mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { webhook { id } } }';
  const updating = 'mutation ($input: UpdateWebhookInput!) { updateWebhook(input: $input) { webhook { id } } }';
  const urls = async (): Promise<string[]> => {
    const { webhooks }: Data = await ada.want('{ webhooks(first: 100) { edges { node { url } } } }');
    return webhooks.edges.map(({ node }: Data) => node.url);
  };

  test.each([
    'https://127.0.0.1/hook',
    'http://127.0.0.1:8080/hook',
    'https://10.0.0.1/',
    'https://172.16.3.4/',
    'https://192.168.1.1:8443/',
    'https://169.254.169.254/latest/meta-data',
    'https://168.63.129.16/',
    'https://100.64.0.1/',
    'https://0.0.0.0/',
    'https://224.0.0.1/',
    'https://2130706433/',
    'https://017700000001/',
    'https://0x7f.1/',
    'https://127.1/',
    'https://127.0.0.1./',
    'https://[::1]/',
    'https://[::]/',
    'https://[fe80::1]/',
    'https://[fd00::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://[::ffff:8.8.8.8]/',
    'https://[64:ff9b::a00:1]/',
    'https://localhost/',
    'https://LOCALHOST:8443/',
    'https://localhost./',
    'https://hooks.localhost/',
    'http://localhost:3000/',
  ])('%s is refused at once', async (url) => {
    expect(faultsOf(await ada.ask(creating, { input: { ...good, url } }))).toEqual([['BAD_USER_INPUT', 'url']]);
    expect(faultsOf(await ada.ask(updating, { input: { id: fine, url } }))).toEqual([['BAD_USER_INPUT', 'url']]);
    expect(await urls()).toEqual([good.url]);
  });

  test.each([
    'https://8.8.8.8/hook',
    'https://[2606:4700:4700::1111]/hook',
    'https://localhost.example.com/',
    'https://10.example.com/',
  ])('%s is taken', async (url) => {
    expect(faultsOf(await ada.ask(updating, { input: { id: fine, url } }))).toEqual([]);
    expect(await urls()).toEqual([url]);
    await ada.want(updating, { input: { id: fine, url: good.url } });
  });

  test('one from a time when they were is refused when something is sent', async () => {
    const { id } = await webhookOf(ada, good);
    const url = receiver.url('/private');
    await tamperWith(
      bed,
      ada.organizationId,
      sql`update webhook_subscriptions set url = ${url} where id = ${uuidOf(id)}`,
    );
    await ada.want('mutation ($id: ID!) { testWebhook(input: { id: $id }) { delivery { id } } }', { id });
    const [tried] = await until(
      () => deliveriesOf(ada, id),
      ([first]) => first?.attempts.length === 1,
    );
    expect(tried).toMatchObject({
      state: 'PENDING',
      attempts: [{ status: null, error: 'Requests to 127.0.0.1 are not allowed: it is a private or special address.' }],
    });
    expect(receiver.at('/private')).toEqual([]);
  });
});
