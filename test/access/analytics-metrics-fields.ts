import { byAdmins, type Fixture, type Fixtures } from './fixture.ts';

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

/** Figures, and those that are rolled up. */
export const fixtures: Fixtures = {
  queries: {
    metrics: {
      gets: byManagers,
      field: `metrics(input: { measures: [MESSAGES, MODEL_CALLS], dimensions: [WORKSPACE], ${time} }) { rows { keys { workspace { name } } values { value } } }`,
    },
    rolledUpMetrics: {
      gets: byManagers,
      field:
        'rolledUpMetrics(first: 100, filter: { name: { eq: MESSAGES } }) { edges { node { value workspace { name } } } }',
    },
  },
  mutations: {
    rebuildMetrics: {
      gets: { ...byAdmins, stranger: 'data', platformAdmin: 'data' },
      field: `rebuildMetrics(input: { ${time} }) { job { id } }`,
      shows: /job_/,
    },
  },
};
