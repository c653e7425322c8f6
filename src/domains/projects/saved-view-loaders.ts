import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { savedViews } from './project-tables.ts';

export const savedViewById = loadOne(
  () =>
    database
      .select()
      .from(savedViews)
      .where(and(eq(savedViews.organizationId, bound.organizationId), sql`${savedViews.id} = any(${bound.keys})`)),
  (view) => view.id,
);

/** Views that the viewer sees. */
export const savedViewList = listOf({
  from: savedViews,
  columns: getTableColumns(savedViews),
  orders: { CREATED_AT: savedViews.createdAt, NAME: savedViews.name },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    list: savedViews.list,
    audience: savedViews.audience,
    userId: savedViews.userId,
    projectId: savedViews.projectId,
    workspaceId: savedViews.workspaceId,
    createdAt: savedViews.createdAt,
  },
});
