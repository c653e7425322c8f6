import type { Fixture, Fixtures } from './fixture.ts';

/** Administrators, each about their own organization's log. */
const byAdmins: Fixture['gets'] = {
  otherwise: 'FORBIDDEN',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'own',
  platformAdmin: 'own',
  admin: 'data',
  owner: 'data',
  key: 'data',
};
/** The same of what looks alike for each organization. */
const byAllAdmins: Fixture['gets'] = { ...byAdmins, stranger: 'data', platformAdmin: 'data' };

const now = Date.now();
const time = `from: "${new Date(now - 86_400_000).toISOString()}", to: "${new Date(now + 86_400_000).toISOString()}"`;

/** The log of changes. */
export const fixtures: Fixtures = {
  queries: {
    eventLog: {
      gets: byAdmins,
      field: 'eventLog(first: 100, filter: { targetId: { eq: $Workspace } }) { edges { node { action } } }',
      shows: /workspace\.created/,
    },
  },
  mutations: {
    exportEventLog: {
      gets: byAllAdmins,
      field: `exportEventLog(input: { ${time} }) { job { id } }`,
      shows: /job_/,
    },
    verifyEventLog: {
      gets: byAllAdmins,
      field: 'verifyEventLog { verification { intact } job { id } }',
      shows: /"intact":true/,
    },
  },
};
