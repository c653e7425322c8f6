import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { colleagueOf, type Colleague } from './company.ts';
import { createTask, projectOf, taskIn } from './project-talk.ts';
import { until } from './room-talk.ts';
import { act } from './task-talk.ts';
import { workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let editor: Colleague;
let viewer: Colleague;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada);
  editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MEMBER', { [workspaceId]: 'EDITOR' });
  viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [workspaceId]: 'VIEWER' });
}, 60_000);
afterAll(() => bed.stop());

const subscription = `subscription ($id: ID!, $after: DateTime) { boardEvents(projectId: $id, after: $after) { __typename
  ... on TaskCreated { at task { identifier status project { key } } } ... on BoardOutdated { project { key } } } }`;

/** What somebody hears of a board from now on. */
const follow = (person: Person, id: string, after: string | null = null) => {
  const { results, stop } = person.subscribe(subscription, { id, after });
  const heard: Data[] = [];
  const state = { over: false, codes: [] as unknown[] };
  (async () => {
    for await (const { data, errors } of results) {
      if (errors) state.codes.push(...(errors as Data[]).map(({ extensions }) => extensions?.code));
      else heard.push((data as Data).boardEvents);
    }
  })()
    .finally(() => (state.over = true))
    .catch(() => undefined);
  return { heard, state, stop };
};

test('whoever sees a project hears of its tasks, and nobody else', async () => {
  const id = await projectOf(editor, { workspaceId, key: 'LIVE' });
  const own = await projectOf(editor, { key: 'OWN' });
  const [seeing, blind] = [follow(viewer, id), follow(viewer, own)];
  await until(() => blind.state.codes.length > 0);
  expect(blind.state.codes).toEqual(['NOT_FOUND']);
  // The subscription has begun when an event arrives: tasks are opened until one does.
  for (let tries = 0; tries < 50 && seeing.heard.length === 0; tries += 1) {
    await taskIn(editor, id);
    await until(() => seeing.heard.length > 0);
  }
  await taskIn(editor, own);
  const { identifier } = await taskIn(editor, id, { status: 'REVIEW' });
  await until(() => seeing.heard.some(({ task }) => task.status === 'REVIEW'));
  expect(seeing.heard.at(-1)).toMatchObject({
    __typename: 'TaskCreated',
    task: { identifier, status: 'REVIEW', project: { key: 'LIVE' } },
  });
  expect(seeing.heard.every(({ task }) => task.project.key === 'LIVE')).toBe(true);
  await seeing.stop();
});

test('who comes back is told whether the board is another', async () => {
  const id = await projectOf(editor, { workspaceId, key: 'BACK' });
  await taskIn(editor, id);
  const missed = follow(viewer, id, new Date().toISOString());
  await until(() => missed.heard.length > 0);
  expect(missed.heard).toEqual([{ __typename: 'BoardOutdated', project: { key: 'BACK' } }]);
  await missed.stop();
  const later = new Date(Date.now() + 3_600_000).toISOString();
  const current = follow(viewer, id, later);
  for (let tries = 0; tries < 20 && current.heard.length === 0; tries += 1) {
    await taskIn(editor, id);
    await until(() => current.heard.length > 0);
  }
  expect(current.heard.map(({ __typename }) => __typename)).not.toContain('BoardOutdated');
  await current.stop();
});

test('who comes back after a task was deleted is told', async () => {
  const id = await projectOf(editor, { workspaceId, key: 'GONE' });
  const { id: taskId } = await taskIn(editor, id);
  await taskIn(editor, id);
  await pause(50);
  // A minute is taken off what is named.
  const after = new Date(Date.now() + 60_000).toISOString();
  await pause(50);
  await act(editor, 'deleteTask', { id: taskId }, 'deletedId');
  const missed = follow(viewer, id, after);
  await until(() => missed.heard.length > 0);
  expect(missed.heard).toEqual([{ __typename: 'BoardOutdated', project: { key: 'GONE' } }]);
  await missed.stop();
});

test('what is refused is told to nobody', async () => {
  const id = await projectOf(editor, { workspaceId, key: 'CALM' });
  const seeing = follow(viewer, id);
  for (let tries = 0; tries < 50 && seeing.heard.length === 0; tries += 1) {
    await taskIn(editor, id);
    await until(() => seeing.heard.length > 0);
  }
  const heard = seeing.heard.length;
  expect(await viewer.codes(createTask, { input: { projectId: id, title: 'No' } })).toEqual(['FORBIDDEN']);
  await taskIn(editor, id);
  await until(() => seeing.heard.length > heard);
  expect(seeing.heard).toHaveLength(heard + 1);
  await seeing.stop();
});
