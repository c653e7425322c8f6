import type { Resolvers } from '../../../generated/resolvers.ts';
import { usesOfEntry } from '../knowledge-uses.ts';

export const resolvers: Resolvers = {
  KnowledgeEntry: {
    usedIn: ({ id }, args, { unit }) => usesOfEntry(unit, args, id),
  },
};
