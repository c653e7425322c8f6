import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { viewerOf, type Context } from '../../context.ts';
import { found } from '../../nodes.ts';
import { requirePermission } from '../../permissions.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import { wantedOf } from '../../selection.ts';
import { comparePrompts, deletePromptHistory, restorePrompt } from '../prompt-history.ts';
import {
  promptHistoryByWorkspace,
  promptVariableById,
  promptVariableList,
  slashCommandById,
  slashCommandList,
  suggestedMessageById,
  suggestedMessagesByWorkspace,
  welcomeMessageById,
  welcomeMessagesByOrganization,
} from '../prompt-loaders.ts';
import type { PromptHistoryRow, PromptVariableRow, SlashCommandRow } from '../prompt-tables.ts';
import { createPromptVariable, deletePromptVariable, updatePromptVariable } from '../prompt-variables.ts';
import { createSlashCommand, deleteSlashCommand, updateSlashCommand } from '../slash-command-changes.ts';
import { writtenOutWith } from '../slash-commands.ts';
import { argumentsOf } from '../slash-grammar.ts';
import {
  createSuggestedMessage,
  deleteSuggestedMessage,
  moveSuggestedMessage,
  setSuggestedMessages,
  updateSuggestedMessage,
} from '../suggested-messages.ts';
import { renderSystemPrompt, systemVariables } from '../system-prompt.ts';
import {
  createWelcomeMessage,
  deleteWelcomeMessage,
  moveWelcomeMessage,
  setWelcomeMessages,
  updateWelcomeMessage,
} from '../welcome-messages.ts';
import { writtenText } from '../written-text.ts';

const userOf = ({ unit }: Context, id: string | null) => (id === null ? null : memberUserById(unit).load(id));

export const resolvers: Resolvers = {
  Query: {
    slashCommands: (_root, args, { unit }) => slashCommandList<SlashCommandRow>(unit, args),
    expandSlashCommands: (_root, { text }, { unit }) => writtenOutWith(unit, writtenText('text', text)),
    promptVariables: (_root, args, { unit }) => promptVariableList<PromptVariableRow>(unit, args),
    systemPromptVariables: () => Object.entries(systemVariables).map(([key, description]) => ({ key, description })),
    renderSystemPrompt: (_root, args, context) => renderSystemPrompt(context, args),
    comparePrompts: (_root, { workspaceId, from, to }, context) => comparePrompts(context, workspaceId, from, to),
    welcomeMessages: (_root, _args, { unit }) => welcomeMessagesByOrganization(unit).load(unit.organizationId),
  },
  Mutation: {
    createSlashCommand: async (_root, { input }, context) => ({
      slashCommand: await createSlashCommand(context, input),
    }),
    updateSlashCommand: async (_root, { input }, context) => ({
      slashCommand: await updateSlashCommand(context, input),
    }),
    deleteSlashCommand: async (_root, { input }, context) => ({
      deletedId: globalId('SlashCommand', await deleteSlashCommand(context, input.id)),
    }),
    createPromptVariable: async (_root, { input }, context) => ({
      promptVariable: await createPromptVariable(context, input),
    }),
    updatePromptVariable: async (_root, { input }, context) => ({
      promptVariable: await updatePromptVariable(context, input),
    }),
    deletePromptVariable: async (_root, { input }, context) => ({
      deletedId: globalId('PromptVariable', await deletePromptVariable(context, input.id)),
    }),
    restorePrompt: async (_root, { input }, context) => ({ workspace: await restorePrompt(context, input) }),
    deletePromptHistory: async (_root, { input }, context) => ({
      deletedCount: await deletePromptHistory(context, input),
      workspace: await found('Workspace', input.workspaceId, workspaceById(context.unit)),
    }),
    setSuggestedMessages: async (_root, { input }, context) => ({
      suggestedMessages: await setSuggestedMessages(context, input),
    }),
    createSuggestedMessage: async (_root, { input }, context) => ({
      suggestedMessage: await createSuggestedMessage(context, input),
    }),
    updateSuggestedMessage: async (_root, { input }, context) => ({
      suggestedMessage: await updateSuggestedMessage(context, input),
    }),
    moveSuggestedMessage: async (_root, { input }, context) => ({
      suggestedMessage: await moveSuggestedMessage(context, input),
    }),
    deleteSuggestedMessage: async (_root, { input }, context) => ({
      deletedId: globalId('SuggestedMessage', await deleteSuggestedMessage(context, input.id)),
    }),
    setWelcomeMessages: async (_root, { input }, context) => ({
      welcomeMessages: await setWelcomeMessages(context, input),
    }),
    createWelcomeMessage: async (_root, { input }, context) => ({
      welcomeMessage: await createWelcomeMessage(context, input),
    }),
    updateWelcomeMessage: async (_root, { input }, context) => ({
      welcomeMessage: await updateWelcomeMessage(context, input),
    }),
    moveWelcomeMessage: async (_root, { input }, context) => ({
      welcomeMessage: await moveWelcomeMessage(context, input),
    }),
    deleteWelcomeMessage: async (_root, { input }, context) => ({
      deletedId: globalId('WelcomeMessage', await deleteWelcomeMessage(context, input.id)),
    }),
  },
  Workspace: {
    promptAuthor: ({ promptAuthorId }, _args, context) => userOf(context, promptAuthorId),
    promptHistory: ({ id }, args, context, info) => {
      requirePermission(viewerOf(context), 'PROMPT_MANAGE', id);
      return promptHistoryByWorkspace<PromptHistoryRow>(context.unit, args, id, wantedOf(info));
    },
    suggestedMessages: ({ id }, _args, { unit }) => suggestedMessagesByWorkspace(unit).load(id),
  },
  PromptHistory: {
    author: ({ author, authorId }, _args, context) => (author === undefined ? userOf(context, authorId) : author),
    replacedBy: ({ replacedBy, replacedById }, _args, context) =>
      replacedBy === undefined ? userOf(context, replacedById) : replacedBy,
  },
  SlashCommand: {
    shared: ({ userId }) => userId === null,
    argumentCount: ({ prompt }) => argumentsOf(prompt).count,
    takesInput: ({ prompt }) => argumentsOf(prompt).takesInput,
  },
  PromptVariable: {
    workspace: ({ workspaceId }, _args, { unit }) =>
      workspaceId === null ? null : workspaceById(unit).load(workspaceId),
    createdBy: ({ createdById }, _args, context) => userOf(context, createdById),
  },
  SuggestedMessage: {
    workspace: ({ workspaceId }, _args, { unit }) => found('Workspace', workspaceId, workspaceById(unit)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = {
  SlashCommand: slashCommandById,
  PromptVariable: promptVariableById,
  SuggestedMessage: suggestedMessageById,
  WelcomeMessage: welcomeMessageById,
};
