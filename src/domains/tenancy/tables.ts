import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { globalColumns, moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { users } from '../identity/tables.ts';

export const organizationTypes = ['SOLO', 'TEAM', 'ENTERPRISE'] as const;
export const apiKeyStrategies = ['PLATFORM', 'BYOK', 'HYBRID'] as const;
export const organizationRoles = ['OWNER', 'ADMIN', 'MANAGER', 'MEMBER', 'GUEST'] as const;
export const workspaceRoles = ['ADMIN', 'EDITOR', 'VIEWER'] as const;
export const chatModes = ['CHAT', 'QUERY', 'AUTOMATIC'] as const;
export const vectorSearchModes = ['HNSW', 'IVFFLAT', 'EXACT'] as const;

/** A customer: the tenant that every row of a tenant's table belongs to. */
export const organizations = pgTable(
  'organizations',
  {
    ...globalColumns(),
    name: text().notNull(),
    slug: text().notNull(),
    type: word(organizationTypes).notNull().default('TEAM'),
    apiKeyStrategy: word(apiKeyStrategies).notNull().default('PLATFORM'),
    settings: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    deletedAt: moment(),
  },
  (organization) => [
    unique('organizations_slug_key').on(organization.slug),
    oneOf('organizations', organization.type, organizationTypes),
    oneOf('organizations', organization.apiKeyStrategy, apiKeyStrategies),
  ],
);
export type OrganizationRow = typeof organizations.$inferSelect;

/** A user's place in an organization. */
export const memberships = tenantTable(
  'memberships',
  'organization',
  {
    userId: uuid().notNull(),
    role: word(organizationRoles).notNull(),
  },
  (membership) => [
    unique('memberships_user_id_key').on(membership.organizationId, membership.userId),
    oneOf('memberships', membership.role, organizationRoles),
    foreignKey({
      name: 'memberships_organization_id_fkey',
      columns: [membership.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    foreignKey({ name: 'memberships_user_id_fkey', columns: [membership.userId], foreignColumns: [users.id] }).onDelete(
      'cascade',
    ),
    index('memberships_user_id_index').on(membership.userId),
    index('memberships_created_at_index').on(membership.organizationId, membership.createdAt, membership.id),
  ],
);
export type MembershipRow = typeof memberships.$inferSelect;

/** What a team knows and how its questions are answered. */
export const workspaces = tenantTable(
  'workspaces',
  'workspace',
  {
    name: text().notNull(),
    /** Unique within the organization; made from the name and never changed. */
    slug: text().notNull(),
    /** ISO 639-1; chooses stemming and stop words. */
    language: text().notNull().default('en'),
    /** Every member of the organization may read a published workspace. */
    published: boolean().notNull().default(false),
    chatMode: word(chatModes).notNull().default('CHAT'),
    /** Null: the organization's or the built-in model. */
    chatModelId: uuid(),
    /** 0 to 2; null: the provider's default. */
    temperature: doublePrecision(),
    /** Earlier messages sent with a question. */
    historyLength: integer().notNull().default(20),
    systemPrompt: text(),
    /** Least cosine similarity of a passage found by its vector alone, 0 to 1. */
    similarityThreshold: doublePrecision().notNull().default(0.25),
    /** Passages given to the model. */
    topN: integer().notNull().default(4),
    /** What is said in QUERY mode when nothing was found; null: a built-in sentence. */
    queryRefusalResponse: text(),
    vectorSearchMode: word(vectorSearchModes).notNull().default('HNSW'),
    /** Answers below it are marked, 0 to 1. */
    confidenceThreshold: doublePrecision().notNull().default(0),
  },
  (workspace) => [
    unique('workspaces_slug_key').on(workspace.organizationId, workspace.slug),
    oneOf('workspaces', workspace.chatMode, chatModes),
    oneOf('workspaces', workspace.vectorSearchMode, vectorSearchModes),
    check(
      'workspaces_ranges_check',
      sql`${workspace.temperature} between 0 and 2 and ${workspace.similarityThreshold} between 0 and 1 and ${workspace.confidenceThreshold} between 0 and 1 and ${workspace.topN} between 1 and 50 and ${workspace.historyLength} between 0 and 200`,
    ),
    foreignKey({
      name: 'workspaces_organization_id_fkey',
      columns: [workspace.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('workspaces_created_at_index').on(workspace.organizationId, workspace.createdAt, workspace.id),
  ],
);
export type WorkspaceRow = typeof workspaces.$inferSelect;

/** A user's role in a workspace. */
export const workspaceMemberships = tenantTable(
  'workspace_memberships',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    userId: uuid().notNull(),
    role: word(workspaceRoles).notNull(),
  },
  (membership) => [
    unique('workspace_memberships_user_id_key').on(
      membership.organizationId,
      membership.userId,
      membership.workspaceId,
    ),
    oneOf('workspace_memberships', membership.role, workspaceRoles),
    foreignKey({
      name: 'workspace_memberships_workspace_id_fkey',
      columns: [membership.organizationId, membership.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
    // Who leaves the organization leaves its workspaces.
    foreignKey({
      name: 'workspace_memberships_user_id_fkey',
      columns: [membership.organizationId, membership.userId],
      foreignColumns: [memberships.organizationId, memberships.userId],
    }).onDelete('cascade'),
    index('workspace_memberships_created_at_index').on(
      membership.organizationId,
      membership.workspaceId,
      membership.createdAt,
      membership.id,
    ),
  ],
);
export type WorkspaceMembershipRow = typeof workspaceMemberships.$inferSelect;
