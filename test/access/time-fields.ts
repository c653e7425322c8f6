import type { Person } from '../testbed.ts';
import { secret } from './cast.ts';
import { inWorkspace, type Fixture, type Fixtures } from './fixture.ts';
import { byManagers, byWorkers, fresh, listed } from './project-fields.ts';

type Gets = Fixture['gets'];
type Target = NonNullable<Fixture['target']>;
// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** The owner, also by a key; everybody else has no timer that runs. */
const byTimed = (otherwise: 'own' | 'CONFLICT'): Gets => ({
  otherwise,
  anonymous: 'UNAUTHENTICATED',
  keyWithoutScope: 'FORBIDDEN',
  owner: 'data',
  key: 'data',
});

/** Starts a timer of the owner. */
const timed: Target = async (owner: Person, { Task: taskId }) => {
  await owner.want('mutation ($input: StartTimerInput!) { startTimer(input: $input) { timeEntry { id } } }', {
    input: { taskId, note: `${secret} timer`, stopRunning: true },
  });
  return {};
};

const hourMs = 3_600_000;
const hours = (function* () {
  for (let start = Date.UTC(1990, 0, 1); ; start += hourMs) yield start;
})();

/** A project like that of the cast, and an hour in which nobody has worked yet. */
const withHour: Target = async (owner, ids, bed) => {
  const start = hours.next().value;
  const at = (moment: number): string => new Date(moment).toISOString();
  return { ...(await fresh(owner, ids, bed)), From: at(start), To: at(start + hourMs) };
};

/** The day of the time entry of the cast. */
const dayOfEntry: Target = async (owner, { TimeEntry: id }) => {
  const { node }: Data = await owner.want('query ($id: ID!) { node(id: $id) { ... on TimeEntry { startedAt } } }', {
    id,
  });
  return { Day: String(node.startedAt).slice(0, 10) };
};

/** Time that is worked on tasks. */
export const fixtures: Fixtures = {
  queries: {
    timeEntries: { gets: listed, field: 'timeEntries(first: 100) { edges { node { note } } }' },
    runningTimer: { gets: byTimed('own'), field: 'runningTimer { note }', target: timed },
    timeReport: {
      gets: inWorkspace,
      field: 'timeReport(projectId: $Project, from: $Day, to: $Day, groupBy: TASK) { groups { task { title } } }',
      target: dayOfEntry,
    },
  },
  mutations: {
    // Before startTimer, which leaves others with timers that run.
    stopTimer: { gets: byTimed('CONFLICT'), field: 'stopTimer { timeEntry { note } }', target: timed },
    startTimer: {
      gets: byWorkers,
      field: 'startTimer(input: { taskId: $Task, stopRunning: true }) { timeEntry { task { title } } }',
      target: fresh,
    },
    createTimeEntry: {
      gets: byWorkers,
      field:
        'createTimeEntry(input: { taskId: $Task, startedAt: $From, endedAt: $To }) { timeEntry { task { title } } }',
      target: withHour,
    },
    // The owner's: others change their own alone, unless they manage the project.
    updateTimeEntry: {
      gets: byManagers,
      field: `updateTimeEntry(input: { id: $TimeEntry, note: "${secret}" }) { timeEntry { note } }`,
      target: fresh,
    },
    deleteTimeEntry: {
      gets: byManagers,
      field: 'deleteTimeEntry(input: { id: $TimeEntry }) { deletedId }',
      shows: /time_entry_/,
      target: fresh,
    },
  },
  connections: {
    'Task.timeEntries': { gets: inWorkspace },
  },
};
