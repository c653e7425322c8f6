import { sql } from 'drizzle-orm';
import { check, foreignKey, jsonb, pgTable, text, unique, uuid, type PgColumn } from 'drizzle-orm/pg-core';
import { globalColumns, personalTable, tenantTable } from '../../database/tenant-table.ts';
import { users } from '../identity/tables.ts';
import { organizations, workspaces } from './tables.ts';

/** What is set somewhere: values that differ from what would be in force otherwise. `setting-keys.ts` of each domain says which keys there are. */
const ownColumns = () => ({
  key: text().notNull(),
  /** As the registry's shape of the key has it; null where the value is a secret. */
  value: jsonb().$type<unknown>(),
  /** A secret's value, encrypted. */
  encryptedValue: text(),
  /** Who set it last; no foreign key, for it outlives them. */
  updatedById: uuid(),
});

/** A row holds one of the two. */
const oneValue = (table: string, own: { readonly value: PgColumn; readonly encryptedValue: PgColumn }) =>
  check(`${table}_value_check`, sql`(${own.value} is null) <> (${own.encryptedValue} is null)`);

/** What administrators of the installation have set for everybody. */
export const systemSettingValues = pgTable('system_setting_values', { ...globalColumns(), ...ownColumns() }, (own) => [
  unique('system_setting_values_key_key').on(own.key),
  oneValue('system_setting_values', own),
]);
export type SystemSettingValueRow = typeof systemSettingValues.$inferSelect;

/** What an organization has set for its members. */
export const organizationSettingValues = tenantTable(
  'organization_setting_values',
  'organization',
  ownColumns(),
  (own) => [
    unique('organization_setting_values_key_key').on(own.organizationId, own.key),
    oneValue('organization_setting_values', own),
    foreignKey({
      name: 'organization_setting_values_organization_id_fkey',
      columns: [own.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
  ],
);
export type OrganizationSettingValueRow = typeof organizationSettingValues.$inferSelect;

/** What has been set in a workspace. */
export const workspaceSettingValues = tenantTable(
  'workspace_setting_values',
  'workspace',
  { workspaceId: uuid().notNull(), ...ownColumns() },
  (own) => [
    unique('workspace_setting_values_key_key').on(own.organizationId, own.workspaceId, own.key),
    oneValue('workspace_setting_values', own),
    foreignKey({
      name: 'workspace_setting_values_workspace_id_fkey',
      columns: [own.organizationId, own.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
  ],
);
export type WorkspaceSettingValueRow = typeof workspaceSettingValues.$inferSelect;

/** What a person has set for themselves, wherever they are signed in. */
export const userSettingValues = personalTable(
  'user_setting_values',
  { key: text().notNull(), value: jsonb().$type<unknown>().notNull() },
  (own) => [
    unique('user_setting_values_key_key').on(own.userId, own.key),
    foreignKey({
      name: 'user_setting_values_user_id_fkey',
      columns: [own.userId],
      foreignColumns: [users.id],
    }).onDelete('cascade'),
  ],
);
export type UserSettingValueRow = typeof userSettingValues.$inferSelect;
