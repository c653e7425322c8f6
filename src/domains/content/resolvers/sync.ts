import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import { documentById } from '../loaders.ts';
import { datasourceById, executionList, queueByDocument, syncExecutionById, syncQueueById } from '../sync-loaders.ts';
import { syncProgress } from '../sync-progress.ts';
import {
  cancelSync,
  dismissSyncFailure,
  pauseSync,
  resumeSync,
  retrySyncFailure,
  syncDatasource,
  syncDocument,
  updateSyncSchedule,
} from '../sync-requests.ts';
import type { SyncExecutionRow } from '../sync-tables.ts';
import { unwatchDocument, watchDocument } from '../watching.ts';

export const resolvers: Resolvers = {
  Mutation: {
    syncDatasource: (_root, { input }, context) => syncDatasource(context, input.id),
    syncDocument: (_root, { input }, context) => syncDocument(context, input.id),
    watchDocument: async (_root, { input }, context) => ({ document: await watchDocument(context, input) }),
    unwatchDocument: async (_root, { input }, context) => ({ document: await unwatchDocument(context, input.id) }),
    pauseSync: async (_root, { input }, context) => ({ queue: await pauseSync(context, input) }),
    resumeSync: async (_root, { input }, context) => ({ queue: await resumeSync(context, input.id) }),
    cancelSync: async (_root, { input }, context) => ({ execution: await cancelSync(context, input.id) }),
    updateSyncSchedule: async (_root, { input }, context) => ({ queue: await updateSyncSchedule(context, input) }),
    retrySyncFailure: (_root, { input }, context) => retrySyncFailure(context, input.id),
    dismissSyncFailure: async (_root, { input }, context) => ({
      deletedId: globalId('SyncFailure', await dismissSyncFailure(context, input.id)),
    }),
  },
  Subscription: {
    syncProgress: { subscribe: (_root, { datasourceId }, context) => syncProgress(context, datasourceId) },
  },
  Document: {
    watched: async ({ id }, _args, { unit }) => (await queueByDocument(unit).load(id)) !== null,
    sync: ({ id }, _args, { unit }) => queueByDocument(unit).load(id),
  },
  SyncQueue: {
    workspace: ({ workspaceId }, _args, { unit }) => found('Workspace', workspaceId, workspaceById(unit)),
    datasource: ({ datasourceId }, _args, { unit }) =>
      datasourceId === null ? null : datasourceById(unit).load(datasourceId),
    document: ({ documentId }, _args, { unit }) => (documentId === null ? null : documentById(unit).load(documentId)),
    executions: ({ id }, args, { unit }) => executionList<SyncExecutionRow>(unit, args, id),
  },
  SyncExecution: {
    requestedBy: ({ requestedById }, _args, { unit }) =>
      requestedById === null ? null : memberUserById(unit).load(requestedById),
    queue: ({ queueId }, _args, { unit }) => found('SyncQueue', queueId, syncQueueById(unit)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { SyncQueue: syncQueueById, SyncExecution: syncExecutionById };
