import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne, type OneByKey } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Context } from '../context.ts';
import { projectCollaborators, projects } from './project-tables.ts';

/** The unit of a request, from here on seeing the viewer's projects: whatever reads or writes something of a project begins with it. */
export const projectsUnit = ({ unit }: Pick<Context, 'unit'>): UnitOfWork => {
  unit.enter('projects');
  return unit;
};

/** As a loader for `node(id)`, which begins with the unit as it is. */
export const enteredProjects =
  <Row>(load: OneByKey<Row>) =>
  (unit: UnitOfWork) =>
    load(projectsUnit({ unit }));

export const projectById = loadOne(
  () =>
    database
      .select()
      .from(projects)
      .where(and(eq(projects.organizationId, bound.organizationId), sql`${projects.id} = any(${bound.keys})`)),
  (project) => project.id,
);

/** Projects that the viewer sees. */
export const projectList = listOf({
  from: projects,
  columns: getTableColumns(projects),
  orders: {
    CREATED_AT: projects.createdAt,
    NAME: projects.name,
    PRIORITY: projects.priorityRank,
    DUE_DATE: projects.dueOrder,
  },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    status: projects.status,
    priority: projects.priority,
    ownerId: projects.ownerId,
    workspaceId: projects.workspaceId,
    key: projects.key,
    dueDate: projects.dueDate,
    createdAt: projects.createdAt,
  },
});

export const collaboratorById = loadOne(
  () =>
    database
      .select()
      .from(projectCollaborators)
      .where(
        and(
          eq(projectCollaborators.organizationId, bound.organizationId),
          sql`${projectCollaborators.id} = any(${bound.keys})`,
        ),
      ),
  (collaborator) => collaborator.id,
);

/** Who works in a project, those who came first first. */
export const collaboratorsByProject = listOf({
  from: projectCollaborators,
  parent: projectCollaborators.projectId,
  columns: getTableColumns(projectCollaborators),
  orders: { CREATED_AT: projectCollaborators.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});

/** The viewer's own place in a project. */
export const ownPlaceByProject = loadOne(
  () =>
    database
      .select()
      .from(projectCollaborators)
      .where(
        and(
          eq(projectCollaborators.organizationId, bound.organizationId),
          eq(projectCollaborators.userId, bound.userId),
          sql`${projectCollaborators.projectId} = any(${bound.keys})`,
        ),
      ),
  (place) => place.projectId,
);
