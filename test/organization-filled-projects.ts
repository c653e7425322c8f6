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
import { newId } from '../src/ids.ts';

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

/** Fills the tables of projects, of an organization that the unit sees whole: a project of a workspace, and one of a member alone. */
export const fillProjects = async (
  whole: UnitOfWork,
  { organizationId, workspaceId, documentId, fileId, memberId, secret }: Places,
): Promise<void> => {
  whole.enter('projects');
  const text = (what: string) => `${secret} ${what}`;
  await whole.transact(async () => {
    const [projectId, ownId, labelId, firstId, secondId, elsewhereId, commentId] = Array.from({ length: 7 }, newId);
    if (!projectId || !ownId || !labelId || !firstId || !secondId || !elsewhereId || !commentId) return;
    const owned = { organizationId, ownerId: memberId, createdById: memberId };
    await database.insert(projects).values([
      {
        ...owned,
        id: projectId,
        workspaceId,
        key: 'FILL',
        name: text('project'),
        budget: '100.00',
        hourlyRate: '50.00',
      },
      { ...owned, id: ownId, key: 'OWN', name: text('own project'), description: text('description') },
    ]);
    await database
      .insert(projectCollaborators)
      .values(
        [projectId, ownId].map((id) => ({ organizationId, projectId: id, userId: memberId, role: 'ADMIN' as const })),
      );
    const inProject = { organizationId, projectId };
    await database.insert(projectLabels).values({ ...inProject, id: labelId, name: text('label'), color: '#00ff00' });
    const said = { assigneeId: memberId, createdById: memberId, description: text('description') };
    await database.insert(tasks).values([
      { ...inProject, ...said, id: firstId, number: 1, title: text('task'), position: 'a0', estimatedHours: '2.50' },
      { ...inProject, ...said, id: secondId, number: 2, title: text('part'), position: 'a1', parentId: firstId },
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
    await database.insert(taskLabels).values({ ...ofTask, labelId });
    await database
      .insert(taskDependencies)
      .values({
        ...ofTask,
        dependsOnProjectId: ownId,
        dependsOnId: elsewhereId,
        kind: 'BLOCKS',
        createdById: memberId,
      });
    await database.insert(taskComments).values({ ...ofTask, id: commentId, authorId: memberId, text: text('comment') });
    await database.insert(taskMentions).values({ ...ofTask, commentId, userId: memberId });
    await database.insert(taskWatchers).values({ ...ofTask, userId: memberId });
    await database
      .insert(taskActivities)
      .values({ ...ofTask, kind: 'CREATED', actorId: memberId, reason: text('reason') });
    await database.insert(taskAttachments).values({ ...ofTask, fileId, addedById: memberId });
    const link = { ...inProject, createdById: memberId, title: text('link') };
    await database.insert(projectLinks).values([
      { ...link, taskId: firstId, kind: 'DOCUMENT', documentId },
      { ...link, kind: 'URL', url: `https://example.com/${secret}` },
    ]);
    const ended = { startedAt: '2026-01-05T09:00:00.000Z', endedAt: '2026-01-05T10:30:00.000Z' };
    await database
      .insert(timeEntries)
      .values({ ...ofTask, ...ended, userId: memberId, note: text('note'), hourlyRate: '50.00' });
    await database.insert(savedViews).values({
      organizationId,
      userId: memberId,
      list: 'TASKS',
      name: text('view'),
      filter: { status: { eq: 'TODO' } },
      audience: 'PROJECT',
      projectId,
    });
  });
};
