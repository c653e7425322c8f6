import type { Resolvers } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { chunkById, documentById } from '../content/loaders.ts';
import { viewerOf } from '../context.ts';
import { knowledgeEntryById } from '../knowledge/search-loaders.ts';
import { found } from '../nodes.ts';
import { wantedOf } from '../selection.ts';
import { memberUserById, workspaceById } from '../tenancy/loaders.ts';
import { startsRun } from './agent-asking.ts';
import { runAgent } from './agent-starting.ts';
import { writeAnswer } from './answering.ts';
import { answerNow, storeQuestion } from './asking.ts';
import { cancelAnswer } from './cancelling.ts';
import {
  citationById,
  citationsByMessage,
  conversationById,
  conversationsByWorkspace,
  messageById,
  messagesByConversation,
  ownFeedbackByMessage,
  parsedFileById,
} from './loaders.ts';
import { addMessage, deleteConversation, startConversation, updateConversation } from './operations.ts';
import { answerStream } from './stream.ts';

export const resolvers: Resolvers = {
  Query: {
    conversation: (_root, { id }, { unit }) => found('Conversation', id, conversationById(unit)),
  },
  Mutation: {
    startConversation: async (_root, { input }, context) => ({
      conversation: await startConversation(context, input),
    }),
    updateConversation: async (_root, { input }, context) => ({
      conversation: await updateConversation(context, input),
    }),
    deleteConversation: async (_root, { input }, context) => ({
      deletedId: globalId('Conversation', await deleteConversation(context, input.id)),
    }),
    addMessage: async (_root, { input }, context) => ({ message: await addMessage(context, input) }),
    ask: async (_root, { input }, context) => {
      if (await startsRun(context, input.conversationId, input.text)) return runAgent(context, input, true);
      const asker = { userId: viewerOf(context).userId, visitorId: null };
      const asked = await storeQuestion(context, asker, input);
      await writeAnswer(context.services, context.unit.as(context.unit.scope), asked);
      return { question: asked.question, answer: await answerNow(context, asked.answer.id) };
    },
    cancelAnswer: async (_root, { input }, context) => ({ message: await cancelAnswer(context, input.messageId) }),
  },
  Subscription: {
    answerStream: {
      subscribe: (_root, args, context) => answerStream(context, args),
    },
  },
  Workspace: {
    conversations: (workspace, args, { unit }, info) =>
      conversationsByWorkspace(unit, args, workspace.id, wantedOf(info)),
  },
  Conversation: {
    workspace: ({ workspaceId }, _args, { unit }) => found('Workspace', workspaceId, workspaceById(unit)),
    startedBy: ({ userId }, _args, { unit }) => (userId === null ? null : memberUserById(unit).load(userId)),
    messages: (conversation, args, { unit }, info) =>
      messagesByConversation(unit, args, conversation.id, wantedOf(info)),
  },
  Message: {
    error: ({ errorCode, errorMessage }) =>
      errorCode === null ? null : { code: errorCode, message: errorMessage ?? '' },
    sender: (message, _args, { unit }) => {
      if (message.sender !== undefined) return message.sender;
      return message.senderId === null ? null : memberUserById(unit).load(message.senderId);
    },
    feedback: ({ id, feedback }, _args, { unit }) =>
      feedback === undefined ? ownFeedbackByMessage(unit).load(id) : feedback,
    citations: ({ id }, _args, { unit }) => citationsByMessage(unit).load(id),
    parent: ({ parentId }, _args, { unit }) => (parentId === null ? null : messageById(unit).load(parentId)),
    conversation: ({ conversationId }, _args, { unit }) =>
      found('Conversation', conversationId, conversationById(unit)),
  },
  Citation: {
    chunk: ({ chunkId }, _args, { unit }) => (chunkId === null ? null : chunkById(unit).load(chunkId)),
    document: ({ documentId }, _args, { unit }) => (documentId === null ? null : documentById(unit).load(documentId)),
    parsedFile: ({ parsedFileId }, _args, { unit }) =>
      parsedFileId === null ? null : parsedFileById(unit).load(parsedFileId),
    knowledgeEntry: ({ knowledgeEntryId }, _args, { unit }) =>
      knowledgeEntryId === null ? null : knowledgeEntryById(unit).load(knowledgeEntryId),
  },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = {
  Conversation: conversationById,
  Message: messageById,
  Citation: citationById,
};
