import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { globalId } from '../src/ids.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, modelFor, promote, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

const createText = `mutation ($input: CreateBudgetInput!) { createBudget(input: $input) {
  budget { id subject subjectId measure window limit warnAt used reserved startsAt resetsAt createdBy { id } } } }`;
const updateText =
  'mutation ($input: UpdateBudgetInput!) { updateBudget(input: $input) { budget { id limit warnAt } } }';
const deleteText = 'mutation ($id: ID!) { deleteBudget(input: { id: $id }) { deletedId } }';
const listText = `query ($filter: BudgetFilter) { budgets(first: 10, filter: $filter) {
  totalCount edges { node { id subject subjectId used reserved startsAt resetsAt limit } } } }`;
const askText = 'mutation ($input: AskInput!) { ask(input: $input) { answer { id status } } }';

interface Budget {
  readonly id: string;
  readonly subject: string;
  readonly subjectId: string;
  readonly used: string;
  readonly reserved: string;
  readonly startsAt: string;
  readonly resetsAt: string;
}

let bed: Testbed;
let models: OpenAiServer;
beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed({ MODEL_TIMEOUT_SECONDS: '5' }), startOpenAiServer()]);
});
afterAll(() => Promise.all([bed.stop(), models.stop()]));

const made = async (person: Person, input: object): Promise<Budget> =>
  ((await person.want(createText, { input })) as { createBudget: { budget: Budget } }).createBudget.budget;
const listed = async (person: Person, filter?: object): Promise<Budget[]> => {
  const data: { budgets: { edges: { node: Budget }[] } } = await person.want(listText, { filter });
  return data.budgets.edges.map(({ node }) => node);
};
const cost = { measure: 'COST', window: 'MONTH', limit: '0.5' };

test('a budget is kept for whoever belongs to the organization, one of a measure and window', async () => {
  const ada = await bed.signUp();
  const { organizationId, userId } = ada;
  const workspaceId = await workspaceOf(ada);
  const budget = await made(ada, { ...cost, subjectId: organizationId, warnAt: [50, 90] });
  const now = new Date();
  expect(budget).toMatchObject({
    subject: 'ORGANIZATION',
    subjectId: organizationId,
    limit: '0.5',
    warnAt: [50, 90],
    used: '0',
    reserved: '0',
    startsAt: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth())).toISOString(),
    resetsAt: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1)).toISOString(),
    createdBy: { id: userId },
  });
  expect(await ada.codes(createText, { input: { ...cost, subjectId: organizationId } })).toEqual(['CONFLICT']);
  expect(await made(ada, { ...cost, subjectId: workspaceId, window: 'WEEK' })).toMatchObject({ subject: 'WORKSPACE' });
  const data: { viewer: { organization: { members: { edges: { node: { id: string } }[] } } } } = await ada.want(
    '{ viewer { organization { members(first: 1) { edges { node { id } } } } } }',
  );
  const subjectId = data.viewer.organization.members.edges[0]?.node.id;
  expect(await made(ada, { ...cost, subjectId })).toMatchObject({ subject: 'USER', subjectId: userId });
  expect(await listed(ada, { subjectId: { eq: userId } })).toMatchObject([{ subject: 'USER' }]);
  expect(await listed(ada, { subject: { ne: 'USER' } })).toHaveLength(2);
  expect(await ada.want(updateText, { input: { id: budget.id, limit: '2', warnAt: [] } })).toEqual({
    updateBudget: { budget: { id: budget.id, limit: '2', warnAt: [] } },
  });
  expect(await ada.want(deleteText, { id: budget.id })).toEqual({ deleteBudget: { deletedId: budget.id } });
  expect(await ada.codes(deleteText, { id: budget.id })).toEqual(['NOT_FOUND']);
  expect(await listed(ada)).toHaveLength(2);
});

test('what cannot be is refused, and nothing changes', async () => {
  const [ada, eve] = [await bed.signUp(), await bed.signUp()];
  const subjectId = ada.organizationId;
  for (const input of [
    { ...cost, limit: '-1' },
    { ...cost, limit: '0.1234567890123' },
    { ...cost, limit: '1e3' },
    { ...cost, measure: 'TOKENS', limit: '1.5' },
    { ...cost, warnAt: [0] },
    { ...cost, warnAt: [101] },
    { ...cost, warnAt: [50, 50] },
    { ...cost, warnAt: [1, 2, 3, 4, 5, 6] },
    { ...cost, subjectId: globalId('Document', '01980000-0000-7000-8000-000000000001') },
  ])
    expect(await ada.codes(createText, { input: { subjectId, ...input } })).toEqual(['BAD_USER_INPUT']);
  const foreign = await workspaceOf(eve);
  for (const one of [eve.organizationId, foreign, eve.userId, 'nothing'])
    expect(await ada.codes(createText, { input: { ...cost, subjectId: one } })).toEqual(['NOT_FOUND']);
  const { id } = await made(ada, { ...cost, subjectId });
  expect(await ada.codes(updateText, { input: { id, limit: null } })).toEqual(['BAD_USER_INPUT']);
  expect(await eve.codes(updateText, { input: { id, limit: '1' } })).toEqual(['NOT_FOUND']);
  expect(await listed(ada)).toMatchObject([{ limit: '0.5' }]);
});

test('questions use up what there is, in one statement before the call and one after it', async () => {
  const ada = await bed.signUp();
  await promote(bed, ada);
  const workspaceId = await workspaceOf(ada);
  await modelFor(ada, workspaceId, models.url);
  const conversationId = await conversationIn(ada, workspaceId);
  await ada.want(askText, { input: { conversationId, text: 'Roses?' } });
  const before = (await ada.ask(askText, { input: { conversationId, text: 'Roses?' } })).statements;
  // 11 tokens read and 3 written, as the server says, at 0.0000025 and 0.00001 dollars, before there was a budget.
  for (const [subjectId, window] of [
    [ada.organizationId, 'MONTH'],
    [workspaceId, 'DAY'],
    [ada.userId, 'HOUR'],
  ])
    await made(ada, { subjectId, window, measure: 'COST', limit: '1' });
  expect(await listed(ada)).toMatchObject([{ used: '0.000115' }, { used: '0.000115' }, { used: '0.000115' }]);
  const asked = await ada.ask(askText, { input: { conversationId, text: 'Roses?' } });
  expect(asked.data).toMatchObject({ ask: { answer: { status: 'COMPLETED' } } });
  const calls = asked.statements.filter((text) => /app_(reserve|settle)_call/.test(text));
  expect(calls).toHaveLength(2);
  // Budgets cost no statement of their own.
  expect(asked.statements.length).toBeLessThanOrEqual(before.length);
  const list = await ada.ask(listText);
  expect(list.data).toMatchObject({
    budgets: { edges: [1, 2, 3].map(() => ({ node: { used: '0.0001725', reserved: '0' } })) },
  });
  expect(list.statements.filter((text) => text.includes('app_window_start'))).toHaveLength(1);
  const data: { budgets: { edges: { node: Budget }[] } } = await ada.want(listText, {
    filter: { subject: { eq: 'WORKSPACE' } },
  });
  await ada.want(updateText, { input: { id: data.budgets.edges[0]?.node.id, limit: '0.0001' } });
  const { errors } = await ada.ask(askText, { input: { conversationId, text: 'Roses?' } });
  expect(errors).toMatchObject([
    { extensions: { code: 'QUOTA_EXCEEDED', scope: 'WORKSPACE', scopeId: workspaceId, limit: 0.0001 } },
  ]);
});
