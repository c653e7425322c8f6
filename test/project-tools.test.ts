import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { agentPlace, decide, quiet, settingsMutation, start } from './agents.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { projectOf, taskIn } from './project-talk.ts';
import { conversationIn } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let models: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let place: Awaited<ReturnType<typeof agentPlace>>;

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed(), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  place = await agentPlace(bed, ada, models);
  const tools = ['list_projects', 'list_tasks', 'open_task', 'begin_project'];
  await ada.want(settingsMutation, { input: { workspaceId: place.workspaceId, tools } });
}, 120_000);
afterAll(async () => {
  await models.stop();
  await bed.stop();
});

const used = async (name: string, input: object): Promise<Data> => {
  const conversationId = await conversationIn(ada, place.workspaceId);
  models.script({ toolCalls: [{ name, input }] }, { deltas: ['Done.'] });
  const begun = await start(ada, { conversationId, text: 'Please do.' });
  const [call] = begun.steps[0].calls;
  if (begun.status !== 'WAITING_FOR_APPROVAL') return { conversationId, call };
  await decide(ada, call.id, true);
  return { conversationId, call: (await quiet(ada, begun.id)).steps[0].calls[0] };
};

test('an agent looks at projects and tasks, and says what is not there', async () => {
  const id = await projectOf(ada, { workspaceId: place.workspaceId, key: 'MAPS', name: 'Maps', dueDate: '2027-03-01' });
  await taskIn(ada, id, { title: 'Measure the coast', priority: 'HIGH', dueDate: '2027-02-01' });
  const listed = await used('list_projects', {});
  expect(listed.call).toMatchObject({ status: 'COMPLETED', changes: false });
  expect(listed.call.result).toContain('MAPS: Maps (PLANNING, due 2027-03-01)');
  const todo = await used('list_tasks', { project: 'maps' });
  expect(todo.call.result).toContain('MAPS-1: Measure the coast (HIGH, due 2027-02-01)');
  const nowhere = await used('list_tasks', { project: 'NONE' });
  expect(nowhere.call).toMatchObject({ status: 'FAILED' });
});

test('an agent opens a task, and begins a project, once its person allows it', async () => {
  const { conversationId, call } = await used('open_task', { project: 'MAPS', title: 'Ink the rivers' });
  expect(call).toMatchObject({ status: 'COMPLETED', changes: true });
  const { tasks }: Data = await ada.want(
    'query ($id: ID!) { tasks(filter: { conversationId: { eq: $id } }) { edges { node { identifier title createdBy { id } conversation { id } } } } }',
    { id: conversationId },
  );
  expect(tasks.edges).toEqual([
    {
      node: {
        identifier: 'MAPS-2',
        title: 'Ink the rivers',
        createdBy: { id: ada.userId },
        conversation: { id: conversationId },
      },
    },
  ]);
  const begun = await used('begin_project', { name: 'Globes', tasks: [{ title: 'Glue' }, { title: 'Paint' }] });
  expect(begun.call.result).toMatch(/^Project GLOBES was begun \(project_\w+\) with 2 tasks\.$/m);
  const { projects }: Data = await ada.want(
    '{ projects(filter: { key: { eq: "GLOBES" } }) { edges { node { workspace { id } tasks(orderBy: [{ field: POSITION }]) { edges { node { title number } } } } } } }',
  );
  expect(projects.edges[0].node).toEqual({
    workspace: { id: place.workspaceId },
    tasks: { edges: [{ node: { title: 'Glue', number: 1 } }, { node: { title: 'Paint', number: 2 } }] },
  });
});
