import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import * as fc from 'fast-check';
import { database } from '../src/database/client.ts';
import { timeEntries } from '../src/domains/projects/time-tables.ts';
import { fingerprint } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { did, refused, textOf } from './project-acts.ts';
import { projectOf, taskIn } from './project-talk.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

// One connection lets nothing run side by side, so this proves something on a server only.
const onPostgres = process.env.TEST_POSTGRES_URL !== undefined && process.env.TEST_POOL_SIZE !== '1' ? test : test.skip;

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let admin: Colleague;
let viewer: Colleague;
let workspaceId: string;

const hour = 3_600_000;
const ago = (hours: number): string => new Date(Date.now() - hours * hour).toISOString();
let people = 0;
const editor = (): Promise<Colleague> =>
  colleagueOf(bed, ada.organizationId, `Editor${(people += 1)}`, 'MEMBER', { [workspaceId]: 'EDITOR' });

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada);
  admin = await colleagueOf(bed, ada.organizationId, 'Admin', 'ADMIN');
  viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [workspaceId]: 'VIEWER' });
}, 120_000);
afterAll(() => bed.stop());

const changesNothing = async (act: () => Promise<void>): Promise<void> => {
  const before = await fingerprint(bed, ada.organizationId);
  await act();
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
};
const entry = 'id startedAt endedAt note hours hourlyRate cost task { id } project { id } user { name }';
const track = async (person: Person, taskId: string, from: number, to: number, input: object = {}): Promise<Data> =>
  (
    await did(
      person,
      'createTimeEntry',
      { taskId, startedAt: ago(from), endedAt: ago(to), ...input },
      `timeEntry { ${entry} }`,
    )
  ).timeEntry;
const running = async (person: Person): Promise<Data> =>
  ((await person.want('{ runningTimer { id task { id } endedAt hours cost } }')) as Data).runningTimer;

test('a timer is started and stopped, one at a time', async () => {
  const person = await editor();
  const id = await projectOf(ada, { workspaceId });
  const [first, second] = [await taskIn(person, id), await taskIn(person, id)];
  expect(await running(person)).toBe(null);
  expect(await refused(person, 'stopTimer', {})).toEqual(['CONFLICT input']);
  const started = await did(
    person,
    'startTimer',
    { taskId: first.id, note: 'Ink', startedAt: ago(2) },
    `timeEntry { ${entry} } stopped { id }`,
  );
  expect(started).toEqual({
    timeEntry: {
      id: expect.stringMatching(/^time_entry_/),
      startedAt: expect.any(String),
      endedAt: null,
      note: 'Ink',
      hours: null,
      hourlyRate: null,
      cost: null,
      task: { id: first.id },
      project: { id },
      user: { name: expect.stringMatching(/^Editor/) },
    },
    stopped: null,
  });
  const timer = started.timeEntry.id;
  expect(await running(person)).toEqual({ id: timer, task: { id: first.id }, endedAt: null, hours: null, cost: null });
  await changesNothing(async () => {
    const { errors } = await person.ask(textOf('startTimer'), { input: { taskId: second.id } });
    expect(errors[0]?.extensions).toEqual({
      code: 'CONFLICT',
      field: 'stopRunning',
      running: { id: timer, taskId: first.id, projectId: id, startedAt: started.timeEntry.startedAt },
    });
    // Nothing begins before what it stops.
    const early = { taskId: second.id, stopRunning: true, startedAt: ago(3) };
    expect(await refused(person, 'startTimer', early)).toEqual(['CONFLICT startedAt']);
    expect(await refused(person, 'startTimer', { taskId: second.id, startedAt: ago(-1) })).toEqual([
      'BAD_USER_INPUT startedAt',
    ]);
    expect(await refused(person, 'startTimer', { taskId: second.id, startedAt: ago(24.01) })).toEqual([
      'BAD_USER_INPUT startedAt',
    ]);
    expect(await refused(person, 'startTimer', { taskId: second.id, note: 'x'.repeat(2001) })).toEqual([
      'BAD_USER_INPUT note',
    ]);
    expect(await refused(viewer, 'startTimer', { taskId: second.id })).toEqual(['FORBIDDEN']);
    const stranger = await bed.signUp('Stranger');
    expect(await refused(stranger, 'startTimer', { taskId: second.id })).toEqual(['NOT_FOUND']);
    expect(await refused(person, 'stopTimer', { endedAt: ago(3) })).toEqual(['BAD_USER_INPUT endedAt']);
    expect(await refused(person, 'stopTimer', { endedAt: ago(-1) })).toEqual(['BAD_USER_INPUT endedAt']);
    // A running timer overlaps with all that is to come, and with what it covers.
    const over = { taskId: second.id, startedAt: ago(3), endedAt: ago(1.5) };
    expect(await refused(person, 'createTimeEntry', over)).toEqual(['CONFLICT startedAt']);
  });
  const switched = await did(
    person,
    'startTimer',
    { taskId: second.id, stopRunning: true },
    'timeEntry { id startedAt } stopped { id endedAt hours }',
  );
  expect(switched.stopped).toMatchObject({ id: timer, endedAt: switched.timeEntry.startedAt });
  expect(Number(switched.stopped.hours)).toBeCloseTo(2, 2);
  const { timeEntry } = await did(person, 'stopTimer', { note: 'Paper' }, `timeEntry { ${entry} }`);
  expect(timeEntry).toMatchObject({ id: switched.timeEntry.id, note: 'Paper', endedAt: expect.any(String) });
  expect(await running(person)).toBe(null);
  // Another person's time is their own.
  await track(await editor(), first.id, 2, 1);
});

test('a timer that was begun before its project was archived is stopped', async () => {
  const person = await editor();
  const id = await projectOf(ada, { workspaceId });
  const { id: taskId } = await taskIn(person, id);
  const { timeEntry } = await did(person, 'startTimer', { taskId }, 'timeEntry { id }');
  await did(ada, 'archiveProject', { id });
  await changesNothing(async () => {
    expect(await refused(person, 'updateTimeEntry', { id: timeEntry.id, note: 'No' })).toEqual(['CONFLICT projectId']);
    expect(await refused(person, 'deleteTimeEntry', { id: timeEntry.id })).toEqual(['CONFLICT projectId']);
    const past = { taskId, startedAt: ago(3), endedAt: ago(2) };
    expect(await refused(person, 'createTimeEntry', past)).toEqual(['CONFLICT projectId']);
  });
  const stopped = await did(person, 'stopTimer', {}, 'timeEntry { id endedAt }');
  expect(stopped.timeEntry).toEqual({ id: timeEntry.id, endedAt: expect.any(String) });
  expect(await refused(person, 'startTimer', { taskId })).toEqual(['CONFLICT projectId']);
  // Time that was tracked goes with its project only where that is said.
  const remove = { id };
  await changesNothing(async () => {
    const { errors } = await ada.ask(textOf('deleteProject'), { input: remove });
    expect(errors[0]?.extensions).toEqual({ code: 'CONFLICT', field: 'withTime', timeEntries: 1 });
  });
  await did(ada, 'deleteProject', { ...remove, withTime: true });
  expect(await person.codes('query ($id: ID!) { node(id: $id) { id } }', { id: timeEntry.id })).toEqual(['NOT_FOUND']);
  const listed: Data = await person.want(
    'query ($filter: TimeEntryFilter) { timeEntries(filter: $filter) { totalCount } }',
    { filter: { userId: { eq: person.userId } } },
  );
  expect(listed.timeEntries.totalCount).toBe(0);
});

test('time on a task that is deleted at the same moment is written, or the task is not found', async () => {
  const person = await editor();
  const faultOf = ({ errors: [error] }: Awaited<ReturnType<Person['ask']>>): string =>
    error === undefined ? 'done' : [error.extensions.code, error.extensions.type].filter(Boolean).join(' ');
  const outcomes: string[] = [];
  for (let round = 0; round < 12; round += 1) {
    const projectId = await projectOf(person, { workspaceId });
    const { id: taskId } = await taskIn(person, projectId);
    const span = { startedAt: ago(round + 2), endedAt: ago(round + 1.5) };
    const wholeProject = round % 2 === 1;
    if (wholeProject) await did(person, 'archiveProject', { id: projectId });
    const [removed, written] = await Promise.all([
      wholeProject
        ? person.ask(textOf('deleteProject'), { input: { id: projectId, withTime: true } })
        : person.ask(textOf('deleteTask'), { input: { id: taskId } }),
      round % 4 < 2
        ? person.ask(textOf('createTimeEntry'), { input: { taskId, ...span } })
        : person.ask(textOf('startTimer'), { input: { taskId, stopRunning: true } }),
    ]);
    outcomes.push(`${wholeProject ? 'project' : 'task'}: ${faultOf(removed)}, ${faultOf(written)}`);
  }
  const possible = new Set([
    'task: done, NOT_FOUND Task',
    'task: CONFLICT, done',
    'project: done, NOT_FOUND Task',
    'project: done, CONFLICT',
  ]);
  expect(outcomes.filter((outcome) => !possible.has(outcome))).toEqual([]);
});

test('a timer that was forgotten ends after 24 hours', async () => {
  const person = await editor();
  const { id: taskId } = await taskIn(person, await projectOf(person));
  const { timeEntry } = await did(person, 'startTimer', { taskId }, 'timeEntry { id }');
  const unit = unitOf(bed, ada.organizationId);
  unit.enter('projects');
  await unit.transact(() =>
    database
      .update(timeEntries)
      .set({ startedAt: ago(30) })
      .where(eq(timeEntries.id, uuidOf(timeEntry.id))),
  );
  expect(await refused(person, 'stopTimer', { endedAt: ago(1) })).toEqual(['BAD_USER_INPUT endedAt']);
  const { timeEntry: stopped } = await did(person, 'stopTimer', {}, 'timeEntry { id hours }');
  expect(stopped).toEqual({ id: timeEntry.id, hours: '24' });
});

test('a timer is stopped also by who does not see its project any more', async () => {
  const person = await editor();
  const project = await projectOf(ada, { workspaceId });
  const own = await projectOf(person);
  const { id: taskId } = await taskIn(person, project);
  const mine = await taskIn(person, own);
  const { timeEntry } = await did(person, 'startTimer', { taskId }, 'timeEntry { id }');
  await ada.want(
    'mutation ($input: RemoveWorkspaceMemberInput!) { removeWorkspaceMember(input: $input) { __typename } }',
    { input: { workspaceId, userId: person.userId } },
  );
  expect(await running(person)).toBe(null);
  expect(await refused(person, 'startTimer', { taskId: mine.id })).toEqual(['CONFLICT stopRunning']);
  const stopped = await did(person, 'stopTimer', {}, 'timeEntry { id endedAt task { id } project { id } }');
  expect(stopped.timeEntry).toEqual({
    id: timeEntry.id,
    endedAt: expect.any(String),
    task: null,
    project: null,
  });
  await did(person, 'startTimer', { taskId: mine.id });
  await did(person, 'stopTimer', {});
});

test('time is written down, changed and deleted, by whose it is and who manages the project', async () => {
  const [person, other] = [await editor(), await editor()];
  const id = await projectOf(ada, { workspaceId, hourlyRate: '30' });
  await did(ada, 'addProjectCollaborators', { projectId: id, userIds: [other.userId], hourlyRate: '45.01' });
  const { id: taskId } = await taskIn(person, id);
  const first = await track(person, taskId, 3, 2, { note: 'Ink' });
  expect(first).toMatchObject({ hours: '1', hourlyRate: '30', cost: '30', note: 'Ink' });
  // One that ends where the next begins does not overlap with it.
  const next = await did(
    person,
    'createTimeEntry',
    { taskId, startedAt: first.endedAt, endedAt: ago(1) },
    'timeEntry { id }',
  );
  const foreign = await track(other, taskId, 3, 2.5);
  expect(foreign).toMatchObject({ hourlyRate: '45.01', cost: '22.505' });
  await changesNothing(async () => {
    const spans: [number, number, string][] = [
      [2.5, 1.5, 'CONFLICT startedAt'],
      [4, 0.5, 'CONFLICT startedAt'],
      [1, 2, 'BAD_USER_INPUT endedAt'],
      [0.5, -1, 'BAD_USER_INPUT endedAt'],
      [-1, -2, 'BAD_USER_INPUT startedAt'],
      [30, 5.9, 'BAD_USER_INPUT endedAt'],
    ];
    for (const [from, to, error] of spans) {
      const span = { taskId, startedAt: ago(from), endedAt: ago(to) };
      expect([from, await refused(person, 'createTimeEntry', span)]).toEqual([from, [error]]);
    }
    const same = ago(7);
    expect(await refused(person, 'createTimeEntry', { taskId, startedAt: same, endedAt: same })).toEqual([
      'BAD_USER_INPUT endedAt',
    ]);
    expect(await refused(viewer, 'createTimeEntry', { taskId, startedAt: ago(3), endedAt: ago(2) })).toEqual([
      'FORBIDDEN',
    ]);
    expect(await refused(person, 'updateTimeEntry', { id: next.timeEntry.id, startedAt: ago(2.5) })).toEqual([
      'CONFLICT startedAt',
    ]);
    expect(await refused(person, 'updateTimeEntry', { id: first.id, endedAt: ago(4) })).toEqual([
      'BAD_USER_INPUT endedAt',
    ]);
    expect(await refused(person, 'updateTimeEntry', { id: first.id, startedAt: ago(30) })).toEqual([
      'BAD_USER_INPUT endedAt',
    ]);
    expect(await refused(person, 'updateTimeEntry', { id: foreign.id, note: 'No' })).toEqual(['FORBIDDEN']);
    expect(await refused(person, 'deleteTimeEntry', { id: foreign.id })).toEqual(['FORBIDDEN']);
    const stranger = await bed.signUp('Stranger');
    expect(await refused(stranger, 'deleteTimeEntry', { id: foreign.id })).toEqual(['NOT_FOUND']);
    // What is the same already leaves no trace.
    await did(person, 'updateTimeEntry', { id: first.id, note: 'Ink', startedAt: first.startedAt });
  });
  // A new rate holds for what is written down from then on.
  await did(ada, 'updateProject', { id, version: 1, hourlyRate: '100' });
  const change = { id: first.id, startedAt: ago(3.5), note: null };
  const { timeEntry } = await did(ada, 'updateTimeEntry', change, 'timeEntry { hours note hourlyRate cost }');
  expect(timeEntry).toMatchObject({ note: '', hourlyRate: '30' });
  expect(Number(timeEntry.hours)).toBeCloseTo(1.5, 2);
  expect((await track(person, taskId, 6, 5)).hourlyRate).toBe('100');
  expect(await did(ada, 'deleteTimeEntry', { id: foreign.id }, 'deletedId')).toEqual({ deletedId: foreign.id });
  expect(await refused(ada, 'deleteTimeEntry', { id: foreign.id })).toEqual(['NOT_FOUND']);
});

test('the list of time is filtered, and rates of others are seen by who manages', async () => {
  const [person, other] = [await editor(), await editor()];
  const id = await projectOf(ada, { workspaceId, hourlyRate: '10' });
  const { id: taskId } = await taskIn(person, id);
  await track(person, taskId, 3, 2);
  await track(other, taskId, 3, 1);
  await did(other, 'startTimer', { taskId });
  const query = `query ($filter: TimeEntryFilter) { timeEntries(filter: $filter) { totalCount edges { node { hours cost hourlyRate user { name } task { id } } } } }`;
  const list = async (who: Person, filter: object) => {
    const { data, statements } = await who.ask(query, { filter: { projectId: { eq: id }, ...filter } });
    const { totalCount, edges } = (data as Data).timeEntries;
    return { totalCount, costs: edges.map(({ node }: Data) => [node.hours, node.cost]), statements };
  };
  const all = await list(ada, {});
  expect(all).toMatchObject({
    totalCount: 3,
    costs: [
      [null, null],
      ['2', '20'],
      ['1', '10'],
    ],
  });
  // The page, its number, people, tasks, the project and the place in it.
  expect(all.statements).toHaveLength(6);
  expect(await list(person, {})).toMatchObject({
    costs: [
      [null, null],
      ['2', null],
      ['1', '10'],
    ],
  });
  expect(await list(ada, { userId: { eq: other.userId } })).toMatchObject({ totalCount: 2 });
  expect(await list(ada, { running: { eq: true } })).toMatchObject({ totalCount: 1, costs: [[null, null]] });
  expect(await list(ada, { running: { eq: false } })).toMatchObject({ totalCount: 2 });
  expect(await list(ada, { startedAt: { gt: ago(1) } })).toMatchObject({ totalCount: 1 });
  expect(await list(ada, { taskId: { eq: (await taskIn(person, id)).id } })).toMatchObject({ totalCount: 0 });
  await did(other, 'stopTimer', {});
});

interface Span {
  readonly task: number;
  readonly minutes: number;
  readonly gap: number;
  readonly rate: string | null;
}
/** A quotient, rounded half up to four decimal places, as the scalar shows it. */
const shown = (dividend: bigint, divisor: bigint): string => {
  const scaled = (dividend * 10_000n * 2n + divisor) / (divisor * 2n);
  const digits = String(scaled).padStart(5, '0');
  return `${digits.slice(0, -4)}.${digits.slice(-4)}`.replace(/\.?0+$/, '');
};
const figures = `query ($id: ID!) { project(id: $id) { trackedHours timeCost spent budgetUsed overBudget tasks(first: 10, orderBy: [{ field: NUMBER }]) { edges { node { id trackedHours trackedHoursWithParts trackedCost } } } } }`;
const report = `query ($projectId: ID!, $from: Date!, $to: Date!, $groupBy: TimeReportGrouping!) { timeReport(projectId: $projectId, from: $from, to: $to, groupBy: $groupBy) { hours cost entries truncated groups { user { id } task { id } day hours cost entries } } }`;

test('sums of random entries are those of a plain reference', async () => {
  const spans = fc.array(
    fc.record({
      task: fc.nat(3),
      minutes: fc.integer({ min: 1, max: 86_400_000 }),
      gap: fc.nat(5_000_000),
      rate: fc.option(
        fc.tuple(fc.nat(999), fc.nat(99)).map(([dollars, cents]) => `${dollars}.${String(cents).padStart(2, '0')}`),
      ),
    }),
    { minLength: 1, maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(spans, async (given: readonly Span[]) => {
      const person = await editor();
      const id = await projectOf(ada, { workspaceId, budget: '100' });
      const root = await taskIn(person, id);
      const child = await taskIn(person, id, { parentId: root.id });
      const grandchild = await taskIn(person, id, { parentId: child.id });
      const made = [root, child, grandchild, await taskIn(person, id)].map((task) => task.id as string);
      let version = 1;
      let end = Date.now() - hour;
      const days = new Map<string, bigint>();
      const perTask = made.map(() => ({ ms: 0n, amount: 0n }));
      for (const { task, minutes: ms, gap, rate } of given) {
        version = (await did(ada, 'updateProject', { id, version, hourlyRate: rate }, 'project { version }')).project
          .version;
        const start = end - ms;
        const span = { startedAt: new Date(start).toISOString(), endedAt: new Date(end).toISOString() };
        await did(person, 'createTimeEntry', { taskId: made[task], ...span });
        const sum = perTask[task];
        if (sum === undefined) throw new Error('There is no such task.');
        sum.ms += BigInt(ms);
        sum.amount += BigInt(ms) * BigInt((rate ?? '0').replace('.', ''));
        const day = span.startedAt.slice(0, 10);
        days.set(day, (days.get(day) ?? 0n) + BigInt(ms));
        end = start - gap;
      }
      const sumOf = (which: readonly number[]) => ({
        ms: which.reduce((total, at) => total + (perTask[at]?.ms ?? 0n), 0n),
        amount: which.reduce((total, at) => total + (perTask[at]?.amount ?? 0n), 0n),
      });
      const hours = (which: readonly number[]) => shown(sumOf(which).ms, 3_600_000n);
      const cost = (which: readonly number[]) => shown(sumOf(which).amount, 360_000_000n);
      const all = [0, 1, 2, 3];
      const { project }: Data = await ada.want(figures, { id });
      const spent = cost(all);
      expect(project).toMatchObject({
        trackedHours: hours(all),
        timeCost: spent,
        spent,
        overBudget: Number(spent) > 100,
      });
      // The budget is 100.
      expect(Number(project.budgetUsed)).toBeCloseTo(Number(spent), 1);
      const own: Data[] = project.tasks.edges.map(({ node }: Data) => node);
      expect(own.map(({ trackedHours }) => trackedHours)).toEqual(all.map((at) => hours([at])));
      expect(own.map(({ trackedCost }) => trackedCost)).toEqual(all.map((at) => cost([at])));
      expect(own.map(({ trackedHoursWithParts }) => trackedHoursWithParts)).toEqual(
        [[0, 1, 2], [1, 2], [2], [3]].map(hours),
      );
      const range = { projectId: id, from: ago(24 * 12).slice(0, 10), to: ago(0).slice(0, 10) };
      const { timeReport: byTask }: Data = await ada.want(report, { ...range, groupBy: 'TASK' });
      expect(byTask).toMatchObject({ hours: hours(all), cost: spent, entries: given.length, truncated: false });
      expect(new Map(byTask.groups.map((group: Data) => [group.task.id, group.hours]))).toEqual(
        new Map(all.filter((at) => sumOf([at]).ms > 0n).map((at) => [made[at], hours([at])])),
      );
      const { timeReport: byDay }: Data = await ada.want(report, { ...range, groupBy: 'DAY' });
      expect(byDay.groups.map(({ day, hours: each }: Data) => [day, each])).toEqual(
        [...days].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([day, ms]) => [day, shown(ms, 3_600_000n)]),
      );
      const { timeReport: byUser }: Data = await ada.want(report, { ...range, groupBy: 'USER' });
      expect(byUser.groups).toEqual([
        { user: { id: person.userId }, task: null, day: null, hours: hours(all), cost: spent, entries: given.length },
      ]);
    }),
    { numRuns: 12 },
  );
}, 120_000);

test('a report is bounded, and costs are told to who manages', async () => {
  const person = await editor();
  const id = await projectOf(ada, { workspaceId, hourlyRate: '10' });
  const { id: taskId } = await taskIn(person, id);
  await did(person, 'createTimeEntry', { taskId, startedAt: '2026-03-01T23:30:00Z', endedAt: '2026-03-02T00:30:00Z' });
  const ask =
    'query ($id: ID!, $from: Date!, $to: Date!, $zone: String!) { timeReport(projectId: $id, from: $from, to: $to, groupBy: DAY, timeZone: $zone) { hours cost groups { day hours cost } } }';
  const day = { id, from: '2026-03-02', to: '2026-03-02', zone: 'UTC' };
  const told = async (who: Person, variables: object) => ((await who.want(ask, variables)) as Data).timeReport;
  expect(await told(ada, day)).toEqual({ hours: '0', cost: '0', groups: [] });
  const berlin = { ...day, zone: 'Europe/Berlin' };
  const group = { day: '2026-03-02', hours: '1' };
  expect(await told(ada, berlin)).toEqual({ hours: '1', cost: '10', groups: [{ ...group, cost: '10' }] });
  expect(await told(person, berlin)).toEqual({ hours: '1', cost: null, groups: [{ ...group, cost: null }] });
  const { statements } = await ada.ask(ask, berlin);
  // The project, the place in it, and the sums.
  expect(statements).toHaveLength(3);
  expect(await ada.codes(ask, { ...day, to: '2026-03-01' })).toEqual(['BAD_USER_INPUT']);
  expect(await ada.codes(ask, { ...day, to: '2027-04-06' })).toEqual(['BAD_USER_INPUT']);
  expect(await ada.codes(ask, { ...day, zone: 'Moon/Crater' })).toEqual(['BAD_USER_INPUT']);
  const stranger = await bed.signUp('Stranger');
  expect(await stranger.codes(ask, day)).toEqual(['NOT_FOUND']);
});

test('what is computed of a page of projects costs one statement a kind, and money is told to who manages', async () => {
  const person = await editor();
  const [one, two] = [await projectOf(person, { budget: '5', hourlyRate: '10' }), await projectOf(person)];
  expect(await person.want('query ($id: ID!) { project(id: $id) { completion estimatedHours } }', { id: two })).toEqual(
    {
      project: { completion: null, estimatedHours: '0' },
    },
  );
  await taskIn(person, one, { status: 'DONE', estimatedHours: '1.25' });
  await taskIn(person, one, { status: 'REVIEW', estimatedHours: '2' });
  await taskIn(person, one, { status: 'CANCELLED', estimatedHours: '4' });
  const { id: taskId } = await taskIn(person, one);
  await track(person, taskId, 3, 2);
  const computed =
    'completion estimatedHours trackedHours timeCost modelCost spent budgetUsed overBudget taskCounts { todo inProgress review done cancelled total }';
  const query = `{ projects { edges { node { id ${computed} } } } }`;
  const { data, statements } = await person.ask(query);
  const nodes = new Map<string, Data>(
    (data as Data).projects.edges.map(({ node: { id, ...rest } }: Data) => [id, rest]),
  );
  expect(nodes.get(one)).toEqual({
    completion: 33,
    estimatedHours: '3.25',
    trackedHours: '1',
    timeCost: '10',
    modelCost: '0',
    spent: '10',
    budgetUsed: '200',
    overBudget: true,
    taskCounts: { todo: 1, inProgress: 0, review: 1, done: 1, cancelled: 1, total: 4 },
  });
  expect(nodes.get(two)).toEqual({
    completion: null,
    estimatedHours: '0',
    trackedHours: '0',
    timeCost: '0',
    modelCost: '0',
    spent: '0',
    budgetUsed: null,
    overBudget: null,
    taskCounts: { todo: 0, inProgress: 0, review: 0, done: 0, cancelled: 0, total: 0 },
  });
  // The page; the projects by their ids and the places in them, which say who manages; their tasks; their time.
  expect(statements).toHaveLength(5);
  const other = await editor();
  await did(person, 'addProjectCollaborators', { projectId: one, userIds: [other.userId] });
  const seen: Data = await other.want(
    `query ($id: ID!) { project(id: $id) { ${computed} tasks { edges { node { trackedHours trackedCost } } } } }`,
    { id: one },
  );
  const hidden = { timeCost: null, modelCost: null, spent: null, budgetUsed: null, overBudget: null };
  expect(seen.project).toMatchObject({ completion: 33, trackedHours: '1', ...hidden });
  expect(seen.project.tasks.edges[0].node).toEqual({ trackedHours: '1', trackedCost: null });
  const whole: Data = await admin.want(`query ($id: ID!) { project(id: $id) { spent } }`, { id: one });
  expect(whole.project.spent).toBe('10');
});

onPostgres(
  'of timers that are started at once by one person one runs',
  async () => {
    const person = await editor();
    const id = await projectOf(ada, { workspaceId });
    const made = [await taskIn(person, id), await taskIn(person, await projectOf(person))];
    const start = (at: number, input: object) => refused(person, 'startTimer', { taskId: made[at % 2]?.id, ...input });
    const errors = await Promise.all(Array.from({ length: 50 }, (_, at) => start(at, {})));
    expect(errors.filter((each) => each.length === 0)).toHaveLength(1);
    expect(errors.flat()).toEqual(Array.from({ length: 49 }, () => 'CONFLICT stopRunning'));
    const own = 'query ($filter: TimeEntryFilter) { timeEntries(filter: $filter) { totalCount } }';
    const count = async (is: boolean) =>
      ((await person.want(own, { filter: { userId: { eq: person.userId }, running: { eq: is } } })) as Data).timeEntries
        .totalCount;
    expect([await count(true), await count(false)]).toEqual([1, 0]);
    const all = await Promise.all(Array.from({ length: 50 }, (_, at) => start(at, { stopRunning: true })));
    expect(all.flat()).toEqual([]);
    expect([await count(true), await count(false)]).toEqual([1, 50]);
  },
  60_000,
);
