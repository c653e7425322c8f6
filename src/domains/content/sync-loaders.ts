import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { datasources } from './datasource-tables.ts';
import { syncExecutions, syncFailures, syncQueues } from './sync-tables.ts';

const { encryptedSecrets: _encryptedSecrets, ...openColumns } = getTableColumns(datasources);

/** What a datasource's row is read with: all but its secrets. */
export const datasourceFields = openColumns;

export const datasourceById = loadOne(
  () =>
    database
      .select(datasourceFields)
      .from(datasources)
      .where(and(eq(datasources.organizationId, bound.organizationId), sql`${datasources.id} = any(${bound.keys})`)),
  (datasource) => datasource.id,
);

/** The encrypted secrets of datasources, for telling which are set. */
export const encryptedSecretsById = loadOne(
  () =>
    database
      .select({ id: datasources.id, encryptedSecrets: datasources.encryptedSecrets })
      .from(datasources)
      .where(and(eq(datasources.organizationId, bound.organizationId), sql`${datasources.id} = any(${bound.keys})`)),
  (datasource) => datasource.id,
);

/** Datasources of a workspace. */
export const datasourceList = listOf({
  from: datasources,
  parent: datasources.workspaceId,
  columns: datasourceFields,
  orders: { CREATED_AT: datasources.createdAt, NAME: datasources.name },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: { kind: datasources.kind, name: datasources.name, createdAt: datasources.createdAt },
});

const ofOrganization = eq(syncQueues.organizationId, bound.organizationId);

export const syncQueueById = loadOne(
  () =>
    database
      .select()
      .from(syncQueues)
      .where(and(ofOrganization, sql`${syncQueues.id} = any(${bound.keys})`)),
  (queue) => queue.id,
);

/** The queue that each datasource has. */
export const queueByDatasource = loadOne(
  () =>
    database
      .select()
      .from(syncQueues)
      .where(and(ofOrganization, sql`${syncQueues.datasourceId} = any(${bound.keys})`)),
  (queue) => queue.datasourceId ?? '',
);

/** The queues of documents that are watched. */
export const queueByDocument = loadOne(
  () =>
    database
      .select()
      .from(syncQueues)
      .where(and(ofOrganization, sql`${syncQueues.documentId} = any(${bound.keys})`)),
  (queue) => queue.documentId ?? '',
);

export const syncExecutionById = loadOne(
  () =>
    database
      .select()
      .from(syncExecutions)
      .where(
        and(eq(syncExecutions.organizationId, bound.organizationId), sql`${syncExecutions.id} = any(${bound.keys})`),
      ),
  (execution) => execution.id,
);

/** Runs of a queue, newest first. */
export const executionList = listOf({
  from: syncExecutions,
  parent: syncExecutions.queueId,
  columns: getTableColumns(syncExecutions),
  orders: { CREATED_AT: syncExecutions.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
});

export const syncFailureById = loadOne(
  () =>
    database
      .select()
      .from(syncFailures)
      .where(and(eq(syncFailures.organizationId, bound.organizationId), sql`${syncFailures.id} = any(${bound.keys})`)),
  (failure) => failure.id,
);

/** What of a datasource could not be taken in, newest first. */
export const failureList = listOf({
  from: syncFailures,
  parent: syncFailures.datasourceId,
  columns: getTableColumns(syncFailures),
  orders: { CREATED_AT: syncFailures.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
});
