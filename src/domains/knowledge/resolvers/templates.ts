import type { Resolvers } from '../../../generated/resolvers.ts';
import type { Context } from '../../context.ts';
import type { UnitOfWork } from '../../../database/unit-of-work.ts';
import { found } from '../../nodes.ts';
import { wantedOf } from '../../selection.ts';
import { groupById } from '../../tenancy/group-loaders.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { knowledgeOf } from '../schema.ts';
import type { PromptTemplateRow, PromptTemplateVersionRow } from '../tables.ts';
import { setTemplateLabel } from '../template-labels.ts';
import {
  labelsByTemplate,
  promptTemplateById,
  promptTemplateList,
  promptTemplateVersionById,
  templateCategoryList,
  versionsByTemplate,
} from '../template-loaders.ts';
import { renderPrompt } from '../template-rendering.ts';
import type { TemplateCategoryRow } from '../template-rows.ts';
import {
  comparePromptTemplateVersions,
  createPromptTemplate,
  promptTemplateVersion,
  restorePromptTemplateVersion,
  updatePromptTemplate,
} from '../templates.ts';

const userOf = ({ unit }: Context, id: string | null) => (id === null ? null : memberUserById(unit).load(id));

export const resolvers: Resolvers = {
  Query: {
    promptTemplates: (_root, args, { unit }, info) =>
      promptTemplateList<PromptTemplateRow>(knowledgeOf(unit), args, unit.organizationId, wantedOf(info)),
    promptTemplate: (_root, { id }, { unit }) => found('PromptTemplate', id, promptTemplateById(knowledgeOf(unit))),
    promptTemplateVersion: (_root, { templateId, version }, context) =>
      promptTemplateVersion(context, templateId, version),
    comparePromptTemplateVersions: (_root, { templateId, from, to }, context) =>
      comparePromptTemplateVersions(context, templateId, from, to),
    templateCategories: (_root, args, { unit }) => templateCategoryList<TemplateCategoryRow>(knowledgeOf(unit), args),
    renderPrompt: (_root, { input }, context) => renderPrompt(context, input),
  },
  Mutation: {
    createPromptTemplate: async (_root, { input }, context) => ({
      promptTemplate: await createPromptTemplate(context, input),
    }),
    updatePromptTemplate: async (_root, { input }, context) => ({
      promptTemplate: await updatePromptTemplate(context, input),
    }),
    restorePromptTemplateVersion: async (_root, { input }, context) => ({
      promptTemplate: await restorePromptTemplateVersion(context, input),
    }),
    setTemplateLabel: (_root, { input }, context) => setTemplateLabel(context, input),
  },
  PromptTemplate: {
    group: ({ groupId }, _args, { unit }) => (groupId === null ? null : groupById(unit).load(groupId)),
    labels: ({ id }, _args, { unit }) => labelsByTemplate(knowledgeOf(unit)).load(id),
    versions: ({ id }, args, { unit }, info) =>
      versionsByTemplate<PromptTemplateVersionRow>(knowledgeOf(unit), args, id, wantedOf(info)),
    createdBy: ({ createdById }, _args, context) => userOf(context, createdById),
    editedBy: ({ editedById }, _args, context) => userOf(context, editedById),
  },
  PromptTemplateVersion: {
    editor: ({ editorId }, _args, context) => userOf(context, editorId),
  },
  PromptTemplateLabel: {
    movedBy: ({ movedById }, _args, context) => userOf(context, movedById),
    movedAt: ({ updatedAt }) => updatedAt,
  },
  ChosenPromptTemplate: {
    template: ({ templateId }, _args, { unit }) => promptTemplateById(knowledgeOf(unit)).load(templateId),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = {
  PromptTemplate: (unit: UnitOfWork) => promptTemplateById(knowledgeOf(unit)),
  PromptTemplateVersion: (unit: UnitOfWork) => promptTemplateVersionById(knowledgeOf(unit)),
};
