import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { groupById } from '../../tenancy/group-loaders.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { createApiConfiguration, deleteApiConfiguration, updateApiConfiguration } from '../api-configurations.ts';
import { importApiOperations } from '../api-import.ts';
import { apiConfigurationById, apiConfigurationList, apiOperationById, operationsByApi } from '../api-loaders.ts';
import { createApiOperation, deleteApiOperation, updateApiOperation } from '../api-operations.ts';
import { testApiConfiguration } from '../api-testing.ts';

export const resolvers: Resolvers = {
  Query: {
    apiConfigurations: (_root, args, { unit }) => apiConfigurationList(unit, args),
    apiConfiguration: (_root, { id }, { unit }) => found('ApiConfiguration', id, apiConfigurationById(unit)),
  },
  Mutation: {
    createApiConfiguration: async (_root, { input }, context) => ({
      apiConfiguration: await createApiConfiguration(context, input),
    }),
    updateApiConfiguration: async (_root, { input }, context) => ({
      apiConfiguration: await updateApiConfiguration(context, input),
    }),
    deleteApiConfiguration: async (_root, { input }, context) => ({
      deletedId: globalId('ApiConfiguration', await deleteApiConfiguration(context, input.id)),
    }),
    testApiConfiguration: async (_root, { input }, context) => ({
      apiConfiguration: await testApiConfiguration(context, input),
    }),
    createApiOperation: async (_root, { input }, context) => ({ operation: await createApiOperation(context, input) }),
    updateApiOperation: async (_root, { input }, context) => ({ operation: await updateApiOperation(context, input) }),
    deleteApiOperation: async (_root, { input }, context) => ({
      deletedId: globalId('ApiOperation', await deleteApiOperation(context, input.id)),
    }),
    importApiOperations: (_root, { input }, context) => importApiOperations(context, input),
  },
  ApiConfiguration: {
    group: ({ groupId }, _args, { unit }) => (groupId === null ? null : groupById(unit).load(groupId)),
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
    operations: ({ id }, _args, { unit }) => operationsByApi(unit).load(id),
  },
  ApiOperation: {
    apiConfiguration: ({ configurationId }, _args, { unit }) =>
      found('ApiConfiguration', configurationId, apiConfigurationById(unit)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { ApiConfiguration: apiConfigurationById, ApiOperation: apiOperationById };
