import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { colleagueOf, type Colleague } from './company.ts';
import { conversationIn, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let clerk: Colleague;
let other: Colleague;
let customer: Colleague;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada);
  clerk = await colleagueOf(bed, ada.organizationId, 'Clerk', 'MEMBER', { [workspaceId]: 'EDITOR' });
  other = await colleagueOf(bed, ada.organizationId, 'Other', 'MEMBER');
  customer = await colleagueOf(bed, ada.organizationId, 'Customer', 'GUEST', { [workspaceId]: 'VIEWER' });
}, 60_000);
afterAll(() => bed.stop());

const fields = `id number type status priority version customer { name } assignedTo { name } createdBy { name } completedAt cancelledAt cancellationReason
  allowedTransitions { to requires missing }`;
const create = `mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { ${fields} } } }`;
const assign = `mutation ($input: AssignOrderInput!) { assignOrder(input: $input) { order { ${fields} } } }`;
const transition = `mutation ($input: TransitionOrderInput!) { transitionOrder(input: $input) { order { ${fields} } } }`;
const update = `mutation ($input: UpdateOrderInput!) { updateOrder(input: $input) { order { ${fields} } } }`;
const note = `mutation ($input: AddOrderNoteInput!) { addOrderNote(input: $input) { note { id text internal author { name } } order { version } } }`;
const history = `query ($id: ID!) { order(id: $id) { history { edges { node { kind fromStatus toStatus reason version changes actor { name } } } } } }`;

const opened = async (
  asker: { want(query: string, variables?: object): Promise<never> },
  input: object,
): Promise<Data> => {
  const data: Data = await asker.want(create, { input });
  return data.createOrder.order;
};
const moved = async (
  asker: { want(query: string, variables?: object): Promise<never> },
  input: object,
): Promise<Data> => {
  const data: Data = await asker.want(transition, { input });
  return data.transitionOrder.order;
};

test('an order comes from a conversation, is worked on and completed, and its history says so', async () => {
  const conversationId = await conversationIn(customer, workspaceId);
  const order = await opened(customer, { type: 'LOAN', priority: 'HIGH', conversationId });
  expect(order).toMatchObject({
    type: 'LOAN',
    status: 'PENDING',
    priority: 'HIGH',
    version: 1,
    customer: { name: 'Customer' },
    assignedTo: null,
    // The customer may take it back, and nothing else.
    allowedTransitions: [{ to: 'CANCELLED', requires: ['REASON'], missing: ['REASON'] }],
  });
  const { id } = order;
  const early: Data = await clerk.ask(transition, { input: { id, to: 'PROCESSING', version: 1 } });
  expect(early.errors[0].extensions).toMatchObject({ code: 'BAD_USER_INPUT', issues: [{ field: 'id' }] });
  const given: Data = await clerk.want(assign, { input: { id, assigneeId: clerk.userId } });
  expect(given.assignOrder.order).toMatchObject({ version: 2, assignedTo: { name: 'Clerk' } });
  expect(await moved(clerk, { id, to: 'PROCESSING', version: 2 })).toMatchObject({ status: 'PROCESSING', version: 3 });
  const done = await moved(clerk, { id, to: 'COMPLETED', version: 3 });
  expect(done).toMatchObject({ status: 'COMPLETED', completedAt: expect.any(String) });
  const told: Data = await customer.want(history, { id });
  expect(told.order.history.edges.map(({ node }: Data) => node)).toMatchObject([
    { kind: 'CREATED', toStatus: 'PENDING', version: 1, actor: { name: 'Customer' } },
    { kind: 'ASSIGNED', version: 2, actor: { name: 'Clerk' }, changes: { assignedToId: { from: null } } },
    { kind: 'TRANSITIONED', fromStatus: 'PENDING', toStatus: 'PROCESSING', version: 3 },
    { kind: 'TRANSITIONED', fromStatus: 'PROCESSING', toStatus: 'COMPLETED', version: 4 },
  ]);
  const ofConversation: Data = await ada.want(
    'query ($id: ID!) { conversation(id: $id) { orders { totalCount edges { node { number conversation { id } } } } } }',
    { id: conversationId },
  );
  expect(ofConversation.conversation.orders).toEqual({
    totalCount: 1,
    edges: [{ node: { number: order.number, conversation: { id: conversationId } } }],
  });
});

describe('a transition', () => {
  test('that is not there, or from another version, is told where the order stands', async () => {
    const { id } = await opened(ada, { type: 'LOAN' });
    const nowhere: Data = await ada.ask(transition, { input: { id, to: 'COMPLETED', version: 1 } });
    expect(nowhere.errors[0].extensions).toMatchObject({
      code: 'CONFLICT',
      field: 'to',
      current: { id, status: 'PENDING', version: 1, assignedTo: null },
      allowed: ['PROCESSING', 'CANCELLED'],
    });
    const late: Data = await ada.ask(transition, { input: { id, to: 'CANCELLED', version: 7, reason: 'No' } });
    expect(late.errors[0].extensions).toMatchObject({ code: 'CONFLICT', field: 'version', current: { version: 1 } });
    const silent: Data = await ada.ask(transition, { input: { id, to: 'CANCELLED', version: 1, reason: ' ' } });
    expect(silent.errors[0].extensions).toMatchObject({ code: 'BAD_USER_INPUT', issues: [{ field: 'reason' }] });
    expect(await moved(ada, { id, to: 'CANCELLED', version: 1, reason: 'Not wanted' })).toMatchObject({
      status: 'CANCELLED',
      cancellationReason: 'Not wanted',
    });
    expect(await moved(ada, { id, to: 'PENDING', version: 2, reason: 'Wanted after all' })).toMatchObject({
      status: 'PENDING',
      cancelledAt: null,
      cancellationReason: null,
    });
  });

  test('is made by one of a hundred who try at once', async () => {
    const { id } = await opened(ada, { type: 'INSURANCE', assigneeId: clerk.userId });
    const input = { id, to: 'PROCESSING', version: 1 };
    const answers: Data[] = await Promise.all(Array.from({ length: 100 }, () => ada.ask(transition, { input })));
    const won = answers.filter(({ errors }) => errors.length === 0);
    expect(won).toHaveLength(1);
    const lost = answers.filter(({ errors }) => errors.length > 0).map(({ errors }) => errors[0].extensions);
    expect(new Set(lost.map(({ code, current }) => `${code} ${current.status} ${current.version}`))).toEqual(
      new Set(['CONFLICT PROCESSING 2']),
    );
    const told: Data = await ada.want(history, { id });
    expect(told.order.history.edges).toHaveLength(2);
  }, 60_000);

  test('is not for customers but to take their order back', async () => {
    const { id } = await opened(customer, { type: 'LOAN' });
    await ada.want(assign, { input: { id, assigneeId: clerk.userId } });
    const refused: Data = await customer.ask(transition, { input: { id, to: 'PROCESSING', version: 2 } });
    expect(refused.errors[0].extensions).toMatchObject({ code: 'FORBIDDEN', permission: 'ORDER_PROCESS' });
    expect(await moved(customer, { id, to: 'CANCELLED', version: 2, reason: 'Changed my mind' })).toMatchObject({
      status: 'CANCELLED',
    });
  });
});

describe('orders are seen', () => {
  test('by their customer, who works on them, and administrators', async () => {
    const { id } = await opened(ada, { type: 'LOAN', customerId: customer.userId });
    const seenBy = async (person: { ask: Colleague['ask'] }) => {
      const { errors }: Data = await person.ask('query ($id: ID!) { order(id: $id) { id } }', { id });
      return errors.length === 0 ? 'data' : errors[0].extensions.code;
    };
    expect([await seenBy(customer), await seenBy(ada), await seenBy(clerk), await seenBy(other)]).toEqual([
      'data',
      'data',
      'NOT_FOUND',
      'NOT_FOUND',
    ]);
    await ada.want(assign, { input: { id, assigneeId: other.userId } });
    expect(await seenBy(other)).toBe('data');
    // Whoever gives an order away does not see it any more, nor its history.
    const away: Data = await other.want(assign, { input: { id, assigneeId: clerk.userId } });
    expect(away.assignOrder.order.assignedTo).toEqual({ name: 'Clerk' });
    expect([await seenBy(other), await seenBy(clerk)]).toEqual(['NOT_FOUND', 'data']);
    const told: Data = await clerk.want(history, { id });
    expect(told.order.history.edges).toHaveLength(3);
    const stranger = await bed.signUp('Stranger');
    expect(await seenBy(stranger)).toBe('NOT_FOUND');
  });

  test('without the internal notes for customers', async () => {
    const { id } = await opened(customer, { type: 'LOAN' });
    await ada.want(note, { input: { orderId: id, text: 'We will call you.' } });
    await ada.want(note, { input: { orderId: id, text: 'Check the income.', internal: true } });
    await customer.want(note, { input: { orderId: id, text: 'Thank you.' } });
    const refused: Data = await customer.ask(note, { input: { orderId: id, text: 'x', internal: true } });
    expect(refused.errors[0].extensions.code).toBe('FORBIDDEN');
    const read = 'query ($id: ID!) { order(id: $id) { notes { edges { node { text author { name } } } } } }';
    const { order }: Data = await customer.want(read, { id });
    expect(order.notes.edges.map(({ node }: Data) => node)).toEqual([
      { text: 'We will call you.', author: { name: 'Ada' } },
      { text: 'Thank you.', author: { name: 'Customer' } },
    ]);
    const internal = 'query ($id: ID!) { order(id: $id) { internalNotes { edges { node { text } } } } }';
    const hidden: Data = await customer.ask(internal, { id });
    expect(hidden.errors[0].extensions.code).toBe('FORBIDDEN');
    const shown: Data = await ada.want(internal, { id });
    expect(shown.order.internalNotes.edges).toEqual([{ node: { text: 'Check the income.' } }]);
  });
});

test('a list is filtered and ordered, and costs one statement for each level', async () => {
  const list = `query ($filter: OrderFilter) { orders(first: 5, filter: $filter, orderBy: [{ field: PRIORITY, direction: DESC }]) {
    edges { node { priority customer { name } history(first: 2) { edges { node { kind } } } notes(first: 1) { edges { node { text } } } } } } }`;
  await opened(ada, { type: 'INSURANCE', priority: 'URGENT' });
  await opened(ada, { type: 'INSURANCE', priority: 'LOW' });
  const { data, errors, statements }: Data = await ada.ask(list, {
    filter: { type: { eq: 'INSURANCE' }, status: { eq: 'PENDING' } },
  });
  expect(errors).toEqual([]);
  const priorities = data.orders.edges.map(({ node }: Data) => node.priority);
  expect(priorities[0]).toBe('URGENT');
  expect(priorities.at(-1)).toBe('LOW');
  expect(statements).toHaveLength(4);
});

test('statistics count what one sees, by the view and for any range', async () => {
  const view: Data = await ada.want('{ orderStatistics { date type status count meanHoursToCompletion } }');
  const today = new Date().toISOString().slice(0, 10);
  const range: Data = await ada.want(
    'query ($day: Date!) { orderStatistics(from: $day, to: $day) { date type status count meanHoursToCompletion } }',
    { day: today },
  );
  expect(range.orderStatistics).toEqual(view.orderStatistics);
  const { orders }: Data = await ada.want('{ orders { totalCount } }');
  expect(view.orderStatistics.reduce((sum: number, { count }: Data) => sum + count, 0)).toBe(orders.totalCount);
  const completed = view.orderStatistics.find(({ status }: Data) => status === 'COMPLETED');
  expect(completed.meanHoursToCompletion).toBeGreaterThan(0);
  const own: Data = await customer.want('{ orderStatistics { count } orders { totalCount } }');
  expect(own.orderStatistics.reduce((sum: number, { count }: Data) => sum + count, 0)).toBe(own.orders.totalCount);
  expect(own.orders.totalCount).toBeLessThan(orders.totalCount);
  for (const wrong of [
    `from: "${today}"`,
    `from: "2020-01-01", to: "${today}"`,
    `from: "${today}", to: "${today}", timeZone: "Mars"`,
  ]) {
    const { errors }: Data = await ada.ask(`{ orderStatistics(${wrong}) { count } }`);
    expect(errors[0].extensions.code).toBe('BAD_USER_INPUT');
  }
});

test('a deleted order is gone until it is brought back', async () => {
  const { id } = await opened(ada, { type: 'LOAN' });
  await ada.want('mutation ($id: ID!) { deleteOrder(input: { id: $id }) { deletedId } }', { id });
  const gone: Data = await ada.ask(update, { input: { id, version: 2, priority: 'LOW' } });
  expect(gone.errors[0].extensions.code).toBe('NOT_FOUND');
  const { deletedOrders }: Data = await ada.want('{ deletedOrders { edges { node { id } } } }');
  expect(deletedOrders.edges).toEqual([{ node: { id } }]);
  const restored: Data = await ada.want(
    'mutation ($id: ID!) { restoreOrder(input: { id: $id }) { order { version } } }',
    { id },
  );
  expect(restored.restoreOrder.order.version).toBe(3);
  const changed: Data = await ada.want(update, { input: { id, version: 3, priority: 'LOW', metadata: { amount: 5 } } });
  expect(changed.updateOrder.order).toMatchObject({ priority: 'LOW', version: 4 });
});
