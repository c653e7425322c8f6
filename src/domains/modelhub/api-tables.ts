import { sql } from 'drizzle-orm';
import { boolean, check, foreignKey, index, integer, jsonb, pgPolicy, text, unique, uuid } from 'drizzle-orm/pg-core';
import { moment, oneOf, sameTenant, tenantTable, word } from '../../database/tenant-table.ts';
import { groups, organizations } from '../tenancy/tables.ts';

export const apiKinds = ['LLM_TEXT', 'LLM_VOICE', 'CRM', 'ERP'] as const;
/** How a call shows its key: not at all, as a bearer token, as a header's value, or as a name and a password. */
export const apiAuthentications = ['NONE', 'BEARER', 'HEADER', 'BASIC'] as const;
export const apiMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** What is for no group in particular is seen by every member. */
const everybodys = (table: string) => {
  const open = sql`${sameTenant} and group_id is null`;
  return pgPolicy(`${table}_everybody`, { using: open, withCheck: open });
};

/** An API outside that an organization works with, under a name of its own. */
export const apiConfigurations = tenantTable(
  'api_configurations',
  'granted',
  {
    /** The group that it is for, and the organization's own id for its administrators. Without a group every member sees it. */
    readers: uuid().array().notNull(),
    name: text().notNull(),
    kind: word(apiKinds).notNull(),
    /** Who runs it, as people call them. */
    provider: text().notNull().default(''),
    /** Root that the paths of its operations are joined to. */
    endpoint: text().notNull(),
    authentication: word(apiAuthentications).notNull().default('NONE'),
    /** The header's name, or the user name of BASIC. */
    authenticationName: text(),
    /** JWE, compact serialization; null without a key. */
    encryptedKey: text(),
    lastFour: text(),
    /** Further headers and query parameters of every call, without secrets. */
    configuration: jsonb()
      .$type<{ headers?: Record<string, string>; query?: Record<string, string> }>()
      .notNull()
      .default({}),
    groupId: uuid(),
    isActive: boolean().notNull().default(true),
    createdById: uuid(),
    lastUsedAt: moment(),
    /** The last test call: when, and the HTTP status or why there was none. */
    testedAt: moment(),
    testStatus: integer(),
    testError: text(),
    version: integer().notNull().default(1),
  },
  (api) => [
    everybodys('api_configurations'),
    oneOf('api_configurations', api.kind, apiKinds),
    oneOf('api_configurations', api.authentication, apiAuthentications),
    check(
      'api_configurations_key_check',
      sql`(${api.authentication} = 'NONE') = (${api.encryptedKey} is null) and (${api.encryptedKey} is null) = (${api.lastFour} is null)`,
    ),
    unique('api_configurations_name_key').on(api.organizationId, api.name),
    foreignKey({
      name: 'api_configurations_organization_id_fkey',
      columns: [api.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'api_configurations_group_id_fkey',
      columns: [api.organizationId, api.groupId],
      foreignColumns: [groups.organizationId, groups.id],
    }).onDelete('cascade'),
    index('api_configurations_group_id_index').on(api.organizationId, api.groupId),
    index('api_configurations_readers_index').using('gin', api.readers),
    index('api_configurations_created_at_index').on(api.organizationId, api.createdAt, api.id),
  ],
);
export type ApiConfigurationRow = Omit<typeof apiConfigurations.$inferSelect, 'encryptedKey'>;

/** Something that an API can be asked to do, as agents are offered it. */
export const apiOperations = tenantTable(
  'api_operations',
  'granted',
  {
    /** Both as its configuration's. */
    readers: uuid().array().notNull(),
    groupId: uuid(),
    configurationId: uuid().notNull(),
    /** Letters, digits and `_`. */
    name: text().notNull(),
    description: text().notNull(),
    method: word(apiMethods).notNull(),
    /** Below the endpoint; `{name}` stands for an argument. */
    path: text().notNull(),
    /** JSON Schema of the arguments: those of the path, and the rest as query (GET, DELETE) or as JSON body. */
    parameters: jsonb().$type<Record<string, unknown>>().notNull(),
    /** Whether it changes something there: then a person has to allow each use. */
    changes: boolean().notNull(),
  },
  (operation) => [
    everybodys('api_operations'),
    oneOf('api_operations', operation.method, apiMethods),
    unique('api_operations_name_key').on(operation.organizationId, operation.configurationId, operation.name),
    foreignKey({
      name: 'api_operations_configuration_id_fkey',
      columns: [operation.organizationId, operation.configurationId],
      foreignColumns: [apiConfigurations.organizationId, apiConfigurations.id],
    }).onDelete('cascade'),
  ],
);
export type ApiOperationRow = typeof apiOperations.$inferSelect;
