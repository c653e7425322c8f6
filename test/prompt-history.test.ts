import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { and, eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { memberships, workspaces } from '../src/domains/tenancy/tables.ts';
import { eventsOf } from './colleagues.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

const history = `promptVersion systemPrompt promptAuthor { name } promptHistory(first: 100) {
  totalCount edges { node { version prompt author { name } replacedBy { name } createdAt } } }`;
const workspaceQuery = `query ($id: ID!) { workspace(id: $id) { ${history} } }`;
const updateMutation =
  'mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { promptVersion systemPrompt } } }';
const restoreMutation =
  'mutation ($input: RestorePromptInput!) { restorePrompt(input: $input) { workspace { promptVersion systemPrompt } } }';
const deleteMutation = `mutation ($input: DeletePromptHistoryInput!) { deletePromptHistory(input: $input) { deletedCount workspace { promptVersion } } }`;
const compareQuery = `query ($workspaceId: ID!, $from: Int!, $to: Int!) { comparePrompts(workspaceId: $workspaceId, from: $from, to: $to) {
  from to added removed hunks { oldStart oldLines newStart newLines lines } } }`;

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let eve: Colleague;
let editor: Colleague;
let stranger: Person;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  eve = await colleagueOf(bed, ada.organizationId, 'Eve', 'MEMBER');
  editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MEMBER');
  stranger = await bed.signUp('Stranger');
}, 60_000);
afterAll(() => bed.stop());

/** A workspace of Ada's with Eve as its admin and an editor. */
const workspace = async (systemPrompt?: string): Promise<string> => {
  const id = await workspaceOf(ada, { ...(systemPrompt !== undefined && { systemPrompt }) });
  const add = 'mutation ($input: AddWorkspaceMemberInput!) { addWorkspaceMember(input: $input) { member { id } } }';
  await ada.want(add, { input: { workspaceId: id, userId: eve.userId, role: 'ADMIN' } });
  await ada.want(add, { input: { workspaceId: id, userId: editor.userId, role: 'EDITOR' } });
  return id;
};
const write = async (person: Person, id: string, systemPrompt: string | null): Promise<number> =>
  ((await person.want(updateMutation, { input: { id, systemPrompt } })) as Data).updateWorkspace.workspace
    .promptVersion;
const read = async (id: string): Promise<Data> => ((await ada.want(workspaceQuery, { id })) as Data).workspace;
/** Version, prompt, author and who replaced it, newest first. */
const entriesOf = async (id: string): Promise<unknown[][]> =>
  (await read(id)).promptHistory.edges.map(({ node }: Data) => [
    node.version,
    node.prompt,
    node.author?.name ?? null,
    node.replacedBy?.name ?? null,
  ]);
const refusals = async (person: Person, text: string, variables: object): Promise<unknown[]> =>
  (await person.ask(text, variables)).errors.map(({ extensions }) => [
    extensions.code,
    extensions.field ?? extensions.type,
  ]);

describe('the prompt that was there before is kept', () => {
  test('at each real change, with who wrote it and who replaced it', async () => {
    const id = await workspace('One.');
    expect(await read(id)).toMatchObject({
      promptVersion: 1,
      promptAuthor: { name: 'Ada' },
      promptHistory: { totalCount: 0 },
    });
    expect(await write(eve, id, 'Two.')).toBe(2);
    expect(await write(eve, id, 'Two.')).toBe(2);
    await ada.want(updateMutation, { input: { id, name: 'Another' } });
    expect(await write(ada, id, 'Three.')).toBe(3);
    expect(await read(id)).toMatchObject({ promptVersion: 3, systemPrompt: 'Three.', promptAuthor: { name: 'Ada' } });
    expect(await entriesOf(id)).toEqual([
      [2, 'Two.', 'Eve', 'Ada'],
      [1, 'One.', 'Ada', 'Eve'],
    ]);
    const [newest] = (await read(id)).promptHistory.edges;
    expect(Math.abs(Date.parse(newest.node.createdAt) - Date.now())).toBeLessThan(60_000);
  });

  test('and its absence counts, without an entry', async () => {
    const id = await workspace();
    expect(await read(id)).toMatchObject({ promptVersion: 0, promptAuthor: null });
    expect(await write(ada, id, null)).toBe(0);
    expect(await write(ada, id, 'First.')).toBe(1);
    expect(await write(eve, id, null)).toBe(2);
    expect(await read(id)).toMatchObject({ promptAuthor: { name: 'Eve' } });
    expect(await write(ada, id, 'Again.')).toBe(3);
    expect(await write(ada, id, '')).toBe(4);
    expect(await entriesOf(id)).toEqual([
      [3, 'Again.', 'Ada', 'Ada'],
      [1, 'First.', 'Ada', 'Eve'],
    ]);
  });

  test('by whatever way it is changed, and not where the change is refused', async () => {
    const id = await workspace('One.');
    const unit = unitOf(bed, ada.organizationId);
    const isOne = and(eq(workspaces.organizationId, uuidOf(ada.organizationId)), eq(workspaces.id, uuidOf(id)));
    const set = (fields: Partial<typeof workspaces.$inferInsert>) =>
      unit.transact(() => database.update(workspaces).set(fields).where(isOne));
    await set({ systemPrompt: 'Two.' });
    await set({ systemPrompt: 'Two.', name: 'Other' });
    // Nobody is known in such a unit.
    expect(await entriesOf(id)).toEqual([[1, 'One.', 'Ada', null]]);
    expect(await read(id)).toMatchObject({ promptVersion: 2, promptAuthor: null });
    // As it was before prompts were counted.
    await set({ promptVersion: 0 });
    expect(await write(ada, id, 'x'.repeat(20_001)).catch(() => 'refused')).toBe('refused');
    expect(await editor.codes(updateMutation, { input: { id, systemPrompt: 'Mine.' } })).toEqual(['FORBIDDEN']);
    expect(await entriesOf(id)).toHaveLength(1);
  });

  test('from before prompts were counted too', async () => {
    const id = await workspace('One.');
    const unit = unitOf(bed, ada.organizationId);
    const isOne = and(eq(workspaces.organizationId, uuidOf(ada.organizationId)), eq(workspaces.id, uuidOf(id)));
    await unit.transact(() => database.update(workspaces).set({ promptVersion: 0, promptAuthorId: null }).where(isOne));
    expect(await write(ada, id, 'Two.')).toBe(2);
    expect(await entriesOf(id)).toEqual([[1, 'One.', null, 'Ada']]);
  });

  test('at many changes at a time, each once', async () => {
    const id = await workspace('0');
    const versions = await Promise.all(Array.from({ length: 8 }, (_, at) => write(ada, id, `Prompt ${at + 1}`)));
    expect(versions.toSorted((one, other) => one - other)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    const entries = await entriesOf(id);
    expect(entries.map(([version]) => version)).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
    expect(new Set([...entries.map(([, prompt]) => prompt), (await read(id)).systemPrompt]).size).toBe(9);
  });

  test('when its author has left', async () => {
    const id = await workspace('One.');
    const guest = await colleagueOf(bed, ada.organizationId, 'Gone', 'MEMBER', { [id]: 'ADMIN' });
    await write(guest, id, 'Two.');
    await write(ada, id, 'Three.');
    await unitOf(bed, ada.organizationId).transact(() =>
      database
        .delete(memberships)
        .where(
          and(eq(memberships.organizationId, uuidOf(ada.organizationId)), eq(memberships.userId, uuidOf(guest.userId))),
        ),
    );
    expect(await entriesOf(id)).toEqual([
      [2, 'Two.', null, 'Ada'],
      [1, 'One.', 'Ada', null],
    ]);
  });
});

test('versions are compared by lines, the current one among them', async () => {
  const id = await workspace('Be kind.\nBe short.\nCite.');
  await write(ada, id, 'Be kind.\nBe brief.\nCite.');
  await write(ada, id, null);
  const compare = async (from: number, to: number): Promise<Data> =>
    ((await ada.want(compareQuery, { workspaceId: id, from, to })) as Data).comparePrompts;
  expect(await compare(1, 2)).toEqual({
    from: 1,
    to: 2,
    added: 1,
    removed: 1,
    hunks: [
      {
        oldStart: 1,
        oldLines: 3,
        newStart: 1,
        newLines: 3,
        lines: [' Be kind.', '-Be short.', '+Be brief.', ' Cite.'],
      },
    ],
  });
  expect(await compare(2, 2)).toMatchObject({ added: 0, removed: 0, hunks: [] });
  expect(await compare(2, 3)).toMatchObject({ added: 0, removed: 3 });
  expect(await compare(3, 1)).toMatchObject({ added: 3, removed: 0 });
  const input = { workspaceId: id, from: 1, to: 4 };
  expect(await refusals(ada, compareQuery, input)).toEqual([['NOT_FOUND', 'PromptHistory']]);
  expect(await refusals(editor, compareQuery, { ...input, to: 2 })).toEqual([['FORBIDDEN', undefined]]);
  expect(await refusals(stranger, compareQuery, { ...input, to: 2 })).toEqual([['NOT_FOUND', 'Workspace']]);
});

test('an earlier version is restored as the next one', async () => {
  const id = await workspace('One.');
  await write(ada, id, 'Two.');
  const restore = async (version: number): Promise<Data> =>
    ((await eve.want(restoreMutation, { input: { workspaceId: id, version } })) as Data).restorePrompt.workspace;
  expect(await restore(1)).toEqual({ promptVersion: 3, systemPrompt: 'One.' });
  expect(await restore(1)).toEqual({ promptVersion: 3, systemPrompt: 'One.' });
  expect(await entriesOf(id)).toEqual([
    [2, 'Two.', 'Ada', 'Eve'],
    [1, 'One.', 'Ada', 'Ada'],
  ]);
  expect(await eventsOf(bed, ada.organizationId, 'prompt.restored')).toMatchObject([{ data: { version: 1 } }]);
  for (const [person, version, refusal] of [
    [ada, 3, ['CONFLICT', 'version']],
    [ada, 4, ['NOT_FOUND', 'PromptHistory']],
    [ada, 0, ['NOT_FOUND', 'PromptHistory']],
    [editor, 1, ['FORBIDDEN', undefined]],
    [stranger, 1, ['NOT_FOUND', 'Workspace']],
  ] as const)
    expect(await refusals(person, restoreMutation, { input: { workspaceId: id, version } })).toEqual([refusal]);
  expect(await read(id)).toMatchObject({ promptVersion: 3, systemPrompt: 'One.' });
});

test('entries are deleted one by one or all, and the count goes on', async () => {
  const id = await workspace('One.');
  for (const prompt of ['Two.', 'Three.', 'Four.', 'Five.']) await write(ada, id, prompt);
  const versions = async () => (await entriesOf(id)).map(([version]) => version);
  const input = { workspaceId: id };
  expect(await eve.want(deleteMutation, { input: { ...input, versions: [2, 3] } })).toEqual({
    deletePromptHistory: { deletedCount: 2, workspace: { promptVersion: 5 } },
  });
  expect(await versions()).toEqual([4, 1]);
  for (const [person, fields, refusal] of [
    [ada, { versions: [1, 2] }, ['NOT_FOUND', 'PromptHistory']],
    [ada, { versions: [5] }, ['NOT_FOUND', 'PromptHistory']],
    [ada, {}, ['BAD_USER_INPUT', 'versions']],
    [ada, { versions: [] }, ['BAD_USER_INPUT', 'versions']],
    [ada, { versions: [1], all: true }, ['BAD_USER_INPUT', 'versions']],
    [ada, { versions: Array.from({ length: 101 }, (_, at) => at) }, ['BAD_USER_INPUT', 'versions']],
    [editor, { all: true }, ['FORBIDDEN', undefined]],
    [stranger, { all: true }, ['NOT_FOUND', 'Workspace']],
  ] as const)
    expect(await refusals(person, deleteMutation, { input: { ...input, ...fields } })).toEqual([refusal]);
  expect(await versions()).toEqual([4, 1]);
  expect(await ada.want(deleteMutation, { input: { ...input, all: true } })).toMatchObject({
    deletePromptHistory: { deletedCount: 2 },
  });
  expect(await write(ada, id, 'Six.')).toBe(6);
  expect(await versions()).toEqual([5]);
  expect(await eventsOf(bed, ada.organizationId, 'prompt_history.deleted')).toMatchObject([
    { data: { count: 2, versions: 'all' } },
    { data: { count: 2, versions: [2, 3] } },
  ]);
});

test('the history is its admins’ to see, page by page, at one statement a field', async () => {
  const id = await workspace('1');
  for (const prompt of ['2', '3', '4', '5']) await write(ada, id, prompt);
  expect(await editor.codes(workspaceQuery, { id })).toEqual(['FORBIDDEN']);
  expect(await stranger.codes(workspaceQuery, { id })).toEqual(['NOT_FOUND']);
  const page = `query ($id: ID!, $after: String) { workspace(id: $id) { promptHistory(first: 3, after: $after) {
    pageInfo { hasNextPage endCursor } edges { node { version } } } } }`;
  const first: Data = ((await eve.want(page, { id })) as Data).workspace.promptHistory;
  const second: Data = ((await eve.want(page, { id, after: first.pageInfo.endCursor })) as Data).workspace
    .promptHistory;
  expect([...first.edges, ...second.edges].map(({ node }: Data) => node.version)).toEqual([4, 3, 2, 1]);
  expect([first.pageInfo.hasNextPage, second.pageInfo.hasNextPage]).toEqual([true, false]);
  const { statements } = await ada.ask(
    `{ workspaces(first: 20) { edges { node { promptVersion suggestedMessages { heading }
      promptHistory(first: 5) { edges { node { version author { name } replacedBy { name } } } } } } } }`,
  );
  // Workspaces, suggested messages, history, authors and those who replaced them.
  expect(statements).toHaveLength(5);
});
