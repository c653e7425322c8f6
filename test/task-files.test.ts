import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { and, eq, sql } from 'drizzle-orm';
import * as fc from 'fast-check';
import { database } from '../src/database/client.ts';
import { UnitOfWork, wholeOf } from '../src/database/unit-of-work.ts';
import { importKind } from '../src/domains/projects/task-import.ts';
import { guarded, labelsCell, labelsIn, unguarded } from '../src/domains/projects/task-sheet.ts';
import type { Run } from '../src/queue/queue.ts';
import { jobs } from '../src/queue/tables.ts';
import { fingerprint } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { projectOf, taskIn } from './project-talk.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';
import { openUpload, uploaded } from './uploading.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let editor: Colleague;
let viewer: Colleague;
let outsider: Colleague;
let workspaceId: string;
let editorEmail: string;
let outsiderEmail: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada);
  editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MEMBER', { [workspaceId]: 'EDITOR' });
  viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [workspaceId]: 'VIEWER' });
  outsider = await colleagueOf(bed, ada.organizationId, 'Outsider', 'MEMBER');
  const emailOf = async (person: Person): Promise<string> => {
    const data: Data = await person.want('{ viewer { user { email } } }');
    return data.viewer.user.email;
  };
  [editorEmail, outsiderEmail] = [await emailOf(editor), await emailOf(outsider)];
}, 120_000);
afterAll(() => bed.stop());

const begin = 'mutation ($input: ImportTasksInput!) { importTasks(input: $input) { job { id } } }';
const beginExport = 'mutation ($input: ExportTasksInput!) { exportTasks(input: $input) { job { id } } }';

const ended = async (person: Person, id: string): Promise<Data> => {
  for (let tries = 0; tries < 1200; tries++) {
    const { job }: Data = await person.want('query ($id: ID!) { job(id: $id) { id state progress result error } }', {
      id,
    });
    if (job.state === 'FAILED') throw new Error(job.error);
    if (job.state === 'SUCCEEDED') return job;
    await pause(50);
  }
  throw new Error('The job did not end.');
};
const sheet = (person: Person, text: string | Uint8Array): Promise<string> =>
  uploaded(bed, person, 'tasks.csv', text, 'text/csv');
const imported = async (person: Person, projectId: string, text: string | Uint8Array, input = {}): Promise<Data> => {
  const fileId = await sheet(person, text);
  const { importTasks }: Data = await person.want(begin, { input: { projectId, fileId, ...input } });
  const { result, progress } = await ended(person, importTasks.job.id);
  expect(progress).toBe(100);
  return result;
};
const exported = async (
  person: Person,
  input: object,
): Promise<{ text: string; result: Data; type: string | null }> => {
  const { exportTasks }: Data = await person.want(beginExport, { input });
  const { result } = await ended(person, exportTasks.job.id);
  const { createFileLink }: Data = await person.want(
    'mutation ($input: CreateFileLinkInput!) { createFileLink(input: $input) { url } }',
    { input: { id: result.fileId } },
  );
  const answer = await fetch(createFileLink.url);
  return { text: await answer.text(), result, type: answer.headers.get('content-type') };
};

const tasksOf = async (person: Person, projectId: string): Promise<Data[]> => {
  const query = `query ($id: ID!) { project(id: $id) { tasks(first: 100, orderBy: [{ field: POSITION }]) { edges { node {
    number title description status priority assignee { email } estimatedHours startDate dueDate parent { number }
    completedAt cancelledAt } } } } }`;
  const data: Data = await person.want(query, { id: projectId });
  return data.project.tasks.edges.map(({ node }: Data) => node);
};
const rowsIn = async <Row extends Record<string, unknown>>(statement: ReturnType<typeof sql>): Promise<Row[]> => {
  const unit = unitOf(bed, ada.organizationId).as(wholeOf(uuidOf(ada.organizationId)));
  try {
    return [...((await unit.run(() => database.execute<Row>(statement))) as unknown as Row[])];
  } finally {
    await unit.rest();
  }
};

test('a sheet becomes tasks, with all that its columns say', async () => {
  const projectId = await projectOf(editor, { workspaceId, key: 'MAP' });
  await taskIn(editor, projectId, { title: 'There before' });
  const text = [
    'Title,description,Status,PRIORITY,assignee,Estimated hours,start,due date,labels,parent,identifier,colour',
    `Coast,"Two\nlines, ""quoted""",in progress,high,${editorEmail.toUpperCase()},1.5,2026-01-02,2026-01-31,"sea; ""a;b""",OLD-2,OLD-1,red`,
    "'=1+1,,DONE,,,,,,SEA,,OLD-2,",
    ',,,,,,,,,,,',
    'Isle,,,,,,,,,MAP-1,,',
    'Cape,,cancelled,,,,,,,1,,',
  ].join('\r\n');
  const result = await imported(editor, projectId, `\uFEFF${text}\r\n`);
  expect(result).toEqual({
    total: 4,
    created: 4,
    failedCount: 0,
    failed: [],
    ignoredColumns: ['colour'],
    dryRun: false,
  });
  const nothing = {
    description: '',
    status: 'TODO',
    priority: 'MEDIUM',
    assignee: null,
    estimatedHours: null,
    startDate: null,
    dueDate: null,
    parent: null,
    completedAt: null,
    cancelledAt: null,
  };
  expect(await tasksOf(editor, projectId)).toEqual([
    { ...nothing, number: 1, title: 'There before' },
    // What it is a part of comes before it.
    { ...nothing, number: 2, title: '=1+1', status: 'DONE', completedAt: expect.any(String) },
    {
      ...nothing,
      number: 3,
      title: 'Coast',
      description: 'Two\nlines, "quoted"',
      status: 'IN_PROGRESS',
      priority: 'HIGH',
      assignee: { email: editorEmail },
      estimatedHours: '1.5',
      startDate: '2026-01-02',
      dueDate: '2026-01-31',
      parent: { number: 2 },
    },
    { ...nothing, number: 4, title: 'Isle', parent: { number: 1 } },
    {
      ...nothing,
      number: 5,
      title: 'Cape',
      status: 'CANCELLED',
      parent: { number: 3 },
      cancelledAt: expect.any(String),
    },
  ]);
  const id = uuidOf(projectId);
  expect(
    await rowsIn(sql`select t.number, l.name from tasks t join task_labels m on m.task_id = t.id join project_labels l on l.id = m.label_id
      where t.project_id = ${id} order by t.number, lower(l.name)`),
  ).toEqual([
    { number: 2, name: 'SEA' },
    { number: 3, name: 'a;b' },
    { number: 3, name: 'SEA' },
  ]);
  expect(
    await rowsIn(
      sql`select (select count(*)::int from task_activities where project_id = ${id}) as activities, (select count(*)::int from task_watchers where project_id = ${id}) as watchers`,
    ),
  ).toEqual([{ activities: 5, watchers: 5 }]);
  expect(
    await rowsIn(sql`select data->>'count' as count from events where action = 'task.imported' and target_id = ${id}`),
  ).toEqual([{ count: '4' }]);
});

test('a sheet assigns the people of the workspace, also by who works in the project alone', async () => {
  const projectId = await projectOf(editor, { workspaceId });
  const worker = await colleagueOf(bed, ada.organizationId, 'Worker', 'MEMBER');
  await editor.want(
    'mutation ($input: AddProjectCollaboratorsInput!) { addProjectCollaborators(input: $input) { __typename } }',
    { input: { projectId, userIds: [worker.userId] } },
  );
  const result = await imported(worker, projectId, `title,assignee\nCoast,${editorEmail}`);
  expect(result).toMatchObject({ created: 1, failed: [] });
  expect(await tasksOf(editor, projectId)).toMatchObject([{ title: 'Coast', assignee: { email: editorEmail } }]);
});

test('labels come back from an export, too', async () => {
  const first = await projectOf(editor, { workspaceId });
  await imported(editor, first, 'title,labels,parent\nA,"sea; ""a;b""",2\nB,"\'=x",\nC,,1\n');
  const second = await projectOf(editor, { workspaceId });
  const { text } = await exported(editor, { projectId: first });
  await imported(editor, second, text);
  const plain = (sheetText: string) =>
    parse(sheetText, { columns: true }).map(({ title, labels, parent }: Data) => [title, labels, parent.split('-')[1]]);
  const told = plain(text);
  expect(told).toEqual([
    ['B', "'=x", undefined],
    ['A', '"a;b";sea', '1'],
    ['C', '', '2'],
  ]);
  expect(plain((await exported(editor, { projectId: second })).text)).toEqual(told);
}, 30_000);

const faulty = (): string =>
  [
    'Summary,status,priority,assignee,estimatedHours,startDate,dueDate,labels,parent,identifier',
    'Fine,,,,,,,,,A-1',
    ',OPEN,urgent,nobody@example.com,-1,2026-02-30,tomorrow,"""",Z-9,',
    `Seen not,,,${outsiderEmail},,,,,,`,
    'Below,,,,,,,,2,',
    'Twice,,,,,,,,,a-1',
    'Ring,,,,,,,,7,',
    'Ring,,,,,,,,6,',
    'Late,,,,,2026-02-02,2026-02-01,,ATL-999,,too,many',
    'Stray,,,,,,,new label,,',
  ].join('\n');
const faults = [
  { line: 3, row: 2, field: 'title', message: 'This takes 1 to 500 characters, and no NUL.' },
  {
    line: 3,
    row: 2,
    field: 'estimatedHours',
    message: 'This is 0 to 9,999,999, with at most two decimal places.',
  },
  { line: 3, row: 2, field: 'status', message: 'This is one of TODO, IN_PROGRESS, REVIEW, DONE, CANCELLED.' },
  { line: 3, row: 2, field: 'priority', message: 'This is one of LOW, MEDIUM, HIGH, CRITICAL.' },
  { line: 3, row: 2, field: 'startDate', message: 'A date is like 2026-01-31.' },
  { line: 3, row: 2, field: 'dueDate', message: 'A date is like 2026-01-31.' },
  {
    line: 3,
    row: 2,
    field: 'labels',
    message: 'Names stand between semicolons, those with quotes or semicolons in quotes.',
  },
  { line: 3, row: 2, field: 'parent', message: 'There is no such row, and no such task in the project.' },
  { line: 4, row: 3, field: 'assignee', message: 'This member does not see the project.' },
  { line: 5, row: 4, field: 'parent', message: 'The row that it is a part of is faulty.' },
  { line: 6, row: 5, field: 'identifier', message: 'Another row has this identifier.' },
  { line: 7, row: 6, field: 'parent', message: 'This row is a part of itself.' },
  { line: 8, row: 7, field: 'parent', message: 'This row is a part of itself.' },
  { line: 9, row: 8, field: 'dueDate', message: 'The due date lies before the start.' },
  { line: 9, row: 8, field: 'row', message: 'This row has more cells than the header.' },
  { line: 10, row: 9, field: 'labels', message: 'The project has no label “new label”.' },
];

test('each faulty row is told with its line and fields; nothing is made, or only the others are', async () => {
  const projectId = await projectOf(ada, { workspaceId, key: 'ATL' });
  const prints = async () => {
    const { tasks, projects, project_labels, task_activities } = await fingerprint(bed, ada.organizationId);
    return [tasks, projects, project_labels, task_activities];
  };
  const before = await prints();
  const all = await imported(editor, projectId, faulty());
  expect(all).toEqual({ total: 9, created: 0, failedCount: 8, failed: faults, ignoredColumns: [], dryRun: false });
  const trial = await imported(editor, projectId, faulty(), { mode: 'VALID_ROWS', dryRun: true });
  expect(trial).toEqual({ ...all, dryRun: true });
  expect(await tasksOf(editor, projectId)).toEqual([]);
  expect(before).not.toContain(undefined);
  expect(await prints()).toEqual(before);
  const some = await imported(editor, projectId, faulty(), { mode: 'VALID_ROWS' });
  expect(some).toEqual({ ...all, created: 1 });
  expect((await tasksOf(editor, projectId)).map(({ title, number }) => [title, number])).toEqual([['Fine', 1]]);
});

test('a sheet that cannot be read is told with its line, and columns are told by a mapping', async () => {
  const projectId = await projectOf(editor, { workspaceId });
  const told = async (text: string | Uint8Array, input = {}) => {
    const result = await imported(editor, projectId, text, input);
    expect(result).toMatchObject({ created: 0, failedCount: 0 });
    return result.failed;
  };
  const at = (line: number, field: string, message: string) => [{ line, row: null, field, message }];
  expect(await told('name\nx')).toEqual(at(1, 'header', 'No column stands for title.'));
  expect(await told('\n')).toEqual(at(1, 'header', 'The file is empty: its first line names the columns.'));
  expect(await told('title,Title\nx')).toEqual(at(1, 'header', 'Two columns stand for title.'));
  expect(await told('title\n"x')).toEqual(at(2, 'file', 'This is no CSV: csv quote not closed.'));
  expect(await told(Uint8Array.from([...Buffer.from('title\n'), 0xff, 0xfe]))).toEqual(
    at(1, 'file', 'The file is no text in UTF-8.'),
  );
  const long = `title\n${'x\n'.repeat(10_001)}`;
  expect(await told(long)).toEqual(at(10_002, 'file', 'A sheet has at most 10,000 rows.'));
  const mapping = [{ column: 'Aufgabe', field: 'TITLE' }];
  expect(await told('title\nx', { mapping })).toEqual(at(1, 'header', 'There is no column “Aufgabe”.'));
  const fine = await imported(editor, projectId, 'Aufgabe,due\nKarte,2026-05-05\n', { mapping });
  expect(fine).toMatchObject({ total: 1, created: 1 });
  expect(await tasksOf(editor, projectId)).toMatchObject([{ title: 'Karte', dueDate: '2026-05-05' }]);
});

test('an import is refused to who does not work in the project, and for files that are not there', async () => {
  const projectId = await projectOf(editor, { workspaceId });
  const fileId = await sheet(editor, 'title\nx');
  const awaited = await openUpload(editor, 'tasks.csv', 10, 'text/csv');
  const own = await sheet(viewer, 'title\nx');
  const before = await fingerprint(bed, ada.organizationId);
  const codes = (person: Person, input: object) => person.codes(begin, { input: { projectId, fileId, ...input } });
  expect(await codes(viewer, { fileId: own })).toEqual(['FORBIDDEN']);
  expect(await codes(outsider, {})).toEqual(['NOT_FOUND']);
  expect(await codes(editor, { fileId: own })).toEqual(['NOT_FOUND']);
  expect(await codes(editor, { fileId: awaited.id })).toEqual(['CONFLICT']);
  const mapping = [
    { column: ' ', field: 'TITLE' },
    { column: 'a', field: 'TITLE' },
    { column: 'a', field: 'DUE_DATE' },
  ];
  const { errors } = await editor.ask(begin, { input: { projectId, fileId, mapping } });
  expect(errors[0]?.extensions.issues).toEqual([
    { field: 'mapping.0.column', message: 'This takes 1 to 200 characters, and no NUL.' },
    { field: 'mapping.1.field', message: 'Another column stands for this.' },
    { field: 'mapping.2.column', message: 'This column is named twice.' },
  ]);
  const exportCodes = (person: Person, input: object) => person.codes(beginExport, { input });
  expect(await exportCodes(editor, {})).toEqual(['BAD_USER_INPUT']);
  expect(await exportCodes(outsider, { projectId })).toEqual(['NOT_FOUND']);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
});

/** Runs an import as a worker does that is killed when it has kept its work so many times: then neither the last rows nor their tally are there. */
const runUntil = async (jobId: string, data: object, lifetime: number, kept: Data): Promise<Data> => {
  const { services } = bed.server.installation;
  const organizationId = uuidOf(ada.organizationId);
  const scope = {
    organizationId,
    userId: uuidOf(editor.userId),
    principals: [organizationId],
    workspaces: '*' as const,
  };
  const unit = new UnitOfWork(scope, { ...services, origin: { requestId: 'job', address: null, userAgent: null } });
  let left = lifetime;
  let last = kept;
  const run: Run = {
    jobId,
    attempt: 1,
    kept,
    signal: new AbortController().signal,
    progress: async () => undefined,
    keep: async (_unit, result) => {
      if (left-- <= 0) throw new Error('Killed.');
      last = JSON.parse(JSON.stringify(result));
    },
  };
  try {
    return { result: await services.jobs[importKind]?.run({ unit, services }, { ...data }, run), kept: last };
  } catch (error) {
    if (!(error instanceof Error) || error.message !== 'Killed.') throw error;
    return { result: null, kept: last };
  } finally {
    await unit.rest();
  }
};

test('1,200 rows are imported once each, though the worker is killed in the middle twice', async () => {
  const projectId = await projectOf(editor, { workspaceId, key: 'KILL' });
  // Each tenth is faulty, and its child with it, in another batch.
  const lines = Array.from({ length: 1200 }, (_, at) => {
    const bad = at % 10 === 0 && at < 400;
    const parent = at >= 600 && at < 1000 ? String(at - 599) : '';
    return `Task ${at + 1},${bad ? 'nobody@example.com' : ''},${parent}`;
  });
  const fileId = await sheet(editor, ['title,assignee,parent', ...lines].join('\n'));
  const { importTasks }: Data = await editor.want(begin, { input: { projectId, fileId, dryRun: true } });
  const trial = await ended(editor, importTasks.job.id);
  expect(trial.result).toMatchObject({ total: 1200, created: 0, failedCount: 80 });
  expect(trial.result.failed).toHaveLength(80);
  const unit = unitOf(bed, ada.organizationId).as(wholeOf(uuidOf(ada.organizationId)));
  const jobId = uuidOf(importTasks.job.id);
  const [job] = await unit.run(() =>
    database
      .select({ id: jobs.id })
      .from(jobs)
      .where(and(eq(jobs.organizationId, uuidOf(ada.organizationId)), eq(jobs.id, jobId))),
  );
  await unit.rest();
  expect(job).toEqual({ id: jobId });
  const data = {
    projectId: uuidOf(projectId),
    fileId: uuidOf(fileId),
    mapping: [],
    mode: 'VALID_ROWS',
    dryRun: false,
    credential: { kind: 'SESSION', id: jobId },
  };
  const count = async () => {
    const [row] = await rowsIn<{ count: number; last: number; titles: number }>(
      sql`select count(*)::int as count, coalesce(max(number), 0) as last, count(distinct title)::int as titles from tasks where project_id = ${uuidOf(projectId)}`,
    );
    return row;
  };
  const first = await runUntil(jobId, data, 1, null);
  expect(first.kept).toMatchObject({ position: 500, created: 460, failedCount: 40 });
  expect(await count()).toEqual({ count: 460, last: 460, titles: 460 });
  const second = await runUntil(jobId, data, 1, first.kept);
  expect(second.kept).toMatchObject({ position: 1000, created: 920, failedCount: 80 });
  const third = await runUntil(jobId, data, 9, second.kept);
  expect(third.result).toMatchObject({ total: 1200, created: 1120, failedCount: 80 });
  expect(await count()).toEqual({ count: 1120, last: 1120, titles: 1120 });
  const again = await runUntil(jobId, data, 9, third.kept);
  expect(again.result).toEqual(third.result);
  expect(await count()).toEqual({ count: 1120, last: 1120, titles: 1120 });
  const [parents] = await rowsIn(
    sql`select count(*)::int as count from tasks where project_id = ${uuidOf(projectId)} and parent_id is not null`,
  );
  expect(parents).toEqual({ count: 360 });
}, 120_000);

test('an export holds what its requester sees, by project, filter or view, as CSV or JSONL', async () => {
  const projectId = await projectOf(editor, { workspaceId, key: 'EXP' });
  const own = await projectOf(outsider, { key: 'OWN' });
  const parent = await taskIn(editor, projectId, {
    title: '=SUM(A1)',
    description: 'a\n"b"',
    assigneeId: editor.userId,
    estimatedHours: '2.25',
    dueDate: '2026-04-04',
    priority: 'CRITICAL',
  });
  await taskIn(editor, projectId, { title: 'Part', parentId: parent.id, status: 'DONE', priority: 'CRITICAL' });
  await taskIn(outsider, own, { title: 'Hidden', priority: 'CRITICAL' });
  const whole = await exported(viewer, { projectId });
  expect(whole.type).toContain('text/csv');
  expect(whole.result).toMatchObject({ rows: 2, complete: true });
  const rows: Data[] = parse(whole.text, { columns: true });
  expect(rows).toEqual([
    {
      identifier: 'EXP-1',
      title: "'=SUM(A1)",
      description: 'a\n"b"',
      status: 'TODO',
      priority: 'CRITICAL',
      assignee: editorEmail,
      estimatedHours: '2.25',
      startDate: '',
      dueDate: '2026-04-04',
      labels: '',
      parent: '',
      project: 'EXP',
      id: parent.id,
      createdAt: expect.stringMatching(/Z$/),
      completedAt: '',
    },
    expect.objectContaining({ identifier: 'EXP-2', parent: 'EXP-1', completedAt: expect.stringMatching(/Z$/) }),
  ]);
  const filter = { priority: { eq: 'CRITICAL' }, createdAt: { gte: '2020-01-01T00:00:00.000Z' } };
  const lines = await exported(editor, { filter, format: 'JSONL' });
  const objects: Data[] = lines.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(objects.map(({ identifier, title, labels }) => [identifier, title, labels])).toEqual([
    ['EXP-1', '=SUM(A1)', []],
    ['EXP-2', 'Part', []],
  ]);
  const { createSavedView }: Data = await editor.want(
    'mutation ($input: CreateSavedViewInput!) { createSavedView(input: $input) { savedView { id } } }',
    { input: { list: 'TASKS', name: 'Done', filter: { projectId: { eq: projectId }, status: { eq: 'DONE' } } } },
  );
  const seen = await exported(editor, { savedViewId: createSavedView.savedView.id });
  expect(parse(seen.text, { columns: true }).map((row: Data) => row.identifier)).toEqual(['EXP-2']);
  const hidden = await exported(outsider, { filter });
  expect(parse(hidden.text, { columns: true }).map((row: Data) => row.identifier)).toEqual(['OWN-1']);
});

test('guards of formulas and cells of labels are read as they were written', () => {
  const wild = fc.string({ unit: fc.constantFrom("'", '=', '-', '@', '+', '\t', '\r', 'a', ' ', ';', '"', '\n') });
  fc.assert(
    fc.property(wild, (text) => {
      expect(unguarded(guarded(text))).toBe(text);
      expect(guarded(text)).not.toMatch(/^[=+\-@\t\r]/);
    }),
  );
  const name = fc
    .string({ unit: fc.constantFrom("'", '=', 'a', 'b', ' ', ';', '"', ','), minLength: 1, maxLength: 8 })
    .map((text) => text.trim())
    .filter((text) => text !== '');
  fc.assert(
    fc.property(fc.uniqueArray(name), (names) => {
      expect(labelsIn(labelsCell(names))).toEqual(names);
    }),
  );
});

test('what is exported and imported again is the same', async () => {
  const word = fc
    .string({
      unit: fc.constantFrom("'", '=', '-', '@', '+', 'a', 'é', ' ', ';', '"', ','),
      minLength: 1,
      maxLength: 12,
    })
    .map((text) => `${text}x`.trim());
  const day = fc.integer({ min: 1, max: 28 }).map((each) => `2026-02-${String(each).padStart(2, '0')}`);
  const task = fc.record({
    title: word,
    description: fc.string({ unit: fc.constantFrom("'", '=', '\n', '\r', '\t', '"', ',', 'b', ' '), maxLength: 12 }),
    status: fc.constantFrom('TODO', 'IN_PROGRESS', 'REVIEW', 'DONE', 'CANCELLED'),
    priority: fc.constantFrom('LOW', 'MEDIUM', 'HIGH', 'CRITICAL'),
    assigneeId: fc.constantFrom(null, editor.userId, ada.userId),
    estimatedHours: fc.constantFrom(null, '0', '1.25', '9999999'),
    startDate: fc.constantFrom(null, '2026-01-31'),
    dueDate: fc.option(day),
    below: fc.nat(5),
  });
  const plain = (found: Data[]) => {
    const first = Math.min(...found.map(({ number }) => number)) - 1;
    return found.map(({ number, parent, completedAt, cancelledAt, ...rest }) =>
      Object.assign(rest, {
        number: number - first,
        parent: parent && parent.number - first,
        ended: [completedAt !== null, cancelledAt !== null],
      }),
    );
  };
  await fc.assert(
    fc.asyncProperty(fc.array(task, { minLength: 1, maxLength: 8 }), async (given) => {
      const from = await projectOf(editor, { workspaceId });
      const made: Data[] = [];
      for (const { below, ...input } of given)
        made.push(await taskIn(editor, from, { ...input, parentId: made[made.length - 1 - below]?.id ?? null }));
      const to = await projectOf(editor, { workspaceId });
      const { text } = await exported(editor, { projectId: from });
      expect(await imported(editor, to, text)).toMatchObject({ created: given.length, failed: [] });
      expect(plain(await tasksOf(editor, to))).toEqual(plain(await tasksOf(editor, from)));
    }),
    { numRuns: 12 },
  );
}, 180_000);
