import { NotFound } from '../../../errors.ts';
import type { Resolvers } from '../../../generated/resolvers.ts';
import { chunkById, documentById } from '../../content/loaders.ts';
import { knowledgeEntryById } from '../../knowledge/search-loaders.ts';
import { found } from '../../nodes.ts';
import { wantedOf } from '../../selection.ts';
import { passagesByAnswer, recordByMessage } from '../explanation-loaders.ts';
import { citationsByMessage, messageById, parsedFileById } from '../loaders.ts';

export const resolvers: Resolvers = {
  Query: {
    answerExplanation: async (_root, { messageId }, { unit }) => {
      // Whoever does not see the message does not see its record.
      await found('Message', messageId, messageById(unit));
      const record = await recordByMessage(unit).load(messageId);
      if (record === null) throw new NotFound('Message', messageId);
      return record;
    },
  },
  AnswerExplanation: {
    message: ({ messageId }, _args, { unit }) => found('Message', messageId, messageById(unit)),
    historyMessages: async ({ historyMessageIds }, _args, { unit }) => {
      const messages = await Promise.all(historyMessageIds.map((id) => messageById(unit).load(id)));
      return messages.flatMap((message) => message ?? []);
    },
    passages: (record, args, { unit }, info) => passagesByAnswer(unit, args, record.messageId, wantedOf(info)),
    confidence: async ({ messageId }, _args, { unit }) => (await messageById(unit).load(messageId))?.confidence ?? null,
  },
  AnswerPassage: {
    marker: ({ position }) => position + 1,
    document: ({ documentId }, _args, { unit }) => (documentId === null ? null : documentById(unit).load(documentId)),
    chunk: ({ chunkId }, _args, { unit }) => (chunkId === null ? null : chunkById(unit).load(chunkId)),
    parsedFile: ({ parsedFileId }, _args, { unit }) =>
      parsedFileId === null ? null : parsedFileById(unit).load(parsedFileId),
    knowledgeEntry: ({ knowledgeEntryId }, _args, { unit }) =>
      knowledgeEntryId === null ? null : knowledgeEntryById(unit).load(knowledgeEntryId),
    cited: async ({ messageId, position }, _args, { unit }) =>
      (await citationsByMessage(unit).load(messageId)).some(({ marker }) => marker === position + 1),
  },
};
