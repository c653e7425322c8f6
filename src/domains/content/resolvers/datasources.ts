import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import { secretNames } from '../datasource-configuration.ts';
import type { DatasourceRow } from '../datasource-tables.ts';
import { createDatasource, deleteDatasource, updateDatasource } from '../datasources.ts';
import {
  datasourceById,
  datasourceList,
  encryptedSecretsById,
  failureList,
  queueByDatasource,
  syncFailureById,
} from '../sync-loaders.ts';
import type { SyncFailureRow } from '../sync-tables.ts';

export const resolvers: Resolvers = {
  Query: { datasource: (_root, { id }, { unit }) => found('Datasource', id, datasourceById(unit)) },
  Mutation: {
    createDatasource: async (_root, { input }, context) => ({ datasource: await createDatasource(context, input) }),
    updateDatasource: async (_root, { input }, context) => ({ datasource: await updateDatasource(context, input) }),
    deleteDatasource: async (_root, { input }, context) => ({
      deletedId: globalId('Datasource', await deleteDatasource(context, input)),
    }),
  },
  Workspace: {
    datasources: (workspace, args, { unit }) => datasourceList<DatasourceRow>(unit, args, workspace.id),
  },
  Document: {
    datasource: ({ datasourceId }, _args, { unit }) =>
      datasourceId === null ? null : datasourceById(unit).load(datasourceId),
  },
  Datasource: {
    secretsSet: async ({ id }, _args, { unit, services }) => {
      const stored = await encryptedSecretsById(unit).load(id);
      return secretNames(services.keyRing, stored?.encryptedSecrets ?? null);
    },
    workspace: ({ workspaceId }, _args, { unit }) => found('Workspace', workspaceId, workspaceById(unit)),
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
    sync: ({ id }, _args, { unit }) => found('SyncQueue', id, queueByDatasource(unit)),
    failures: ({ id }, args, { unit }) => failureList<SyncFailureRow>(unit, args, id),
  },
  SyncFailure: {
    datasource: ({ datasourceId }, _args, { unit }) => found('Datasource', datasourceId, datasourceById(unit)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { Datasource: datasourceById, SyncFailure: syncFailureById };
