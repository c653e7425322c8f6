import { generateNKeysBetween } from 'fractional-indexing';
import { projectLinks } from '../../domains/projects/link-tables.ts';
import {
  priorities,
  projectCollaborators,
  projectLabels,
  projects,
  savedViews,
} from '../../domains/projects/project-tables.ts';
import {
  taskActivities,
  taskComments,
  taskDependencies,
  taskLabels,
  taskMentions,
  tasks,
  taskStatuses,
  taskWatchers,
} from '../../domains/projects/task-tables.ts';
import { timeEntries } from '../../domains/projects/time-tables.ts';
import { Chance, madeAt, momentOf, rows, sampleId } from './chance.ts';
import { organizationId, userOf, workspaceOf } from './company.ts';
import type { Fill } from './fill.ts';
import { documentIdOf } from './knowledge.ts';

const tasksInProject = 40;
const dayMs = 86_400_000;

const projectIdOf = (number: number): string => sampleId('project', number);
const labelIdOf = (number: number): string => sampleId('label', number);
const taskIdOf = (number: number): string => sampleId('task', number);

/** Projects with their people, labels and boards, and what was said and worked on their tasks. */
export const fillProjects = async ({ size, put }: Fill): Promise<void> => {
  const chance = new Chance('projects');
  const count = size.projects;
  const peopleOf = (number: number) => [0, 1].map((each) => userOf((number * 3 + each) % size.users));
  await put(
    projects,
    rows(count, (number) => ({
      ...madeAt(number, count),
      organizationId,
      id: projectIdOf(number),
      workspaceId: number % 4 === 3 ? null : workspaceOf(number % size.workspaces),
      key: `P${number + 1}`.padEnd(2, 'X'),
      name: chance.title(),
      description: chance.text(1),
      ownerId: peopleOf(number)[0],
      createdById: peopleOf(number)[0],
      status: 'ACTIVE' as const,
      priority: chance.of(priorities),
      budget: '10000.00',
      hourlyRate: '80.00',
      lastTaskNumber: tasksInProject,
    })),
  );
  const ofProject = (number: number) => ({
    ...madeAt(number, count),
    organizationId,
    projectId: projectIdOf(number),
  });
  // Two of them each, of whom the first is the owner.
  await put(
    projectCollaborators,
    rows(count * 2, (at) => {
      const number = Math.floor(at / 2);
      return {
        ...ofProject(number),
        id: sampleId('collaborator', at),
        userId: peopleOf(number)[at % 2] ?? userOf(0),
        role: at % 2 === 0 ? ('ADMIN' as const) : ('MEMBER' as const),
      };
    }),
  );
  await put(
    projectLabels,
    rows(count, (number) => ({ ...ofProject(number), id: labelIdOf(number), name: 'Needs a look', color: '#cc3300' })),
  );
  const total = count * tasksInProject;
  const positions = generateNKeysBetween(null, null, tasksInProject);
  const projectOf = (number: number) => Math.floor(number / tasksInProject);
  const workerOf = (number: number) => peopleOf(projectOf(number))[number % 2] ?? userOf(0);
  const statuses = rows(total, () => chance.of(taskStatuses));
  const statusOf = [...statuses];
  await put(
    tasks,
    rows(total, (number) => {
      const [status, moment] = [statusOf[number] ?? 'TODO', momentOf(number, total)];
      return {
        ...madeAt(number, total),
        organizationId,
        id: taskIdOf(number),
        projectId: projectIdOf(projectOf(number)),
        number: (number % tasksInProject) + 1,
        title: chance.title(),
        description: chance.text(1),
        status,
        priority: chance.of(priorities),
        assigneeId: number % 5 === 0 ? null : workerOf(number),
        createdById: workerOf(number + 1),
        position: positions[number % tasksInProject] ?? '',
        estimatedHours: String(1 + chance.below(24)),
        dueDate:
          number % 3 === 0 ? null : new Date(Date.parse(moment) + chance.below(60) * dayMs).toISOString().slice(0, 10),
        completedAt: status === 'DONE' ? moment : null,
        cancelledAt: status === 'CANCELLED' ? moment : null,
      };
    }),
  );
  const ofTask = (number: number) => ({
    ...madeAt(number, total),
    organizationId,
    projectId: projectIdOf(projectOf(number)),
    taskId: taskIdOf(number),
  });
  await put(
    taskActivities,
    rows(total, (number) => ({
      ...ofTask(number),
      id: sampleId('task activity', number),
      kind: 'CREATED' as const,
      actorId: workerOf(number + 1),
    })),
  );
  const some = <Row>(step: number, row: (number: number) => Row) =>
    rows(Math.floor(total / step), (at) => row(at * step));
  await put(
    taskLabels,
    some(6, (number) => ({
      ...ofTask(number),
      id: sampleId('task label', number),
      labelId: labelIdOf(projectOf(number)),
    })),
  );
  // The second of each four tasks of a board waits for the first.
  await put(
    taskDependencies,
    some(4, (number) => ({
      ...ofTask(number + 1),
      id: sampleId('dependency', number),
      dependsOnProjectId: projectIdOf(projectOf(number)),
      dependsOnId: taskIdOf(number),
      kind: 'BLOCKS' as const,
    })),
  );
  await put(
    taskComments,
    some(3, (number) => ({
      ...ofTask(number),
      id: sampleId('task comment', number),
      authorId: workerOf(number),
      text: chance.text(1),
    })),
  );
  // Whoever is named in a comment follows its task.
  const named = (number: number) => ({ ...ofTask(number), userId: workerOf(number + 1) });
  await put(
    taskMentions,
    some(3, (number) => ({
      ...named(number),
      id: sampleId('task mention', number),
      commentId: sampleId('task comment', number),
    })),
  );
  await put(
    taskWatchers,
    some(3, (number) => ({ ...named(number), id: sampleId('task watcher', number) })),
  );
  await fillWays({ size, put });
  await put(
    timeEntries,
    some(2, (number) => {
      // An hour of its own each, so that nobody works on two things at a time.
      const start = Date.UTC(2020, 0, 1) + number * 3_600_000;
      return {
        ...ofTask(number),
        id: sampleId('time entry', number),
        userId: workerOf(number),
        startedAt: new Date(start).toISOString(),
        endedAt: new Date(start + (10 + chance.below(50)) * 60_000).toISOString(),
        hourlyRate: '80.00',
      };
    }),
  );
};

/** What projects lead to, and views of the tasks of one. */
const fillWays = async ({ size, put }: Pick<Fill, 'size' | 'put'>): Promise<void> => {
  const count = size.projects;
  const own = (number: number) => ({ ...madeAt(number, count), organizationId, projectId: projectIdOf(number) });
  await put(
    projectLinks,
    rows(count * 2, (at) => {
      const number = Math.floor(at / 2);
      const target =
        at % 2 === 0
          ? { kind: 'DOCUMENT' as const, documentId: documentIdOf(number % size.documents) }
          : { kind: 'URL' as const, url: `https://sample.example/projects/${number + 1}` };
      return { ...own(number), ...target, id: sampleId('project link', at), title: 'Read this first' };
    }),
  );
  await put(
    savedViews,
    rows(count, (number) => ({
      ...own(number),
      id: sampleId('saved view', number),
      userId: userOf((number * 3) % size.users),
      list: 'TASKS' as const,
      name: 'In work',
      filter: { status: { eq: 'IN_PROGRESS' } },
      audience: 'PROJECT' as const,
    })),
  );
};
