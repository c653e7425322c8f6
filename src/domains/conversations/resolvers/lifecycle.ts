import type { Resolvers } from '../../../generated/resolvers.ts';
import { fileById } from '../../content/loaders.ts';
import { viewerOf } from '../../context.ts';
import { wantedOf } from '../../selection.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { conversationEvents } from '../conversation-events.ts';
import { exportConversations } from '../exporting.ts';
import { answerConversation, handBackConversation, takeConversation, transferConversation } from '../handover.ts';
import {
  archiveConversation,
  pinConversation,
  resetConversation,
  unarchiveConversation,
  unpinConversation,
} from '../keeping.ts';
import { jobOf, recordingsByConversation, waitingConversations } from '../lifecycle-loaders.ts';
import { searchMessages } from '../message-search.ts';
import { endConversation, reopenConversation } from '../states.ts';

export const resolvers: Resolvers = {
  Query: {
    waitingConversations: (_root, args, context, info) =>
      waitingConversations(context.unit, viewerOf(context), args, wantedOf(info)),
    searchMessages: (_root, { conversationId, text, ...args }, { unit }) =>
      searchMessages(unit, conversationId, text, args),
  },
  Mutation: {
    endConversation: async (_root, { input }, context) => ({ conversation: await endConversation(context, input.id) }),
    reopenConversation: async (_root, { input }, context) => ({
      conversation: await reopenConversation(context, input.id),
    }),
    transferConversation: async (_root, { input }, context) => ({
      conversation: await transferConversation(context, input),
    }),
    takeConversation: async (_root, { input }, context) => ({
      conversation: await takeConversation(context, input.id),
    }),
    answerConversation: async (_root, { input }, context) => ({ message: await answerConversation(context, input) }),
    handBackConversation: async (_root, { input }, context) => ({
      conversation: await handBackConversation(context, input.id),
    }),
    pinConversation: async (_root, { input }, context) => ({ conversation: await pinConversation(context, input.id) }),
    unpinConversation: async (_root, { input }, context) => ({
      conversation: await unpinConversation(context, input.id),
    }),
    archiveConversation: async (_root, { input }, context) => ({
      conversation: await archiveConversation(context, input.id),
    }),
    unarchiveConversation: async (_root, { input }, context) => ({
      conversation: await unarchiveConversation(context, input.id),
    }),
    resetConversation: (_root, { input }, context) => resetConversation(context, input.id),
    exportConversations: async (_root, { input }, context) => ({
      job: await jobOf(context.unit, await exportConversations(context, input)),
    }),
  },
  Subscription: {
    conversationEvents: {
      subscribe: (_root, { conversationId }, context) => conversationEvents(context, conversationId),
    },
  },
  Conversation: {
    assignedTo: ({ assignedToId }, _args, { unit }) =>
      assignedToId === null ? null : memberUserById(unit).load(assignedToId),
    durationSeconds: ({ createdAt, endedAt }) =>
      endedAt === null ? null : Math.max(0, Math.round((Date.parse(endedAt) - Date.parse(createdAt)) / 1000)),
    recordingSeconds: async ({ id }, _args, { unit }) => (await recordingsByConversation(unit).load(id))?.seconds ?? 0,
  },
  MessageMatchEdge: {
    snippet: ({ node }) => node.passage.snippet,
    highlights: ({ node }) => [...node.passage.highlights],
  },
  Message: {
    file: ({ fileId }, _args, { unit }) => (fileId === null ? null : fileById(unit).load(fileId)),
  },
};
