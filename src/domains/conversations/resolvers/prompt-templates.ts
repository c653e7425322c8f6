import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { workspaceById } from '../../tenancy/loaders.ts';
import type { PromptTemplateUseRow } from '../rows.ts';
import type { TemplateChoice } from '../template-instructions.ts';
import { usesByTemplate } from '../template-use-loaders.ts';
import { deleteUnusedTemplate, removeUnusedLabel, setWorkspacePromptTemplate } from '../template-use.ts';

const chosen = ({ promptTemplateId, promptTemplateLabel }: TemplateChoice) =>
  promptTemplateId === null || promptTemplateLabel === null
    ? null
    : { templateId: promptTemplateId, label: promptTemplateLabel };

export const resolvers: Resolvers = {
  Mutation: {
    setWorkspacePromptTemplate: async (_root, { input }, context) => ({
      workspace: await setWorkspacePromptTemplate(context, input),
    }),
    deletePromptTemplate: async (_root, { input }, context) => ({
      deletedId: globalId('PromptTemplate', await deleteUnusedTemplate(context, input.id)),
    }),
    removeTemplateLabel: async (_root, { input }, context) => ({
      promptTemplate: await removeUnusedLabel(context, input),
    }),
  },
  Workspace: { promptTemplate: chosen },
  AgentSettings: { promptTemplate: chosen },
  PromptTemplate: {
    usedBy: ({ id }, args, { unit }) => usesByTemplate<PromptTemplateUseRow>(unit, args, id),
  },
  PromptTemplateUse: {
    workspace: ({ workspaceId }, _args, { unit }) => found('Workspace', workspaceId, workspaceById(unit)),
  },
};
