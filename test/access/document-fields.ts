import type { Person } from '../testbed.ts';
import { secret } from './cast.ts';
import { byEditors, byEverybody, inWorkspace, type Fixtures } from './fixture.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

type Ids = Readonly<Record<string, string>>;

const added = async (owner: Person, { Workspace }: Ids): Promise<Data> => {
  const data: Data = await owner.want(
    `mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id chunks { edges { node { id } } } } } }`,
    { input: { workspaceId: Workspace, title: `${secret} fresh`, text: `${secret} fresh`, wait: true } },
  );
  return data.addDocument.document;
};
const newDocument = async (owner: Person, ids: Ids) => ({ Fresh: (await added(owner, ids)).id });
const newChunk = async (owner: Person, ids: Ids) => ({ Fresh: (await added(owner, ids)).chunks.edges[0].node.id });
const newVersion = async (owner: Person, ids: Ids) => {
  const { Fresh } = await newDocument(owner, ids);
  await owner.want('mutation ($input: UpdateDocumentInput!) { updateDocument(input: $input) { document { id } } }', {
    input: { id: Fresh, text: `${secret} other`, wait: true },
  });
  return { Fresh };
};

/** Documents as people handle them: pins, versions, passages, previews. */
export const fixtures: Fixtures = {
  queries: {
    documents: {
      gets: { ...byEverybody, stranger: 'own', platformAdmin: 'own', neighbour: 'own', keyWithoutScope: 'FORBIDDEN' },
      field: 'documents(first: 100) { totalCount edges { node { title metadata preview { text } } } }',
    },
    documentVersion: {
      gets: inWorkspace,
      field: 'documentVersion(id: $DocumentVersion) { title text document { title } replacedBy { name } }',
    },
    compareDocumentVersions: {
      gets: inWorkspace,
      field: 'compareDocumentVersions(id: $Versioned, from: 1, to: 2) { hunks { lines } }',
    },
  },
  mutations: {
    pinDocument: {
      gets: byEditors,
      field: 'pinDocument(input: { id: $Fresh }) { document { title } }',
      target: newDocument,
    },
    unpinDocument: {
      gets: byEditors,
      field: 'unpinDocument(input: { id: $Fresh }) { document { title } }',
      target: newDocument,
    },
    restoreDocumentVersion: {
      gets: byEditors,
      field: 'restoreDocumentVersion(input: { id: $Fresh, version: 1, wait: true }) { document { text } }',
      target: newVersion,
    },
    disableChunk: {
      gets: byEditors,
      field: 'disableChunk(input: { id: $Fresh }) { chunk { text } }',
      target: newChunk,
    },
    enableChunk: {
      gets: byEditors,
      field: 'enableChunk(input: { id: $Fresh }) { chunk { text } }',
      target: newChunk,
    },
    previewUpload: {
      // It is in a document of the workspace; a guest makes no documents.
      gets: { ...inWorkspace, guest: 'FORBIDDEN' },
      field: 'previewUpload(input: { fileId: $File }) { title text }',
    },
  },
  subscriptions: {
    documentEvents: {
      gets: inWorkspace,
      field: 'documentEvents(workspaceId: $Workspace) { ... on DocumentChanged { document { title } } }',
      meanwhile: async (owner, ids) => {
        await added(owner, ids);
      },
    },
  },
  connections: {
    'Document.versions': {
      gets: inWorkspace,
      field: 'document(id: $Versioned) { versions { totalCount edges { node { __typename } } } }',
    },
    'Workspace.documentTags': { gets: inWorkspace },
  },
};
