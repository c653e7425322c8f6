import { sql } from 'drizzle-orm';
import { foreignKey, index, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import { confined, moment, tenantTable } from '../../database/tenant-table.ts';
import { organizations } from '../tenancy/tables.ts';
import { conversations } from './tables.ts';

/** Who visited, from where, in a conversation that a widget holds. */
export const embedConversations = tenantTable(
  'embed_conversations',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    conversationId: uuid().notNull(),
    widgetId: uuid().notNull(),
    /** Made by the server; the same for all conversations of one browser with one widget. */
    visitorId: uuid().notNull(),
    /** The page's origin, which the visitor's token is bound to. */
    origin: text().notNull(),
    address: text(),
    userAgent: text(),
    /** What the page calls the visitor; not proven. */
    visitorName: text(),
    lastSeenAt: moment().notNull().defaultNow(),
  },
  (visit) => [
    unique('embed_conversations_conversation_id_key').on(visit.organizationId, visit.conversationId),
    foreignKey({
      name: 'embed_conversations_conversation_id_fkey',
      columns: [visit.organizationId, visit.conversationId],
      foreignColumns: [conversations.organizationId, conversations.id],
    }).onDelete('cascade'),
    confined('embed_conversations', sql.raw('conversation_id')),
    index('embed_conversations_created_at_index').on(visit.organizationId, visit.widgetId, visit.createdAt, visit.id),
    index('embed_conversations_visitor_id_index').on(visit.organizationId, visit.widgetId, visit.visitorId),
  ],
);
export type EmbedConversationRow = typeof embedConversations.$inferSelect;

/** A link that shows a conversation to whoever holds it, read-only. */
export const conversationShares = tenantTable(
  'conversation_shares',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    conversationId: uuid().notNull(),
    createdById: uuid(),
    /** Null: until it is revoked. */
    expiresAt: moment(),
    revokedAt: moment(),
  },
  (share) => [
    foreignKey({
      name: 'conversation_shares_conversation_id_fkey',
      columns: [share.organizationId, share.conversationId],
      foreignColumns: [conversations.organizationId, conversations.id],
    }).onDelete('cascade'),
    confined('conversation_shares', sql.raw('conversation_id')),
    index('conversation_shares_created_at_index').on(
      share.organizationId,
      share.conversationId,
      share.createdAt,
      share.id,
    ),
  ],
);
export type ConversationShareRow = typeof conversationShares.$inferSelect;

/** The tokens of links that show a conversation, as hashes, asked before the tenant is known. */
export const shareTokens = pgTable(
  'share_tokens',
  {
    tokenHash: text().primaryKey(),
    organizationId: uuid().notNull(),
    conversationId: uuid().notNull(),
    shareId: uuid().notNull(),
  },
  (token) => [
    foreignKey({
      name: 'share_tokens_organization_id_fkey',
      columns: [token.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('share_tokens_share_id_index').on(token.organizationId, token.shareId),
  ],
);
