import { sql } from 'drizzle-orm';
import {
  check,
  customType,
  date,
  foreignKey,
  index,
  integer,
  jsonb,
  numeric,
  pgPolicy,
  text,
  unique,
  uniqueIndex,
  uuid,
  type AnyPgColumn,
} from 'drizzle-orm/pg-core';
import { moment, oneOf, sameTenant, tenantTable, word } from '../../database/tenant-table.ts';
import { files } from '../content/tables.ts';
import { memberships } from '../tenancy/tables.ts';
import { priorities, projectLabels, rankOfPriority, toProject } from './project-tables.ts';

export const taskStatuses = ['TODO', 'IN_PROGRESS', 'REVIEW', 'DONE', 'CANCELLED'] as const;
/** Where a task stands that others still wait for. */
export const openStatuses = ['TODO', 'IN_PROGRESS', 'REVIEW'] as const;
export const dependencyKinds = ['BLOCKS', 'RELATES', 'DUPLICATES'] as const;
export const taskActivityKinds = [
  'CREATED',
  'CHANGED',
  'MOVED',
  'COMMENTED',
  'DEPENDENCY_ADDED',
  'DEPENDENCY_REMOVED',
  'ATTACHED',
  'DETACHED',
  'LINKED',
  'UNLINKED',
] as const;
export const linkKinds = ['ORDER', 'DOCUMENT', 'ROOM', 'CONVERSATION', 'URL'] as const;

/** Text in the order of its bytes, in which fractional indexes stand. */
const byteText = customType<{ data: string; driverData: string }>({ dataType: () => 'text collate "C"' });

/** A piece of work. */
export const tasks = tenantTable(
  'tasks',
  'project',
  {
    projectId: uuid().notNull(),
    /** Counted in the project, from 1. */
    number: integer().notNull(),
    /** The task that it is a part of, in the same project. */
    parentId: uuid(),
    title: text().notNull(),
    description: text().notNull().default(''),
    status: word(taskStatuses).notNull().default('TODO'),
    priority: word(priorities).notNull().default('MEDIUM'),
    priorityRank: integer().notNull().generatedAlwaysAs(rankOfPriority),
    assigneeId: uuid(),
    createdById: uuid(),
    /** Place on the board: a fractional index, unique in the project. */
    position: byteText().notNull(),
    /** The column of the board that it stands in: project and status, as one key. */
    boardColumnId: uuid()
      .notNull()
      .generatedAlwaysAs(sql`md5(project_id::text || status)::uuid`),
    estimatedHours: numeric({ precision: 9, scale: 2 }),
    startDate: date({ mode: 'string' }),
    dueDate: date({ mode: 'string' }),
    /** The due date; the end of time where there is none. */
    dueOrder: date({ mode: 'string' })
      .notNull()
      .generatedAlwaysAs(sql`coalesce(due_date, 'infinity'::date)`),
    completedAt: moment(),
    cancelledAt: moment(),
    /** The conversation that it came from, and its workspace. */
    conversationId: uuid(),
    originWorkspaceId: uuid(),
    metadata: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    /** Counts the changes, from 1. */
    version: integer().notNull().default(1),
  },
  (task) => [
    oneOf('tasks', task.status, taskStatuses),
    oneOf('tasks', task.priority, priorities),
    check('tasks_dates_check', sql`${task.startDate} <= ${task.dueDate}`),
    check('tasks_estimated_hours_check', sql`${task.estimatedHours} >= 0`),
    check('tasks_parent_id_check', sql`${task.parentId} <> ${task.id}`),
    check('tasks_completed_at_check', sql`(${task.status} = 'DONE') = (${task.completedAt} is not null)`),
    check('tasks_cancelled_at_check', sql`(${task.status} = 'CANCELLED') = (${task.cancelledAt} is not null)`),
    toProject('tasks', task),
    // Its parts refer to a task of its project.
    unique('tasks_project_id_key').on(task.organizationId, task.projectId, task.id),
    foreignKey({
      name: 'tasks_parent_id_fkey',
      columns: [task.organizationId, task.projectId, task.parentId],
      foreignColumns: [task.organizationId, task.projectId, task.id],
    }).onDelete('cascade'),
    unique('tasks_number_key').on(task.organizationId, task.projectId, task.number),
    unique('tasks_position_key').on(task.organizationId, task.projectId, task.position),
    index('tasks_parent_id_index').on(task.organizationId, task.projectId, task.parentId),
    index('tasks_parts_index').on(task.organizationId, task.parentId, task.position, task.id),
    index('tasks_board_index').on(task.organizationId, task.boardColumnId, task.position, task.id),
    index('tasks_status_index').on(task.organizationId, task.projectId, task.status, task.createdAt, task.id),
    index('tasks_project_created_at_index').on(task.organizationId, task.projectId, task.createdAt, task.id),
    index('tasks_project_due_date_index').on(task.organizationId, task.projectId, task.dueOrder, task.id),
    index('tasks_project_priority_index').on(task.organizationId, task.projectId, task.priorityRank, task.id),
    index('tasks_created_at_index').on(task.organizationId, task.createdAt, task.id),
    index('tasks_due_date_index').on(task.organizationId, task.dueOrder, task.id),
    index('tasks_priority_index').on(task.organizationId, task.priorityRank, task.id),
    index('tasks_assignee_id_index').on(task.organizationId, task.assigneeId, task.dueOrder, task.id),
    index('tasks_conversation_id_index').on(task.organizationId, task.conversationId, task.createdAt, task.id),
  ],
);
export type TaskRow = typeof tasks.$inferSelect;

/** The foreign key of what belongs to a task, and so to its project, and goes with it. */
export const toTask = (
  table: string,
  part: { organizationId: AnyPgColumn; projectId: AnyPgColumn; taskId: AnyPgColumn },
) =>
  foreignKey({
    name: `${table}_task_id_fkey`,
    columns: [part.organizationId, part.projectId, part.taskId],
    foreignColumns: [tasks.organizationId, tasks.projectId, tasks.id],
  }).onDelete('cascade');

/** A label on a task. */
export const taskLabels = tenantTable(
  'task_labels',
  'project',
  { projectId: uuid().notNull(), taskId: uuid().notNull(), labelId: uuid().notNull() },
  (label) => [
    toTask('task_labels', label),
    foreignKey({
      name: 'task_labels_label_id_fkey',
      columns: [label.organizationId, label.labelId],
      foreignColumns: [projectLabels.organizationId, projectLabels.id],
    }).onDelete('cascade'),
    unique('task_labels_label_id_key').on(label.organizationId, label.taskId, label.labelId),
    index('task_labels_task_id_index').on(label.organizationId, label.projectId, label.taskId),
    index('task_labels_label_id_index').on(label.organizationId, label.labelId, label.taskId),
  ],
);
export type TaskLabelRow = typeof taskLabels.$inferSelect;

/**
 * What a task has to do with another: it waits for it (BLOCKS), is the same as it (DUPLICATES) or has to do with it (RELATES). A trigger
 * refuses cycles of the first two. Whoever sees both tasks sees it.
 */
export const taskDependencies = tenantTable(
  'task_dependencies',
  'project',
  {
    projectId: uuid().notNull(),
    taskId: uuid().notNull(),
    dependsOnProjectId: uuid().notNull(),
    dependsOnId: uuid().notNull(),
    kind: word(dependencyKinds).notNull(),
    createdById: uuid(),
  },
  (dependency) => [
    oneOf('task_dependencies', dependency.kind, dependencyKinds),
    check('task_dependencies_self_check', sql`${dependency.taskId} <> ${dependency.dependsOnId}`),
    toTask('task_dependencies', dependency),
    foreignKey({
      name: 'task_dependencies_depends_on_id_fkey',
      columns: [dependency.organizationId, dependency.dependsOnProjectId, dependency.dependsOnId],
      foreignColumns: [tasks.organizationId, tasks.projectId, tasks.id],
    }).onDelete('cascade'),
    unique('task_dependencies_kind_key').on(
      dependency.organizationId,
      dependency.taskId,
      dependency.dependsOnId,
      dependency.kind,
    ),
    // Two tasks have to do with each other once, whichever of them it is told of.
    uniqueIndex('task_dependencies_relates_key')
      .on(
        dependency.organizationId,
        sql`least(${dependency.taskId}, ${dependency.dependsOnId})`,
        sql`greatest(${dependency.taskId}, ${dependency.dependsOnId})`,
      )
      .where(sql`${dependency.kind} = 'RELATES'`),
    index('task_dependencies_task_id_index').on(
      dependency.organizationId,
      dependency.taskId,
      dependency.createdAt,
      dependency.id,
    ),
    index('task_dependencies_depends_on_id_index').on(
      dependency.organizationId,
      dependency.dependsOnId,
      dependency.createdAt,
      dependency.id,
    ),
    index('task_dependencies_project_id_index').on(dependency.organizationId, dependency.projectId, dependency.taskId),
    index('task_dependencies_other_project_index').on(
      dependency.organizationId,
      dependency.dependsOnProjectId,
      dependency.dependsOnId,
    ),
    pgPolicy('task_dependencies_other_project', {
      as: 'restrictive',
      using: sql`${sameTenant} and app_in_project(depends_on_project_id)`,
      withCheck: sql`${sameTenant} and app_in_project(depends_on_project_id)`,
    }),
  ],
);
export type TaskDependencyRow = typeof taskDependencies.$inferSelect;

/** What somebody said to a task. */
export const taskComments = tenantTable(
  'task_comments',
  'project',
  {
    projectId: uuid().notNull(),
    taskId: uuid().notNull(),
    authorId: uuid(),
    text: text().notNull(),
    editedAt: moment(),
    /** The comment is gone; its place in the conversation stays, without its text. */
    deletedAt: moment(),
  },
  (comment) => [
    toTask('task_comments', comment),
    index('task_comments_task_id_index').on(comment.organizationId, comment.projectId, comment.taskId),
    index('task_comments_created_at_index').on(comment.organizationId, comment.taskId, comment.createdAt, comment.id),
  ],
);
export type TaskCommentRow = typeof taskComments.$inferSelect;

/** Somebody who is named in a comment, and whether they have seen it. */
export const taskMentions = tenantTable(
  'task_mentions',
  'project',
  {
    projectId: uuid().notNull(),
    taskId: uuid().notNull(),
    commentId: uuid().notNull(),
    userId: uuid().notNull(),
    readAt: moment(),
  },
  (mention) => [
    toTask('task_mentions', mention),
    foreignKey({
      name: 'task_mentions_comment_id_fkey',
      columns: [mention.organizationId, mention.commentId],
      foreignColumns: [taskComments.organizationId, taskComments.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'task_mentions_user_id_fkey',
      columns: [mention.organizationId, mention.userId],
      foreignColumns: [memberships.organizationId, memberships.userId],
    }).onDelete('cascade'),
    unique('task_mentions_user_id_key').on(mention.organizationId, mention.commentId, mention.userId),
    index('task_mentions_task_id_index').on(mention.organizationId, mention.projectId, mention.taskId),
    index('task_mentions_created_at_index').on(mention.organizationId, mention.userId, mention.createdAt, mention.id),
    index('task_mentions_unread_index')
      .on(mention.organizationId, mention.userId, mention.createdAt, mention.id)
      .where(sql`${mention.readAt} is null`),
  ],
);
export type TaskMentionRow = typeof taskMentions.$inferSelect;

/** Who is told of what happens to a task. */
export const taskWatchers = tenantTable(
  'task_watchers',
  'project',
  { projectId: uuid().notNull(), taskId: uuid().notNull(), userId: uuid().notNull() },
  (watcher) => [
    toTask('task_watchers', watcher),
    foreignKey({
      name: 'task_watchers_user_id_fkey',
      columns: [watcher.organizationId, watcher.userId],
      foreignColumns: [memberships.organizationId, memberships.userId],
    }).onDelete('cascade'),
    unique('task_watchers_user_id_key').on(watcher.organizationId, watcher.taskId, watcher.userId),
    index('task_watchers_task_id_index').on(watcher.organizationId, watcher.projectId, watcher.taskId),
    index('task_watchers_user_id_index').on(watcher.organizationId, watcher.userId, watcher.createdAt, watcher.id),
    index('task_watchers_created_at_index').on(watcher.organizationId, watcher.taskId, watcher.createdAt, watcher.id),
  ],
);
export type TaskWatcherRow = typeof taskWatchers.$inferSelect;

/** What happened to a task. */
export const taskActivities = tenantTable(
  'task_activities',
  'project',
  {
    projectId: uuid().notNull(),
    taskId: uuid().notNull(),
    kind: word(taskActivityKinds).notNull(),
    /** Null: it was the system. */
    actorId: uuid(),
    /** Names of the fields that changed, with what they were and are. */
    changes: jsonb().$type<Record<string, { readonly from: unknown; readonly to: unknown }>>().notNull().default({}),
    /** Why somebody passed over the guard of completion. */
    reason: text(),
    /** What it is about besides the task: a comment, another task, a file or a link. */
    subjectId: uuid(),
  },
  (activity) => [
    oneOf('task_activities', activity.kind, taskActivityKinds),
    toTask('task_activities', activity),
    index('task_activities_task_id_index').on(activity.organizationId, activity.projectId, activity.taskId),
    index('task_activities_created_at_index').on(
      activity.organizationId,
      activity.taskId,
      activity.createdAt,
      activity.id,
    ),
  ],
);
export type TaskActivityRow = typeof taskActivities.$inferSelect;

/** A file put to a task. */
export const taskAttachments = tenantTable(
  'task_attachments',
  'project',
  { projectId: uuid().notNull(), taskId: uuid().notNull(), fileId: uuid().notNull(), addedById: uuid() },
  (attachment) => [
    toTask('task_attachments', attachment),
    foreignKey({
      name: 'task_attachments_file_id_fkey',
      columns: [attachment.organizationId, attachment.fileId],
      foreignColumns: [files.organizationId, files.id],
    }),
    unique('task_attachments_file_id_key').on(attachment.organizationId, attachment.taskId, attachment.fileId),
    index('task_attachments_task_id_index').on(attachment.organizationId, attachment.projectId, attachment.taskId),
    index('task_attachments_file_id_index').on(attachment.organizationId, attachment.fileId),
    index('task_attachments_created_at_index').on(
      attachment.organizationId,
      attachment.taskId,
      attachment.createdAt,
      attachment.id,
    ),
  ],
);
export type TaskAttachmentRow = typeof taskAttachments.$inferSelect;
