import type { Resolvers } from '../../../generated/resolvers.ts';
import type { Context } from '../../context.ts';
import { wantedOf } from '../../selection.ts';
import { writeAnswer } from '../answering.ts';
import { answerNow, type Asked } from '../asking.ts';
import { branchConversation } from '../branching.ts';
import { chooseMessage, setMessageIncluded } from '../choosing.ts';
import { messageById } from '../loaders.ts';
import { editMessage, regenerate } from '../regenerating.ts';
import type { MessageRow } from '../tables.ts';
import { messagesBelow, pathByConversation, placeByMessage } from '../tree-loaders.ts';

/** Writes an answer that was begun and gives it as it then is. */
const awaited = async (context: Context, asked: Asked): Promise<MessageRow> => {
  await writeAnswer(context.services, context.unit.as(context.unit.scope), asked);
  return answerNow(context, asked.answer.id);
};

export const resolvers: Resolvers = {
  Mutation: {
    regenerate: async (_root, { input }, context) => {
      const asked = await regenerate(context, input.messageId);
      return { question: asked.question, answer: await awaited(context, asked) };
    },
    editMessage: async (_root, { input }, context) => {
      const { message, asked } = await editMessage(context, input);
      return { message, answer: asked === null ? null : await awaited(context, asked) };
    },
    chooseMessage: async (_root, { input }, context) => ({ conversation: await chooseMessage(context, input) }),
    branchConversation: async (_root, { input }, context) => ({
      conversation: await branchConversation(context, input),
    }),
    setMessageIncluded: async (_root, { input }, context) => ({ message: await setMessageIncluded(context, input) }),
  },
  Conversation: {
    path: (conversation, args, { unit }, info) => pathByConversation(unit, args, conversation.id, wantedOf(info)),
  },
  Message: {
    siblings: ({ parentId, conversationId }, _args, { unit }) => messagesBelow(unit).load(parentId ?? conversationId),
    siblingIndex: async ({ id }, _args, { unit }) => (await placeByMessage(unit).load(id))?.index ?? 0,
    siblingCount: async ({ id }, _args, { unit }) => (await placeByMessage(unit).load(id))?.count ?? 1,
    children: ({ id }, _args, { unit }) => messagesBelow(unit).load(id),
    editedFrom: ({ editedFromId }, _args, { unit }) =>
      editedFromId === null ? null : messageById(unit).load(editedFromId),
  },
};
