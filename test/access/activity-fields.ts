import { byAdmins, type Fixture, type Fixtures } from './fixture.ts';

/** Administrators see what all members did, members their own, of which nothing is the owner's. Guests see nothing of it. */
const listed: Fixture['gets'] = {
  otherwise: 'own',
  anonymous: 'UNAUTHENTICATED',
  guest: 'FORBIDDEN',
  keyWithoutScope: 'FORBIDDEN',
  admin: 'data',
  owner: 'data',
  key: 'data',
};

/** What members did. */
export const fixtures: Fixtures = {
  queries: {
    userActivities: { gets: listed, field: 'userActivities(first: 100) { totalCount edges { node { action } } }' },
    userSessions: {
      gets: byAdmins,
      field:
        'userSessions(userId: $User, from: "2026-01-10T00:00:00Z", to: "2026-01-11T00:00:00Z") { edges { node { requests } } }',
      shows: /"requests":1/,
    },
    userEngagement: {
      gets: listed,
      field: 'userEngagement(first: 100) { totalCount edges { node { requests } } }',
      shows: /"requests":4242/,
    },
    userActivitySummary: {
      gets: listed,
      field: 'userActivitySummary(first: 100) { totalCount edges { node { name role } } }',
    },
  },
};
