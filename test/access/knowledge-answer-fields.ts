import { byEverybody, inWorkspace, type Fixture, type Fixtures } from './fixture.ts';
import { secret } from './cast.ts';

/** Members of whatever organization, of the bank of their own. */
const byMembers: Fixture['gets'] = { ...byEverybody, guest: 'FORBIDDEN', keyWithoutScope: 'FORBIDDEN' };
const listed: Fixture['gets'] = { ...byMembers, stranger: 'own', platformAdmin: 'own' };
/** Administrators of whatever organization. */
const byOwnAdmins: Fixture['gets'] = {
  otherwise: 'FORBIDDEN',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'data',
  platformAdmin: 'data',
  admin: 'data',
  owner: 'data',
  key: 'data',
};
const shows = /"language":"en"/;

/** Search of the knowledge bank, and answers from it. */
export const fixtures: Fixtures = {
  queries: {
    searchKnowledge: {
      gets: listed,
      field: `searchKnowledge(query: "${secret}") { edges { node { entry { title } } } }`,
    },
    knowledgeBank: { gets: byMembers, field: 'knowledgeBank { language }', shows },
  },
  mutations: {
    setKnowledgeBank: {
      gets: byOwnAdmins,
      field: 'setKnowledgeBank(input: { language: "en" }) { knowledgeBank { language } }',
      shows,
    },
  },
  connections: {
    'KnowledgeEntry.usedIn': { gets: { ...inWorkspace, guest: 'FORBIDDEN', neighbour: 'own' } },
  },
};
