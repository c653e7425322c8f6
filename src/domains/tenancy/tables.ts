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
  primaryKey,
  text,
  unique,
  uniqueIndex,
  uuid,
  type PgColumn,
} from 'drizzle-orm/pg-core';
import { globalColumns, moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import type { Permission } from '../../generated/resolvers.ts';
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
    /** Only what differs from the defaults; `organization-settings.ts` says what there is. */
    settings: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    /** Set by the installation's administrators: nobody may enter. */
    suspendedAt: moment(),
    /** Softly deleted: its owners may enter to restore, export or erase it, and all else is out of sight. */
    deletedAt: moment(),
  },
  (organization) => [
    index('organizations_created_at_index').on(organization.createdAt, organization.id),
    index('organizations_type_index').on(organization.type, organization.createdAt, organization.id),
    index('organizations_suspended_at_index')
      .on(organization.suspendedAt, organization.id)
      .where(sql`${organization.suspendedAt} is not null`),
    index('organizations_deleted_at_index')
      .on(organization.deletedAt, organization.id)
      .where(sql`${organization.deletedAt} is not null`),
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
    /** Until it is cleared, the member may not enter this organization. */
    suspendedAt: moment(),
    invitedById: uuid(),
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
    index('memberships_role_index').on(membership.organizationId, membership.role, membership.createdAt, membership.id),
    index('memberships_suspended_index')
      .on(membership.organizationId, membership.createdAt, membership.id)
      .where(sql`${membership.suspendedAt} is not null`),
  ],
);
export type MembershipRow = typeof memberships.$inferSelect;

const toOrganization = (table: string, column: PgColumn) =>
  foreignKey({
    name: `${table}_organization_id_fkey`,
    columns: [column],
    foreignColumns: [organizations.id],
  }).onDelete('cascade');

/** What a member leaves behind goes with their membership. */
const toMember = (table: string, organizationId: PgColumn, userId: PgColumn) =>
  foreignKey({
    name: `${table}_user_id_fkey`,
    columns: [organizationId, userId],
    foreignColumns: [memberships.organizationId, memberships.userId],
  }).onDelete('cascade');

/** The organizations of a person, asked before the tenant is known. Written in the transaction that writes the membership. */
export const userOrganizations = pgTable(
  'user_organizations',
  {
    userId: uuid().notNull(),
    organizationId: uuid().notNull(),
    createdAt: moment().notNull().defaultNow(),
  },
  (entry) => [
    primaryKey({ name: 'user_organizations_pkey', columns: [entry.userId, entry.organizationId] }),
    foreignKey({
      name: 'user_organizations_user_id_fkey',
      columns: [entry.userId],
      foreignColumns: [users.id],
    }).onDelete('cascade'),
    toOrganization('user_organizations', entry.organizationId),
    index('user_organizations_organization_id_index').on(entry.organizationId),
  ],
);

/** People who are granted things together. */
export const groups = tenantTable(
  'groups',
  'organization',
  {
    /** Unique in the organization without regard to case. */
    name: text().notNull(),
    description: text(),
    settings: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    /** What is granted to an inactive group is granted to nobody. */
    active: boolean().notNull().default(true),
    createdById: uuid(),
  },
  (group) => [
    uniqueIndex('groups_name_key').on(group.organizationId, sql`lower(${group.name})`),
    toOrganization('groups', group.organizationId),
    index('groups_created_at_index').on(group.organizationId, group.createdAt, group.id),
    index('groups_name_index').on(group.organizationId, group.name, group.id),
  ],
);
export type GroupRow = typeof groups.$inferSelect;

/** A member's place in a group. */
export const groupMemberships = tenantTable(
  'group_memberships',
  'organization',
  { groupId: uuid().notNull(), userId: uuid().notNull(), addedById: uuid() },
  (membership) => [
    unique('group_memberships_user_id_key').on(membership.organizationId, membership.userId, membership.groupId),
    foreignKey({
      name: 'group_memberships_group_id_fkey',
      columns: [membership.organizationId, membership.groupId],
      foreignColumns: [groups.organizationId, groups.id],
    }).onDelete('cascade'),
    toMember('group_memberships', membership.organizationId, membership.userId),
    index('group_memberships_created_at_index').on(
      membership.organizationId,
      membership.groupId,
      membership.createdAt,
      membership.id,
    ),
    index('group_memberships_user_id_created_at_index').on(
      membership.organizationId,
      membership.userId,
      membership.createdAt,
      membership.id,
    ),
  ],
);
export type GroupMembershipRow = typeof groupMemberships.$inferSelect;

export const permissionEffects = ['ALLOW', 'DENY'] as const;

/** A permission that one member holds beyond their role, or is denied in spite of it. */
export const userPermissions = tenantTable(
  'user_permissions',
  'granted',
  {
    /** The member, and the organization for its administrators. */
    readers: uuid().array().notNull(),
    userId: uuid().notNull(),
    /** A word of the API's enum `Permission`. */
    permission: text().$type<Permission>().notNull(),
    effect: word(permissionEffects).notNull().default('ALLOW'),
    reason: text(),
    /** Who gave it; no foreign key, for it outlives them. */
    grantedById: uuid().notNull(),
  },
  (grant) => [
    unique('user_permissions_permission_key').on(grant.organizationId, grant.userId, grant.permission),
    oneOf('user_permissions', grant.effect, permissionEffects),
    toMember('user_permissions', grant.organizationId, grant.userId),
    index('user_permissions_created_at_index').on(grant.organizationId, grant.createdAt, grant.id),
  ],
);
export type UserPermissionRow = typeof userPermissions.$inferSelect;

/** A secret by which a program acts as the member who made it, within its scopes and workspaces. */
export const apiKeys = tenantTable(
  'api_keys',
  'granted',
  {
    /** The member, and the organization for its administrators. */
    readers: uuid().array().notNull(),
    userId: uuid().notNull(),
    label: text().notNull(),
    /** The secret's first characters, which are public. */
    prefix: text().notNull(),
    /** Permissions it may use, as far as its member holds them. */
    scopes: text().array().$type<Permission[]>().notNull(),
    /** False: only those in `api_key_workspaces`. */
    allWorkspaces: boolean().notNull(),
    /** Addresses and networks (CIDR) it may be used from; null: any. */
    allowedAddresses: text().array(),
    expiresAt: moment(),
    /** Written in batches, about a minute late. */
    lastUsedAt: moment(),
    lastUsedAddress: text(),
    rotatedAt: moment(),
    revokedAt: moment(),
  },
  (key) => [
    toMember('api_keys', key.organizationId, key.userId),
    index('api_keys_user_id_index').on(key.organizationId, key.userId),
    index('api_keys_created_at_index').on(key.organizationId, key.createdAt, key.id),
  ],
);
export type ApiKeyRow = typeof apiKeys.$inferSelect;

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
    /** The model that works with tools; null: the chat model. */
    agentModelId: uuid(),
    /** The model its texts and queries are embedded with; null: the built-in one. */
    embeddingModelId: uuid(),
    /** The model its texts are being embedded with beside that one; it takes over when all are. Null: no change is under way. */
    nextEmbeddingModelId: uuid(),
    /** Where the picture is stored; null without one. */
    avatarKey: text(),
    /** Archived: it can be read, and nothing in it changes. */
    archivedAt: moment(),
    /** 0 to 2; null: the provider's default. */
    temperature: doublePrecision(),
    /** Earlier messages sent with a question. */
    historyLength: integer().notNull().default(20),
    systemPrompt: text(),
    /** Template of the knowledge bank that stands in for the system prompt, at the version of a label; null: none. */
    promptTemplateId: uuid(),
    promptTemplateLabel: text(),
    /** Whether answers draw on the knowledge bank of the organization, beside the documents. */
    usesKnowledge: boolean().notNull().default(true),
    /** Counts the changes of the system prompt, kept by a trigger; 0 where it never had one. */
    promptVersion: integer().notNull().default(0),
    /** Who wrote the system prompt, kept by the same trigger. */
    promptAuthorId: uuid(),
    /** Whether an answer below `confidenceThreshold` hands its conversation over to a person. */
    handoverBelowThreshold: boolean().notNull().default(false),
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
      'workspaces_prompt_template_check',
      sql`(${workspace.promptTemplateId} is null) = (${workspace.promptTemplateLabel} is null)`,
    ),
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
    index('workspaces_name_index').on(workspace.organizationId, workspace.name, workspace.id),
    index('workspaces_prompt_template_id_index')
      .on(workspace.organizationId, workspace.promptTemplateId)
      .where(sql`${workspace.promptTemplateId} is not null`),
    // Every viewer is told which ones are archived, of however many.
    index('workspaces_archived_index')
      .on(workspace.organizationId, workspace.id)
      .where(sql`${workspace.archivedAt} is not null`),
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

/** Colours as `#rrggbb` in lower case, addresses of pictures, and whatever else a client keeps. */
export interface Branding {
  readonly primaryColor?: string;
  readonly accentColor?: string;
  readonly logoUrl?: string;
  readonly faviconUrl?: string;
  readonly extra?: object;
}

/** How a workspace presents itself; one row for each workspace that has said so. */
export const workspaceSettings = tenantTable(
  'workspace_settings',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    /** Only what has been said; `extra` is an object of at most 16,000 characters as JSON. */
    branding: jsonb().$type<Branding>().notNull().default({}),
    /** How answers should sound. */
    tone: text(),
    welcomeMessage: text(),
  },
  (settings) => [
    unique('workspace_settings_workspace_id_key').on(settings.organizationId, settings.workspaceId),
    foreignKey({
      name: 'workspace_settings_workspace_id_fkey',
      columns: [settings.organizationId, settings.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
  ],
);
export type WorkspaceSettingsRow = Pick<
  typeof workspaceSettings.$inferSelect,
  'workspaceId' | 'branding' | 'tone' | 'welcomeMessage'
>;

const toWorkspace = (table: string, organizationId: PgColumn, workspaceId: PgColumn) =>
  foreignKey({
    name: `${table}_workspace_id_fkey`,
    columns: [organizationId, workspaceId],
    foreignColumns: [workspaces.organizationId, workspaces.id],
  }).onDelete('cascade');

/** A workspace that an API key may be used in. */
export const apiKeyWorkspaces = tenantTable(
  'api_key_workspaces',
  'workspace',
  { apiKeyId: uuid().notNull(), workspaceId: uuid().notNull() },
  (entry) => [
    unique('api_key_workspaces_workspace_id_key').on(entry.organizationId, entry.apiKeyId, entry.workspaceId),
    foreignKey({
      name: 'api_key_workspaces_api_key_id_fkey',
      columns: [entry.organizationId, entry.apiKeyId],
      foreignColumns: [apiKeys.organizationId, apiKeys.id],
    }).onDelete('cascade'),
    toWorkspace('api_key_workspaces', entry.organizationId, entry.workspaceId),
    index('api_key_workspaces_workspace_id_index').on(entry.organizationId, entry.workspaceId),
  ],
);

export const inviteStatuses = ['PENDING', 'CLAIMED', 'DISABLED', 'EXPIRED'] as const;

/** A way into the organization for whoever holds its code, until its seats are taken or its time is over. */
export const invites = tenantTable(
  'invites',
  'granted',
  {
    /** The member who made it, and the organization for its administrators. */
    readers: uuid().array().notNull(),
    /** The only address that may claim it; null: whoever holds the code. */
    email: text(),
    role: word(organizationRoles).notNull(),
    /** EXPIRED is also what a PENDING one is whose time is over. */
    status: word(inviteStatuses).notNull().default('PENDING'),
    /** How many may claim it. */
    seats: integer().notNull().default(1),
    /** How many have. */
    claims: integer().notNull().default(0),
    expiresAt: moment().notNull(),
    createdById: uuid().notNull(),
    disabledAt: moment(),
  },
  (invite) => [
    oneOf('invites', invite.role, organizationRoles),
    oneOf('invites', invite.status, inviteStatuses),
    check(
      'invites_seats_check',
      sql`${invite.seats} between 1 and 10000 and ${invite.claims} between 0 and ${invite.seats}`,
    ),
    toOrganization('invites', invite.organizationId),
    index('invites_created_at_index').on(invite.organizationId, invite.createdAt, invite.id),
    index('invites_status_index').on(invite.organizationId, invite.status, invite.createdAt, invite.id),
  ],
);
export type InviteRow = typeof invites.$inferSelect;

/** A workspace that whoever claims an invite joins. */
export const inviteWorkspaces = tenantTable(
  'invite_workspaces',
  'workspace',
  { inviteId: uuid().notNull(), workspaceId: uuid().notNull(), role: word(workspaceRoles).notNull() },
  (entry) => [
    unique('invite_workspaces_workspace_id_key').on(entry.organizationId, entry.inviteId, entry.workspaceId),
    oneOf('invite_workspaces', entry.role, workspaceRoles),
    foreignKey({
      name: 'invite_workspaces_invite_id_fkey',
      columns: [entry.organizationId, entry.inviteId],
      foreignColumns: [invites.organizationId, invites.id],
    }).onDelete('cascade'),
    toWorkspace('invite_workspaces', entry.organizationId, entry.workspaceId),
    index('invite_workspaces_workspace_id_index').on(entry.organizationId, entry.workspaceId),
    index('invite_workspaces_created_at_index').on(entry.organizationId, entry.inviteId, entry.createdAt, entry.id),
  ],
);
export type InviteWorkspaceRow = typeof inviteWorkspaces.$inferSelect;

/** Who claimed an invite; it stays when they leave. */
export const inviteClaims = tenantTable(
  'invite_claims',
  'organization',
  { inviteId: uuid().notNull(), userId: uuid().notNull() },
  (claim) => [
    unique('invite_claims_user_id_key').on(claim.organizationId, claim.inviteId, claim.userId),
    foreignKey({
      name: 'invite_claims_invite_id_fkey',
      columns: [claim.organizationId, claim.inviteId],
      foreignColumns: [invites.organizationId, invites.id],
    }).onDelete('cascade'),
    index('invite_claims_created_at_index').on(claim.organizationId, claim.inviteId, claim.createdAt, claim.id),
  ],
);
export type InviteClaimRow = typeof inviteClaims.$inferSelect;
