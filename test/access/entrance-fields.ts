import { secret } from './cast.ts';
import { byEverybody, type Fixtures } from './fixture.ts';

/** Who one is, and what any id leads to. */
export const fixtures: Fixtures = {
  queries: {
    viewer: {
      // Members of one organization see its name.
      gets: { ...byEverybody, stranger: 'own', platformAdmin: 'own' },
      field: 'viewer { user { name } organization { name } }',
    },
    node: {
      gets: {
        ...byEverybody,
        stranger: 'NOT_FOUND',
        platformAdmin: 'NOT_FOUND',
        neighbour: 'NOT_FOUND',
        keyWithoutScope: 'FORBIDDEN',
      },
      field: 'node(id: $Document) { ... on Document { title text } }',
    },
    nodes: {
      gets: { ...byEverybody, stranger: 'own', platformAdmin: 'own', neighbour: 'own', keyWithoutScope: 'FORBIDDEN' },
      field:
        'nodes(ids: [$Document, $DocumentChunk, $Conversation, $Message, $Workspace]) { ... on Document { title } }',
    },
  },
  mutations: {
    signUp: {
      gets: { otherwise: 'data', suspended: 'data', expired: 'data' },
      field: `signUp(input: { email: $Address, password: "correct horse battery", name: "New", organizationName: "New" }) { user { name } }`,
      shows: /New/,
      target: async () => ({ Address: `new-${crypto.randomUUID()}@example.com` }),
    },
    signIn: {
      gets: { otherwise: 'data', suspended: 'data', expired: 'data' },
      // Whoever knows the password may, whatever token they carry.
      field: `signIn(input: { email: $OwnerEmail, password: "correct horse battery" }) { user { name } }`,
      shows: new RegExp(secret),
    },
    signOut: {
      // A key is no session, and there is nothing to end.
      gets: { ...byEverybody, key: 'FORBIDDEN', keyWithoutScope: 'FORBIDDEN' },
      field: 'signOut { signedOut }',
      shows: /true/,
    },
  },
};
