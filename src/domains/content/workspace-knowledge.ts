import { and, eq, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { documentLabels, documents } from './tables.ts';

const grouped = database
  .select({
    organizationId: documentLabels.organizationId,
    workspaceId: documentLabels.workspaceId,
    tag: documentLabels.value,
    documentCount: sql<number>`count(*)::integer`.as('document_count'),
  })
  .from(documentLabels)
  .where(eq(documentLabels.key, ''))
  .groupBy(documentLabels.organizationId, documentLabels.workspaceId, documentLabels.value)
  .as('tags');
/** Each access to a column of a subquery makes another one, and a list tells its columns apart. */
const { workspaceId, tag, documentCount } = grouped;

/** The tags of a workspace's documents in alphabetical order: those of documents that the viewer sees. */
export const tagList = listOf({
  // The cast is safe: a list selects from it, and reads no more of a table than the columns it is told and `organizationId`.
  from: grouped as unknown as PgTable & { organizationId: PgColumn },
  id: workspaceId,
  parent: workspaceId,
  columns: { id: workspaceId, tag, documentCount },
  orders: { TAG: tag },
  defaultOrder: { field: 'TAG', direction: 'ASC' },
});

const having = (status: string) => sql<number>`count(*) filter (where ${documents.status} = ${status})::integer`;

/** How many documents of workspaces the viewer sees in each state; null for a workspace without any. */
export const documentCountsByWorkspace = loadOne(
  () =>
    database
      .select({
        workspaceId: documents.workspaceId,
        pending: having('PENDING').as('pending'),
        processing: having('PROCESSING').as('processing'),
        ready: having('READY').as('ready'),
        failed: having('FAILED').as('failed'),
      })
      .from(documents)
      .where(
        and(eq(documents.organizationId, bound.organizationId), sql`${documents.workspaceId} = any(${bound.keys})`),
      )
      .groupBy(documents.workspaceId),
  (counts) => counts.workspaceId,
);
