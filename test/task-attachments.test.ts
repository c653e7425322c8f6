import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { fingerprint, whole } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { answering, projectOf, taskIn } from './project-talk.ts';
import { act, channelOf, refused, sent } from './room-talk.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';
import { openUpload, uploaded } from './uploading.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let editor: Colleague;
let viewer: Colleague;
let guest: Colleague;
let outsider: Colleague;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada);
  editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MEMBER', { [workspaceId]: 'EDITOR' });
  viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [workspaceId]: 'VIEWER' });
  guest = await colleagueOf(bed, ada.organizationId, 'Guest', 'MEMBER');
  outsider = await colleagueOf(bed, ada.organizationId, 'Outsider', 'MEMBER');
}, 60_000);
afterAll(() => bed.stop());

/** Puts somebody into a project. */
const join = (projectId: string, { userId }: { userId: string }) =>
  whole(bed, ada.organizationId).transact(() =>
    database.execute(sql`insert into project_collaborators (organization_id, id, project_id, user_id)
      values (${uuidOf(ada.organizationId)}, gen_random_uuid(), ${uuidOf(projectId)}, ${uuidOf(userId)})`),
  );
const put = (person: Person, taskId: string, fileId: string) =>
  act(person, 'attachFile', { taskId, fileId }, 'attachment { id file { id name } addedBy { id } } task { id }');
const link = (person: Person, id: string) =>
  person.ask('mutation ($input: CreateFileLinkInput!) { createFileLink(input: $input) { url } }', { input: { id } });
const opens = async (person: Person, id: string): Promise<boolean> => (await link(person, id)).errors.length === 0;
const deleting = (person: Person, id: string) =>
  person.ask('mutation ($input: DeleteFileInput!) { deleteFile(input: $input) { deletedId } }', { input: { id } });

test('a file put to a task is read by who sees the project, without its workspace too, and as long as it is there', async () => {
  const projectId = await projectOf(editor, { workspaceId });
  await join(projectId, guest);
  const { id: taskId } = await taskIn(editor, projectId);
  const file = await uploaded(bed, editor, 'plan.txt', 'Roses by the wall');
  const who = [viewer, guest, outsider, editor];
  const reading = () => Promise.all(who.map((person) => opens(person, file)));
  expect(await reading()).toEqual([false, false, false, true]);
  const { attachment, task } = await put(editor, taskId, file);
  expect([attachment, task]).toEqual([
    { id: expect.any(String), file: { id: file, name: 'plan.txt' }, addedBy: { id: editor.userId } },
    { id: taskId },
  ]);
  expect((await put(editor, taskId, file)).attachment.id).toBe(attachment.id);
  expect(await reading()).toEqual([true, true, false, true]);
  const { data }: Data = await link(guest, file);
  const url = new URL(data.createFileLink.url);
  const fetched = async () => (await fetch(`${bed.url}${url.pathname}`)).status;
  expect(await fetched()).toBe(200);
  const used: Data = await deleting(editor, file);
  expect(used.errors[0]).toMatchObject({
    message: 'This file is used by a task.',
    extensions: { code: 'CONFLICT', field: 'id' },
  });
  const lists = 'attachments { totalCount edges { node { id file { name } } } } activities { edges { node { kind } } }';
  const { task: shown }: Data = await guest.want(`query ($id: ID!) { task(id: $id) { ${lists} } }`, { id: taskId });
  expect(shown).toEqual({
    attachments: { totalCount: 1, edges: [{ node: { id: attachment.id, file: { name: 'plan.txt' } } }] },
    activities: { edges: [{ node: { kind: 'CREATED' } }, { node: { kind: 'ATTACHED' } }] },
  });
  await whole(bed, ada.organizationId).transact(() =>
    database.execute(sql`delete from project_collaborators where user_id = ${uuidOf(guest.userId)}`),
  );
  expect([await fetched(), ...(await reading())]).toEqual([404, true, false, false, true]);
  expect(await act(editor, 'detachFile', { taskId, fileId: file }, 'deletedId task { id }')).toEqual({
    deletedId: attachment.id,
    task: { id: taskId },
  });
  expect(await reading()).toEqual([false, false, false, true]);
  expect((await deleting(editor, file)).errors).toEqual([]);
});

test('a file at two tasks is read as long as one of them has it, and not when both are gone', async () => {
  const [one, two] = [await projectOf(editor, { workspaceId }), await projectOf(editor)];
  await join(two, guest);
  const [first, second] = [(await taskIn(editor, one)).id, (await taskIn(editor, two)).id];
  const part = (await taskIn(editor, one, { parentId: first })).id;
  const file = await uploaded(bed, editor, 'plan.txt', 'Lilies by the wall');
  for (const task of [part, second]) await put(editor, task, file);
  const reading = async () => [await opens(viewer, file), await opens(guest, file)];
  expect(await reading()).toEqual([true, true]);
  await act(editor, 'deleteTask', { id: first, withParts: true }, 'deletedId');
  expect(await reading()).toEqual([false, true]);
  await act(editor, 'archiveProject', { id: two }, 'project { id }');
  await act(editor, 'deleteProject', { id: two }, 'deletedId');
  expect(await reading()).toEqual([false, false]);
  expect((await deleting(editor, file)).errors).toEqual([]);
});

test('a file of a room can be put to a task by who is in the room', async () => {
  const { id: taskId } = await taskIn(editor, await projectOf(editor, { workspaceId }));
  const roomId = await channelOf(outsider, { memberIds: [editor.userId] });
  const file = await uploaded(bed, outsider, 'plan.txt', 'Asters by the wall');
  await sent(outsider, roomId, '', { attachmentIds: [file] });
  await put(editor, taskId, file);
  expect(await opens(viewer, file)).toBe(true);
});

test('what is refused changes nothing', async () => {
  const [open, own] = [await projectOf(editor, { workspaceId }), await projectOf(outsider)];
  const { id: taskId } = await taskIn(editor, open);
  const { id: hidden } = await taskIn(outsider, own);
  const full = (await taskIn(editor, open)).id;
  const file = await uploaded(bed, editor, 'a.txt', 'Asters');
  const other = await uploaded(bed, viewer, 'b.txt', 'Begonias');
  const secret = await uploaded(bed, outsider, 'secret.txt', 'Secret');
  const waiting = await openUpload(editor, 'later.txt', 10);
  await put(editor, taskId, file);
  await whole(bed, ada.organizationId).transact(async () => {
    const organizationId = uuidOf(ada.organizationId);
    const ids = await database.execute<{
      id: string;
    }>(sql`insert into files (organization_id, id, readers, name, mime_type, size, status, sha256)
      select organization_id, gen_random_uuid(), readers, name, mime_type, size, status, sha256 from files, generate_series(1, 100)
      where id = ${uuidOf(file)} returning id`);
    const list = `{${Array.from(ids, ({ id }) => id).join()}}`;
    await database.execute(sql`insert into task_attachments (organization_id, id, project_id, task_id, file_id)
      select ${organizationId}, gen_random_uuid(), ${uuidOf(open)}, ${uuidOf(full)}, id from unnest(${list}::uuid[]) id`);
  });
  const before = await fingerprint(bed, ada.organizationId);
  const tries: readonly (readonly [Person, string, object, string])[] = [
    [editor, 'attachFile', { taskId, fileId: secret }, 'NOT_FOUND'],
    [editor, 'attachFile', { taskId, fileId: waiting.id }, 'CONFLICT fileId'],
    [editor, 'attachFile', { taskId: full, fileId: file }, 'CONFLICT taskId'],
    [editor, 'attachFile', { taskId: hidden, fileId: file }, 'NOT_FOUND'],
    [viewer, 'attachFile', { taskId, fileId: other }, 'FORBIDDEN'],
    [outsider, 'attachFile', { taskId, fileId: secret }, 'NOT_FOUND'],
    [viewer, 'detachFile', { taskId, fileId: file }, 'FORBIDDEN'],
    [outsider, 'detachFile', { taskId, fileId: file }, 'NOT_FOUND'],
    [editor, 'detachFile', { taskId, fileId: secret }, 'NOT_FOUND fileId'],
  ];
  for (const [person, name, input, code] of tries)
    expect([name, input, await refused(person, name, input, '__typename')]).toEqual([name, input, code]);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
});

test('many tasks with their files cost one statement a level', async () => {
  const projectId = await projectOf(editor, { workspaceId });
  for (const name of ['one.txt', 'two.txt', 'three.txt'])
    await put(editor, (await taskIn(editor, projectId)).id, await uploaded(bed, editor, name, name));
  const query = `query ($id: ID!) { project(id: $id) { tasks(orderBy: [{ field: NUMBER }]) { edges { node {
    attachments { edges { node { file { name } addedBy { name } } } } } } } } }`;
  await viewer.want(query, { id: projectId });
  const { data, statements }: Data = await viewer.ask(query, { id: projectId });
  expect(
    data.project.tasks.edges.map(({ node }: Data) =>
      node.attachments.edges.map(({ node: { file } }: Data) => file.name),
    ),
  ).toEqual([['one.txt'], ['two.txt'], ['three.txt']]);
  // The project, its tasks, their attachments, the files, and who put them there.
  expect(answering(statements)).toHaveLength(5);
});
