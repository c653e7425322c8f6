import { sql } from 'drizzle-orm';
import { check, foreignKey, index, integer, jsonb, text, unique, uuid } from 'drizzle-orm/pg-core';
import { moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { memberships, organizations, workspaces } from '../tenancy/tables.ts';

export const cacheOwners = ['ORGANIZATION', 'WORKSPACE', 'USER'] as const;

/** What a client has put aside for a while. It counts for nothing from `expires_at` on, and a clock removes it later. */
export const cacheEntries = tenantTable(
  'cache_entries',
  'shared',
  {
    /** Of a person's: the person, and jobs; of a workspace's: the workspace and the organization; of the organization's: null. */
    readers: uuid().array(),
    ownerType: word(cacheOwners).notNull(),
    /** The organization, workspace or user that it belongs to. */
    ownerId: uuid().notNull(),
    /** The owner again where it is a workspace, so that the entry goes with it. */
    workspaceId: uuid(),
    /** The owner again where it is a person. */
    userId: uuid(),
    key: text().notNull(),
    value: jsonb().$type<unknown>().notNull(),
    /** Bytes of the value as JSON. */
    size: integer().notNull(),
    expiresAt: moment().notNull(),
  },
  (entry) => [
    unique('cache_entries_key_key').on(entry.organizationId, entry.ownerId, entry.key),
    oneOf('cache_entries', entry.ownerType, cacheOwners),
    check(
      'cache_entries_owner_check',
      sql`case ${entry.ownerType} when 'ORGANIZATION' then ${entry.workspaceId} is null and ${entry.userId} is null and ${entry.ownerId} = ${entry.organizationId} when 'WORKSPACE' then ${entry.userId} is null and ${entry.ownerId} = ${entry.workspaceId} else ${entry.workspaceId} is null and ${entry.ownerId} = ${entry.userId} end`,
    ),
    foreignKey({
      name: 'cache_entries_organization_id_fkey',
      columns: [entry.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'cache_entries_workspace_id_fkey',
      columns: [entry.organizationId, entry.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'cache_entries_user_id_fkey',
      columns: [entry.organizationId, entry.userId],
      foreignColumns: [memberships.organizationId, memberships.userId],
    }).onDelete('cascade'),
    index('cache_entries_created_at_index').on(entry.organizationId, entry.ownerId, entry.createdAt, entry.id),
    index('cache_entries_expires_at_index').on(entry.organizationId, entry.expiresAt, entry.id),
    index('cache_entries_workspace_id_index')
      .on(entry.organizationId, entry.workspaceId)
      .where(sql`${entry.workspaceId} is not null`),
    index('cache_entries_user_id_index')
      .on(entry.organizationId, entry.userId)
      .where(sql`${entry.userId} is not null`),
  ],
);
export type CacheEntryRow = typeof cacheEntries.$inferSelect;
