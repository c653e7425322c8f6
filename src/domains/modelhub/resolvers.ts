import type { Resolvers } from '../../generated/resolvers.ts';
import { modelById } from './loaders.ts';
import { setWorkspaceModel } from './operations.ts';

export const resolvers: Resolvers = {
  Mutation: {
    setWorkspaceModel: async (_root, { input }, context) => ({ workspace: await setWorkspaceModel(context, input) }),
  },
  Workspace: {
    chatModel: ({ chatModelId }, _args, { unit }) => (chatModelId === null ? null : modelById(unit).load(chatModelId)),
    agentModel: ({ agentModelId }, _args, { unit }) =>
      agentModelId === null ? null : modelById(unit).load(agentModelId),
  },
};
