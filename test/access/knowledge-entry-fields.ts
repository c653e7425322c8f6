import { secret } from './cast.ts';
import { filledEntry } from './filled-entries.ts';
import type { Fixture, Fixtures } from './fixture.ts';

/** Every member of the organization reads what is published for all; guests do not. */
const byMembers: Fixture['gets'] = {
  otherwise: 'data',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'NOT_FOUND',
  platformAdmin: 'NOT_FOUND',
  guest: 'FORBIDDEN',
  keyWithoutScope: 'FORBIDDEN',
};
const listed: Fixture['gets'] = { ...byMembers, stranger: 'own', platformAdmin: 'own' };
/** Managers and above change what they see. */
const byPublishers: Fixture['gets'] = {
  ...byMembers,
  neighbour: 'FORBIDDEN',
  viewer: 'FORBIDDEN',
  editor: 'FORBIDDEN',
  workspaceAdmin: 'FORBIDDEN',
};

/** An entry for each caller. */
const planted =
  (publish: boolean): NonNullable<Fixture['target']> =>
  async (owner) => ({ Planted: (await filledEntry(owner, secret, { publish })).KnowledgeEntry });

/** Entries of the knowledge bank and their versions. */
export const fixtures: Fixtures = {
  queries: {
    knowledgeEntry: { gets: byMembers, field: 'knowledgeEntry(id: $KnowledgeEntry) { content }' },
    knowledgeEntries: { gets: listed, field: 'knowledgeEntries(first: 100) { edges { node { content } } }' },
    knowledgeCategories: { gets: listed, field: 'knowledgeCategories(first: 100) { edges { node { name } } }' },
    knowledgeVersions: {
      gets: byMembers,
      field: 'knowledgeVersions(entryId: $KnowledgeEntry) { edges { node { content } } }',
    },
    knowledgeVersion: {
      gets: byMembers,
      field: 'knowledgeVersion(entryId: $KnowledgeEntry, version: 1) { content }',
    },
    compareKnowledgeVersions: {
      gets: byMembers,
      field: 'compareKnowledgeVersions(entryId: $KnowledgeEntry, from: 1, to: 1) { from { content } }',
    },
  },
  mutations: {
    createKnowledgeEntry: {
      gets: { ...byMembers, stranger: 'data', platformAdmin: 'data' },
      field: 'createKnowledgeEntry(input: { title: "x", content: "x", category: "x" }) { entry { id } }',
      shows: /knowledge_entry_/,
    },
    updateKnowledgeEntry: {
      gets: byPublishers,
      field: 'updateKnowledgeEntry(input: { id: $Planted, title: "x" }) { entry { content } }',
      target: planted(true),
    },
    publishKnowledgeEntry: {
      // A draft of the owner's is seen by administrators alone.
      gets: { ...byPublishers, manager: 'NOT_FOUND' },
      field: 'publishKnowledgeEntry(input: { id: $Planted }) { entry { content } }',
      target: planted(false),
    },
    unpublishKnowledgeEntry: {
      gets: byPublishers,
      field: 'unpublishKnowledgeEntry(input: { id: $Planted }) { entry { content } }',
      target: planted(true),
    },
    deleteKnowledgeEntry: {
      gets: byPublishers,
      field: 'deleteKnowledgeEntry(input: { id: $Planted }) { deletedId }',
      shows: /knowledge_entry_/,
      target: planted(true),
    },
    restoreKnowledgeVersion: {
      gets: byPublishers,
      field: 'restoreKnowledgeVersion(input: { entryId: $Planted, version: 1 }) { entry { content } }',
      target: planted(true),
    },
  },
  connections: {
    'KnowledgeEntry.versions': { gets: byMembers },
  },
};
