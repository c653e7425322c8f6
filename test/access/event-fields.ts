import { secret } from './cast.ts';
import { byEverybody, inWorkspace, type Fixture, type Fixtures } from './fixture.ts';

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

/** Recorded events, and files of analytics. */
export const fixtures: Fixtures = {
  queries: {
    analyticsEvents: {
      gets: byManagers,
      field: 'analyticsEvents(first: 100, filter: { source: { eq: CLIENT } }) { edges { node { properties } } }',
    },
    eventNames: {
      gets: byManagers,
      field: `eventNames(${time}, workspaceId: $Workspace) { name count }`,
      shows: new RegExp(secret.toLowerCase()),
    },
  },
  mutations: {
    recordEvents: {
      gets: inWorkspace,
      field: 'recordEvents(input: { events: [{ name: "page_view", workspaceId: $Workspace }] }) { recorded }',
      shows: /recorded/,
    },
    exportAnalytics: {
      gets: { ...byEverybody, guest: 'FORBIDDEN', keyWithoutScope: 'FORBIDDEN' },
      field: `exportAnalytics(input: { kind: ACTIVITIES, ${time} }) { job { id } }`,
      shows: /job_/,
    },
  },
};
