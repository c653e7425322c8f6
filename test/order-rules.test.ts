import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import * as fc from 'fast-check';
import { database } from '../src/database/client.ts';
import { orders } from '../src/domains/orders/tables.ts';
import { transitions, type OrderStatus } from '../src/domains/orders/order-states.ts';
import { purgeOrders } from '../src/domains/orders/retention.ts';
import { agentPlace, decide, quiet, settingsMutation, start, type Data } from './agents.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { wholeOf } from './organization-people.ts';
import { conversationIn } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

let bed: Testbed;
let models: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let place: Awaited<ReturnType<typeof agentPlace>>;

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed(), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  place = await agentPlace(bed, ada, models);
}, 120_000);
afterAll(async () => {
  await models.stop();
  await bed.stop();
});

const create =
  'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id version status number } } }';
const ordersOf = `query ($id: ID!) { conversation(id: $id) { orders { edges { node { type priority status customer { id }
  workspace { id } notes { edges { node { text } } } history { edges { node { kind actor { id } } } } } } } } }`;

test('an agent opens an order from its conversation once its person allows it, and never without', async () => {
  await ada.want(settingsMutation, { input: { workspaceId: place.workspaceId, tools: ['open_order'] } });
  const conversationId = await conversationIn(ada, place.workspaceId);
  const wanted = { type: 'INSURANCE', priority: 'HIGH', summary: 'Cover for a greenhouse.' };
  const open = { toolCalls: [{ name: 'open_order', input: wanted }] };
  models.script(open, { deltas: ['Then not.'] });
  const refused = await start(ada, { conversationId, text: 'Insure my greenhouse.' });
  expect(refused).toMatchObject({ status: 'WAITING_FOR_APPROVAL' });
  await decide(ada, refused.steps[0].calls[0].id, false);
  await quiet(ada, refused.id);
  const { conversation: before }: Data = await ada.want(ordersOf, { id: conversationId });
  expect(before.orders.edges).toEqual([]);

  models.script(open, { deltas: ['It is under way.'] });
  const waiting = await start(ada, { conversationId, text: 'Insure it after all.' });
  await decide(ada, waiting.steps[0].calls[0].id, true);
  const run = await quiet(ada, waiting.id);
  expect(run.steps[0].calls[0]).toMatchObject({ status: 'COMPLETED', failure: null });
  expect(run.steps[0].calls[0].result).toMatch(/^Order \d+ was opened \(order_\w+\)\.$/m);
  const { conversation }: Data = await ada.want(ordersOf, { id: conversationId });
  expect(conversation.orders.edges).toEqual([
    {
      node: {
        type: 'INSURANCE',
        priority: 'HIGH',
        status: 'PENDING',
        customer: { id: ada.userId },
        workspace: { id: place.workspaceId },
        notes: { edges: [{ node: { text: 'Cover for a greenhouse.' } }] },
        history: {
          edges: ['CREATED', 'NOTED'].map((kind) => ({ node: { kind, actor: { id: ada.userId } } })),
        },
      },
    },
  ]);
});

const transition = `mutation ($input: TransitionOrderInput!) { transitionOrder(input: $input) { order { status version completedAt cancelledAt
  cancellationReason allowedTransitions { to } } } }`;

test('an order goes the ways that are told, whatever is tried, and its history can be played again', async () => {
  const statuses: readonly OrderStatus[] = ['PENDING', 'PROCESSING', 'COMPLETED', 'CANCELLED'];
  const tries = fc.array(
    fc.record({ to: fc.constantFrom(...statuses), reason: fc.option(fc.constantFrom('Because.', ' '), { nil: null }) }),
    { minLength: 1, maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(tries, fc.boolean(), async (steps, assigned) => {
      const { createOrder }: Data = await ada.want(create, { input: { type: 'LOAN' } });
      const { id } = createOrder.order;
      let { status, version }: { status: OrderStatus; version: number } = createOrder.order;
      if (assigned) {
        const { assignOrder }: Data = await ada.want(
          'mutation ($input: AssignOrderInput!) { assignOrder(input: $input) { order { version } } }',
          { input: { id, assigneeId: ada.userId } },
        );
        version = assignOrder.order.version;
      }
      const told: OrderStatus[] = [];
      for (const { to, reason } of steps) {
        const way = transitions.find((each) => each.from === status && each.to === to);
        const lacks = (way?.requires ?? []).filter((need) =>
          need === 'ASSIGNEE' ? !assigned : reason === null || reason.trim() === '',
        );
        const expected = way === undefined ? ['CONFLICT'] : lacks.length > 0 ? ['BAD_USER_INPUT'] : [];
        const answer: Data = await ada.ask(transition, { input: { id, to, version, reason } });
        expect(answer.errors.map(({ extensions }: Data) => extensions.code)).toEqual(expected);
        if (expected.length > 0) continue;
        const { order } = answer.data.transitionOrder;
        [status, version] = [to, version + 1];
        told.push(to);
        expect(order).toMatchObject({ status, version });
        expect([order.completedAt !== null, order.cancelledAt !== null]).toEqual([
          to === 'COMPLETED',
          to === 'CANCELLED',
        ]);
        expect(order.cancellationReason).toBe(to === 'CANCELLED' ? 'Because.' : null);
        expect(order.allowedTransitions.map((each: Data) => each.to)).toEqual(
          transitions.filter(({ from }) => from === status).map((each) => each.to),
        );
      }
      const { order }: Data = await ada.want(
        'query ($id: ID!) { order(id: $id) { history(first: 100) { edges { node { kind fromStatus toStatus version } } } } }',
        { id },
      );
      const moves = order.history.edges
        .map(({ node }: Data) => node)
        .filter((node: Data) => node.kind === 'TRANSITIONED');
      expect(moves.map((move: Data) => move.toStatus)).toEqual(told);
      expect(moves.map((move: Data) => move.fromStatus)).toEqual(['PENDING', ...told].slice(0, told.length));
    }),
    { numRuns: 25 },
  );
}, 60_000);

test('a deleted order goes for good when it is older than deleted things are kept', async () => {
  const made: string[] = [];
  for (let index = 0; index < 3; index++) {
    const { createOrder }: Data = await ada.want(create, { input: { type: 'LOAN' } });
    made.push(createOrder.order.id);
  }
  const [old = '', recent = '', kept = ''] = made;
  for (const id of [old, recent])
    await ada.want('mutation ($id: ID!) { deleteOrder(input: { id: $id }) { deletedId } }', { id });
  const unit = wholeOf(bed, ada.organizationId);
  const numbered: Data = await ada.want('{ deletedOrders { edges { node { id number } } } }');
  const number = numbered.deletedOrders.edges.find(({ node }: Data) => node.id === old).node.number;
  await unit.transact(() =>
    database.execute(sql`update ${orders} set deleted_at = now() - interval '31 days' where number = ${number}`),
  );
  const { services } = bed.server.installation;
  await purgeOrders({ services, unit }, new AbortController().signal);
  const restore = 'mutation ($id: ID!) { restoreOrder(input: { id: $id }) { order { id } } }';
  expect(await ada.codes(restore, { id: old })).toEqual(['NOT_FOUND']);
  expect(await ada.codes(restore, { id: recent })).toEqual([]);
  expect(await ada.codes('query ($id: ID!) { order(id: $id) { id } }', { id: kept })).toEqual([]);
});

test('nothing happens to the orders of an archived workspace', async () => {
  const conversationId = await conversationIn(ada, place.workspaceId);
  const { createOrder }: Data = await ada.want(create, { input: { type: 'LOAN', conversationId } });
  const { id, version } = createOrder.order;
  await ada.want('mutation ($id: ID!) { archiveWorkspace(input: { id: $id }) { workspace { id } } }', {
    id: place.workspaceId,
  });
  const changes: readonly (readonly [name: string, input: object])[] = [
    ['createOrder', { type: 'LOAN', conversationId }],
    ['updateOrder', { id, version, priority: 'LOW' }],
    ['assignOrder', { id, assigneeId: ada.userId }],
    ['transitionOrder', { id, version, to: 'CANCELLED', reason: 'Because.' }],
    ['addOrderNote', { orderId: id, text: 'Late.' }],
    ['deleteOrder', { id }],
  ];
  for (const [name, input] of changes) {
    const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
    const answer = await ada.ask(`mutation ($input: ${type}!) { ${name}(input: $input) { __typename } }`, { input });
    expect([name, answer.errors.map(({ extensions }) => extensions.code)]).toEqual([name, ['CONFLICT']]);
  }
  const { order }: Data = await ada.want('query ($id: ID!) { order(id: $id) { version status } }', { id });
  expect(order).toEqual({ version, status: 'PENDING' });
});
