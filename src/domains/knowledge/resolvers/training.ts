import type { UnitOfWork } from '../../../database/unit-of-work.ts';
import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { groupById } from '../../tenancy/group-loaders.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { knowledgeOf } from '../schema.ts';
import { deleteTrainingExample, updateTrainingExample, validateTrainingExample } from '../training.ts';
import { trainingExampleById, trainingExampleList } from '../training-loaders.ts';

const memberOf = (unit: UnitOfWork, id: string | null) => (id === null ? null : memberUserById(unit).load(id));

export const resolvers: Resolvers = {
  Query: {
    trainingExamples: (_root, args, { unit }) => trainingExampleList(knowledgeOf(unit), args),
    trainingExample: (_root, { id }, { unit }) => found('TrainingExample', id, trainingExampleById(knowledgeOf(unit))),
  },
  Mutation: {
    updateTrainingExample: async (_root, { input }, context) => ({
      trainingExample: await updateTrainingExample(context, input),
    }),
    deleteTrainingExample: async (_root, { input }, context) => ({
      deletedId: globalId('TrainingExample', await deleteTrainingExample(context, input.id)),
    }),
    validateTrainingExample: async (_root, { input }, context) => ({
      trainingExample: await validateTrainingExample(context, input),
    }),
  },
  TrainingExample: {
    group: ({ groupId }, _args, { unit }) => (groupId === null ? null : groupById(unit).load(groupId)),
    used: ({ usedAt }) => usedAt !== null,
    validatedBy: ({ validatedById }, _args, { unit }) => memberOf(unit, validatedById),
    createdBy: ({ createdById }, _args, { unit }) => memberOf(unit, createdById),
    editedBy: ({ editedById }, _args, { unit }) => memberOf(unit, editedById),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { TrainingExample: (unit: UnitOfWork) => trainingExampleById(knowledgeOf(unit)) };
