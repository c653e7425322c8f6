import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { fingerprint } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { projectOf, taskIn } from './project-talk.ts';
import { act, asked, boardOf, direct, newestActivity, refusal, waits } from './task-talk.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let editor: Colleague;
let viewer: Colleague;
let outsider: Colleague;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada);
  editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MEMBER', { [workspaceId]: 'EDITOR' });
  viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [workspaceId]: 'VIEWER' });
  outsider = await colleagueOf(bed, ada.organizationId, 'Outsider', 'MEMBER');
}, 60_000);
afterAll(() => bed?.stop());

/** A project of the workspace, with tasks by their titles. */
const boardWith = async (titles: readonly string[], input: object = {}): Promise<{ id: string; of: Data }> => {
  const id = await projectOf(ada, { workspaceId, ...input });
  const of: Data = {};
  for (const title of titles) of[title] = (await taskIn(editor, id, { title })).id;
  return { id, of };
};
const move = (input: object): Promise<Data> =>
  act(editor, 'moveTask', input, 'task { status position version completedAt cancelledAt } warnings { openPartCount }');

test('a task is put behind another, before another, to the top and to the end of a column', async () => {
  const { id, of } = await boardWith(['a', 'b', 'c', 'd']);
  await move({ id: of.d, status: 'TODO', afterId: of.a });
  expect(await boardOf(editor, id)).toEqual({ TODO: ['a', 'd', 'b', 'c'] });
  await move({ id: of.c, status: 'TODO', afterId: null });
  expect(await boardOf(editor, id)).toEqual({ TODO: ['c', 'a', 'd', 'b'] });
  await move({ id: of.c, status: 'TODO' });
  expect(await boardOf(editor, id)).toEqual({ TODO: ['a', 'd', 'b', 'c'] });
  await move({ id: of.b, status: 'TODO', beforeId: of.d });
  expect(await boardOf(editor, id)).toEqual({ TODO: ['a', 'b', 'd', 'c'] });
  await move({ id: of.a, status: 'REVIEW', afterId: null });
  await move({ id: of.d, status: 'REVIEW', afterId: null });
  await move({ id: of.c, status: 'REVIEW', afterId: of.d, beforeId: of.a });
  expect(await boardOf(editor, id)).toEqual({ TODO: ['b'], REVIEW: ['d', 'c', 'a'] });
});

test('a move is told of once, and one to where the task stands not at all', async () => {
  const { id, of } = await boardWith(['a', 'b']);
  const { task } = await move({ id: of.b, status: 'IN_PROGRESS' });
  expect(task).toMatchObject({ status: 'IN_PROGRESS', version: 2, completedAt: null });
  expect(await newestActivity(editor, of.b)).toMatchObject({
    totalCount: 2,
    kind: 'MOVED',
    reason: null,
    changes: { status: { from: 'TODO', to: 'IN_PROGRESS' } },
  });
  const before = await fingerprint(bed, ada.organizationId);
  expect((await move({ id: of.b, status: 'IN_PROGRESS' })).task.version).toBe(2);
  expect((await move({ id: of.a, status: 'TODO', afterId: null })).task.version).toBe(1);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
  expect(await boardOf(editor, id)).toEqual({ TODO: ['a'], IN_PROGRESS: ['b'] });
});

test('keys of other columns are never met, however tasks are put between', async () => {
  const { id, of } = await boardWith(['a', 'b', 'x', 'y', 'z']);
  // Each leaves its key between those of a and b to another column, before the next is put there.
  for (const title of ['x', 'y', 'z']) {
    await move({ id: of[title], status: 'TODO', afterId: of.a });
    await move({ id: of[title], status: 'REVIEW', afterId: null });
  }
  for (const title of ['z', 'x', 'y']) await move({ id: of[title], status: 'TODO', afterId: of.a, beforeId: of.b });
  expect(await boardOf(editor, id)).toEqual({ TODO: ['a', 'y', 'x', 'z', 'b'] });
});

test('a move that cannot be made is refused, and nothing changes', async () => {
  const { of } = await boardWith(['a', 'b', 'c']);
  const elsewhere = await taskIn(editor, await projectOf(editor, { workspaceId }));
  const hidden = await taskIn(outsider, await projectOf(outsider));
  await move({ id: of.c, status: 'REVIEW' });
  const before = await fingerprint(bed, ada.organizationId);
  const to = (input: object) => refusal(editor, 'moveTask', { id: of.a, status: 'TODO', ...input });
  expect(await to({ afterId: of.a })).toBe('BAD_USER_INPUT afterId');
  expect(await to({ beforeId: of.a })).toBe('BAD_USER_INPUT beforeId');
  expect(await to({ afterId: elsewhere.id })).toBe('BAD_USER_INPUT afterId');
  expect(await to({ afterId: hidden.id })).toBe('NOT_FOUND afterId');
  expect(await to({ beforeId: hidden.id })).toBe('NOT_FOUND beforeId');
  expect(await to({ version: 7 })).toBe('CONFLICT version');
  expect(await to({ overrideReason: ' ' })).toBe('BAD_USER_INPUT overrideReason');
  expect(await to({ overrideReason: 'x'.repeat(1_001) })).toBe('BAD_USER_INPUT overrideReason');
  expect(await to({ id: hidden.id })).toBe('NOT_FOUND');
  expect(await refusal(viewer, 'moveTask', { id: of.a, status: 'DONE' })).toBe('FORBIDDEN');
  expect(await refusal(outsider, 'moveTask', { id: of.a, status: 'DONE' })).toBe('NOT_FOUND');
  const crossed = { id: of.c, status: 'TODO', afterId: of.b, beforeId: of.a };
  expect(await refusal(editor, 'moveTask', crossed)).toBe('CONFLICT beforeId');
  const { errors } = await asked(editor, 'moveTask', { id: of.a, status: 'TODO', afterId: of.c }, 'task { id }');
  expect(errors.map(({ extensions }) => extensions)).toEqual([
    { code: 'CONFLICT', field: 'afterId', current: { id: of.c, status: 'REVIEW' } },
  ]);
  const stale = await asked(editor, 'moveTask', { id: of.c, status: 'DONE', version: 1 }, 'task { id }');
  expect(stale.errors[0]?.extensions).toEqual({
    code: 'CONFLICT',
    field: 'version',
    current: { id: of.c, status: 'REVIEW', version: 2, title: 'c' },
  });
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
});

test('keys that have grown long are laid out anew, and the order stays', async () => {
  const { id, of } = await boardWith(['a', 'b', 'c', 'd']);
  const [low, high] = [`a0${'z'.repeat(110)}`, `a1`];
  await direct(bed, ada.organizationId, sql`update tasks set position = ${low} where id = ${uuidOf(of.a)}`);
  await direct(bed, ada.organizationId, sql`update tasks set position = ${`${high}V`} where id = ${uuidOf(of.b)}`);
  await direct(bed, ada.organizationId, sql`update tasks set position = ${`${low}V`} where id = ${uuidOf(of.c)}`);
  expect(await boardOf(editor, id)).toEqual({ TODO: ['a', 'c', 'b', 'd'] });
  const { task } = await move({ id: of.d, status: 'TODO', afterId: of.a });
  expect(task.position.length).toBeLessThan(10);
  expect(await boardOf(editor, id)).toEqual({ TODO: ['a', 'd', 'c', 'b'] });
  const rows = await direct(
    bed,
    ada.organizationId,
    sql`select position, version from tasks where project_id = ${uuidOf(id)} order by position`,
  );
  expect(rows.map(({ position }) => position.length).every((length) => length < 10)).toBe(true);
  // Only what was moved has changed.
  expect(rows.map(({ version }) => version)).toEqual([1, 2, 1, 1]);
});

test('a hundred moves into the same gap keep their order', async () => {
  const { id, of } = await boardWith(['a', 'b', 'x', 'y']);
  for (let turn = 0; turn < 50; turn += 1) {
    await move({ id: of.x, status: 'TODO', afterId: of.a });
    await move({ id: of.y, status: 'TODO', afterId: of.a });
  }
  expect(await boardOf(editor, id)).toEqual({ TODO: ['a', 'y', 'x', 'b'] });
});

test('fifty moves at once leave a total order, and each task where its mover put it', async () => {
  const anchors = ['A', 'B', 'C', 'D', 'E'];
  const { id, of } = await boardWith(anchors);
  const movers = await Promise.all(
    Array.from({ length: 50 }, async (_, at) => (await taskIn(editor, id, { title: `m${at}`, status: 'REVIEW' })).id),
  );
  const moved = await Promise.all(
    movers.map((each, at) => {
      const anchor = at % 5;
      const between = at % 2 === 0 && anchor < 4 ? { beforeId: of[anchors[anchor + 1] ?? ''] } : {};
      return move({ id: each, status: 'TODO', afterId: of[anchors[anchor] ?? ''], ...between });
    }),
  );
  expect(moved.map(({ task }) => task.version)).toEqual(moved.map(() => 2));
  const { TODO = [] } = await boardOf(editor, id);
  expect(TODO).toHaveLength(55);
  const rows = await direct(
    bed,
    ada.organizationId,
    sql`select position from tasks where project_id = ${uuidOf(id)} order by position`,
  );
  expect(new Set(rows.map(({ position }) => position)).size).toBe(55);
  // The anchors stay, so that between two of them stand those who were put there and nobody else.
  const numbers = new Map<number, string[]>();
  let anchor = -1;
  for (const title of TODO) {
    if (anchors.includes(title)) anchor = anchors.indexOf(title);
    else numbers.set(anchor, [...(numbers.get(anchor) ?? []), title]);
  }
  for (const at of [0, 1, 2, 3, 4])
    expect(numbers.get(at)?.toSorted()).toEqual(
      Array.from({ length: 10 }, (_, turn) => `m${turn * 5 + at}`).toSorted(),
    );
});

test('moves of the same tasks across columns at once lose none and double none', async () => {
  const { id } = await boardWith([]);
  const ids: string[] = await Promise.all(Array.from({ length: 10 }, async () => (await taskIn(editor, id)).id));
  const statuses = ['TODO', 'IN_PROGRESS', 'REVIEW', 'CANCELLED'];
  const codes = await Promise.all(
    Array.from({ length: 50 }, (_, at) => {
      const input = { id: ids[at % 10], status: statuses[at % 4], afterId: at % 3 === 0 ? null : ids[(at + 3) % 10] };
      return refusal(editor, 'moveTask', input);
    }),
  );
  // What is elsewhere by then is refused, and nothing else goes wrong.
  expect(new Set(codes.filter((code) => code !== undefined && code !== 'CONFLICT afterId'))).toEqual(new Set());
  const columns = await boardOf(editor, id);
  expect(Object.values(columns).flat()).toHaveLength(10);
  const rows = await direct(
    bed,
    ada.organizationId,
    sql`select distinct position from tasks where project_id = ${uuidOf(id)}`,
  );
  expect(rows).toHaveLength(10);
});

const done = 'task { status completedAt } warnings { task { id } openBlockerCount openPartCount openBlockers { id } }';

test('WARN lets a task be done and says what was open, also what one does not see', async () => {
  const { id, of } = await boardWith(['a', 'blocker', 'past']);
  const hiddenProject = await projectOf(outsider);
  const hidden = await taskIn(outsider, hiddenProject);
  await taskIn(editor, id, { parentId: of.a });
  await taskIn(editor, id, { parentId: of.a, status: 'CANCELLED' });
  await move({ id: of.past, status: 'DONE' });
  const task = { id: of.a, projectId: id };
  await waits(bed, ada.organizationId, task, { id: of.blocker, projectId: id });
  await waits(bed, ada.organizationId, task, { id: of.past, projectId: id });
  await waits(bed, ada.organizationId, task, { id: hidden.id, projectId: hiddenProject });
  const { task: finished, warnings } = await act(editor, 'moveTask', { id: of.a, status: 'DONE' }, done);
  expect(finished).toEqual({ status: 'DONE', completedAt: expect.any(String) });
  expect(warnings).toEqual([
    { task: { id: of.a }, openBlockerCount: 2, openPartCount: 1, openBlockers: [{ id: of.blocker }] },
  ]);
  // Who is done already is not asked again, and reopening clears when it was.
  expect((await act(editor, 'moveTask', { id: of.a, status: 'DONE' }, done)).warnings).toEqual([]);
  const reopened = await act(editor, 'moveTask', { id: of.a, status: 'TODO' }, done);
  expect(reopened).toEqual({ task: { status: 'TODO', completedAt: null }, warnings: [] });
  // Those who see all are shown the hidden one too.
  const seen = await act(ada, 'moveTask', { id: of.a, status: 'DONE' }, done);
  expect(seen.warnings[0].openBlockers).toEqual([{ id: of.blocker }, { id: hidden.id }]);
});

test('BLOCK refuses a task of which something is open, unless who manages the project says why', async () => {
  const { id, of } = await boardWith(['a', 'blocker'], { completionGuard: 'BLOCK' });
  await waits(bed, ada.organizationId, { id: of.a, projectId: id }, { id: of.blocker, projectId: id });
  const before = await fingerprint(bed, ada.organizationId);
  const { errors } = await asked(editor, 'moveTask', { id: of.a, status: 'DONE' }, done);
  expect(errors.map(({ extensions }) => extensions)).toEqual([
    {
      code: 'CONFLICT',
      field: 'status',
      open: [{ id: of.a, openBlockers: [of.blocker], openBlockerCount: 1, openPartCount: 0 }],
    },
  ]);
  const override = { id: of.a, status: 'DONE', overrideReason: ' The customer waits. ' };
  expect(await refusal(editor, 'moveTask', override)).toBe('FORBIDDEN');
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
  expect(await act(ada, 'moveTask', override, done)).toEqual({
    task: { status: 'DONE', completedAt: expect.any(String) },
    warnings: [],
  });
  expect(await newestActivity(editor, of.a)).toMatchObject({ kind: 'MOVED', reason: 'The customer waits.' });
  const [event] = await direct(
    bed,
    ada.organizationId,
    sql`select data from events where action = 'task.moved' and target_id = ${uuidOf(of.a)} order by created_at desc limit 1`,
  );
  expect(event?.data).toMatchObject({ from: 'TODO', to: 'DONE', overrideReason: 'The customer waits.' });
  // Where nothing is held back a reason is not kept, whoever gives it.
  await act(editor, 'moveTask', { id: of.blocker, status: 'DONE', overrideReason: 'In vain' }, done);
  expect(await newestActivity(editor, of.blocker)).toMatchObject({ kind: 'MOVED', reason: null });
});

test('OFF asks nothing; a part that is open holds back with BLOCK; what is opened as DONE has nothing open', async () => {
  const off = await boardWith(['a'], { completionGuard: 'OFF' });
  await taskIn(editor, off.id, { parentId: off.of.a });
  expect((await act(editor, 'moveTask', { id: off.of.a, status: 'DONE' }, done)).warnings).toEqual([]);
  const block = await boardWith(['a'], { completionGuard: 'BLOCK' });
  const part = await taskIn(editor, block.id, { parentId: block.of.a });
  expect(await refusal(editor, 'moveTask', { id: block.of.a, status: 'DONE' })).toBe('CONFLICT status');
  // To cancel it is another matter.
  await move({ id: block.of.a, status: 'CANCELLED' });
  await move({ id: part.id, status: 'DONE' });
  await move({ id: block.of.a, status: 'DONE' });
  expect(await taskIn(editor, block.id, { status: 'DONE' })).toMatchObject({ status: 'DONE' });
});

test('a move costs as many statements on a full board as on an empty one', async () => {
  const small = await boardWith(['a', 'b', 'c']);
  const large = await boardWith(Array.from({ length: 40 }, (_, at) => `t${at}`));
  const cost = async (id: string, afterId: string) =>
    (await asked(editor, 'moveTask', { id, status: 'TODO', afterId }, 'task { id }')).statements.length;
  const first = await cost(small.of.c, small.of.a);
  expect(await cost(large.of.t39, large.of.t3)).toBe(first);
  expect(first).toBe(10);
});
