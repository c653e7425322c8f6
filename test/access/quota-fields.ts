import { byEverybody, type Fixtures } from './fixture.ts';

/** Bounds on questions. */
export const fixtures: Fixtures = {
  queries: {
    quotas: {
      gets: { ...byEverybody, otherwise: 'own', keyWithoutScope: 'FORBIDDEN' },
      field: 'quotas { subject limit used }',
    },
  },
  mutations: {},
  connections: {},
};
