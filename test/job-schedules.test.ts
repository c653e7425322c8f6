import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { isEnumType, isInputObjectType } from 'graphql';
import { database } from '../src/database/client.ts';
import { nowhere, UnitOfWork, wholeOf } from '../src/database/unit-of-work.ts';
import { failAbandonedAnswers } from '../src/domains/conversations/abandoned.ts';
import { runScheduledQuestion } from '../src/domains/conversations/scheduled-question-run.ts';
import { messages as messageTable, runningAnswers } from '../src/domains/conversations/tables.ts';
import { beginDueJobs } from '../src/domains/platform/job-schedule-clock.ts';
import { dueJobSchedules, jobSchedules, type JobScheduleRow } from '../src/domains/platform/schedule-tables.ts';
import { timesAfter } from '../src/domains/crontab.ts';
import { timesIssues } from '../src/domains/platform/schedule-times.ts';
import { buildSchema } from '../src/gateway/schema.ts';
import { newId } from '../src/ids.ts';
import type { Run } from '../src/queue/queue.ts';
import { readSettings } from '../src/settings.ts';
import { openInstallation, type Installation } from '../src/installation.ts';
import { openLog } from '../src/telemetry/log.ts';
import { eventsOf, join, type Colleague } from './colleagues.ts';
import { signInTo, type SignedUp } from './people.ts';
import { conversationIn, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import './source-connector.ts';
import { connect } from './sync-talk.ts';
import { startTestbed, type Answer, type Person } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Awaited<ReturnType<typeof startTestbed>>;
let ada: SignedUp;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp();
  workspaceId = await workspaceOf(ada);
}, 60_000);
afterAll(() => bed.stop());

const fields =
  'id name work input cron timeZone enabled nextRunAt lastRunAt lastError failuresInARow nextTimes owner { id } jobs(first: 10) { totalCount edges { node { id kind state schedule { id } } } }';
const createMutation = `mutation ($input: CreateJobScheduleInput!) { createJobSchedule(input: $input) { jobSchedule { ${fields} } } }`;
const updateMutation = `mutation ($input: UpdateJobScheduleInput!) { updateJobSchedule(input: $input) { jobSchedule { ${fields} } } }`;
const deleteMutation = 'mutation ($input: DeleteJobScheduleInput!) { deleteJobSchedule(input: $input) { deletedId } }';
const runMutation = `mutation ($input: RunJobScheduleInput!) { runJobSchedule(input: $input) { job { id kind schedule { id } } jobSchedule { ${fields} } } }`;

const exportWork = (lastDays = 7) => ({ exportEventLog: { lastDays } });
const conversationsOf = (workspace: string) => ({ exportConversations: { workspaceId: workspace, format: 'JSONL' } });
const usual = (more: object = {}) => ({
  name: 'Nightly',
  cron: '0 3 * * *',
  timeZone: 'UTC',
  work: conversationsOf(workspaceId),
  ...more,
});

const create = async (person: Person, more: object = {}): Promise<Data> => {
  const { createJobSchedule }: Data = await person.want(createMutation, { input: usual(more) });
  return createJobSchedule.jobSchedule;
};
const read = async (person: Person, id: string): Promise<Data> => {
  const { jobSchedule }: Data = await person.want(`query ($id: ID!) { jobSchedule(id: $id) { ${fields} } }`, { id });
  return jobSchedule;
};
const update = async (person: Person, input: object): Promise<Data> => {
  const { updateJobSchedule }: Data = await person.want(updateMutation, { input });
  return updateJobSchedule.jobSchedule;
};
const refusal = ({ errors }: Answer): unknown[] =>
  errors.map(({ extensions }) => [extensions.code, extensions.field].filter((part) => part !== undefined));

const wholeUnit = (organizationId: string): UnitOfWork =>
  unitOf(bed, organizationId).as({ ...wholeOf(uuidOf(organizationId)) });

/** The row, as the database has it. */
const rowOf = async (organizationId: string, id: string): Promise<JobScheduleRow | undefined> => {
  const unit = wholeUnit(organizationId);
  const [row] = await unit.run(() =>
    database
      .select()
      .from(jobSchedules)
      .where(eq(jobSchedules.id, uuidOf(id))),
  );
  await unit.rest();
  return row;
};

const dueAtOf = async (id: string): Promise<string | undefined> => {
  const unit = unitOf(bed, null);
  const [row] = await unit.run(() =>
    database
      .select()
      .from(dueJobSchedules)
      .where(eq(dueJobSchedules.scheduleId, uuidOf(id))),
  );
  await unit.rest();
  return row && new Date(row.dueAt).toISOString();
};

const hourMs = 3_600_000;
/** Lets the time of a schedule come. */
const pass = async (organizationId: string, id: string, hoursAgo = 1): Promise<void> => {
  const at = new Date(Date.now() - hoursAgo * hourMs).toISOString();
  await wholeUnit(organizationId).transact(async () => {
    await database
      .update(jobSchedules)
      .set({ nextRunAt: at })
      .where(eq(jobSchedules.id, uuidOf(id)));
    await database
      .update(dueJobSchedules)
      .set({ dueAt: at })
      .where(eq(dueJobSchedules.scheduleId, uuidOf(id)));
  });
};

const origin = { requestId: 'test', address: null, userAgent: null };
/** What the clock does each minute. */
const tick = (installation: Installation = bed.server.installation): Promise<number> => {
  const { services } = installation;
  const unit = new UnitOfWork(nowhere, { ...services, origin });
  return beginDueJobs({ unit, services }, new AbortController().signal);
};

const nextThree = (at: string): boolean => {
  const left = Date.parse(at) - Date.now();
  return left > 0 && left <= 24 * hourMs && at.endsWith('T03:00:00.000Z');
};

describe('making one', () => {
  test('shows what was given, when it comes, and whose it is', async () => {
    const made = await create(ada, { name: '  Weekly  ', work: conversationsOf(workspaceId) });

    expect(made).toMatchObject({
      name: 'Weekly',
      work: 'EXPORT_CONVERSATIONS',
      input: { workspaceId, format: 'JSONL' },
      cron: '0 3 * * *',
      timeZone: 'UTC',
      enabled: true,
      lastRunAt: null,
      lastError: null,
      failuresInARow: 0,
      owner: { id: ada.userId },
      jobs: { totalCount: 0, edges: [] },
    });
    expect(nextThree(made.nextRunAt)).toBe(true);
    expect(made.nextTimes).toHaveLength(5);
    expect(made.nextTimes[0]).toBe(made.nextRunAt);
    expect(await dueAtOf(made.id)).toBe(made.nextRunAt);
    const [event] = await eventsOf(bed, ada.organizationId, 'job_schedule.created');
    expect(event).toEqual({
      actor: uuidOf(ada.userId),
      target: uuidOf(made.id),
      data: { work: 'EXPORT_CONVERSATIONS', cron: '0 3 * * *', timeZone: 'UTC', enabled: true },
    });
  });

  test('takes the time zone of the organization where none is named', async () => {
    const eva = await bed.signUp('Eva');
    await eva.want(
      'mutation { updateOrganization(input: { settings: { timeZone: "America/New_York" } }) { organization { id } } }',
    );
    const made = await create(eva, { timeZone: undefined, work: exportWork() });
    expect(made.timeZone).toBe('America/New_York');
    expect(new Date(made.nextRunAt).getUTCHours()).toBeGreaterThanOrEqual(7);
  });

  test.each([
    ['a name of 201 characters', { name: 'x'.repeat(201) }, 'name'],
    ['an empty name', { name: '  ' }, 'name'],
    ['no zone', { timeZone: 'Europe/Atlantis' }, 'timeZone'],
    ['an offset for a zone', { timeZone: 'UTC+1' }, 'timeZone'],
    ['six fields', { cron: '0 0 3 * * *' }, 'cron'],
    ['a word', { cron: '@daily' }, 'cron'],
    ['a day that never comes', { cron: '0 0 30 2 *' }, 'cron'],
    ['a hashed minute', { cron: 'H 3 * * *' }, 'cron'],
    ['every minute', { cron: '* * * * *' }, 'cron'],
    ['two times four minutes apart', { cron: '0,4 3 * * *' }, 'cron'],
    ['four minutes between two hours', { cron: '2,58 * * * *' }, 'cron'],
    ['three minutes around midnight', { cron: '1,58 0,23 * * *' }, 'cron'],
    ['no work', { work: {} }, 'work'],
    ['two kinds of work', { work: { ...exportWork(), verifyEventLog: {} } }, 'work'],
    ['no days', { work: exportWork(0) }, 'work.exportEventLog.lastDays'],
    ['too many days', { work: exportWork(3661) }, 'work.exportEventLog.lastDays'],
    ['no place for a question', { work: { ask: { text: 'Roses?' } } }, 'work.ask.workspaceId'],
    ['an empty question', { work: { ask: { text: ' ' } } }, 'work.ask.text'],
    [
      'a head that is none',
      { work: { verifyEventLog: { known: { sequence: 1, digest: 'x' } } } },
      'work.verifyEventLog.known.digest',
    ],
    [
      'a filter that the kind has not',
      { work: { exportAnalytics: { kind: 'SUMMARY', lastDays: 1, name: 'x' } } },
      'work.exportAnalytics.name',
    ],
  ])('refuses %s', async (_what, more, field) => {
    const count = async (): Promise<unknown> => {
      const { jobSchedules: page }: Data = await ada.want('{ jobSchedules { totalCount } }');
      return page.totalCount;
    };
    const before = await count();
    expect(refusal(await ada.ask(createMutation, { input: usual(more) }))).toEqual([['BAD_USER_INPUT', field]]);
    expect(await count()).toBe(before);
  });

  test.each(['*/5 * * * *', '0,5 3 * * *', '0 0-23/2 * * MON-FRI', '55 23 1 JAN *'])('takes %s', (cron) => {
    expect(timesIssues({ cron, timeZone: 'Europe/Berlin' })).toEqual([]);
  });

  test('refuses what belongs to others, and what one lacks the rights for', async () => {
    const eva = await bed.signUp('Eva');
    const max = await join(bed, ada, 'MEMBER');
    const attempts = [
      [eva, conversationsOf(workspaceId)],
      [eva, { ask: { workspaceId, text: 'Roses?' } }],
      [eva, { exportAnalytics: { kind: 'METRICS', lastDays: 1, workspaceId } }],
      [max, conversationsOf(workspaceId)],
      [max, { verifyEventLog: {} }],
      [max, { exportTrainingData: { format: 'CSV' } }],
    ] as const;
    const codes = await Promise.all(
      attempts.map(async ([person, work]) => (await person.codes(createMutation, { input: usual({ work }) }))[0]),
    );
    expect(codes).toEqual(['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND', 'FORBIDDEN', 'FORBIDDEN']);
  });

  test('stops at 50 of a member and 500 of an organization, whoever asks at the same time', async () => {
    const eva = await bed.signUp('Eva');
    const eve = await join(bed, eva, 'ADMIN');
    const { organizationId: place } = eva;
    const [organizationId, evaId, eveId] = [uuidOf(place), uuidOf(eva.userId), uuidOf(eve.userId)];
    const row = (userId: string) => ({
      organizationId,
      readers: [userId, organizationId],
      userId,
      name: 'x',
      work: 'VERIFY_EVENT_LOG',
      cron: '0 3 * * *',
      timeZone: 'UTC',
      enabled: false,
    });
    const many = (userId: string, length: number) =>
      wholeUnit(place).transact(() => database.insert(jobSchedules).values(Array.from({ length }, () => row(userId))));
    await many(evaId, 47);
    const input = usual({ work: exportWork() });
    const answers = await Promise.all(Array.from({ length: 6 }, () => eva.ask(createMutation, { input })));
    expect(answers.map((answer) => refusal(answer)).filter((faults) => faults.length > 0)).toEqual(
      Array.from({ length: 3 }, () => [['CONFLICT', 'work']]),
    );
    await many(eveId, 450);
    const max = await join(bed, eva, 'ADMIN');
    const full = await max.ask(createMutation, { input });
    expect(full.errors[0]?.message).toBe('An organization has at most 500 schedules.');
  });
});

test('the API names the work that the domains offer, and no other', async () => {
  const schema = await buildSchema();
  const offered = Object.keys(bed.server.installation.services.scheduledWork).sort();
  const [kinds, inputs] = [schema.getType('ScheduledWork'), schema.getType('ScheduledWorkInput')];
  expect(
    isEnumType(kinds) &&
      kinds
        .getValues()
        .map(({ name }) => name)
        .sort(),
  ).toEqual(offered);
  const fieldNames = isInputObjectType(inputs) ? Object.keys(inputs.getFields()) : [];
  expect(fieldNames.map((name) => name.replace(/[A-Z]/g, '_$&').toUpperCase()).sort()).toEqual(offered);
});

describe('times', () => {
  const after = (cron: string, timeZone: string, from: string, first: number) =>
    timesAfter({ cron, timeZone }, new Date(from), first);

  test.each([
    // At 2:00 the clocks are put on to 3:00: what would be at 2:30 comes an hour later, at 3:30.
    ['Europe/Berlin', '30 2 * * *', '2027-03-27T12:00Z', ['2027-03-28T01:30', '2027-03-29T00:30']],
    ['America/New_York', '30 2 * * *', '2027-03-13T12:00Z', ['2027-03-14T07:30', '2027-03-15T06:30']],
    // The hour that comes twice: once, the first time.
    ['Europe/Berlin', '30 2 * * *', '2027-10-30T12:00Z', ['2027-10-31T00:30', '2027-11-01T01:30']],
    ['America/New_York', '30 1 * * *', '2027-11-06T12:00Z', ['2027-11-07T05:30', '2027-11-08T06:30']],
    // What comes each hour does so in both.
    ['Europe/Berlin', '0 * * * *', '2027-10-30T23:30Z', ['2027-10-31T00:00', '2027-10-31T01:00', '2027-10-31T02:00']],
    ['America/New_York', '0 * * * *', '2027-11-07T04:30Z', ['2027-11-07T05:00', '2027-11-07T06:00']],
    // The clock of the wall stays: seven in the morning in winter and in summer.
    ['Europe/Berlin', '0 7 * * 1-5', '2027-03-26T05:00Z', ['2027-03-26T06:00', '2027-03-29T05:00']],
  ])('in %s, %s after %s', (timeZone, cron, from, expected) => {
    expect(after(cron, timeZone, from, expected.length)).toEqual(expected.map((at) => `${at}:00.000Z`));
  });
});

describe('the clock', () => {
  test('begins what is due, once, and goes on to the next time', async () => {
    const { id } = await create(ada);
    expect(await tick()).toBe(0);
    await pass(ada.organizationId, id);

    expect(await tick()).toBe(1);
    expect(await tick()).toBe(0);

    const after = await read(ada, id);
    expect(after).toMatchObject({ lastError: null, failuresInARow: 0, jobs: { totalCount: 1 } });
    expect(after.jobs.edges[0].node).toMatchObject({ kind: 'conversations.export', schedule: { id } });
    expect(nextThree(after.nextRunAt)).toBe(true);
    expect(await dueAtOf(id)).toBe(after.nextRunAt);
    expect(Date.now() - Date.parse(after.lastRunAt)).toBeLessThan(60_000);
    const [event] = await eventsOf(bed, ada.organizationId, 'conversation.export_requested');
    expect(event?.actor).toBe(uuidOf(ada.userId));
    const [ran] = await eventsOf(bed, ada.organizationId, 'job_schedule.run');
    expect(ran).toMatchObject({
      target: uuidOf(id),
      data: { work: 'EXPORT_CONVERSATIONS', jobId: after.jobs.edges[0].node.id },
    });
  });

  test('begins the jobs of all kinds in their owner’s name', async () => {
    const project: Data = await ada.want(
      'mutation { createProject(input: { name: "Roses", key: "ROSE" }) { project { id } } }',
    );
    const conversationId = await conversationIn(ada, workspaceId);
    const { id: datasourceId } = await connect(ada, workspaceId, { configuration: { url: 'http://127.0.0.1:9' } });
    const works = [
      [{ syncDatasource: { datasourceId } }, 'content.sync'],
      [{ verifyEventLog: {} }, 'platform.verify-event-log'],
      [{ exportEventLog: { lastDays: 7, action: 'workspace.created', workspaceId } }, 'platform.export-event-log'],
      [{ exportConversations: { workspaceId, format: 'CSV' } }, 'conversations.export'],
      [{ exportTrainingData: { format: 'CSV' } }, 'conversations.export-training'],
      [{ exportTasks: { projectId: project.createProject.project.id } }, 'projects.export-tasks'],
      [{ exportAnalytics: { kind: 'METRICS', lastDays: 30, period: 'DAILY' } }, 'analytics.export-analytics'],
      [{ ask: { conversationId, text: 'Roses?' } }, 'conversations.ask-on-schedule'],
    ] as const;
    const ids: string[] = [];
    for (const [work] of works) ids.push((await create(ada, { work })).id as string);
    for (const id of ids) await pass(ada.organizationId, id);

    expect(await tick()).toBe(works.length);

    const begun: unknown[] = [];
    for (const id of ids) {
      const { lastError, jobs } = await read(ada, id);
      begun.push([lastError, jobs.edges.map(({ node }: Data) => node.kind)]);
    }
    expect(begun).toEqual(works.map(([, kind]) => [null, [kind]]));
  });

  test('makes up once for what was missed, however often that was', async () => {
    const { id } = await create(ada, { cron: '*/10 * * * *' });
    await pass(ada.organizationId, id, 240);

    await tick();
    await tick();

    const { jobs, nextRunAt } = await read(ada, id);
    expect(jobs.totalCount).toBe(1);
    expect(Date.parse(nextRunAt) - Date.now()).toBeLessThanOrEqual(10 * 60_000);
    expect(Date.parse(nextRunAt)).toBeGreaterThan(Date.now());
  });

  test('loses nothing when a process dies in between, and begins it once', async () => {
    const { id } = await create(ada);
    await pass(ada.organizationId, id);
    // What a process that died behind the first transaction leaves: put off, and not begun.
    const off = new Date(Date.now() + 60_000).toISOString();
    const putTo = (dueAt: string) =>
      wholeUnit(ada.organizationId).transact(() =>
        database
          .update(dueJobSchedules)
          .set({ dueAt })
          .where(eq(dueJobSchedules.scheduleId, uuidOf(id))),
      );
    await putTo(off);
    expect(await tick()).toBe(0);
    await putTo(new Date(Date.now() - 1000).toISOString());
    await tick();
    expect((await read(ada, id)).jobs.totalCount).toBe(1);

    // One that is looked at although it is not due, such as after its time was changed.
    await putTo(new Date(Date.now() - 1000).toISOString());
    await tick();
    const after = await read(ada, id);
    expect(after.jobs.totalCount).toBe(1);
    expect(await dueAtOf(id)).toBe(after.nextRunAt);
  });

  test('tells why it could not begin, goes on, and gives up after ten times in a row', async () => {
    const max = await join(bed, ada, 'MEMBER', { workspaceIds: [workspaceId] });
    const { id } = await create(max);
    const other = await create(ada);
    const remove =
      'mutation ($input: RemoveWorkspaceMemberInput!) { removeWorkspaceMember(input: $input) { deletedId } }';
    await ada.want(remove, { input: { workspaceId, userId: max.userId } });
    await pass(ada.organizationId, id, 2);
    await pass(ada.organizationId, other.id);

    await tick();

    const failed = await read(max, id);
    expect(failed).toMatchObject({
      enabled: true,
      lastError: `Workspace ${workspaceId} does not exist.`,
      failuresInARow: 1,
      jobs: { totalCount: 0 },
    });
    expect(nextThree(failed.nextRunAt)).toBe(true);
    expect(await dueAtOf(id)).toBe(failed.nextRunAt);
    // One that cannot be begun is in nobody's way.
    expect((await read(ada, other.id)).jobs.totalCount).toBe(1);
    const [event] = await eventsOf(bed, ada.organizationId, 'job_schedule.failed');
    expect(event).toMatchObject({ target: uuidOf(id), data: { error: 'NOT_FOUND', failuresInARow: 1 } });

    for (let times = 2; times <= 10; times++) {
      await pass(ada.organizationId, id);
      await tick();
    }
    expect(await read(max, id)).toMatchObject({ enabled: false, nextRunAt: null, failuresInARow: 10 });
    expect(await dueAtOf(id)).toBeUndefined();
    expect(await eventsOf(bed, ada.organizationId, 'job_schedule.disabled')).toHaveLength(1);

    await ada.want(
      'mutation ($input: AddWorkspaceMemberInput!) { addWorkspaceMember(input: $input) { member { role } } }',
      { input: { workspaceId, userId: max.userId, role: 'VIEWER' } },
    );
    expect(await update(max, { id, enabled: true })).toMatchObject({ enabled: true, failuresInARow: 0 });
    await pass(ada.organizationId, id);
    await tick();
    expect(await read(max, id)).toMatchObject({ lastError: null, failuresInARow: 0, jobs: { totalCount: 1 } });
  });

  test('begins nothing for who lost a permission, nor in an archived workspace', async () => {
    const max = await join(bed, ada, 'ADMIN');
    const verifying = await create(max, { work: { verifyEventLog: {} } });
    const place = await workspaceOf(ada, { name: 'Shed' });
    const asking = await create(ada, { work: { ask: { workspaceId: place, text: 'Roses?' } } });
    await ada.want(
      'mutation ($input: ChangeMemberRoleInput!) { changeMemberRole(input: $input) { membership { id } } }',
      { input: { userId: max.userId, role: 'MEMBER' } },
    );
    await ada.want(
      'mutation ($input: ArchiveWorkspaceInput!) { archiveWorkspace(input: $input) { workspace { id } } }',
      {
        input: { id: place },
      },
    );
    for (const { id } of [verifying, asking]) await pass(ada.organizationId, id);

    await tick();

    expect(await read(max, verifying.id)).toMatchObject({
      lastError: 'This needs the permission EVENT_LOG_READ.',
      jobs: { totalCount: 0 },
    });
    expect(await read(ada, asking.id)).toMatchObject({
      lastError: 'This workspace is archived: nothing in it changes.',
      jobs: { totalCount: 0 },
    });
    // Making one there is refused as well.
    const input = usual({ work: { ask: { workspaceId: place, text: 'Roses?' } } });
    expect(refusal(await ada.ask(createMutation, { input }))).toEqual([['CONFLICT', 'workspaceId']]);
  });

  test('waits for suspended members and organizations, and makes up for it once', async () => {
    const root = await bed.signUp('Root');
    await promote(bed, root, 'SUPERADMIN');
    const eva = await bed.signUp('Eva');
    const max = await join(bed, eva, 'ADMIN');
    const place = eva.organizationId;
    const { id } = await create(max, { work: exportWork() });
    const before = await rowOf(place, id);
    const suspended = [
      [
        () =>
          eva.want('mutation ($input: SuspendMemberInput!) { suspendMember(input: $input) { membership { id } } }', {
            input: { userId: max.userId },
          }),
        () =>
          eva.want('mutation ($input: ResumeMemberInput!) { resumeMember(input: $input) { membership { id } } }', {
            input: { userId: max.userId },
          }),
      ],
      [
        () =>
          root.want(
            'mutation ($input: SuspendOrganizationInput!) { suspendOrganization(input: $input) { organization { id } } }',
            { input: { organizationId: place } },
          ),
        () =>
          root.want(
            'mutation ($input: ResumeOrganizationInput!) { resumeOrganization(input: $input) { organization { id } } }',
            { input: { organizationId: place } },
          ),
      ],
    ] as const;
    for (const [away, back] of suspended) {
      await pass(place, id);
      const due = await rowOf(place, id);
      await away();

      expect(await tick()).toBe(1);
      expect(await tick()).toBe(0);

      expect(await rowOf(place, id)).toEqual(due);
      await back();
    }
    await pass(place, id);
    await tick();
    const signedIn = await signInTo(bed, place, max);
    expect(await read(signedIn, id)).toMatchObject({ failuresInARow: 0, jobs: { totalCount: 1 } });
    expect(before?.lastRunAt).toBeNull();
  });

  test('waits while the organization is deleted, for its owner too', async () => {
    const eva = await bed.signUp('Eva');
    const { id } = await create(eva, { work: exportWork() });
    const { viewer }: Data = await eva.want('{ viewer { organization { slug } } }');
    await eva.want(
      'mutation ($input: DeleteOrganizationInput!) { deleteOrganization(input: $input) { organization { id } } }',
      { input: { confirmation: viewer.organization.slug, password: 'correct horse battery' } },
    );
    await pass(eva.organizationId, id);
    const due = await rowOf(eva.organizationId, id);
    expect(await tick()).toBe(1);
    expect(await rowOf(eva.organizationId, id)).toEqual(due);
  });

  test('ends with the place of its owner', async () => {
    const max = await join(bed, ada, 'MEMBER', { workspaceIds: [workspaceId] });
    const { id } = await create(max);
    await ada.want('mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { deletedId } }', {
      input: { userId: max.userId },
    });
    expect(await rowOf(ada.organizationId, id)).toBeUndefined();
    // When it would be due, the clock finds nothing and forgets it.
    await pass(ada.organizationId, id);
    expect(await tick()).toBe(1);
    expect(await dueAtOf(id)).toBeUndefined();
  });
});

describe('by hand', () => {
  test('runs now, besides its times and while it is disabled', async () => {
    const { id } = await create(ada, { enabled: false });
    expect(await read(ada, id)).toMatchObject({ enabled: false, nextRunAt: null });
    expect(await dueAtOf(id)).toBeUndefined();

    const { runJobSchedule }: Data = await ada.want(runMutation, { input: { id } });

    expect(runJobSchedule.job).toMatchObject({ kind: 'conversations.export', schedule: { id } });
    expect(runJobSchedule.jobSchedule).toMatchObject({ enabled: false, nextRunAt: null, jobs: { totalCount: 1 } });
    const running = await create(ada);
    const ran: Data = await ada.want(runMutation, { input: { id: running.id } });
    expect(ran.runJobSchedule.jobSchedule.nextRunAt).toBe(running.nextRunAt);
  });

  test('what cannot run now says why, and nothing changes', async () => {
    const place = await workspaceOf(ada, { name: 'Shed' });
    const { id } = await create(ada, { work: { ask: { workspaceId: place, text: 'Roses?' } } });
    await ada.want(
      'mutation ($input: ArchiveWorkspaceInput!) { archiveWorkspace(input: $input) { workspace { id } } }',
      {
        input: { id: place },
      },
    );
    const before = await rowOf(ada.organizationId, id);
    expect(refusal(await ada.ask(runMutation, { input: { id } }))).toEqual([['CONFLICT', 'workspaceId']]);
    expect(await rowOf(ada.organizationId, id)).toEqual(before);
  });

  test('changes when, what and whether', async () => {
    const { id, nextRunAt } = await create(ada);
    expect(await update(ada, { id, name: 'Daily' })).toMatchObject({ name: 'Daily', nextRunAt, cron: '0 3 * * *' });
    const moved = await update(ada, { id, cron: '0 3 1 1 *', timeZone: 'Europe/Berlin', work: exportWork(3) });
    expect(moved).toMatchObject({ work: 'EXPORT_EVENT_LOG', input: { lastDays: 3, format: 'CSV' } });
    expect(moved.nextRunAt.endsWith('-01-01T02:00:00.000Z')).toBe(true);
    expect(await dueAtOf(id)).toBe(moved.nextRunAt);
    expect(await update(ada, { id, enabled: false })).toMatchObject({ enabled: false, nextRunAt: null });
    expect(await dueAtOf(id)).toBeUndefined();
    const before = await rowOf(ada.organizationId, id);
    for (const [input, field] of [
      [{ name: null }, 'name'],
      [{ enabled: null }, 'enabled'],
      [{ cron: '* * * * *' }, 'cron'],
      [{ work: {} }, 'work'],
    ] as const)
      expect(refusal(await ada.ask(updateMutation, { input: { id, ...input } }))).toEqual([['BAD_USER_INPUT', field]]);
    expect(await rowOf(ada.organizationId, id)).toEqual(before);
  });

  test('a missed time stays due when only the name is changed', async () => {
    const { id } = await create(ada);
    await pass(ada.organizationId, id);
    const { nextRunAt } = await update(ada, { id, name: 'Late' });
    expect(Date.parse(nextRunAt)).toBeLessThan(Date.now());
    expect(await tick()).toBe(1);
  });

  test('members see their own, administrators all; these disable and delete', async () => {
    const max: Colleague = await join(bed, ada, 'MEMBER', { workspaceIds: [workspaceId] });
    const eve = await join(bed, ada, 'MEMBER', { workspaceIds: [workspaceId] });
    const eva = await bed.signUp('Eva');
    const { id } = await create(max);
    const find = `query ($id: ID!) { jobSchedule(id: $id) { id } }`;
    for (const other of [eve, eva]) {
      expect(await other.codes(find, { id })).toEqual(['NOT_FOUND']);
      for (const mutation of [updateMutation, deleteMutation, runMutation])
        expect(await other.codes(mutation, { input: { id } })).toEqual(['NOT_FOUND']);
    }
    const own: Data = await max.want('{ jobSchedules { edges { node { id } } } }');
    expect(own.jobSchedules.edges).toEqual([{ node: { id } }]);
    const his: Data = await ada.want(
      'query ($of: ID!) { jobSchedules(filter: { ownerId: { eq: $of } }) { edges { node { id owner { id } } } } }',
      { of: max.userId },
    );
    expect(his.jobSchedules.edges).toEqual([{ node: { id, owner: { id: max.userId } } }]);

    const before = await rowOf(ada.organizationId, id);
    for (const input of [{ name: 'Mine' }, { enabled: true }, { enabled: false, cron: '0 4 * * *' }, {}])
      expect(await ada.codes(updateMutation, { input: { id, ...input } })).toEqual(['FORBIDDEN']);
    expect(await ada.codes(runMutation, { input: { id } })).toEqual(['FORBIDDEN']);
    expect(await rowOf(ada.organizationId, id)).toEqual(before);

    expect(await update(ada, { id, enabled: false })).toMatchObject({ enabled: false, nextRunAt: null });
    const { deleteJobSchedule }: Data = await ada.want(deleteMutation, { input: { id } });
    expect(deleteJobSchedule.deletedId).toBe(id);
    const enabled = await create(max);
    await max.want(deleteMutation, { input: { id: enabled.id } });
    expect(await dueAtOf(enabled.id)).toBeUndefined();
    expect(await max.codes(find, { id })).toEqual(['NOT_FOUND']);
  });

  test('a page costs a statement for each level, whatever it holds', async () => {
    const max = await join(bed, ada, 'MEMBER', { workspaceIds: [workspaceId] });
    for (const name of ['A', 'B', 'C'])
      await max.want(runMutation, { input: { id: (await create(max, { name })).id } });
    const { data, statements } = await max.ask(
      '{ jobSchedules(orderBy: [{ field: NAME, direction: ASC }]) { edges { node { name input nextTimes owner { name } jobs(first: 2) { edges { node { kind schedule { name } } } } } } } }',
    );
    const { jobSchedules: page }: Data = data;
    expect(page.edges.map(({ node }: Data) => [node.name, node.jobs.edges[0].node.schedule.name])).toEqual([
      ['A', 'A'],
      ['B', 'B'],
      ['C', 'C'],
    ]);
    expect(statements).toHaveLength(4);
  });

  test('no API key has schedules', async () => {
    const { createApiKey }: Data = await ada.want(
      'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }',
      { input: { label: 'k', scopes: ['JOB_READ'] } },
    );
    const answer = await bed.anonymous.ask(
      '{ jobSchedules { totalCount } }',
      {},
      { authorization: `Bearer ${createApiKey.secret}` },
    );
    expect(refusal(answer)).toEqual([['FORBIDDEN']]);
  });
});

describe('a question', () => {
  const messages =
    'query ($id: ID!) { conversation(id: $id) { title workspace { id } messages(first: 20) { edges { node { id role status content } } } } }';
  const finished = async (person: Person, id: string): Promise<Data> => {
    for (;;) {
      const { job }: Data = await person.want('query ($id: ID!) { job(id: $id) { state result error attempts } }', {
        id,
      });
      if (job.state !== 'QUEUED' && job.state !== 'RUNNING') return job;
      await pause(50);
    }
  };

  test('is asked in a new conversation of its schedule’s name each time, as its owner', async () => {
    const made = await create(ada, {
      name: 'Morning roses',
      work: { ask: { workspaceId, text: 'How are the roses?' } },
    });
    const jobs: string[] = [];
    for (let times = 0; times < 2; times++) {
      await pass(ada.organizationId, made.id);
      await tick();
      const { jobs: page } = await read(ada, made.id);
      jobs.push(page.edges[0].node.id as string);
    }
    const results = await Promise.all(jobs.map((id) => finished(ada, id)));
    expect(results.map(({ state }) => state as string)).toEqual(['SUCCEEDED', 'SUCCEEDED']);
    const places = results.map(({ result }) => result.conversationId as string);
    expect(new Set(places).size).toBe(2);
    for (const [at, id] of places.entries()) {
      const { conversation }: Data = await ada.want(messages, { id });
      expect(conversation).toMatchObject({ title: 'Morning roses', workspace: { id: workspaceId } });
      const [question, answer] = conversation.messages.edges.map(({ node }: Data) => node);
      expect(question).toMatchObject({
        id: results[at].result.questionId,
        role: 'USER',
        content: 'How are the roses?',
      });
      expect(answer).toMatchObject({ id: results[at].result.answerId, role: 'ASSISTANT', status: 'COMPLETED' });
    }
  });

  test('goes on in one conversation where that is wanted', async () => {
    const conversationId = await conversationIn(ada, workspaceId);
    const { id } = await create(ada, { work: { ask: { conversationId, text: 'And now?' } } });
    for (let times = 0; times < 2; times++) {
      const { runJobSchedule }: Data = await ada.want(runMutation, { input: { id } });
      await finished(ada, runJobSchedule.job.id);
    }
    const { conversation }: Data = await ada.want(messages, { id: conversationId });
    expect(conversation.messages.edges.map(({ node }: Data) => [node.role, node.status])).toEqual([
      ['USER', 'COMPLETED'],
      ['ASSISTANT', 'COMPLETED'],
      ['USER', 'COMPLETED'],
      ['ASSISTANT', 'COMPLETED'],
    ]);
  });

  /** A try of the job behind one that got as far as `kept` says. */
  const tried = async (place: string, kept: Data): Promise<{ told: Data; keeps: number }> => {
    const { services } = bed.server.installation;
    const unit = new UnitOfWork(wholeOf(uuidOf(ada.organizationId), uuidOf(ada.userId)), { ...services, origin });
    let keeps = 0;
    const run: Run = {
      jobId: newId(),
      attempt: 2,
      kept,
      signal: new AbortController().signal,
      progress: async () => undefined,
      keep: async () => void keeps++,
    };
    const data = { conversationId: null, workspaceId: uuidOf(place), title: 'Roses', text: 'How are the roses?' };
    try {
      return { told: await runScheduledQuestion({ unit, services }, data, run), keeps };
    } finally {
      await unit.rest();
    }
  };
  const leave = (answerId: string, fields: Partial<typeof messageTable.$inferInsert>) =>
    wholeUnit(ada.organizationId).transact(() =>
      database
        .update(messageTable)
        .set(fields)
        .where(eq(messageTable.id, uuidOf(answerId))),
    );
  const rolesIn = async (id: string): Promise<unknown[]> => {
    const { conversation }: Data = await ada.want(messages, { id });
    return conversation.messages.edges.map(({ node }: Data) => [node.role, node.status]);
  };

  test('is asked once whatever crashes; an answer that a crash or a model left FAILED is written anew', async () => {
    const first = await tried(workspaceId, null);
    expect(first.keeps).toBe(1);
    const { conversationId, questionId, answerId } = first.told;

    // The job's end alone was lost.
    expect(await tried(workspaceId, first.told)).toEqual({ told: first.told, keeps: 0 });
    expect(await rolesIn(conversationId)).toEqual([
      ['USER', 'COMPLETED'],
      ['ASSISTANT', 'COMPLETED'],
    ]);

    // The process died while it wrote: the watch ends the answer once its lease is over, and the next try waits for that.
    const long = new Date(Date.now() - hourMs).toISOString();
    await leave(answerId, { status: 'STREAMING', content: '', leaseUntil: long });
    await unitOf(bed, null).transact(() =>
      database
        .insert(runningAnswers)
        .values({ messageId: uuidOf(answerId), organizationId: uuidOf(ada.organizationId), leaseUntil: long }),
    );
    const trying = tried(workspaceId, first.told);
    await pause(300);
    expect(await failAbandonedAnswers(bed.server.installation.services)).toBe(1);
    const again = await trying;
    expect(again).toMatchObject({ told: { conversationId, questionId }, keeps: 1 });
    expect(again.told.answerId).not.toBe(answerId);
    const { conversation }: Data = await ada.want(messages, { id: conversationId });
    expect(conversation.messages.edges.map(({ node }: Data) => [node.id, node.status])).toContainEqual([
      again.told.answerId,
      'COMPLETED',
    ]);

    // What no other try can mend stays as it is.
    await leave(again.told.answerId, { status: 'FAILED', errorCode: 'BAD_USER_INPUT', errorMessage: 'Too long.' });
    expect(await tried(workspaceId, again.told)).toEqual({ told: again.told, keeps: 0 });
  });

  test('tells what stood in the way of asking', async () => {
    const own = await workspaceOf(ada, { name: 'Quiet' });
    const { id } = await create(ada, { work: { ask: { workspaceId: own, text: '@agent Look.' } } });
    const { runJobSchedule }: Data = await ada.want(runMutation, { input: { id } });
    const job = await finished(ada, runJobSchedule.job.id);
    expect(job).toMatchObject({ state: 'SUCCEEDED', result: { stopped: 'CONFLICT' } });
    expect(job.result.message).toContain('cannot use tools');
    const { workspace }: Data = await ada.want(
      'query ($id: ID!) { workspace(id: $id) { conversations { totalCount } } }',
      { id: own },
    );
    expect(workspace.conversations.totalCount).toBe(0);
  });
});

// The embedded database serves one process.
const onPostgres = process.env.TEST_POSTGRES_URL === undefined ? describe.skip : describe;

onPostgres('several processes', () => {
  test('begin each of 40 that are due once', async () => {
    const eva = await bed.signUp('Eva');
    const environment = { NODE_ENV: 'test', SCHEDULES: 'off', WORKERS: 'off', DATABASE_URL: bed.database?.url ?? '' };
    const settings = readSettings({
      ...environment,
      TESSERA_DATA_DIR: bed.server.installation.services.settings.dataDirectory,
    });
    const others = await Promise.all(
      [1, 2].map(() => openInstallation(settings, openLog('silent', { write: () => undefined }))),
    );
    const ids: string[] = [];
    for (let made = 0; made < 40; made++) ids.push((await create(eva, { work: exportWork() })).id as string);
    for (const id of ids) await pass(eva.organizationId, id);

    const clocks = [bed.server.installation, ...others, bed.server.installation];
    await Promise.all(clocks.map((installation) => tick(installation)));

    const counts = await wholeUnitCounts(eva.organizationId);
    await Promise.all(others.map((other) => other.close(1000)));
    expect(counts).toEqual(
      ids.map((id) => ({ id: uuidOf(id), jobs: 1 })).toSorted((one, two) => (one.id < two.id ? -1 : 1)),
    );
    expect(await eventsOf(bed, eva.organizationId, 'event_log.export_requested')).toHaveLength(40);
  });
});

const wholeUnitCounts = async (organizationId: string): Promise<{ id: string; jobs: number }[]> => {
  const unit = wholeUnit(organizationId);
  const rows = await unit.run(() =>
    database.execute<{ id: string; jobs: number }>(
      sql`select schedule_id as id, count(*)::integer as jobs from jobs where organization_id = ${uuidOf(organizationId)}
        and schedule_id is not null group by 1 order by 1`,
    ),
  );
  await unit.rest();
  return [...rows].map(({ id, jobs }) => ({ id, jobs }));
};
