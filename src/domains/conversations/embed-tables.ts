import { sql } from 'drizzle-orm';
import { boolean, check, foreignKey, index, integer, jsonb, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import { moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { chatModes, organizations, workspaces } from '../tenancy/tables.ts';

/** How a widget looks on the page. Colours as `#rrggbb`. */
export interface WidgetAppearance {
  readonly title?: string;
  readonly greeting?: string;
  readonly placeholder?: string;
  readonly primaryColor?: string;
  readonly position?: 'LEFT' | 'RIGHT';
}

/** A chat that strangers use on a web page, bound to one workspace. */
export const embedWidgets = tenantTable(
  'embed_widgets',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    /** What pages name it by; not secret. */
    publicId: text().notNull(),
    name: text().notNull(),
    enabled: boolean().notNull().default(true),
    /** Origins of pages that may use it, `https://example.com`; none when empty. */
    allowedOrigins: text().array().notNull().default([]),
    /** Null: the workspace's. */
    chatMode: word(chatModes),
    /** Messages of all visitors in 24 hours; null: no bound. So are the two that follow, of one visitor and of one address. */
    maxMessagesPerDay: integer(),
    maxMessagesPerVisitor: integer(),
    maxMessagesPerAddress: integer(),
    /** What the page may choose by itself. */
    allowModelOverride: boolean().notNull().default(false),
    allowTemperatureOverride: boolean().notNull().default(false),
    allowPromptOverride: boolean().notNull().default(false),
    /** Earlier messages sent with a question; null: as the workspace's. */
    historyLength: integer(),
    /** Whether visitors see what answers rest on. */
    showSources: boolean().notNull().default(false),
    /** Whether visitors may ask for a person. */
    allowHandover: boolean().notNull().default(false),
    appearance: jsonb().$type<WidgetAppearance>().notNull().default({}),
    createdById: uuid(),
  },
  (widget) => [
    oneOf('embed_widgets', widget.chatMode, chatModes),
    check(
      'embed_widgets_ranges_check',
      sql`${widget.maxMessagesPerDay} >= 1 and ${widget.maxMessagesPerVisitor} >= 1 and ${widget.maxMessagesPerAddress} >= 1 and ${widget.historyLength} between 0 and 200`,
    ),
    unique('embed_widgets_public_id_key').on(widget.organizationId, widget.publicId),
    foreignKey({
      name: 'embed_widgets_workspace_id_fkey',
      columns: [widget.organizationId, widget.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
    index('embed_widgets_created_at_index').on(widget.organizationId, widget.workspaceId, widget.createdAt, widget.id),
  ],
);
export type EmbedWidgetRow = typeof embedWidgets.$inferSelect;

/** What pages name widgets by, asked before the tenant is known. */
export const embedWidgetKeys = pgTable(
  'embed_widget_keys',
  {
    publicId: text().primaryKey(),
    organizationId: uuid().notNull(),
    widgetId: uuid().notNull(),
  },
  (key) => [
    foreignKey({
      name: 'embed_widget_keys_organization_id_fkey',
      columns: [key.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('embed_widget_keys_organization_id_index').on(key.organizationId, key.widgetId),
  ],
);

/** The token of a visitor's conversation, as a hash, asked before the tenant is known. */
export const visitorTokens = pgTable(
  'visitor_tokens',
  {
    tokenHash: text().primaryKey(),
    organizationId: uuid().notNull(),
    conversationId: uuid().notNull(),
    expiresAt: moment().notNull(),
  },
  (token) => [
    foreignKey({
      name: 'visitor_tokens_organization_id_fkey',
      columns: [token.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('visitor_tokens_conversation_id_index').on(token.organizationId, token.conversationId),
    index('visitor_tokens_expires_at_index').on(token.expiresAt),
  ],
);
