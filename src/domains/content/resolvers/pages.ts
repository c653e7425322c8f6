import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { viewerOf } from '../../context.ts';
import { savePage, savingPlaces } from '../pages.ts';

export const resolvers: Resolvers = {
  Query: {
    savingPlaces: (_root, args, context) => savingPlaces(context.unit, viewerOf(context), args),
  },
  Mutation: {
    savePage: async (_root, { input }, context) => {
      const { documentId, ...saved } = await savePage(context, input);
      return { documentId: globalId('Document', documentId), ...saved };
    },
  },
  SavingPlace: {
    id: ({ id }) => globalId('Workspace', id),
  },
};
