import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fingerprint } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { did, refused, textOf } from './project-acts.ts';
import { projectOf, taskIn } from './project-talk.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let owner: Colleague;
let member: Colleague;
let editor: Colleague;
let outsider: Colleague;
let admin: Colleague;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada);
  owner = await colleagueOf(bed, ada.organizationId, 'Owner', 'MEMBER');
  member = await colleagueOf(bed, ada.organizationId, 'Member', 'MEMBER');
  editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MEMBER', { [workspaceId]: 'EDITOR' });
  outsider = await colleagueOf(bed, ada.organizationId, 'Outsider', 'MEMBER');
  admin = await colleagueOf(bed, ada.organizationId, 'Admin', 'ADMIN');
}, 120_000);
afterAll(() => bed.stop());

const fields =
  'id key name description status priority startDate dueDate completedAt archivedAt budget hourlyRate completionGuard metadata version viewerStanding';
const read = async (person: Person, id: string, what = fields): Promise<Data> => {
  const data: Data = await person.want(`query ($id: ID!) { project(id: $id) { ${what} } }`, { id });
  return data.project;
};
const places = async (id: string, what = 'id role user { name }'): Promise<Data[]> => {
  const { collaborators } = await read(admin, id, `collaborators { edges { node { ${what} } } }`);
  return collaborators.edges.map(({ node }: Data) => node);
};
const placeOf = async (id: string, name: string): Promise<string> =>
  (await places(id)).find(({ user }) => user?.name === name).id;
const add = (id: string, people: readonly Colleague[], input: object = {}): Promise<Data> =>
  did(
    owner,
    'addProjectCollaborators',
    { projectId: id, userIds: people.map(({ userId }) => userId), ...input },
    'collaborators { id role hourlyRate user { name } }',
  );

/** Nothing changes while `act` runs. */
const changesNothing = async (act: () => Promise<void>): Promise<void> => {
  const before = await fingerprint(bed, ada.organizationId);
  await act();
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
};

test('who manages a project changes it at its version; others, old versions and faults change nothing', async () => {
  const id = await projectOf(owner, { key: 'TAKE1' });
  await projectOf(owner, { key: 'TAKE2' });
  await add(id, [member]);
  const update = (input: object, person: Person = owner) =>
    did(person, 'updateProject', { id, ...input }, `project { ${fields} }`);
  const said = {
    name: 'Sea charts',
    description: 'Of the north',
    key: 'take3',
    status: 'ACTIVE',
    priority: 'HIGH',
    startDate: '2026-01-01',
    dueDate: '2026-02-01',
    budget: '1000.5',
    hourlyRate: '80',
    completionGuard: 'BLOCK',
    metadata: { crew: 3 },
  };
  expect((await update({ version: 1, ...said })).project).toEqual({
    ...said,
    id,
    key: 'TAKE3',
    completedAt: null,
    archivedAt: null,
    version: 2,
    viewerStanding: 'MANAGES',
  });
  // What is the same already leaves no trace.
  await changesNothing(async () => {
    expect((await update({ version: 2, ...said })).project.version).toBe(2);
  });
  const { project: done } = await update({ version: 2, status: 'COMPLETED', description: null, budget: null }, admin);
  expect(done).toMatchObject({
    status: 'COMPLETED',
    completedAt: expect.any(String),
    description: '',
    budget: null,
    version: 3,
  });
  await changesNothing(async () => {
    const { errors } = await owner.ask(textOf('updateProject'), { input: { id, version: 2, name: 'Lost' } });
    expect(errors[0]?.extensions).toMatchObject({
      code: 'CONFLICT',
      field: 'version',
      current: { id, version: 3, name: 'Sea charts', status: 'COMPLETED', key: 'TAKE3' },
    });
    const faults: [object, string][] = [
      [{ name: ' ' }, 'BAD_USER_INPUT name'],
      [{ key: '1' }, 'BAD_USER_INPUT key'],
      [{ key: 'take2' }, 'CONFLICT key'],
      [{ budget: '-1' }, 'BAD_USER_INPUT budget'],
      [{ hourlyRate: '0.001' }, 'BAD_USER_INPUT hourlyRate'],
      [{ metadata: [] }, 'BAD_USER_INPUT metadata'],
      [{ metadata: { a: 'x'.repeat(16_000) } }, 'BAD_USER_INPUT metadata'],
      // The other date stands in the project.
      [{ dueDate: '2025-12-31' }, 'BAD_USER_INPUT dueDate'],
      [{ startDate: '2026-02-02' }, 'BAD_USER_INPUT dueDate'],
    ];
    for (const [input, error] of faults)
      expect([input, await refused(owner, 'updateProject', { id, version: 3, ...input })]).toEqual([input, [error]]);
    expect(await refused(member, 'updateProject', { id, version: 3, name: 'No' })).toEqual(['FORBIDDEN']);
    expect(await refused(outsider, 'updateProject', { id, version: 3, name: 'No' })).toEqual(['NOT_FOUND']);
  });
  const { project: open } = await update({ version: 3, status: 'PLANNING' });
  expect(open).toMatchObject({ status: 'PLANNING', completedAt: null });
});

test('an archived project stands still, comes back as it was, and only an archived one is deleted', async () => {
  const id = await projectOf(owner);
  await did(owner, 'updateProject', { id, version: 1, status: 'ACTIVE' });
  await taskIn(owner, id);
  await add(id, [member]);
  await changesNothing(async () => {
    expect(await refused(owner, 'unarchiveProject', { id })).toEqual(['CONFLICT id']);
    expect(await refused(owner, 'deleteProject', { id })).toEqual(['CONFLICT id']);
    expect(await refused(member, 'archiveProject', { id })).toEqual(['FORBIDDEN']);
    expect(await refused(outsider, 'archiveProject', { id })).toEqual(['NOT_FOUND']);
  });
  const { project } = await did(owner, 'archiveProject', { id }, 'project { status archivedAt version }');
  expect(project).toEqual({ status: 'ARCHIVED', archivedAt: expect.any(String), version: 3 });
  await changesNothing(async () => {
    expect(await refused(owner, 'archiveProject', { id })).toEqual(['CONFLICT projectId']);
    expect(await refused(owner, 'updateProject', { id, version: 3, name: 'No' })).toEqual(['CONFLICT projectId']);
    expect(await refused(owner, 'transferProject', { id, ownerId: member.userId })).toEqual(['CONFLICT projectId']);
    const people = { projectId: id, userIds: [outsider.userId] };
    expect(await refused(owner, 'addProjectCollaborators', people)).toEqual(['CONFLICT projectId']);
    const label = { projectId: id, name: 'No', color: '#000000' };
    expect(await refused(owner, 'createProjectLabel', label)).toEqual(['CONFLICT projectId']);
    expect(await refused(owner, 'createTask', { projectId: id, title: 'No' })).toEqual(['CONFLICT projectId']);
    expect(await refused(member, 'unarchiveProject', { id })).toEqual(['FORBIDDEN']);
    expect(await refused(member, 'deleteProject', { id })).toEqual(['FORBIDDEN']);
  });
  const back = await did(owner, 'unarchiveProject', { id }, 'project { status archivedAt version }');
  expect(back.project).toEqual({ status: 'ACTIVE', archivedAt: null, version: 4 });
  await did(owner, 'archiveProject', { id });
  expect(await did(owner, 'deleteProject', { id }, 'deletedId')).toEqual({ deletedId: id });
  expect(await owner.codes('query ($id: ID!) { project(id: $id) { id } }', { id })).toEqual(['NOT_FOUND']);
  expect(await refused(owner, 'deleteProject', { id })).toEqual(['NOT_FOUND']);
});

test('a project goes to who sees it, who manages it from then on; only its owner and administrators give it', async () => {
  const id = await projectOf(owner);
  await add(id, [member], { role: 'ADMIN' });
  await changesNothing(async () => {
    expect(await refused(member, 'transferProject', { id, ownerId: member.userId })).toEqual(['FORBIDDEN']);
    expect(await refused(outsider, 'transferProject', { id, ownerId: outsider.userId })).toEqual(['NOT_FOUND']);
    expect(await refused(owner, 'transferProject', { id, ownerId: outsider.userId })).toEqual([
      'BAD_USER_INPUT ownerId',
    ]);
    const stranger = await bed.signUp('Stranger');
    expect(await refused(owner, 'transferProject', { id, ownerId: stranger.userId })).toEqual(['NOT_FOUND ownerId']);
    // The one who has it already.
    expect((await did(owner, 'transferProject', { id, ownerId: owner.userId }, 'project { version }')).project).toEqual(
      { version: 1 },
    );
  });
  await did(owner, 'changeProjectCollaborator', { id: await placeOf(id, 'Member'), role: 'MEMBER' });
  const given = 'project { version owner { name } }';
  expect((await did(owner, 'transferProject', { id, ownerId: member.userId }, given)).project).toEqual({
    version: 2,
    owner: { name: 'Member' },
  });
  expect((await places(id)).map(({ role, user }) => [user.name, role])).toEqual([
    ['Owner', 'ADMIN'],
    ['Member', 'ADMIN'],
  ]);
  // In a workspace's project whoever sees the workspace can be its owner, and becomes an ADMIN by it.
  const ofWorkspace = await projectOf(ada, { workspaceId });
  await did(admin, 'transferProject', { id: ofWorkspace, ownerId: editor.userId });
  expect((await places(ofWorkspace)).map(({ role, user }) => [user.name, role])).toEqual([
    ['Ada', 'ADMIN'],
    ['Editor', 'ADMIN'],
  ]);
  expect(await read(editor, ofWorkspace, 'viewerStanding')).toEqual({ viewerStanding: 'MANAGES' });
});

test('people are put into a project, given roles and rates, and rates are seen by who manages and whose they are', async () => {
  const id = await projectOf(owner, { budget: '10', hourlyRate: '20' });
  const { collaborators } = await add(id, [member, member, editor], { hourlyRate: '50.5' });
  expect(collaborators.map(({ user, role, hourlyRate }: Data) => [user.name, role, hourlyRate])).toEqual([
    ['Member', 'MEMBER', '50.5'],
    ['Editor', 'MEMBER', '50.5'],
  ]);
  // Those who are in it stay as they are.
  const again = await add(id, [member], { role: 'ADMIN' });
  expect(again.collaborators).toEqual([]);
  const place = await placeOf(id, 'Member');
  const change = (input: object, person: Person = owner) =>
    did(person, 'changeProjectCollaborator', { id: place, ...input }, 'collaborator { role hourlyRate }');
  expect((await change({ hourlyRate: '60' })).collaborator).toEqual({ role: 'MEMBER', hourlyRate: '60' });
  const money = 'budget hourlyRate collaborators { edges { node { hourlyRate user { name } } } }';
  const seenBy = async (person: Person) => {
    const { budget, hourlyRate, collaborators: all } = await read(person, id, money);
    return [budget, hourlyRate, ...all.edges.map(({ node }: Data) => node.hourlyRate)];
  };
  expect(await seenBy(owner)).toEqual(['10', '20', null, '60', '50.5']);
  expect(await seenBy(admin)).toEqual(['10', '20', null, '60', '50.5']);
  expect(await seenBy(member)).toEqual([null, null, null, '60', null]);
  await changesNothing(async () => {
    const nobody = { projectId: id, userIds: [] };
    expect(await refused(owner, 'addProjectCollaborators', nobody)).toEqual(['BAD_USER_INPUT userIds']);
    const userIds = [outsider.userId];
    const rated = { projectId: id, userIds, hourlyRate: '-1' };
    expect(await refused(owner, 'addProjectCollaborators', rated)).toEqual(['BAD_USER_INPUT hourlyRate']);
    expect(await refused(member, 'addProjectCollaborators', { projectId: id, userIds })).toEqual(['FORBIDDEN']);
    expect(await refused(outsider, 'addProjectCollaborators', { projectId: id, userIds })).toEqual(['NOT_FOUND']);
    const stranger = await bed.signUp('Stranger');
    const foreign = { projectId: id, userIds: [outsider.userId, stranger.userId] };
    expect(await refused(owner, 'addProjectCollaborators', foreign)).toEqual(['NOT_FOUND']);
    // Who may add nobody learns nothing of who belongs to the organization.
    expect(await refused(member, 'addProjectCollaborators', foreign)).toEqual(['FORBIDDEN']);
    const own = await placeOf(id, 'Owner');
    expect(await refused(owner, 'changeProjectCollaborator', { id: own, role: 'MEMBER' })).toEqual(['CONFLICT role']);
    expect(await refused(admin, 'removeProjectCollaborator', { id: own })).toEqual(['CONFLICT id']);
    expect(await refused(owner, 'removeProjectCollaborator', { id: own })).toEqual(['CONFLICT id']);
    expect(await refused(editor, 'removeProjectCollaborator', { id: place })).toEqual(['FORBIDDEN']);
    expect(await refused(outsider, 'removeProjectCollaborator', { id: place })).toEqual(['NOT_FOUND']);
    expect(await refused(member, 'changeProjectCollaborator', { id: place, hourlyRate: '99' })).toEqual(['FORBIDDEN']);
    expect(await refused(owner, 'changeProjectCollaborator', { id: place, hourlyRate: '0.001' })).toEqual([
      'BAD_USER_INPUT hourlyRate',
    ]);
  });
});

test('who leaves a project and does not see it any more works on nothing in it', async () => {
  const id = await projectOf(owner);
  const elsewhere = await projectOf(member);
  await add(id, [member]);
  const open = await taskIn(member, id, { assigneeId: member.userId });
  const done = await taskIn(member, id, { assigneeId: member.userId, status: 'DONE' });
  const others = await taskIn(member, elsewhere, { assigneeId: member.userId });
  await did(member, 'startTimer', { taskId: open.id });
  // The project's archive keeps nobody in it.
  await did(owner, 'archiveProject', { id });
  const place = await placeOf(id, 'Member');
  expect(await did(member, 'removeProjectCollaborator', { id: place }, 'deletedId')).toEqual({ deletedId: place });
  expect(await member.codes('query ($id: ID!) { project(id: $id) { id } }', { id })).toEqual(['NOT_FOUND']);
  const task = `query ($id: ID!) { task(id: $id) { version assignee { name } activities { edges { node { kind actor { name } changes } } } timeEntries { edges { node { endedAt } } } } }`;
  const left: Data = await owner.want(task, { id: open.id });
  expect(left.task).toMatchObject({ version: 2, assignee: null });
  expect(left.task.activities.edges[1].node).toEqual({
    kind: 'CHANGED',
    actor: { name: 'Member' },
    changes: { assigneeId: { from: uuidOf(member.userId), to: null } },
  });
  expect(left.task.timeEntries.edges).toEqual([{ node: { endedAt: expect.any(String) } }]);
  const kept: Data = await owner.want(task, { id: done.id });
  expect(kept.task).toMatchObject({ version: 1, assignee: { name: 'Member' } });
  const other: Data = await member.want(task, { id: others.id });
  expect(other.task).toMatchObject({ version: 1, assignee: { name: 'Member' } });
});

test('who still sees the workspace of a project keeps the work in it', async () => {
  const id = await projectOf(ada, { workspaceId });
  await did(ada, 'addProjectCollaborators', { projectId: id, userIds: [editor.userId, member.userId] });
  // Who manages the project without seeing its workspace takes nothing away by it.
  await did(ada, 'changeProjectCollaborator', { id: await placeOf(id, 'Member'), role: 'ADMIN' });
  const { id: taskId } = await taskIn(editor, id, { assigneeId: editor.userId });
  await did(editor, 'startTimer', { taskId });
  await did(member, 'removeProjectCollaborator', { id: await placeOf(id, 'Editor') });
  const data: Data = await editor.want('query ($id: ID!) { task(id: $id) { assignee { name } version } }', {
    id: taskId,
  });
  expect(data.task).toEqual({ assignee: { name: 'Editor' }, version: 1 });
  expect(await editor.want('{ runningTimer { task { id } } }')).toEqual({ runningTimer: { task: { id: taskId } } });
  await did(editor, 'stopTimer', {});
});

test('labels have names of their own whatever their case', async () => {
  const id = await projectOf(owner);
  const other = await projectOf(owner);
  await add(id, [member]);
  const make = (input: object) => did(owner, 'createProjectLabel', input, 'label { id name color }');
  const { label } = await make({ projectId: id, name: ' Bug ', color: '#AA00ff' });
  expect(label).toEqual({ id: expect.stringMatching(/^project_label_/), name: 'Bug', color: '#aa00ff' });
  const { label: urgent } = await make({ projectId: id, name: 'Acute', color: '#000000' });
  await make({ projectId: other, name: 'bug', color: '#000000' });
  await changesNothing(async () => {
    const taken = { projectId: id, name: 'BUG', color: '#000000' };
    expect(await refused(owner, 'createProjectLabel', taken)).toEqual(['CONFLICT name']);
    expect(await refused(owner, 'updateProjectLabel', { id: urgent.id, name: 'bUG' })).toEqual(['CONFLICT name']);
    for (const color of ['red', '#fff', '#gggggg', '#0000000'])
      expect(await refused(owner, 'updateProjectLabel', { id: urgent.id, color })).toEqual(['BAD_USER_INPUT color']);
    expect(await refused(owner, 'updateProjectLabel', { id: urgent.id, name: 'x'.repeat(51) })).toEqual([
      'BAD_USER_INPUT name',
    ]);
    expect(await refused(member, 'createProjectLabel', { ...taken, name: 'Mine' })).toEqual(['FORBIDDEN']);
    expect(await refused(member, 'updateProjectLabel', { id: urgent.id, name: 'Mine' })).toEqual(['FORBIDDEN']);
    expect(await refused(member, 'deleteProjectLabel', { id: urgent.id })).toEqual(['FORBIDDEN']);
    expect(await refused(outsider, 'deleteProjectLabel', { id: urgent.id })).toEqual(['NOT_FOUND']);
  });
  const changed = await did(
    owner,
    'updateProjectLabel',
    { id: label.id, name: 'bug', color: '#123ABC' },
    'label { name color }',
  );
  expect(changed.label).toEqual({ name: 'bug', color: '#123abc' });
  const query = 'query { projects { edges { node { id labels { totalCount edges { node { name } } } } } } }';
  const { data, statements } = await member.ask(query);
  const listed: Data[] = (data as Data).projects.edges;
  expect(listed.find(({ node }) => node.id === id).node.labels).toEqual({
    totalCount: 2,
    edges: [{ node: { name: 'Acute' } }, { node: { name: 'bug' } }],
  });
  // The projects, their labels, and the numbers of those.
  expect(statements).toHaveLength(3);
  expect(await did(owner, 'deleteProjectLabel', { id: label.id }, 'deletedId')).toEqual({ deletedId: label.id });
  expect((await read(owner, id, 'labels { totalCount }')).labels.totalCount).toBe(1);
});

test('a project has at most 200 labels', async () => {
  const id = await projectOf(owner);
  for (let number = 1; number <= 200; number += 1)
    await did(owner, 'createProjectLabel', { projectId: id, name: `L${number}`, color: '#000000' });
  expect(await refused(owner, 'createProjectLabel', { projectId: id, name: 'More', color: '#000000' })).toEqual([
    'CONFLICT projectId',
  ]);
}, 120_000);

test('the standing of whoever asks is told for a page of projects in one statement', async () => {
  const own = await projectOf(editor);
  const ofWorkspace = await projectOf(ada, { workspaceId });
  const { data, statements } = await editor.ask(
    'query { projects(first: 50) { edges { node { id viewerStanding budget timeCost } } } }',
  );
  const standings = new Map<string, string>(
    (data as Data).projects.edges.map(({ node }: Data) => [node.id, node.viewerStanding]),
  );
  expect([standings.get(own), standings.get(ofWorkspace)]).toEqual(['MANAGES', 'WORKS']);
  const viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [workspaceId]: 'VIEWER' });
  expect(await read(viewer, ofWorkspace, 'viewerStanding')).toEqual({ viewerStanding: 'SEES' });
  // The projects, the places in them, the projects again by their ids, and what they cost.
  expect(statements).toHaveLength(4);
});
