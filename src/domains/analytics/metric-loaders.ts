import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { metrics } from './tables.ts';

/** A figure that is rolled up. */
export const metricById = loadOne(
  () =>
    database
      .select()
      .from(metrics)
      .where(and(eq(metrics.organizationId, bound.organizationId), sql`${metrics.id} = any(${bound.keys})`)),
  (metric) => metric.id,
);

/** Figures that are rolled up, as far as the viewer sees their workspaces. */
export const metricList = listOf({
  from: metrics,
  columns: getTableColumns(metrics),
  orders: { PERIOD_START: metrics.periodStart },
  defaultOrder: { field: 'PERIOD_START', direction: 'DESC' },
  filters: {
    name: metrics.name,
    category: metrics.category,
    period: metrics.period,
    workspaceId: metrics.workspaceId,
    periodStart: metrics.periodStart,
  },
});
