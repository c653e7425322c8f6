import { randomInt } from 'node:crypto';
import { database } from '../src/database/client.ts';
import type { UnitOfWork } from '../src/database/unit-of-work.ts';
import { projectLinks } from '../src/domains/projects/link-tables.ts';
import { projectCollaborators, projectLabels, projects, savedViews } from '../src/domains/projects/project-tables.ts';
import {
  taskActivities,
  taskAttachments,
  taskComments,
  taskDependencies,
  taskLabels,
  taskMentions,
  tasks,
  taskWatchers,
} from '../src/domains/projects/task-tables.ts';
import { timeEntries } from '../src/domains/projects/time-tables.ts';
import { globalId, newId } from '../src/ids.ts';

/** What the rows refer to, as UUIDs. */
interface Places {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly documentId: string;
  readonly fileId: string;
  readonly memberId: string;
  /** Stands in all texts. */
  readonly secret: string;
}

/** Hours of which each is worked once: time of one person does not overlap. */
const hours = (function* () {
  for (let hour = 0; ; hour++) yield hour;
})();

/**
 * Fills the tables of projects, of an organization that the unit sees whole: a project of a workspace, and one of a member alone. Gives global ids by type, `OwnProject`
 * and `OwnTask` among them. It can be done again and again.
 */
export const fillProjects = async (
  whole: UnitOfWork,
  { organizationId, workspaceId, documentId, fileId, memberId, secret }: Places,
): Promise<Record<string, string>> => {
  whole.enter('projects');
  const text = (what: string) => `${secret} ${what}`;
  // Types, and what else tests call some of them.
  const made = {
    Project: newId(),
    OwnProject: newId(),
    ProjectCollaborator: newId(),
    ProjectLabel: newId(),
    Task: newId(),
    Part: newId(),
  };
  const parts = {
    OwnTask: newId(),
    TaskComment: newId(),
    TaskMention: newId(),
    TaskActivity: newId(),
    TaskDependency: newId(),
  };
  const rest = { TaskAttachment: newId(), ProjectLink: newId(), TimeEntry: newId(), SavedView: newId() };
  const ids = { ...made, ...parts, ...rest };
  const { Project: projectId, OwnProject: ownId, Task: firstId, OwnTask: elsewhereId } = ids;
  await whole.transact(async () => {
    const key = () =>
      `K${randomInt(36 ** 5, 36 ** 6)
        .toString(36)
        .toUpperCase()}`;
    const owned = { organizationId, ownerId: memberId, createdById: memberId };
    await database.insert(projects).values([
      {
        ...owned,
        id: projectId,
        workspaceId,
        key: key(),
        name: text('project'),
        lastTaskNumber: 2,
        budget: '100.00',
        hourlyRate: '50.00',
      },
      {
        ...owned,
        id: ownId,
        key: key(),
        name: text('own project'),
        lastTaskNumber: 1,
        description: text('description'),
      },
    ]);
    await database.insert(projectCollaborators).values([
      { organizationId, id: ids.ProjectCollaborator, projectId, userId: memberId, role: 'ADMIN' },
      { organizationId, projectId: ownId, userId: memberId, role: 'ADMIN' },
    ]);
    const inProject = { organizationId, projectId };
    await database
      .insert(projectLabels)
      .values({ ...inProject, id: ids.ProjectLabel, name: text('label'), color: '#00ff00' });
    const said = { assigneeId: memberId, createdById: memberId, description: text('description') };
    await database.insert(tasks).values([
      { ...inProject, ...said, id: firstId, number: 1, title: text('task'), position: 'a0', estimatedHours: '2.50' },
      { ...inProject, ...said, id: ids.Part, number: 2, title: text('part'), position: 'a1', parentId: firstId },
      {
        ...said,
        organizationId,
        projectId: ownId,
        id: elsewhereId,
        number: 1,
        title: text('elsewhere'),
        position: 'a0',
      },
    ]);
    const ofTask = { ...inProject, taskId: firstId };
    await database.insert(taskLabels).values({ ...ofTask, labelId: ids.ProjectLabel });
    await database.insert(taskDependencies).values({
      ...ofTask,
      id: ids.TaskDependency,
      dependsOnProjectId: ownId,
      dependsOnId: elsewhereId,
      kind: 'BLOCKS',
      createdById: memberId,
    });
    await database
      .insert(taskComments)
      .values({ ...ofTask, id: ids.TaskComment, authorId: memberId, text: text('comment') });
    await database
      .insert(taskMentions)
      .values({ ...ofTask, id: ids.TaskMention, commentId: ids.TaskComment, userId: memberId });
    await database.insert(taskWatchers).values({ ...ofTask, userId: memberId });
    await database
      .insert(taskActivities)
      .values({ ...ofTask, id: ids.TaskActivity, kind: 'CREATED', actorId: memberId, reason: text('reason') });
    await database.insert(taskAttachments).values({ ...ofTask, id: ids.TaskAttachment, fileId, addedById: memberId });
    const link = { ...inProject, createdById: memberId, title: text('link') };
    await database.insert(projectLinks).values([
      { ...link, id: ids.ProjectLink, taskId: firstId, kind: 'DOCUMENT', documentId },
      { ...link, kind: 'URL', url: `https://example.com/${secret}` },
    ]);
    const begun = Date.UTC(2001, 0, 1) + hours.next().value * 3_600_000;
    const ended = { startedAt: new Date(begun).toISOString(), endedAt: new Date(begun + 1_800_000).toISOString() };
    await database
      .insert(timeEntries)
      .values({ ...ofTask, ...ended, id: ids.TimeEntry, userId: memberId, note: text('note'), hourlyRate: '50.00' });
    await database.insert(savedViews).values({
      organizationId,
      id: ids.SavedView,
      userId: memberId,
      list: 'TASKS',
      name: text('view'),
      filter: { status: { eq: 'TODO' } },
      audience: 'PROJECT',
      projectId,
    });
  });
  const typeOf: Readonly<Record<string, string>> = { OwnProject: 'Project', Part: 'Task', OwnTask: 'Task' };
  return Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, globalId(typeOf[name] ?? name, id)]));
};
