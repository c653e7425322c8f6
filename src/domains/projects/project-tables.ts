import { sql } from 'drizzle-orm';
import {
  check,
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
import { jobsAlone } from '../../database/unit-of-work.ts';
import { memberships, organizations, workspaces } from '../tenancy/tables.ts';

export const projectStatuses = ['PLANNING', 'ACTIVE', 'COMPLETED', 'ARCHIVED'] as const;
export const priorities = ['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'] as const;
export const projectRoles = ['ADMIN', 'MEMBER'] as const;
export const completionGuards = ['OFF', 'WARN', 'BLOCK'] as const;
export const savedViewLists = ['TASKS', 'PROJECTS', 'TIME_ENTRIES', 'ORDERS', 'CONVERSATIONS', 'DOCUMENTS'] as const;
export const savedViewAudiences = ['OWNER', 'PROJECT', 'WORKSPACE', 'ORGANIZATION'] as const;

/** 1 is LOW, 4 is CRITICAL. */
export const rankOfPriority = sql`case priority when 'LOW' then 1 when 'MEDIUM' then 2 when 'HIGH' then 3 else 4 end`;

/** What a team works towards, in tasks. */
export const projects = tenantTable(
  'projects',
  'project',
  {
    /** Whoever sees this workspace sees the project; null: its collaborators alone. It never changes. */
    workspaceId: uuid(),
    /** What its tasks are called by: the `ATLAS` of `ATLAS-42`. */
    key: text().notNull(),
    name: text().notNull(),
    description: text().notNull().default(''),
    /** Who answers for it, a collaborator too; null: whoever did has left. */
    ownerId: uuid(),
    status: word(projectStatuses).notNull().default('PLANNING'),
    /** What it was before it was archived. */
    archivedFrom: word(projectStatuses),
    priority: word(priorities).notNull().default('MEDIUM'),
    priorityRank: integer().notNull().generatedAlwaysAs(rankOfPriority),
    startDate: date({ mode: 'string' }),
    dueDate: date({ mode: 'string' }),
    /** The due date; the end of time where there is none. */
    dueOrder: date({ mode: 'string' })
      .notNull()
      .generatedAlwaysAs(sql`coalesce(due_date, 'infinity'::date)`),
    completedAt: moment(),
    archivedAt: moment(),
    /** US dollars that it may cost; null: unbounded. */
    budget: numeric({ precision: 14, scale: 2 }),
    /** US dollars for an hour of work of whoever has no rate of their own; null: time costs nothing. */
    hourlyRate: numeric({ precision: 9, scale: 2 }),
    /** US dollars that prompts of its sessions have cost, also of sessions that are gone; kept by a trigger. */
    modelCost: numeric({ precision: 18, scale: 12 }).notNull().default('0'),
    /** What happens when a task is to be DONE that waits for others or has open sub-tasks. */
    completionGuard: word(completionGuards).notNull().default('WARN'),
    /** The number of the newest task. */
    lastTaskNumber: integer().notNull().default(0),
    createdById: uuid(),
    metadata: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    /** Counts the changes of the project itself, from 1. */
    version: integer().notNull().default(1),
  },
  (project) => [
    oneOf('projects', project.status, projectStatuses),
    oneOf('projects', project.archivedFrom, projectStatuses),
    oneOf('projects', project.priority, priorities),
    oneOf('projects', project.completionGuard, completionGuards),
    check('projects_dates_check', sql`${project.startDate} <= ${project.dueDate}`),
    check('projects_budget_check', sql`${project.budget} >= 0`),
    check('projects_hourly_rate_check', sql`${project.hourlyRate} >= 0`),
    check('projects_archived_at_check', sql`(${project.status} = 'ARCHIVED') = (${project.archivedAt} is not null)`),
    foreignKey({
      name: 'projects_organization_id_fkey',
      columns: [project.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'projects_workspace_id_fkey',
      columns: [project.organizationId, project.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
    unique('projects_key_key').on(project.organizationId, project.key),
    index('projects_workspace_id_index').on(project.organizationId, project.workspaceId, project.createdAt, project.id),
    index('projects_owner_id_index').on(project.organizationId, project.ownerId, project.createdAt, project.id),
    index('projects_created_at_index').on(project.organizationId, project.createdAt, project.id),
    index('projects_name_index').on(project.organizationId, project.name, project.id),
    index('projects_priority_index').on(project.organizationId, project.priorityRank, project.id),
    index('projects_due_date_index').on(project.organizationId, project.dueOrder, project.id),
    index('projects_status_index').on(project.organizationId, project.status, project.createdAt, project.id),
    // What tells which projects the viewer is let into is seen before they are entered.
    pgPolicy('projects_of_workspaces', {
      for: 'select',
      using: sql`${sameTenant} and workspace_id is not null and app_sees(workspace_id)`,
    }),
  ],
);
export type ProjectRow = typeof projects.$inferSelect;

/** The foreign key of what belongs to a project and goes with it. */
export const toProject = (table: string, part: { organizationId: AnyPgColumn; projectId: AnyPgColumn }) =>
  foreignKey({
    name: `${table}_project_id_fkey`,
    columns: [part.organizationId, part.projectId],
    foreignColumns: [projects.organizationId, projects.id],
  }).onDelete('cascade');

/** Who works in a project; the owner is one of them. */
export const projectCollaborators = tenantTable(
  'project_collaborators',
  'project',
  {
    projectId: uuid().notNull(),
    userId: uuid().notNull(),
    role: word(projectRoles).notNull().default('MEMBER'),
    /** US dollars for an hour of their work; null: as the project says. */
    hourlyRate: numeric({ precision: 9, scale: 2 }),
    addedById: uuid(),
  },
  (collaborator) => [
    oneOf('project_collaborators', collaborator.role, projectRoles),
    check('project_collaborators_hourly_rate_check', sql`${collaborator.hourlyRate} >= 0`),
    toProject('project_collaborators', collaborator),
    unique('project_collaborators_user_id_key').on(
      collaborator.organizationId,
      collaborator.userId,
      collaborator.projectId,
    ),
    // Who leaves the organization leaves its projects.
    foreignKey({
      name: 'project_collaborators_user_id_fkey',
      columns: [collaborator.organizationId, collaborator.userId],
      foreignColumns: [memberships.organizationId, memberships.userId],
    }).onDelete('cascade'),
    index('project_collaborators_created_at_index').on(
      collaborator.organizationId,
      collaborator.projectId,
      collaborator.createdAt,
      collaborator.id,
    ),
    // What tells which projects are the viewer's is seen before they are entered.
    pgPolicy('project_collaborators_own', {
      for: 'select',
      using: sql`${sameTenant} and user_id = nullif(current_setting('app.user_id', true), '')::uuid`,
    }),
  ],
);
export type ProjectCollaboratorRow = typeof projectCollaborators.$inferSelect;

/** A word that tasks of a project are marked with. */
export const projectLabels = tenantTable(
  'project_labels',
  'project',
  {
    projectId: uuid().notNull(),
    name: text().notNull(),
    /** `#rrggbb`, in lower case. */
    color: text().notNull(),
  },
  (label) => [
    check('project_labels_color_check', sql`${label.color} ~ '^#[0-9a-f]{6}$'`),
    toProject('project_labels', label),
    uniqueIndex('project_labels_name_key').on(label.organizationId, label.projectId, sql`lower(${label.name})`),
    index('project_labels_name_index').on(label.organizationId, label.projectId, label.name, label.id),
  ],
);
export type ProjectLabelRow = typeof projectLabels.$inferSelect;

/** A question to a list that somebody kept: its filter and order, as clients write them. */
export const savedViews = tenantTable(
  'saved_views',
  'shared',
  {
    userId: uuid().notNull(),
    list: word(savedViewLists).notNull(),
    name: text().notNull(),
    description: text().notNull().default(''),
    /** The filter and the order of the list, in the API's grammar. */
    filter: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    orderBy: jsonb()
      .$type<readonly { readonly field: string; readonly direction: 'ASC' | 'DESC' }[]>()
      .notNull()
      .default([]),
    audience: word(savedViewAudiences).notNull().default('OWNER'),
    projectId: uuid(),
    workspaceId: uuid(),
    /** Whom it is shared with, beside its owner: administrators see what belongs to a project or workspace, jobs all; null: every member. */
    readers: uuid()
      .array()
      .generatedAlwaysAs(
        sql.raw(
          `case audience when 'ORGANIZATION' then null when 'PROJECT' then array[user_id, project_id, organization_id] when 'WORKSPACE' then array[user_id, workspace_id, organization_id] else array[user_id, '${jobsAlone}'] end`,
        ),
      ),
    version: integer().notNull().default(1),
  },
  (view) => [
    oneOf('saved_views', view.list, savedViewLists),
    oneOf('saved_views', view.audience, savedViewAudiences),
    check(
      'saved_views_shape_check',
      sql`(${view.audience} <> 'PROJECT' or ${view.projectId} is not null) and (${view.audience} <> 'WORKSPACE' or ${view.workspaceId} is not null)`,
    ),
    foreignKey({
      name: 'saved_views_user_id_fkey',
      columns: [view.organizationId, view.userId],
      foreignColumns: [memberships.organizationId, memberships.userId],
    }).onDelete('cascade'),
    foreignKey({
      name: 'saved_views_project_id_fkey',
      columns: [view.organizationId, view.projectId],
      foreignColumns: [projects.organizationId, projects.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'saved_views_workspace_id_fkey',
      columns: [view.organizationId, view.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
    index('saved_views_user_id_index').on(view.organizationId, view.userId, view.createdAt, view.id),
    index('saved_views_project_id_index').on(view.organizationId, view.projectId, view.createdAt, view.id),
    index('saved_views_workspace_id_index').on(view.organizationId, view.workspaceId),
    index('saved_views_name_index').on(view.organizationId, view.name, view.id),
    index('saved_views_created_at_index').on(view.organizationId, view.createdAt, view.id),
  ],
);
export type SavedViewRow = typeof savedViews.$inferSelect;
