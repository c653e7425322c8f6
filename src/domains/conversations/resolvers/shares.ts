import type { Resolvers } from '../../../generated/resolvers.ts';
import { found } from '../../nodes.ts';
import { wantedOf } from '../../selection.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { conversationById } from '../loaders.ts';
import {
  conversationShareById,
  revokeConversationShare,
  shareConversation,
  sharedConversation,
  sharedMessages,
  sharesByConversation,
} from '../shares.ts';
import type { ConversationShareRow } from '../visit-tables.ts';

export const resolvers: Resolvers = {
  Query: {
    sharedConversation: (_root, { token }, context) => sharedConversation(context, token),
  },
  Mutation: {
    shareConversation: (_root, { input }, context) => shareConversation(context, input),
    revokeConversationShare: async (_root, { input }, context) => ({
      share: await revokeConversationShare(context, input.id),
    }),
  },
  Conversation: {
    shares: ({ id }, args, { unit }) => sharesByConversation<ConversationShareRow>(unit, args, id),
  },
  ConversationShare: {
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
    conversation: ({ conversationId }, _args, { unit }) =>
      found('Conversation', conversationId, conversationById(unit)),
  },
  SharedConversation: {
    messages: (shared, args, context, info) => sharedMessages(context, shared, args, wantedOf(info)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { ConversationShare: conversationShareById };
