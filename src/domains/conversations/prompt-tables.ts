import { sql } from 'drizzle-orm';
import { check, foreignKey, index, integer, pgPolicy, text, unique, uuid, type AnyPgColumn } from 'drizzle-orm/pg-core';
import { oneOf, sameTenant, tenantTable, word } from '../../database/tenant-table.ts';
import type { UserRow } from '../identity/tables.ts';
import { memberships, organizations, workspaces } from '../tenancy/tables.ts';

interface OfOrganization {
  readonly organizationId: AnyPgColumn;
}
interface OfWorkspace extends OfOrganization {
  readonly workspaceId: AnyPgColumn;
}
interface OfMember extends OfOrganization {
  readonly userId: AnyPgColumn;
}

const toOrganization = (table: string, { organizationId }: OfOrganization) =>
  foreignKey({
    name: `${table}_organization_id_fkey`,
    columns: [organizationId],
    foreignColumns: [organizations.id],
  }).onDelete('cascade');

const toWorkspace = (table: string, { organizationId, workspaceId }: OfWorkspace) =>
  foreignKey({
    name: `${table}_workspace_id_fkey`,
    columns: [organizationId, workspaceId],
    foreignColumns: [workspaces.organizationId, workspaces.id],
  }).onDelete('cascade');

/** What is a member's own goes with their membership. */
const toMember = (table: string, { organizationId, userId }: OfMember) =>
  foreignKey({
    name: `${table}_user_id_fkey`,
    columns: [organizationId, userId],
    foreignColumns: [memberships.organizationId, memberships.userId],
  }).onDelete('cascade');

/** What is one member's own is seen by them alone, and what belongs to a workspace by whoever sees it; all else by every member. */
const narrowed = (table: string, columns: string) => {
  const seen = sql.raw(columns);
  return pgPolicy(`${table}_narrowed`, {
    as: 'restrictive',
    using: sql`${sameTenant} and ${seen}`,
    withCheck: sql`${sameTenant} and ${seen}`,
  });
};
const own = `(user_id is null or user_id = nullif(current_setting('app.user_id', true), '')::uuid)`;
const within = '(workspace_id is null or app_sees(workspace_id))';

/** A system prompt that a workspace had before: written by a trigger at each real change. */
export const promptHistory = tenantTable(
  'prompt_history',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    /** Which version of the workspace's prompt it was, from 1. */
    version: integer().notNull(),
    prompt: text().notNull(),
    /** Who wrote it; null: unknown. */
    authorId: uuid(),
    /** Who put another in its place. */
    replacedById: uuid(),
  },
  (entry) => [
    unique('prompt_history_version_key').on(entry.organizationId, entry.workspaceId, entry.version),
    toWorkspace('prompt_history', entry),
    index('prompt_history_created_at_index').on(entry.organizationId, entry.workspaceId, entry.createdAt, entry.id),
  ],
);
export type PromptHistoryRow = typeof promptHistory.$inferSelect & {
  /** There where a page was read with them. */
  readonly author?: UserRow | null;
  readonly replacedBy?: UserRow | null;
};

/** Something to begin with, shown where a conversation is still empty. */
export const suggestedMessages = tenantTable(
  'suggested_messages',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    heading: text().notNull(),
    message: text().notNull(),
    /** Order of display, from 0. */
    position: integer().notNull().default(0),
  },
  (suggested) => [
    toWorkspace('suggested_messages', suggested),
    index('suggested_messages_position_index').on(
      suggested.organizationId,
      suggested.workspaceId,
      suggested.position,
      suggested.id,
    ),
  ],
);
export type SuggestedMessageRow = typeof suggestedMessages.$inferSelect;

/** A question with its answer that an organization shows on the empty first page. */
export const welcomeMessages = tenantTable(
  'welcome_messages',
  'organization',
  {
    question: text().notNull(),
    answer: text().notNull(),
    /** Order of display, from 0. */
    position: integer().notNull().default(0),
  },
  (welcome) => [
    toOrganization('welcome_messages', welcome),
    index('welcome_messages_position_index').on(welcome.organizationId, welcome.position, welcome.id),
  ],
);
export type WelcomeMessageRow = typeof welcomeMessages.$inferSelect;

/** A word that stands for a text, written out when a message is sent. */
export const slashCommands = tenantTable(
  'slash_commands',
  'organization',
  {
    /** Whose it is; null: the organization's. */
    userId: uuid(),
    /** Without the slash: lower-case letters, digits, `_` and `-`. */
    command: text().notNull(),
    prompt: text().notNull(),
    description: text().notNull().default(''),
  },
  (command) => [
    unique('slash_commands_command_key').on(command.organizationId, command.userId, command.command).nullsNotDistinct(),
    toOrganization('slash_commands', command),
    toMember('slash_commands', command),
    narrowed('slash_commands', own),
    index('slash_commands_name_index').on(command.organizationId, command.command, command.id),
  ],
);
export type SlashCommandRow = typeof slashCommands.$inferSelect;

/** Kinds that are kept; those of kind SYSTEM are worked out when a prompt is written. */
export const promptVariableTypes = ['STATIC', 'USER', 'WORKSPACE'] as const;

/** A value that system prompts name as `{key}`. */
export const promptVariables = tenantTable(
  'prompt_variables',
  'organization',
  {
    type: word(promptVariableTypes).notNull(),
    key: text().notNull(),
    value: text().notNull().default(''),
    description: text().notNull().default(''),
    /** Of whom, for the type USER; where, for the type WORKSPACE. */
    userId: uuid(),
    workspaceId: uuid(),
    createdById: uuid(),
  },
  (variable) => [
    oneOf('prompt_variables', variable.type, promptVariableTypes),
    check(
      'prompt_variables_owner_check',
      sql`(${variable.type} = 'USER') = (${variable.userId} is not null) and (${variable.type} = 'WORKSPACE') = (${variable.workspaceId} is not null)`,
    ),
    unique('prompt_variables_key_key')
      .on(variable.organizationId, variable.key, variable.userId, variable.workspaceId)
      .nullsNotDistinct(),
    toOrganization('prompt_variables', variable),
    toWorkspace('prompt_variables', variable),
    toMember('prompt_variables', variable),
    narrowed('prompt_variables', `${own} and ${within}`),
    index('prompt_variables_workspace_id_index').on(variable.organizationId, variable.workspaceId),
    index('prompt_variables_user_id_index').on(variable.organizationId, variable.userId),
    index('prompt_variables_name_index').on(variable.organizationId, variable.key, variable.id),
  ],
);
export type PromptVariableRow = typeof promptVariables.$inferSelect;
