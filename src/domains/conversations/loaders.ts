import { and, eq, getTableColumns, isNotNull, isNull, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { mentions, type Meaning } from '../../database/filter.ts';
import { listOf, type Connection, type ListArguments, type Needs, type Wanted } from '../../database/list.ts';
import { bound, loadMany, loadOne } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
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

/** What the viewer said of a message. */
export const ownFeedbackByMessage = loadOne(
  () =>
    database
      .select()
      .from(feedback)
      .where(and(ownFeedback, sql`${feedback.messageId} = any(${bound.keys})`)),
  (row) => row.messageId,
);

/** What the fields of a conversation are made of that are no columns. */
export const conversationNeeds = {
  workspace: ['workspaceId'],
  startedBy: ['userId'],
  assignedTo: ['assignedToId'],
  durationSeconds: ['createdAt', 'endedAt'],
  recordingSeconds: [],
  messages: [],
  path: ['activeMessageId'],
  agentInvocations: [],
  shares: [],
  parsedFiles: [],
  orders: [],
  projectLinks: [],
  tasks: [],
  parsedFileUsage: ['workspaceId'],
} satisfies Needs<Conversation, ConversationRow>;

/** Whether a moment is there, as a plain test of null: partial indexes serve it. */
const isSet =
  (moment: typeof conversations.pinnedAt | typeof conversations.archivedAt): Meaning =>
  (comparator, wanted) =>
    (comparator === 'eq') === (wanted === true) ? isNotNull(moment) : isNull(moment);

const conversationsWhere = (where?: SQL) =>
  listOf({
    from: conversations,
    parent: conversations.workspaceId,
    columns: getTableColumns(conversations),
    orders: { CREATED_AT: conversations.createdAt },
    defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
    filters: {
      status: conversations.status,
      kind: conversations.kind,
      channel: conversations.channel,
      startedBy: conversations.userId,
      assignedTo: conversations.assignedToId,
      pinned: isSet(conversations.pinnedAt),
      archived: isSet(conversations.archivedAt),
      createdAt: conversations.createdAt,
    },
    needs: conversationNeeds,
    ...(where && { where }),
  });
const allConversations = conversationsWhere();
const currentConversations = conversationsWhere(isNull(conversations.archivedAt));

/** Conversations of a workspace; archived ones are left out where the filter says nothing of them. */
export const conversationsByWorkspace = <Row = ConversationRow>(
  unit: UnitOfWork,
  args: ListArguments,
  workspaceId: string,
  wanted?: Wanted,
): Promise<Connection<Row>> =>
  (mentions(args.filter, 'archived') ? allConversations : currentConversations)<Row>(unit, args, workspaceId, wanted);

/** What the fields of a message are made of that are no columns. */
export const messageNeeds = {
  error: ['errorCode', 'errorMessage'],
  sender: ['senderId'],
  file: ['fileId'],
  feedback: [],
  citations: [],
  agentInvocation: [],
  parent: ['parentId'],
  conversation: ['conversationId'],
  siblings: ['parentId', 'conversationId'],
  siblingIndex: [],
  siblingCount: [],
  children: [],
  editedFrom: ['editedFromId'],
} satisfies Needs<Message, typeof messages.$inferSelect>;

/** How a page of messages is read, and what of them is read for which field. */
export const messageList = {
  from: messages,
  parent: messages.conversationId,
  columns: getTableColumns(messages),
  orders: { CREATED_AT: messages.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
  companions: {
    sender: { of: memberUserById, key: 'senderId' },
    feedback: { of: ownFeedbackByMessage, key: 'id' },
  },
  needs: messageNeeds,
} as const;

export const messagesByConversation = listOf(messageList);

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
