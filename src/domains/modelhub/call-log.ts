import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { executionLogs } from './execution-tables.ts';

/** A call of the ledger, as far as the viewer sees where it was made; those outside any workspace are seen by whoever made them, and by who holds all. */
export const modelCallById = loadOne(
  () =>
    database
      .select()
      .from(executionLogs)
      .where(
        and(eq(executionLogs.organizationId, bound.organizationId), sql`${executionLogs.id} = any(${bound.keys})`),
      ),
  (call) => call.id,
);

/** Calls of the ledger. */
export const modelCallList = listOf({
  from: executionLogs,
  columns: getTableColumns(executionLogs),
  orders: { CREATED_AT: executionLogs.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    createdAt: executionLogs.createdAt,
    workspaceId: executionLogs.workspaceId,
    userId: executionLogs.userId,
    modelId: executionLogs.modelId,
    apiKeyId: executionLogs.apiKeyId,
    messageId: executionLogs.targetId,
    status: executionLogs.status,
  },
});
