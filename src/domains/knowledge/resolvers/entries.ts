import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { wantedOf } from '../../selection.ts';
import { groupById } from '../../tenancy/group-loaders.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import {
  createKnowledgeEntry,
  deleteKnowledgeEntry,
  publishKnowledgeEntry,
  unpublishKnowledgeEntry,
  updateKnowledgeEntry,
} from '../entries.ts';
import {
  categoryList,
  knowledgeEntryById,
  knowledgeEntryList,
  knowledgeVersionById,
  versionsByEntry,
} from '../entry-loaders.ts';
import {
  compareKnowledgeVersions,
  knowledgeVersion,
  knowledgeVersionList,
  restoreKnowledgeVersion,
} from '../entry-versions.ts';
import type { KnowledgeCategoryRow } from '../rows.ts';
import { knowledgeOf } from '../schema.ts';
import type { KnowledgeEntryRow, KnowledgeVersionRow } from '../tables.ts';

export const resolvers: Resolvers = {
  Query: {
    knowledgeEntry: (_root, { id }, { unit }) => found('KnowledgeEntry', id, knowledgeEntryById(knowledgeOf(unit))),
    knowledgeEntries: (_root, args, { unit }, info) =>
      knowledgeEntryList<KnowledgeEntryRow>(knowledgeOf(unit), args, undefined, wantedOf(info)),
    knowledgeCategories: (_root, args, { unit }) => categoryList<KnowledgeCategoryRow>(knowledgeOf(unit), args),
    knowledgeVersions: (_root, { entryId, ...args }, { unit }, info) =>
      knowledgeVersionList(knowledgeOf(unit), entryId, args, wantedOf(info)),
    knowledgeVersion: (_root, { entryId, version }, { unit }) => knowledgeVersion(knowledgeOf(unit), entryId, version),
    compareKnowledgeVersions: (_root, args, { unit }) => compareKnowledgeVersions(knowledgeOf(unit), args),
  },
  Mutation: {
    createKnowledgeEntry: async (_root, { input }, context) => ({ entry: await createKnowledgeEntry(context, input) }),
    updateKnowledgeEntry: async (_root, { input }, context) => ({ entry: await updateKnowledgeEntry(context, input) }),
    publishKnowledgeEntry: async (_root, { input }, context) => ({
      entry: await publishKnowledgeEntry(context, input),
    }),
    unpublishKnowledgeEntry: async (_root, { input }, context) => ({
      entry: await unpublishKnowledgeEntry(context, input.id),
    }),
    deleteKnowledgeEntry: async (_root, { input }, context) => ({
      deletedId: globalId('KnowledgeEntry', await deleteKnowledgeEntry(context, input.id)),
    }),
    restoreKnowledgeVersion: async (_root, { input }, context) => ({
      entry: await restoreKnowledgeVersion(context, input),
    }),
  },
  KnowledgeEntry: {
    group: ({ groupId }, _args, { unit }) => (groupId === null ? null : groupById(unit).load(groupId)),
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
    editedBy: ({ editedById }, _args, { unit }) => (editedById === null ? null : memberUserById(unit).load(editedById)),
    versions: ({ id }, args, { unit }, info) =>
      versionsByEntry<KnowledgeVersionRow>(knowledgeOf(unit), args, id, wantedOf(info)),
  },
  KnowledgeVersion: {
    editor: ({ editorId }, _args, { unit }) => (editorId === null ? null : memberUserById(unit).load(editorId)),
    entry: ({ entryId }, _args, { unit }) => found('KnowledgeEntry', entryId, knowledgeEntryById(knowledgeOf(unit))),
  },
};

type Loading = Parameters<typeof knowledgeEntryById>[0];

/** How `node(id)` finds the entities of this subject. */
export const nodes = {
  KnowledgeEntry: (unit: Loading) => knowledgeEntryById(knowledgeOf(unit)),
  KnowledgeVersion: (unit: Loading) => knowledgeVersionById(knowledgeOf(unit)),
};
