import {
  boolean,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  numeric,
  pgPolicy,
  real,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { oneOf, sameTenant, tenantTable, word } from '../../database/tenant-table.ts';
import { chatModes } from '../tenancy/tables.ts';
import { messages } from './tables.ts';

/** What an answer was made with, so that it can be explained and made again. One row for each answer that was begun. */
export const answerRecords = tenantTable(
  'answer_records',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    messageId: uuid().notNull(),
    /** The version of the workspace's system prompt; 0 where it never had one. */
    promptVersion: integer().notNull(),
    /** The instructions as the model read them, with all variables filled in. */
    systemPrompt: text().notNull(),
    chatMode: word(chatModes).notNull(),
    /** Names as they were. */
    providerName: text().notNull(),
    modelName: text().notNull(),
    modelVersion: text().notNull().default(''),
    /** US dollars for one token; null: unknown. */
    inputPrice: numeric({ precision: 18, scale: 12 }),
    outputPrice: numeric({ precision: 18, scale: 12 }),
    /** How the model was chosen. */
    route: jsonb().$type<Readonly<Record<string, unknown>>>().notNull().default({}),
    /** Temperature and bounds that the model was called with. */
    parameters: jsonb().$type<Readonly<Record<string, unknown>>>().notNull().default({}),
    /** What was searched for; null where nothing was. */
    searchQuery: text(),
    /** Earlier messages that the model read, the oldest first. */
    historyMessageIds: uuid().array().notNull().default([]),
    /** What the confidence is made of: the share of statements that a citation bears out, and the mean score of the passages cited, 0 to 1. */
    support: doublePrecision(),
    relevance: doublePrecision(),
    /** The workspace's threshold at the time. */
    confidenceThreshold: doublePrecision().notNull().default(0),
  },
  (record) => [
    unique('answer_records_message_id_key').on(record.organizationId, record.messageId),
    foreignKey({
      name: 'answer_records_message_id_fkey',
      columns: [record.organizationId, record.messageId],
      foreignColumns: [messages.organizationId, messages.id],
    }).onDelete('cascade'),
  ],
);
export type AnswerExplanationRow = typeof answerRecords.$inferSelect;

export const passageOrigins = ['SEARCH', 'PINNED', 'ATTACHED', 'RECENT', 'TOOL'] as const;

/** A passage that stood in the prompt of an answer, or was found and had no room. Seen by whoever may read the document. */
export const answerPassages = tenantTable(
  'answer_passages',
  'granted',
  {
    workspaceId: uuid().notNull(),
    /** As the document's, kept by a trigger. */
    readers: uuid().array(),
    messageId: uuid().notNull(),
    /** Order in the prompt, from 0; the model knows it as `[position + 1]`. */
    position: integer().notNull(),
    /** Where it came from: found, pinned, a file of the conversation, or cited a little while ago. */
    origin: word(passageOrigins).notNull(),
    /** The passage as it was then; it may be gone. */
    chunkId: uuid(),
    documentId: uuid(),
    documentVersion: integer(),
    parsedFileId: uuid(),
    /** An entry of the knowledge bank with its version at the time. */
    knowledgeEntryId: uuid(),
    knowledgeVersion: integer(),
    title: text().notNull(),
    /** Span in the text of that version, in UTF-16 code units. */
    start: integer().notNull(),
    end: integer().notNull(),
    score: doublePrecision().notNull(),
    /** Places in the two lists that search fuses, from 1; null where it was not found so. */
    vectorRank: integer(),
    lexicalRank: integer(),
    similarity: real(),
    /** Whether it had room in the prompt. */
    used: boolean().notNull(),
  },
  (passage) => [
    oneOf('answer_passages', passage.origin, passageOrigins),
    unique('answer_passages_position_key').on(passage.organizationId, passage.messageId, passage.position),
    foreignKey({
      name: 'answer_passages_message_id_fkey',
      columns: [passage.organizationId, passage.messageId],
      foreignColumns: [messages.organizationId, messages.id],
    }).onDelete('cascade'),
    index('answer_passages_document_id_index').on(passage.organizationId, passage.documentId),
    pgPolicy('answer_passages_follow', { to: 'current_role', using: sameTenant }),
  ],
);
export type AnswerPassageRow = typeof answerPassages.$inferSelect;
