import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  numeric,
  pgPolicy,
  pgTable,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { confined, moment, oneOf, sameTenant, tenantTable, word } from '../../database/tenant-table.ts';
import { documentChunks, files } from '../content/tables.ts';
import type { UserRow } from '../identity/tables.ts';
import { workspaces } from '../tenancy/tables.ts';
import { embedWidgets } from './embed-tables.ts';

export const conversationKinds = ['CHAT', 'VOICE'] as const;
export const conversationChannels = ['APP', 'EMBED', 'API'] as const;
export const conversationStatuses = ['ACTIVE', 'ENDED', 'TRANSFERRED'] as const;
export const messageRoles = ['USER', 'ASSISTANT', 'SYSTEM', 'AGENT'] as const;
export const messageTypes = ['TEXT', 'IMAGE', 'AUDIO', 'FILE'] as const;
export const messageStatuses = ['STREAMING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const;

/** A series of messages in a workspace, between people and a model. */
export const conversations = tenantTable(
  'conversations',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    /** Who started it; null for a visitor's, and once they have left. */
    userId: uuid(),
    /** The visitor of a widget who started it. */
    visitorId: uuid(),
    embedWidgetId: uuid(),
    title: text().notNull(),
    /** Whether the title stands in for one that is made of the first exchange. */
    titlePending: boolean().notNull().default(false),
    /** Short name in addresses, unique in the workspace. */
    slug: text(),
    kind: word(conversationKinds).notNull().default('CHAT'),
    channel: word(conversationChannels).notNull().default('APP'),
    status: word(conversationStatuses).notNull().default('ACTIVE'),
    endedAt: moment(),
    /** Since when it waits for a person to answer; null unless it is TRANSFERRED and nobody has taken it. */
    waitingSince: moment(),
    /** Who answers while it is TRANSFERRED. */
    assignedToId: uuid(),
    transferReason: text(),
    /** Where the conversation goes on, chosen by hand; null: after its newest message. */
    activeMessageId: uuid(),
    pinnedAt: moment(),
    archivedAt: moment(),
    /** Whatever a client keeps with it. */
    metadata: jsonb().$type<Readonly<Record<string, unknown>>>().notNull().default({}),
  },
  (conversation) => [
    oneOf('conversations', conversation.kind, conversationKinds),
    oneOf('conversations', conversation.channel, conversationChannels),
    oneOf('conversations', conversation.status, conversationStatuses),
    foreignKey({
      name: 'conversations_workspace_id_fkey',
      columns: [conversation.organizationId, conversation.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'conversations_embed_widget_id_fkey',
      columns: [conversation.organizationId, conversation.embedWidgetId],
      foreignColumns: [embedWidgets.organizationId, embedWidgets.id],
    }).onDelete('cascade'),
    unique('conversations_slug_key').on(conversation.organizationId, conversation.workspaceId, conversation.slug),
    check(
      'conversations_waiting_check',
      sql`${conversation.status} = 'TRANSFERRED' or (${conversation.waitingSince} is null and ${conversation.assignedToId} is null)`,
    ),
    // The list that is asked for most shows those that are not archived; the few others have one of their own.
    index('conversations_created_at_index')
      .on(conversation.organizationId, conversation.workspaceId, conversation.createdAt, conversation.id)
      .where(sql`${conversation.archivedAt} is null`),
    index('conversations_archived_at_index')
      .on(conversation.organizationId, conversation.workspaceId, conversation.createdAt, conversation.id)
      .where(sql`${conversation.archivedAt} is not null`),
    index('conversations_pinned_at_index')
      .on(conversation.organizationId, conversation.workspaceId, conversation.createdAt, conversation.id)
      .where(sql`${conversation.pinnedAt} is not null`),
    // Most are CHAT in the APP, which the whole list finds.
    index('conversations_kind_index')
      .on(
        conversation.organizationId,
        conversation.workspaceId,
        conversation.kind,
        conversation.createdAt,
        conversation.id,
      )
      .where(sql`${conversation.kind} <> 'CHAT'`),
    index('conversations_channel_index')
      .on(
        conversation.organizationId,
        conversation.workspaceId,
        conversation.channel,
        conversation.createdAt,
        conversation.id,
      )
      .where(sql`${conversation.channel} <> 'APP'`),
    index('conversations_assigned_to_id_index')
      .on(
        conversation.organizationId,
        conversation.workspaceId,
        conversation.assignedToId,
        conversation.createdAt,
        conversation.id,
      )
      .where(sql`${conversation.assignedToId} is not null`),
    index('conversations_user_id_index').on(
      conversation.organizationId,
      conversation.workspaceId,
      conversation.userId,
      conversation.createdAt,
      conversation.id,
    ),
    index('conversations_status_index').on(
      conversation.organizationId,
      conversation.workspaceId,
      conversation.status,
      conversation.createdAt,
      conversation.id,
    ),
    index('conversations_waiting_since_index')
      .on(conversation.organizationId, conversation.waitingSince, conversation.id)
      .where(sql`${conversation.waitingSince} is not null`),
    index('conversations_embed_widget_id_index').on(
      conversation.organizationId,
      conversation.embedWidgetId,
      conversation.createdAt,
      conversation.id,
    ),
    confined('conversations', sql.raw('id')),
    // Figures of a time, of all workspaces together.
    index('conversations_all_created_at_index').on(
      conversation.organizationId,
      conversation.createdAt,
      conversation.id,
    ),
  ],
);
export type ConversationRow = typeof conversations.$inferSelect;

/** What one side said. Messages form a tree: an answer's parent is its question. */
export const messages = tenantTable(
  'messages',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    conversationId: uuid().notNull(),
    parentId: uuid(),
    /** The message beside it whose text a person has written anew here. */
    editedFromId: uuid(),
    role: word(messageRoles).notNull(),
    type: word(messageTypes).notNull().default('TEXT'),
    /** The member who wrote it; null for models. */
    senderId: uuid(),
    content: text().notNull(),
    /** What the model reads in place of the content, such as a slash command written out. */
    prompt: text(),
    /** A picture, recording or other file that was sent; the content is then its caption or transcript. */
    fileId: uuid(),
    /** Length of a recording. */
    durationMs: integer(),
    status: word(messageStatuses).notNull().default('COMPLETED'),
    errorCode: text(),
    errorMessage: text(),
    /** Name of the model that answered, as it was. */
    model: text(),
    modelId: uuid(),
    inputTokens: integer(),
    outputTokens: integer(),
    /** US dollars; null: no model was called, or its price is unknown. */
    cost: numeric({ precision: 18, scale: 12 }),
    /** 0 to 1. */
    confidence: doublePrecision(),
    /** Whether the confidence was below the workspace's threshold when the answer was completed. */
    belowThreshold: boolean().notNull().default(false),
    includedInHistory: boolean().notNull().default(true),
    processedAt: moment(),
    /** While STREAMING: until when the process at work on it has promised to report. */
    leaseUntil: moment(),
    /** Whatever a client keeps with it; null: nothing. */
    metadata: jsonb().$type<Readonly<Record<string, unknown>>>(),
  },
  (message) => [
    oneOf('messages', message.role, messageRoles),
    oneOf('messages', message.type, messageTypes),
    oneOf('messages', message.status, messageStatuses),
    check('messages_error_check', sql`(${message.status} = 'FAILED') = (${message.errorCode} is not null)`),
    foreignKey({
      name: 'messages_conversation_id_fkey',
      columns: [message.organizationId, message.conversationId],
      foreignColumns: [conversations.organizationId, conversations.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'messages_parent_id_fkey',
      columns: [message.organizationId, message.parentId],
      foreignColumns: [message.organizationId, message.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'messages_edited_from_id_fkey',
      columns: [message.organizationId, message.editedFromId],
      foreignColumns: [message.organizationId, message.id],
    }).onDelete('cascade'),
    index('messages_edited_from_id_index')
      .on(message.organizationId, message.editedFromId)
      .where(sql`${message.editedFromId} is not null`),
    foreignKey({
      name: 'messages_file_id_fkey',
      columns: [message.organizationId, message.fileId],
      foreignColumns: [files.organizationId, files.id],
    }),
    index('messages_file_id_index')
      .on(message.organizationId, message.fileId)
      .where(sql`${message.fileId} is not null`),
    confined('messages', sql.raw('conversation_id')),
    // The workspace is there for the row policy: a count then reads the index alone.
    index('messages_created_at_index').on(
      message.organizationId,
      message.conversationId,
      message.createdAt,
      message.id,
      message.workspaceId,
    ),
    index('messages_all_created_at_index').on(message.organizationId, message.createdAt),
    index('messages_parent_id_index').on(message.organizationId, message.parentId),
    // The first messages of a conversation, which have no parent to be found by.
    index('messages_root_index')
      .on(message.organizationId, message.conversationId, message.createdAt, message.id)
      .where(sql`${message.parentId} is null`),
    index('messages_lease_until_index')
      .on(message.organizationId, message.leaseUntil)
      .where(sql`${message.status} = 'STREAMING'`),
  ],
);
export type MessageRow = typeof messages.$inferSelect & {
  /** There where a page was read with it. */
  readonly sender?: UserRow | null;
  /** The viewer's own; there where a page was read with it. */
  readonly feedback?: FeedbackRow | null;
};

/** Where a statement of an answer stands: the passage, and the words quoted from it. Seen by whoever may read the document it quotes. */
export const citations = tenantTable(
  'citations',
  'granted',
  {
    workspaceId: uuid().notNull(),
    /** As the document's, kept by a trigger; once the document is gone, as they were. */
    readers: uuid().array(),
    messageId: uuid().notNull(),
    /** Order of first mention in the answer, from 0. */
    position: integer().notNull(),
    /** The number the answer calls it by, `[marker]`. */
    marker: integer().notNull(),
    /** Null once the passage is gone, and for a file of the conversation; the quote stays. */
    chunkId: uuid(),
    /** A document with its version at the time, or a file of the conversation. */
    documentId: uuid(),
    documentVersion: integer(),
    parsedFileId: uuid(),
    /** An entry of the knowledge bank with its version at the time; no foreign key, since the bank may be in another database. */
    knowledgeEntryId: uuid(),
    knowledgeVersion: integer(),
    quote: text().notNull(),
    /** Span of the quote in the text of the document or file, in UTF-16 code units. */
    start: integer().notNull(),
    end: integer().notNull(),
    /** The passage's score when it was retrieved. */
    score: doublePrecision().notNull(),
  },
  (citation) => [
    check(
      'citations_source_check',
      sql`num_nonnulls(${citation.documentId}, ${citation.parsedFileId}, ${citation.knowledgeEntryId}) = 1 and (${citation.documentId} is null) = (${citation.documentVersion} is null) and (${citation.knowledgeEntryId} is null) = (${citation.knowledgeVersion} is null)`,
    ),
    index('citations_knowledge_entry_id_index')
      .on(citation.organizationId, citation.knowledgeEntryId, citation.createdAt, citation.id)
      .where(sql`${citation.knowledgeEntryId} is not null`),
    unique('citations_position_key').on(citation.organizationId, citation.messageId, citation.position),
    foreignKey({
      name: 'citations_message_id_fkey',
      columns: [citation.organizationId, citation.messageId],
      foreignColumns: [messages.organizationId, messages.id],
    }).onDelete('cascade'),
    // No action: a trigger on the chunk clears the reference (a distributed table cannot set one column of a key null).
    foreignKey({
      name: 'citations_chunk_id_fkey',
      columns: [citation.organizationId, citation.chunkId],
      foreignColumns: [documentChunks.organizationId, documentChunks.id],
    }),
    index('citations_chunk_id_index').on(citation.organizationId, citation.chunkId),
    index('citations_document_id_index').on(citation.organizationId, citation.documentId),
    // The trigger that keeps the readers acts as the tables' owner: whoever narrows a document need not see where it was cited.
    pgPolicy('citations_follow', { to: 'current_role', using: sameTenant }),
  ],
);
export type CitationRow = typeof citations.$inferSelect;

export const feedbackScales = ['THUMBS', 'STARS'] as const;
export const feedbackReasons = [
  'INACCURATE',
  'INCOMPLETE',
  'IRRELEVANT',
  'OUTDATED',
  'UNCLEAR',
  'UNSAFE',
  'OTHER',
] as const;

/** What a member or visitor thought of a message. */
export const feedback = tenantTable(
  'feedback',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    messageId: uuid().notNull(),
    /** Who gave it: a member, or the visitor of a widget. */
    userId: uuid(),
    visitorId: uuid(),
    scale: word(feedbackScales).notNull().default('THUMBS'),
    /** THUMBS: -1 (down) or 1 (up). STARS: 1 to 5. */
    score: integer().notNull(),
    reason: word(feedbackReasons),
    comment: text(),
    /** When a person looked at it, and who. */
    reviewedAt: moment(),
    reviewedById: uuid(),
  },
  (row) => [
    oneOf('feedback', row.scale, feedbackScales),
    oneOf('feedback', row.reason, feedbackReasons),
    unique('feedback_user_id_key').on(row.organizationId, row.messageId, row.userId),
    unique('feedback_visitor_id_key').on(row.organizationId, row.messageId, row.visitorId),
    check('feedback_giver_check', sql`num_nonnulls(${row.userId}, ${row.visitorId}) = 1`),
    check(
      'feedback_score_check',
      sql`case ${row.scale} when 'THUMBS' then ${row.score} in (-1, 1) else ${row.score} between 1 and 5 end`,
    ),
    foreignKey({
      name: 'feedback_message_id_fkey',
      columns: [row.organizationId, row.messageId],
      foreignColumns: [messages.organizationId, messages.id],
    }).onDelete('cascade'),
    index('feedback_all_created_at_index').on(row.organizationId, row.createdAt),
    index('feedback_created_at_index').on(row.organizationId, row.workspaceId, row.createdAt, row.id),
    index('feedback_unreviewed_index')
      .on(row.organizationId, row.workspaceId, row.createdAt, row.id)
      .where(sql`${row.reviewedAt} is null`),
    index('feedback_score_index').on(row.organizationId, row.workspaceId, row.scale, row.score, row.createdAt, row.id),
    index('feedback_reason_index')
      .on(row.organizationId, row.workspaceId, row.reason, row.createdAt, row.id)
      .where(sql`${row.reason} is not null`),
  ],
);
export type FeedbackRow = typeof feedback.$inferSelect;

/**
 * Answers that some process is writing at the moment, by message. Kept apart from the messages, because whoever looks for
 * abandoned ones looks through all tenants; it names rows and holds nothing of them.
 */
export const runningAnswers = pgTable(
  'running_answers',
  {
    messageId: uuid().primaryKey(),
    organizationId: uuid().notNull(),
    /** Until when the process at work has promised to report. */
    leaseUntil: moment().notNull(),
  },
  (running) => [index('running_answers_lease_until_index').on(running.leaseUntil)],
);

export const parsedFileStatuses = ['PENDING', 'READY', 'FAILED'] as const;

/** A stretch of a parsed file's text, as a chunk is one of a document's. */
export interface ParsedPassage {
  /** Offsets into the text, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  readonly headings: readonly string[];
  readonly page: number | null;
  /** Model tokens. */
  readonly tokens: number;
}

/** A file dropped into a conversation: its whole text goes with each question there, and search does not find it. */
export const parsedFiles = tenantTable(
  'parsed_files',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    conversationId: uuid().notNull(),
    userId: uuid(),
    fileId: uuid().notNull(),
    title: text().notNull(),
    mimeType: text().notNull(),
    status: word(parsedFileStatuses).notNull().default('PENDING'),
    /** Why it FAILED, for a person. */
    failure: text(),
    /** What was read out of the file; null until then. */
    text: text(),
    /** Model tokens of the text. */
    tokenCount: integer().notNull().default(0),
    /** The passages that the text is cut into for the model, in reading order. */
    passages: jsonb().$type<readonly ParsedPassage[]>().notNull().default([]),
  },
  (parsed) => [
    oneOf('parsed_files', parsed.status, parsedFileStatuses),
    check('parsed_files_failure_check', sql`(${parsed.status} = 'FAILED') = (${parsed.failure} is not null)`),
    foreignKey({
      name: 'parsed_files_conversation_id_fkey',
      columns: [parsed.organizationId, parsed.conversationId],
      foreignColumns: [conversations.organizationId, conversations.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'parsed_files_file_id_fkey',
      columns: [parsed.organizationId, parsed.fileId],
      foreignColumns: [files.organizationId, files.id],
    }),
    confined('parsed_files', sql.raw('conversation_id')),
    index('parsed_files_file_id_index').on(parsed.organizationId, parsed.fileId),
    index('parsed_files_created_at_index').on(
      parsed.organizationId,
      parsed.conversationId,
      parsed.createdAt,
      parsed.id,
    ),
  ],
);
/** The text is read apart, because it is long. */
export type ParsedFileRow = Omit<typeof parsedFiles.$inferSelect, 'text' | 'passages'>;
