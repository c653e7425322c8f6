import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { viewerOf } from '../../context.ts';
import { found } from '../../nodes.ts';
import { groupById } from '../../tenancy/group-loaders.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import { modelById } from '../loaders.ts';
import { cancelPromptRun } from '../prompt-ending.ts';
import {
  promptById,
  promptRunById,
  promptRunsByPrompt,
  promptsBySession,
  promptSessionById,
  promptSessionList,
} from '../prompt-loaders.ts';
import { mayChange } from '../prompt-rules.ts';
import {
  archivePromptSession,
  createPromptSession,
  deletePromptSession,
  duplicatePromptSession,
  restorePromptSession,
  updatePromptSession,
} from '../prompt-sessions.ts';
import { sharePromptSession } from '../prompt-sharing.ts';
import { runPrompt } from '../prompt-starting.ts';
import { promptRunStream } from '../prompt-stream.ts';
import type { PromptRow } from '../prompt-tables.ts';

const isThere = <Row>(row: Row | Error | null): row is Row => row !== null && !(row instanceof Error);

export const resolvers: Resolvers = {
  Query: {
    promptSessions: (_root, args, { unit }) => promptSessionList(unit, args),
    promptSession: (_root, { id }, { unit }) => found('PromptSession', id, promptSessionById(unit)),
  },
  Mutation: {
    createPromptSession: async (_root, { input }, context) => ({
      promptSession: await createPromptSession(context, input),
    }),
    updatePromptSession: async (_root, { input }, context) => ({
      promptSession: await updatePromptSession(context, input),
    }),
    duplicatePromptSession: async (_root, { input }, context) => ({
      promptSession: await duplicatePromptSession(context, input),
    }),
    archivePromptSession: async (_root, { input }, context) => ({
      promptSession: await archivePromptSession(context, input.id),
    }),
    restorePromptSession: async (_root, { input }, context) => ({
      promptSession: await restorePromptSession(context, input.id),
    }),
    deletePromptSession: async (_root, { input }, context) => ({
      deletedId: globalId('PromptSession', await deletePromptSession(context, input.id)),
    }),
    sharePromptSession: async (_root, { input }, context) => ({
      promptSession: await sharePromptSession(context, input),
    }),
    runPrompt: async (_root, { input }, context) => ({ prompt: await runPrompt(context, input) }),
    cancelPromptRun: async (_root, { input }, context) => ({ promptRun: await cancelPromptRun(context, input.id) }),
  },
  Subscription: {
    promptRunStream: { subscribe: (_root, { promptId }, context) => promptRunStream(context, promptId) },
  },
  PromptSession: {
    projectId: ({ projectId }) => (projectId === null ? null : globalId('Project', projectId)),
    creator: ({ creatorId }, _args, { unit }) => (creatorId === null ? null : memberUserById(unit).load(creatorId)),
    model: ({ modelId }, _args, { unit }) => (modelId === null ? null : modelById(unit).load(modelId)),
    mayChange: (session, _args, context) => mayChange(viewerOf(context), session),
    sharedWith: async ({ readers, creatorId, organizationId }, _args, { unit }) => {
      // Which of the three a reader is, nobody has written down; each has ids of its own.
      const ids = readers.filter((id) => id !== creatorId && id !== organizationId);
      const [users, groups, workspaces] = await Promise.all([
        memberUserById(unit).loadMany(ids),
        groupById(unit).loadMany(ids),
        workspaceById(unit).loadMany(ids),
      ]);
      return {
        users: users.filter(isThere),
        groups: groups.filter(isThere),
        workspaces: workspaces.filter(isThere),
      };
    },
    prompts: ({ id }, args, { unit }) => promptsBySession<PromptRow>(unit, args, id),
  },
  Prompt: {
    session: ({ sessionId }, _args, { unit }) => found('PromptSession', sessionId, promptSessionById(unit)),
    user: ({ userId }, _args, { unit }) => (userId === null ? null : memberUserById(unit).load(userId)),
    runs: ({ id }, _args, { unit }) => promptRunsByPrompt(unit).load(id),
  },
  PromptRun: {
    prompt: ({ promptId }, _args, { unit }) => found('Prompt', promptId, promptById(unit)),
    model: ({ modelId }, _args, { unit }) => (modelId === null ? null : modelById(unit).load(modelId)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = {
  PromptSession: promptSessionById,
  Prompt: promptById,
  PromptRun: promptRunById,
};
