import type { Fixture, Fixtures } from './fixture.ts';

/** Managers and those above them, each about what they see. */
const byManagers: Fixture['gets'] = {
  otherwise: 'FORBIDDEN',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'own',
  platformAdmin: 'own',
  manager: 'data',
  admin: 'data',
  owner: 'data',
  key: 'data',
};

const now = Date.now();
const time = `from: "${new Date(now - 86_400_000).toISOString()}", to: "${new Date(now + 86_400_000).toISOString()}"`;

/** Calls of models, and what they come to. */
export const fixtures: Fixtures = {
  queries: {
    modelCalls: {
      gets: byManagers,
      field:
        'modelCalls(filter: { messageId: { eq: $Message } }) { edges { node { modelName purpose cost user { name } } } }',
      shows: /extractive/,
    },
    modelCall: {
      gets: { ...byManagers, stranger: 'NOT_FOUND', platformAdmin: 'NOT_FOUND' },
      field:
        'modelCall(id: $ModelCall) { modelName purpose status workspace { name } providerKeyId apiKey { label } input }',
      shows: /modelName/,
    },
    modelUsage: {
      gets: byManagers,
      field: `modelUsage(groupBy: [MODEL, WORKSPACE, USER], ${time}, filter: { purpose: { eq: "answer" } }) { rows { modelName calls cost workspace { name } user { name } } }`,
      shows: /extractive/,
    },
  },
};
