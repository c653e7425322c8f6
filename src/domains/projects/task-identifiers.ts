import { and, eq, getTableColumns } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { NotFound } from '../../errors.ts';
import { projects } from './project-tables.ts';
import { tasks, type TaskRow } from './task-tables.ts';

const shape = /^([A-Z][A-Z0-9]{1,9})-([1-9]\d{0,8})$/;

/** The task that is called so, `ATLAS-42`. Throws NotFound, for a malformed name before any statement. */
export const taskByIdentifier = async (unit: UnitOfWork, identifier: string): Promise<TaskRow> => {
  const [, key, number] = shape.exec(identifier.trim().toUpperCase()) ?? [];
  if (key === undefined) throw new NotFound('Task', identifier);
  const { organizationId } = unit;
  const [task] = await unit.run(() =>
    database
      .select(getTableColumns(tasks))
      .from(projects)
      .innerJoin(tasks, and(eq(tasks.organizationId, projects.organizationId), eq(tasks.projectId, projects.id)))
      .where(and(eq(projects.organizationId, organizationId), eq(projects.key, key), eq(tasks.number, Number(number)))),
  );
  if (task === undefined) throw new NotFound('Task', identifier);
  return task;
};
