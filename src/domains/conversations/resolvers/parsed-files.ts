import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { fileById } from '../../content/loaders.ts';
import { whenSettled } from '../../content/waiting.ts';
import { builtinAnswererId } from '../../modelhub/deployments.ts';
import { modelById } from '../../modelhub/loaders.ts';
import { found } from '../../nodes.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import { attachedTokens } from '../grounds.ts';
import {
  conversationById,
  parsedFileById,
  parsedFilesByConversation,
  parsedFileTextById,
  parsedTokensByConversation,
} from '../loaders.ts';
import { addParsedFile, deleteParsedFile, moveParsedFile } from '../parsed-files.ts';
import { parsedFileTopic } from '../parsing.ts';
import type { ParsedFileRow } from '../tables.ts';

export const resolvers: Resolvers = {
  Query: {
    parsedFile: (_root, { id }, { unit }) => found('ParsedFile', id, parsedFileById(unit)),
  },
  Mutation: {
    addParsedFile: async (_root, { input }, context) => {
      const parsedFile = await addParsedFile(context, input);
      if (input.wait !== true) return { parsedFile };
      const read = () => found('ParsedFile', parsedFile.id, parsedFileById(context.unit).clear(parsedFile.id));
      const settled = await whenSettled(
        context,
        parsedFileTopic(parsedFile.id),
        read,
        ({ status }) => status !== 'PENDING',
      );
      return { parsedFile: settled };
    },
    deleteParsedFile: async (_root, { input }, context) => ({
      deletedId: globalId('ParsedFile', await deleteParsedFile(context, input.id)),
    }),
    moveParsedFile: async (_root, { input }, context) => ({
      document: await moveParsedFile(context, input),
      deletedId: globalId('ParsedFile', input.id),
    }),
  },
  Conversation: {
    parsedFiles: (conversation, args, { unit }) =>
      parsedFilesByConversation<ParsedFileRow>(unit, args, conversation.id),
    parsedFileUsage: async ({ id, workspaceId }, _args, { unit }) => {
      const [counted, workspace] = await Promise.all([
        parsedTokensByConversation(unit).load(id),
        found('Workspace', workspaceId, workspaceById(unit)),
      ]);
      const model = await modelById(unit).load(workspace.chatModelId ?? builtinAnswererId);
      const tokenCount = counted?.tokens ?? 0;
      const maxTokens = attachedTokens(model?.contextWindow ?? 0);
      return { tokenCount, maxTokens, fits: tokenCount <= maxTokens };
    },
  },
  ParsedFile: {
    text: async ({ id }, _args, { unit }) => (await parsedFileTextById(unit).load(id))?.text ?? null,
    file: ({ fileId }, _args, { unit }) => fileById(unit).load(fileId),
    addedBy: ({ userId }, _args, { unit }) => (userId === null ? null : memberUserById(unit).load(userId)),
    conversation: ({ conversationId }, _args, { unit }) =>
      found('Conversation', conversationId, conversationById(unit)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { ParsedFile: parsedFileById };
