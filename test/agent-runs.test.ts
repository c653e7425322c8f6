import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import {
  addText,
  agentModelFor,
  agentPlace,
  cancelMutation,
  decide,
  decideCodes,
  quiet,
  runNow,
  settingsMutation,
  start,
  startCodes,
  toldResults,
  type Data,
} from './agents.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

let bed: Testbed;
let models: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let place: Awaited<ReturnType<typeof agentPlace>>;

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed({ MODEL_TIMEOUT_SECONDS: '5' }), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  place = await agentPlace(bed, ada, models);
}, 120_000);
beforeEach(() => models.reset());
afterAll(async () => {
  await models.stop();
  await bed.stop();
});

const allow = (input: object, workspaceId = place.workspaceId) =>
  ada.want(settingsMutation, { input: { workspaceId, ...input } });
const search = { toolCalls: [{ name: 'search_workspace', input: { query: 'How often are roses watered?' } }] };
const answer = { deltas: ['Roses are watered ', 'every three days in summer [1].'] };

test('an agent searches, and what it answers from the passages is cited', async () => {
  models.script({ ...search, deltas: ['Let me look.'] }, answer);
  const { conversationId } = place;
  const run = await start(ada, { conversationId, text: 'How often are roses watered in summer?' });
  expect(run).toMatchObject({ status: 'COMPLETED', stepCount: 2, error: null, cost: expect.any(String) });
  expect(run.tools).toEqual(expect.arrayContaining(['search_workspace', 'list_documents', 'read_document']));
  expect(run.tools).not.toContain('add_document');
  expect(run.tools).not.toContain('fetch_page');
  const [first, last] = run.steps;
  expect(first).toMatchObject({ position: 1, text: 'Let me look.' });
  expect(first.calls[0]).toMatchObject({
    tool: 'search_workspace',
    status: 'COMPLETED',
    changes: false,
    failure: null,
  });
  expect(last).toMatchObject({ position: 2, text: 'Roses are watered every three days in summer [1].', calls: [] });
  expect(run.message).toMatchObject({
    status: 'COMPLETED',
    content: `Let me look.\n\n${String(last.text)}`,
    inputTokens: 22,
  });
  expect(run.message.citations).toEqual([
    {
      quote: 'Roses are watered every three days in summer.',
      marker: 1,
      documentVersion: 1,
      document: { title: 'Garden book' },
    },
  ]);
  const [told] = toldResults(models, 1);
  expect(told).toMatch(/^<tool_result tool="search_workspace">[\s\S]*<passage number="\[1\]" document="Garden book">/);
  expect(Number(run.message.cost)).toBeCloseTo(Number(run.cost), 12);
});

test('the text and the steps are told as they come', async () => {
  const conversationId = await conversationIn(ada, place.workspaceId);
  models.script({ ...search, delayMs: 900 }, { ...answer, gapMs: 60 });
  const answers = ada.subscribe(
    `subscription ($id: ID!) { answerStream(conversationId: $id) { __typename ... on AnswerDelta { text position } } }`,
    { id: conversationId },
  );
  const { startAgentRun }: Data = await ada.want(
    'mutation ($input: StartAgentRunInput!) { startAgentRun(input: $input) { answer { status } invocation { id status } } }',
    { input: { conversationId, text: 'Roses?' } },
  );
  expect(startAgentRun).toMatchObject({ answer: { status: 'STREAMING' }, invocation: { status: 'RUNNING' } });
  const steps = ada.subscribe(
    `subscription ($id: ID!) { agentEvents(invocationId: $id) { __typename ... on AgentStepTaken { step { position } }
      ... on AgentToolEnded { call { tool status } } ... on AgentRunEnded { invocation { status } } } }`,
    { id: startAgentRun.invocation.id },
  );
  const heard: Data[] = [];
  for await (const { data } of steps.results) heard.push((data as Data).agentEvents);
  expect(heard.map(({ __typename: kind }) => kind)).toEqual([
    'AgentStepTaken',
    'AgentToolStarted',
    'AgentToolEnded',
    'AgentStepTaken',
    'AgentRunEnded',
  ]);
  expect(heard.at(-1)).toMatchObject({ invocation: { status: 'COMPLETED' } });
  let text = '';
  for await (const { data } of answers.results) {
    const event = (data as Data).answerStream;
    if (event.__typename === 'AnswerDelta') text = text.slice(0, event.position) + event.text;
    if (event.__typename === 'AnswerCompleted') break;
  }
  expect(text).toBe(answer.deltas.join(''));
  await Promise.all([answers.stop(), steps.stop()]);
});

test('`@agent` starts a run, and the model does not read the word', async () => {
  const conversationId = await conversationIn(ada, place.workspaceId);
  models.script(search, answer);
  const { ask }: Data = await ada.want(
    'mutation ($input: AskInput!) { ask(input: $input) { question { content } answer { status content agentInvocation { stepCount } } } }',
    { input: { conversationId, text: '@agent How often are roses watered?' } },
  );
  expect(ask.question.content).toBe('@agent How often are roses watered?');
  expect(ask.answer).toMatchObject({ status: 'COMPLETED', agentInvocation: { stepCount: 2 } });
  expect(JSON.stringify(models.seen)).not.toContain('@agent');
  const { conversation }: Data = await ada.want(
    'query ($id: ID!) { conversation(id: $id) { agentInvocations(first: 5) { totalCount edges { node { status } } } } }',
    { id: conversationId },
  );
  expect(conversation.agentInvocations).toEqual({ totalCount: 1, edges: [{ node: { status: 'COMPLETED' } }] });
});

test('in AUTOMATIC mode tools are used without the word where the model can, and otherwise it answers as in CHAT', async () => {
  const ask = async (workspaceId: string, text: string) => {
    const conversationId = await conversationIn(ada, workspaceId);
    return ada.ask('mutation ($input: AskInput!) { ask(input: $input) { answer { status agentInvocation { id } } } }', {
      input: { conversationId, text },
    });
  };
  const automatic = (workspaceId: string, chatMode: string) =>
    ada.want('mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { id } } }', {
      input: { id: workspaceId, chatMode },
    });
  await automatic(place.workspaceId, 'AUTOMATIC');
  models.script(search, answer);
  const { data }: Data = await ask(place.workspaceId, 'Roses?');
  expect(data.ask.answer).toMatchObject({ status: 'COMPLETED', agentInvocation: { id: expect.any(String) } });
  await automatic(place.workspaceId, 'CHAT');

  const plain = await workspaceOf(ada);
  await automatic(plain, 'AUTOMATIC');
  await addText(ada, plain, 'Garden book', 'Roses are watered every three days in summer.');
  const { data: told }: Data = await ask(plain, 'How often are roses watered?');
  expect(told.ask.answer).toEqual({ status: 'COMPLETED', agentInvocation: null });
  const { errors } = await ask(plain, '@agent How often are roses watered?');
  expect(errors[0]).toMatchObject({ extensions: { code: 'CONFLICT', field: 'agentModel' } });
});

test('a tool that changes something waits for the word of the user, and the run then goes on', async () => {
  await allow({ tools: ['search_workspace', 'add_document'] });
  const conversationId = await conversationIn(ada, place.workspaceId);
  const wanted = { title: 'Plan', text: 'Water the roses on Monday.' };
  models.script({ toolCalls: [{ name: 'add_document', input: wanted }] }, { deltas: ['It is saved.'] });
  const waiting = await start(ada, { conversationId, text: 'Save a plan.' });
  expect(waiting).toMatchObject({ status: 'WAITING_FOR_APPROVAL', endedAt: null, message: { status: 'STREAMING' } });
  const [call] = waiting.steps[0].calls;
  expect(call).toMatchObject({ status: 'WAITING_FOR_APPROVAL', changes: true, arguments: wanted, result: null });
  expect(await titles(place.workspaceId)).not.toContain('Plan');

  const decisions = await Promise.all([0, 1, 2, 3].map(() => decideCodes(ada, call.id)));
  expect(decisions.filter((codes) => codes.length === 0)).toHaveLength(1);
  expect(decisions.flat()).toEqual(['CONFLICT', 'CONFLICT', 'CONFLICT']);
  const over = await quiet(ada, waiting.id);
  expect(over).toMatchObject({ status: 'COMPLETED', stepCount: 2, message: { content: 'It is saved.' } });
  expect(over.steps[0].calls[0]).toMatchObject({ status: 'COMPLETED', decidedBy: { id: ada.userId } });
  expect((await titles(place.workspaceId)).filter((title) => title === 'Plan')).toHaveLength(1);
  expect(await decideCodes(ada, call.id)).toEqual(['CONFLICT']);
});

test('what is refused does not happen, and the model is told', async () => {
  await allow({ tools: ['add_document'] });
  const conversationId = await conversationIn(ada, place.workspaceId);
  models.script(
    { toolCalls: [{ name: 'add_document', input: { title: 'Never', text: 'x' } }] },
    { deltas: ['Then not.'] },
  );
  const waiting = await start(ada, { conversationId, text: 'Save it.' });
  const { call } = await decide(ada, waiting.steps[0].calls[0].id, false);
  expect(call).toMatchObject({ status: 'REJECTED', decidedBy: { id: ada.userId } });
  const over = await quiet(ada, waiting.id);
  expect(over).toMatchObject({ status: 'COMPLETED', message: { content: 'Then not.' } });
  expect(toldResults(models, 1)[0]).toContain('did not allow');
  expect(await titles(place.workspaceId)).not.toContain('Never');
});

test('a run that waits is cancelled, with its calls, and takes no decision afterwards', async () => {
  await allow({ tools: ['add_document'] });
  const conversationId = await conversationIn(ada, place.workspaceId);
  models.script({ toolCalls: [{ name: 'add_document', input: { title: 'Late', text: 'x' } }] });
  const waiting = await start(ada, { conversationId, text: 'Save it.' });
  const { cancelAgentRun }: Data = await ada.want(cancelMutation, { input: { invocationId: waiting.id } });
  expect(cancelAgentRun.invocation).toMatchObject({ status: 'CANCELLED', message: { status: 'CANCELLED' } });
  const call = (await runNow(ada, waiting.id)).steps[0].calls[0];
  expect(call.status).toBe('CANCELLED');
  expect(await decideCodes(ada, call.id)).toEqual(['CONFLICT']);
  expect(await ada.codes(cancelMutation, { input: { invocationId: waiting.id } })).toEqual(['CONFLICT']);
  expect(await titles(place.workspaceId)).not.toContain('Late');
});

test('a run that goes on is cancelled in the middle of a step', async () => {
  const conversationId = await conversationIn(ada, place.workspaceId);
  models.script({ deltas: ['One ', 'two ', 'three'], stallAfter: 2 });
  const { startAgentRun }: Data = await ada.want(
    'mutation ($input: StartAgentRunInput!) { startAgentRun(input: $input) { invocation { id } } }',
    { input: { conversationId, text: 'Roses?' } },
  );
  const { id } = startAgentRun.invocation;
  await new Promise((resolve) => setTimeout(resolve, 400));
  await ada.want(cancelMutation, { input: { invocationId: id } });
  const run = await runNow(ada, id);
  expect(run).toMatchObject({ status: 'CANCELLED', message: { status: 'CANCELLED', content: 'One two ' } });
});

test('bounds on steps and cost end a run, and what there is stays', async () => {
  await allow({ tools: null, maxSteps: 3 });
  const { conversationId } = place;
  models.always(() => ({ ...search, deltas: ['Once more.'] }));
  const many = await start(ada, { conversationId, text: 'Roses?', maxSteps: 2 });
  expect(many).toMatchObject({ status: 'FAILED', stepCount: 2, error: { reason: 'MAX_STEPS' } });
  expect(many.message).toMatchObject({
    status: 'FAILED',
    content: 'Once more.\n\nOnce more.',
    error: { code: 'QUOTA_EXCEEDED' },
  });
  expect(many.steps).toHaveLength(2);
  models.reset();
  const dear = await start(ada, { conversationId, text: 'Roses?', maxCost: '0.000001' });
  expect(dear).toMatchObject({ status: 'FAILED', stepCount: 0, error: { reason: 'MAX_COST' } });
  expect(models.seen.filter(({ path }) => path.endsWith('/completions'))).toHaveLength(0);
  for (const input of [
    { maxSteps: 4 },
    { maxSteps: 0 },
    { maxCost: '-1' },
    { tools: ['add_document'] },
    { tools: ['nothing'] },
  ])
    expect(await startCodes(ada, { conversationId, text: 'Roses?', ...input })).toEqual(['BAD_USER_INPUT']);
  await allow({ maxSteps: 10 });
});

test('a model of unknown price is not bounded in cost, and a failing one fails the run', async () => {
  const workspaceId = await workspaceOf(ada);
  await agentModelFor(ada, workspaceId, models.url, { capabilities: ['TOOLS'] });
  const conversationId = await conversationIn(ada, workspaceId);
  expect(await startCodes(ada, { conversationId, text: 'Roses?', maxCost: '1' })).toEqual(['CONFLICT']);
  models.always(() => ({ status: 500 }));
  const run = await start(ada, { conversationId, text: 'Roses?' });
  expect(run).toMatchObject({
    status: 'FAILED',
    cost: null,
    error: { reason: 'MODEL' },
    message: { status: 'FAILED' },
  });
});

test('settings are checked, and say which tools are offered', async () => {
  const workspaceId = await workspaceOf(ada);
  const withheld = async (person: Person) => {
    const { agentTools }: Data = await person.want(
      'query ($id: ID!) { agentTools(workspaceId: $id) { name withheld changes permission parameters } }',
      { id: workspaceId },
    );
    return Object.fromEntries(agentTools.map((tool: Data) => [tool.name, tool.withheld]));
  };
  expect(await withheld(ada)).toMatchObject({
    search_workspace: null,
    add_document: 'NOT_ALLOWED',
    fetch_page: 'NO_HOSTS',
  });
  await allow({ tools: ['add_document', 'fetch_page'], allowedHosts: ['Example.com', '*.example.org'] }, workspaceId);
  expect(await withheld(ada)).toMatchObject({ search_workspace: 'NOT_ALLOWED', add_document: null, fetch_page: null });
  const faulty = { tools: ['nothing'], allowedHosts: ['http://example.com', '*'], maxSteps: 51, maxCost: '-1' };
  const { errors } = await ada.ask(settingsMutation, { input: { workspaceId, ...faulty } });
  expect(errors[0]?.extensions.issues).toEqual(
    ['tools.0', 'allowedHosts.0', 'allowedHosts.1', 'maxSteps', 'maxCost'].map((field) =>
      expect.objectContaining({ field }),
    ),
  );
});

const titles = async (workspaceId: string): Promise<string[]> => {
  const { workspace }: Data = await ada.want(
    'query ($id: ID!) { workspace(id: $id) { documents(first: 50) { edges { node { title } } } } }',
    { id: workspaceId },
  );
  return workspace.documents.edges.map(({ node }: Data) => node.title);
};
