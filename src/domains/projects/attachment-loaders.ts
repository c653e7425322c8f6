import { and, eq, getTableColumns, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { taskAttachments, tasks } from './task-tables.ts';

export const taskAttachmentById = loadOne(
  () =>
    database
      .select()
      .from(taskAttachments)
      .where(
        and(eq(taskAttachments.organizationId, bound.organizationId), sql`${taskAttachments.id} = any(${bound.keys})`),
      ),
  (attachment) => attachment.id,
);

/** Files put to tasks, those that came first first. */
export const attachmentsByTask = listOf({
  from: taskAttachments,
  parent: taskAttachments.taskId,
  columns: getTableColumns(taskAttachments),
  orders: { CREATED_AT: taskAttachments.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});

/** Files put to tasks of a project that is about to go: whoever removes it renews their readers afterwards. */
export const filesOfProject = async (organizationId: string, projectId: string): Promise<string[]> => {
  const rows = await database
    .selectDistinct({ fileId: taskAttachments.fileId })
    .from(taskAttachments)
    .where(and(eq(taskAttachments.organizationId, organizationId), eq(taskAttachments.projectId, projectId)));
  return rows.map(({ fileId }) => fileId);
};

/** Files put to tasks that are about to go, and to their parts, which go with them: whoever removes them renews their readers afterwards. */
export const filesOfTasks = async (organizationId: string, taskIds: readonly string[]): Promise<string[]> => {
  if (taskIds.length === 0) return [];
  const doomed = sql`with recursive doomed (id) as (
    select ${tasks.id} from ${tasks} where ${tasks.organizationId} = ${organizationId} and ${inArray(tasks.id, [...taskIds])}
    union select part.id from doomed join ${tasks} as part on part.parent_id = doomed.id where part.organization_id = ${organizationId})`;
  const rows = await database.execute<{ fileId: string }>(sql`${doomed}
    select distinct attachment.file_id as "fileId" from doomed
    join ${taskAttachments} as attachment on attachment.task_id = doomed.id and attachment.organization_id = ${organizationId}`);
  return Array.from(rows, ({ fileId }) => fileId);
};
