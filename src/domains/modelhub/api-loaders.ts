import { and, asc, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadMany, loadOne } from '../../database/loader.ts';
import { apiConfigurations, apiOperations } from './api-tables.ts';

const { encryptedKey, ...apiColumns } = getTableColumns(apiConfigurations);
/** All of a configuration but its key, and the key alone. */
export { apiColumns, encryptedKey };

export const apiConfigurationById = loadOne(
  () =>
    database
      .select(apiColumns)
      .from(apiConfigurations)
      .where(
        and(
          eq(apiConfigurations.organizationId, bound.organizationId),
          sql`${apiConfigurations.id} = any(${bound.keys})`,
        ),
      ),
  (api) => api.id,
);

/** The APIs that the viewer sees. */
export const apiConfigurationList = listOf({
  from: apiConfigurations,
  columns: apiColumns,
  orders: { CREATED_AT: apiConfigurations.createdAt, NAME: apiConfigurations.name },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
  filters: {
    name: apiConfigurations.name,
    kind: apiConfigurations.kind,
    provider: apiConfigurations.provider,
    groupId: apiConfigurations.groupId,
    isActive: apiConfigurations.isActive,
    createdAt: apiConfigurations.createdAt,
  },
});

export const apiOperationById = loadOne(
  () =>
    database
      .select()
      .from(apiOperations)
      .where(
        and(eq(apiOperations.organizationId, bound.organizationId), sql`${apiOperations.id} = any(${bound.keys})`),
      ),
  (operation) => operation.id,
);

/** What APIs can be asked to do, by name; at most `maxOperations` of each. */
export const operationsByApi = loadMany(
  () =>
    database
      .select()
      .from(apiOperations)
      .where(
        and(
          eq(apiOperations.organizationId, bound.organizationId),
          sql`${apiOperations.configurationId} = any(${bound.keys})`,
        ),
      )
      .orderBy(asc(apiOperations.name)),
  (operation) => operation.configurationId,
);
