import { foreignKey, index, jsonb, text, unique, uuid } from 'drizzle-orm/pg-core';
import { oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { workspaces } from '../tenancy/tables.ts';

export const datasourceKinds = ['MANUAL', 'WEB_PAGE', 'SITEMAP', 'FEED', 'JSON_API', 'NOTION', 'SLACK'] as const;

/** A place outside that documents of a workspace come from. */
export const datasources = tenantTable(
  'datasources',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    name: text().notNull(),
    kind: word(datasourceKinds).notNull(),
    /** What the kind needs to know, without secrets; its connector says what that is. */
    configuration: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    /** The secrets of the configuration as JSON, JWE in compact serialization; null where there are none. */
    encryptedSecrets: text(),
    createdById: uuid(),
  },
  (datasource) => [
    oneOf('datasources', datasource.kind, datasourceKinds),
    unique('datasources_name_key').on(datasource.organizationId, datasource.workspaceId, datasource.name),
    foreignKey({
      name: 'datasources_workspace_id_fkey',
      columns: [datasource.organizationId, datasource.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
    index('datasources_created_at_index').on(
      datasource.organizationId,
      datasource.workspaceId,
      datasource.createdAt,
      datasource.id,
    ),
    index('datasources_kind_index').on(
      datasource.organizationId,
      datasource.workspaceId,
      datasource.kind,
      datasource.createdAt,
      datasource.id,
    ),
  ],
);
/** The secrets are read by the sync alone. */
export type DatasourceRow = Omit<typeof datasources.$inferSelect, 'encryptedSecrets'>;
