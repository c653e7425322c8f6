import { byEverybody, type Fixtures } from './fixture.ts';

/** Bounds on questions. */
export const fixtures: Fixtures = {
  queries: {
    quotas: {
      gets: { ...byEverybody, keyWithoutScope: 'FORBIDDEN' },
      field: 'quotas { subject limit used }',
      shows: /quotas/,
    },
  },
  mutations: {},
  connections: {},
};
