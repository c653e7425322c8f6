import { and, count, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { Conflict, NotFound } from '../../errors.ts';
import type { AttachFileInput } from '../../generated/resolvers.ts';
import { lockedFile, renewFileReaders } from '../content/file-readers.ts';
import { viewerOf } from '../context.ts';
import { projectsUnit } from './project-loaders.ts';
import type { ProjectMeans } from './project-rights.ts';
import { lockTask, noteActivity, type HeldTask } from './task-changes.ts';
import { taskAttachments, type TaskAttachmentRow, type TaskRow } from './task-tables.ts';

const maxAttachments = 100;

/** An attachment with its task. */
export interface PutAttachment {
  readonly attachment: TaskAttachmentRow;
  readonly task: TaskRow;
}

const isAttached = (organizationId: string, { taskId, fileId }: AttachFileInput) =>
  and(
    eq(taskAttachments.organizationId, organizationId),
    eq(taskAttachments.taskId, taskId),
    eq(taskAttachments.fileId, fileId),
  );

/**
 * Puts a file that the viewer reads to a task, once; from then on whoever sees the project reads it. Throws Conflict (its bytes have not arrived; too many;
 * archived), Forbidden, NotFound (task, file).
 */
export const attachFile = (means: ProjectMeans, input: AttachFileInput): Promise<PutAttachment> => {
  const unit = projectsUnit(means);
  // A file of a room may be put to a task by who is in the room.
  unit.enter('rooms');
  return unit.transact(async ({ organizationId }) => {
    const held = await lockTask(means, input.taskId);
    const file = await lockedFile(unit, input.fileId);
    const [known] = await database.select().from(taskAttachments).where(isAttached(organizationId, input));
    if (known !== undefined) return { attachment: known, task: held.task };
    await requirePlace(held);
    const { id: taskId, projectId } = held.task;
    const row = { organizationId, projectId, taskId, fileId: file.id, addedById: viewerOf(means).userId };
    const attachment = sole(await database.insert(taskAttachments).values(row).returning());
    await renewFileReaders(unit, [file.id]);
    await tell(means, held, attachment, 'ATTACHED');
    return { attachment, task: held.task };
  });
};

/** Takes a file away from a task; who read it by that alone reads it no more. Throws Conflict (archived), Forbidden, NotFound. */
export const detachFile = (means: ProjectMeans, input: AttachFileInput): Promise<PutAttachment> => {
  const unit = projectsUnit(means);
  return unit.transact(async ({ organizationId }) => {
    const held = await lockTask(means, input.taskId);
    const [attachment] = await database.delete(taskAttachments).where(isAttached(organizationId, input)).returning();
    if (attachment === undefined) throw new NotFound('File', input.fileId, 'fileId');
    await renewFileReaders(unit, [input.fileId]);
    await tell(means, held, attachment, 'DETACHED');
    return { attachment, task: held.task };
  });
};

const requirePlace = async ({ task: { organizationId, id } }: HeldTask): Promise<void> => {
  const { number } = sole(
    await database
      .select({ number: count() })
      .from(taskAttachments)
      .where(and(eq(taskAttachments.organizationId, organizationId), eq(taskAttachments.taskId, id))),
  );
  if (number >= maxAttachments) throw new Conflict('taskId', `A task has at most ${maxAttachments} attachments.`);
};

const tell = async (
  means: ProjectMeans,
  { task, project }: HeldTask,
  { fileId }: TaskAttachmentRow,
  kind: 'ATTACHED' | 'DETACHED',
): Promise<void> => {
  await noteActivity(means, task, { kind, subjectId: fileId }, 'changed');
  means.unit.record({
    action: `task.file_${kind.toLowerCase()}`,
    type: 'Task',
    id: task.id,
    workspaceId: project.workspaceId,
    data: { fileId },
  });
};
