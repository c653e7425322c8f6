import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf, type Needs } from '../../database/list.ts';
import { bound, loadMany, loadOne } from '../../database/loader.ts';
import type { Conversation, Message } from '../../generated/resolvers.ts';
import { memberUserById } from '../tenancy/loaders.ts';
import { citations, conversations, feedback, messages, parsedFiles, type ConversationRow } from './tables.ts';

export const conversationById = loadOne(
  () =>
    database
      .select()
      .from(conversations)
      .where(
        and(eq(conversations.organizationId, bound.organizationId), sql`${conversations.id} = any(${bound.keys})`),
      ),
  (conversation) => conversation.id,
);

export const messageById = loadOne(
  () =>
    database
      .select()
      .from(messages)
      .where(and(eq(messages.organizationId, bound.organizationId), sql`${messages.id} = any(${bound.keys})`)),
  (message) => message.id,
);

export const citationById = loadOne(
  () =>
    database
      .select()
      .from(citations)
      .where(and(eq(citations.organizationId, bound.organizationId), sql`${citations.id} = any(${bound.keys})`)),
  (citation) => citation.id,
);

/** Citations of an answer in order of mention; `settle` bounds their number. */
export const citationsByMessage = loadMany(
  () =>
    database
      .select()
      .from(citations)
      .where(and(eq(citations.organizationId, bound.organizationId), sql`${citations.messageId} = any(${bound.keys})`))
      .orderBy(citations.position),
  (citation) => citation.messageId,
);

const ownFeedback = and(eq(feedback.organizationId, bound.organizationId), eq(feedback.userId, bound.userId));

/** The viewer's own feedback by its id; that of others stays theirs. */
export const feedbackById = loadOne(
  () =>
    database
      .select()
      .from(feedback)
      .where(and(ownFeedback, sql`${feedback.id} = any(${bound.keys})`)),
  (row) => row.id,
);

/** What the viewer said of a message. */
export const ownFeedbackByMessage = loadOne(
  () =>
    database
      .select()
      .from(feedback)
      .where(and(ownFeedback, sql`${feedback.messageId} = any(${bound.keys})`)),
  (row) => row.messageId,
);

export const conversationsByWorkspace = listOf({
  from: conversations,
  parent: conversations.workspaceId,
  columns: getTableColumns(conversations),
  orders: { CREATED_AT: conversations.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: { createdAt: conversations.createdAt },
  needs: {
    workspace: ['workspaceId'],
    startedBy: ['userId'],
    messages: [],
    agentInvocations: [],
    parsedFiles: [],
    parsedFileUsage: ['workspaceId'],
  } satisfies Needs<Conversation, ConversationRow>,
});

export const messagesByConversation = listOf({
  from: messages,
  parent: messages.conversationId,
  columns: getTableColumns(messages),
  orders: { CREATED_AT: messages.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
  companions: {
    sender: { of: memberUserById, key: 'senderId' },
    feedback: { of: ownFeedbackByMessage, key: 'id' },
  },
  needs: {
    error: ['errorCode', 'errorMessage'],
    sender: ['senderId'],
    feedback: [],
    citations: [],
    agentInvocation: [],
    parent: ['parentId'],
    conversation: ['conversationId'],
  } satisfies Needs<Message, typeof messages.$inferSelect>,
});

const { text: _text, passages: _passages, ...lightParsedFile } = getTableColumns(parsedFiles);
/** All of a parsed file but its text and passages, which are long. */
export const parsedFileFields = lightParsedFile;

export const parsedFileById = loadOne(
  () =>
    database
      .select(parsedFileFields)
      .from(parsedFiles)
      .where(and(eq(parsedFiles.organizationId, bound.organizationId), sql`${parsedFiles.id} = any(${bound.keys})`)),
  (parsed) => parsed.id,
);

/** The texts of parsed files, which are long. */
export const parsedFileTextById = loadOne(
  () =>
    database
      .select({ id: parsedFiles.id, text: parsedFiles.text })
      .from(parsedFiles)
      .where(and(eq(parsedFiles.organizationId, bound.organizationId), sql`${parsedFiles.id} = any(${bound.keys})`)),
  (parsed) => parsed.id,
);

/** Files of a conversation. */
export const parsedFilesByConversation = listOf({
  from: parsedFiles,
  parent: parsedFiles.conversationId,
  columns: parsedFileFields,
  orders: { CREATED_AT: parsedFiles.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});

/** Model tokens of all files of a conversation that have been read. */
export const parsedTokensByConversation = loadOne(
  () =>
    database
      .select({
        id: parsedFiles.conversationId,
        tokens: sql<number>`sum(${parsedFiles.tokenCount})::integer`,
      })
      .from(parsedFiles)
      .where(
        and(
          eq(parsedFiles.organizationId, bound.organizationId),
          sql`${parsedFiles.conversationId} = any(${bound.keys})`,
        ),
      )
      .groupBy(parsedFiles.conversationId),
  (counted) => counted.id,
);
