import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId, isUuid } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { apiKeyById } from '../../tenancy/api-key-loaders.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import { contentByCall } from '../call-contents.ts';
import { modelCallById, modelCallList } from '../call-log.ts';
import type { ExecutionLogRow } from '../execution-tables.ts';
import { modelById, providerById, providerKeyById } from '../loaders.ts';
import type { ModelCallRow } from '../metrics-rows.ts';
import { usageOf } from '../usage.ts';

/** What an id stands for; null without one, and for a name that stands in the place of one. */
const of = <Row>(
  id: string | null | undefined,
  load: (id: string) => Promise<Row | null>,
): Promise<Row | null> | null => (id === null || id === undefined || !isUuid(id) ? null : load(id));
const idOf = (type: string, id: string | null | undefined): string | null =>
  id === null || id === undefined ? null : globalId(type, id);

const keySourceOf = ({ providerKeyId, platformKeyId }: ExecutionLogRow) => {
  if (providerKeyId !== null) return 'ORGANIZATION';
  return platformKeyId === null ? 'NONE' : 'PLATFORM';
};

export const resolvers: Resolvers = {
  Query: {
    modelCalls: (_root, args, { unit }) => modelCallList<ModelCallRow>(unit, args),
    modelCall: (_root, { id }, { unit }) => found('ModelCall', id, modelCallById(unit)),
    // The types say text; the server hands over what the scalar made of it.
    modelUsage: (_root, { grain, from, to, ...args }, { unit }) =>
      usageOf(unit, { ...args, grain: grain ?? null, from: new Date(from), to: new Date(to) }),
  },
  ModelCall: {
    provider: ({ providerId }, _args, { unit }) => of(providerId, (id) => providerById(unit).load(id)),
    model: ({ modelId }, _args, { unit }) => of(modelId, (id) => modelById(unit).load(id)),
    workspace: ({ workspaceId }, _args, { unit }) => of(workspaceId, (id) => workspaceById(unit).load(id)),
    user: ({ userId }, _args, { unit }) => of(userId, (id) => memberUserById(unit).load(id)),
    apiKeyId: ({ apiKeyId }) => idOf('ApiKey', apiKeyId),
    apiKey: ({ apiKeyId }, _args, { unit }) => of(apiKeyId, (id) => apiKeyById(unit).load(id)),
    currency: () => 'USD',
    keySource: keySourceOf,
    providerKeyId: ({ providerKeyId }) => idOf('ProviderKey', providerKeyId),
    providerKey: ({ providerKeyId }, _args, { unit }) => of(providerKeyId, (id) => providerKeyById(unit).load(id)),
    input: async ({ id }, _args, { unit }) => (await contentByCall(unit).load(id))?.input?.text ?? null,
    output: async ({ id }, _args, { unit }) => (await contentByCall(unit).load(id))?.output?.text ?? null,
  },
  ModelUsageGroup: {
    model: ({ keys }, _args, { unit }) => of(keys.MODEL, (id) => modelById(unit).load(id)),
    provider: ({ keys }, _args, { unit }) => of(keys.PROVIDER, (id) => providerById(unit).load(id)),
    user: ({ keys }, _args, { unit }) => of(keys.USER, (id) => memberUserById(unit).load(id)),
    userId: ({ keys }) => idOf('User', keys.USER),
    workspace: ({ keys }, _args, { unit }) => of(keys.WORKSPACE, (id) => workspaceById(unit).load(id)),
    workspaceId: ({ keys }) => idOf('Workspace', keys.WORKSPACE),
    purpose: ({ keys }) => keys.PURPOSE ?? null,
    apiKeyId: ({ keys }) => idOf('ApiKey', keys.API_KEY),
    apiKey: ({ keys }, _args, { unit }) => of(keys.API_KEY, (id) => apiKeyById(unit).load(id)),
    // The casts are safe: the columns hold these words alone.
    status: ({ keys }) => (keys.STATUS ?? null) as ModelCallRow['status'] | null,
    keySource: ({ keys }) => (keys.KEY_SOURCE ?? null) as ReturnType<typeof keySourceOf> | null,
  },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = { ModelCall: modelCallById };
