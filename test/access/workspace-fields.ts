import { byEditors, byEverybody, byPlatform, byWorkspaceAdmins, inWorkspace, type Fixtures } from './fixture.ts';
import { secret, whole } from './cast.ts';
import { uuidOf } from '../talk.ts';
import { globalId } from '../../src/ids.ts';
import { eq } from 'drizzle-orm';
import { database } from '../../src/database/client.ts';
import { documents } from '../../src/domains/content/tables.ts';
import { messages } from '../../src/domains/conversations/tables.ts';
import type { Person, Testbed } from '../testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const id = async (owner: Person, field: string, path: readonly [string, string]): Promise<string> => {
  const data: Data = await owner.want(`mutation { ${field} { ${path[1]} { id } } }`);
  return data[path[0]][path[1]].id;
};
const quoted = JSON.stringify;

const newWorkspace = async (owner: Person) => ({
  Fresh: await id(owner, `createWorkspace(input: { name: "${secret} fresh" })`, ['createWorkspace', 'workspace']),
});
const newDocument = async (owner: Person, ids: Readonly<Record<string, string>>) => ({
  Fresh: await id(
    owner,
    `addDocument(input: { workspaceId: ${quoted(ids.Workspace)}, title: "${secret} fresh", text: "${secret} fresh", wait: true })`,
    ['addDocument', 'document'],
  ),
});
const newConversation = async (owner: Person, ids: Readonly<Record<string, string>>) => ({
  Fresh: await id(
    owner,
    `startConversation(input: { workspaceId: ${quoted(ids.Workspace)}, title: "${secret} fresh" })`,
    ['startConversation', 'conversation'],
  ),
});
const newProviderKey = async (owner: Person, ids: Readonly<Record<string, string>>) => ({
  Fresh: await id(
    owner,
    `createProviderKey(input: { providerId: ${quoted(ids.Provider)}, label: ${quoted(crypto.randomUUID())}, key: "sk-12345678" })`,
    ['createProviderKey', 'providerKey'],
  ),
});

/** A document that could not be read. */
const failedDocument = async (owner: Person, ids: Readonly<Record<string, string>>, bed: Testbed) => {
  const { Fresh } = await newDocument(owner, ids);
  await whole(bed, String(ids.Organization)).transact(() =>
    database
      .update(documents)
      .set({ status: 'FAILED', failure: 'Planted.' })
      .where(eq(documents.id, uuidOf(Fresh))),
  );
  return { Fresh };
};

/** An answer to the owner that is being written, by a process that does not hear of its being called off. */
const streamingAnswer = async (_owner: Person, ids: Readonly<Record<string, string>>, bed: Testbed) => {
  const unit = whole(bed, String(ids.Organization));
  const place = {
    organizationId: uuidOf(String(ids.Organization)),
    workspaceId: uuidOf(String(ids.Workspace)),
    conversationId: uuidOf(String(ids.Conversation)),
  };
  const answer = { ...place, role: 'ASSISTANT', content: secret, status: 'STREAMING' } as const;
  const leaseUntil = new Date(Date.now() + 60_000).toISOString();
  const [row] = await unit.transact(() =>
    database
      .insert(messages)
      .values({ ...answer, leaseUntil })
      .returning(),
  );
  return { Fresh: globalId('Message', row?.id ?? '') };
};

/** Whoever started it, and whoever manages the workspace. */
const byItsOwner = byWorkspaceAdmins;
/** A new thing of their own answers everybody who may make it; what they make says nothing of the organization to others. */
const modelManagers = {
  otherwise: 'FORBIDDEN',
  anonymous: 'UNAUTHENTICATED',
  admin: 'data',
  owner: 'data',
  key: 'data',
} as const;

/** What a workspace holds and what answers its questions. */
export const fixtures: Fixtures = {
  queries: {
    workspace: { gets: inWorkspace, field: 'workspace(id: $Workspace) { name }' },
    workspaces: {
      gets: { ...byEverybody, stranger: 'own', platformAdmin: 'own', neighbour: 'own', keyWithoutScope: 'FORBIDDEN' },
      field: 'workspaces(first: 100) { totalCount edges { node { name } } }',
    },
    document: { gets: inWorkspace, field: 'document(id: $Document) { title text chunks { totalCount } }' },
    file: {
      // It is in a document of the workspace.
      gets: inWorkspace,
      field: 'file(id: $File) { name sha256 }',
    },
    search: {
      gets: inWorkspace,
      field: `search(workspaceId: $Workspace, query: "${secret} roses") { edges { node { text } } }`,
    },
    conversation: {
      gets: inWorkspace,
      field: 'conversation(id: $Conversation) { messages { totalCount edges { node { content } } } }',
    },
    // Providers and models belong to the whole installation.
    providers: { gets: byEverybody, field: 'providers { edges { node { slug } } }', shows: /example/ },
    models: { gets: byEverybody, field: 'models { edges { node { name } } }', shows: /example/ },
    providerKeys: {
      gets: { ...modelManagers, stranger: 'own', platformAdmin: 'own' },
      field: 'providerKeys(first: 100) { totalCount edges { node { label } } }',
    },
    job: {
      gets: { ...inWorkspace },
      field: 'job(id: $Job) { state kind }',
      shows: /SUCCEEDED/,
    },
  },
  mutations: {
    createWorkspace: {
      gets: {
        otherwise: 'FORBIDDEN',
        anonymous: 'UNAUTHENTICATED',
        stranger: 'data',
        platformAdmin: 'data',
        manager: 'data',
        admin: 'data',
        owner: 'data',
        key: 'data',
      },
      field: 'createWorkspace(input: { name: "Mine" }) { workspace { name } }',
      shows: /Mine/,
    },
    updateWorkspace: {
      gets: byWorkspaceAdmins,
      field: `updateWorkspace(input: { id: $Workspace, name: "${secret} New" }) { workspace { name } }`,
    },
    deleteWorkspace: {
      gets: {
        ...byWorkspaceAdmins,
        // It is the owner's, and nobody else has joined it.
        guest: 'NOT_FOUND',
        viewer: 'NOT_FOUND',
        editor: 'NOT_FOUND',
        manager: 'NOT_FOUND',
        workspaceAdmin: 'NOT_FOUND',
      },
      field: 'deleteWorkspace(input: { id: $Fresh }) { deletedId }',
      shows: /workspace_/,
      target: newWorkspace,
    },
    setWorkspaceModel: {
      gets: byWorkspaceAdmins,
      field: 'setWorkspaceModel(input: { workspaceId: $Workspace, modelId: null }) { workspace { name } }',
    },
    createUpload: {
      gets: { ...byEverybody, guest: 'FORBIDDEN', keyWithoutScope: 'FORBIDDEN' },
      field: 'createUpload(input: { name: "a.txt", size: 1, mimeType: "text/plain" }) { file { name } }',
      shows: /a\.txt/,
    },
    addDocument: {
      gets: byEditors,
      field: `addDocument(input: { workspaceId: $Workspace, title: "${secret} New", text: "New", wait: true }) { document { title } }`,
    },
    updateDocument: {
      gets: byEditors,
      field: `updateDocument(input: { id: $Document, title: "${secret}" }) { document { title } }`,
    },
    reprocessDocument: {
      gets: byEditors,
      field: 'reprocessDocument(input: { id: $Fresh }) { document { title } }',
      target: failedDocument,
    },
    deleteDocument: {
      gets: byEditors,
      field: 'deleteDocument(input: { id: $Fresh }) { deletedId }',
      shows: /document_/,
      target: newDocument,
    },
    startConversation: {
      gets: inWorkspace,
      field: `startConversation(input: { workspaceId: $Workspace, title: "${secret} New" }) { conversation { title } }`,
    },
    updateConversation: {
      gets: byItsOwner,
      field: `updateConversation(input: { id: $Conversation, title: "${secret}" }) { conversation { title } }`,
    },
    deleteConversation: {
      gets: byItsOwner,
      field: 'deleteConversation(input: { id: $Fresh }) { deletedId }',
      shows: /conversation_/,
      target: newConversation,
    },
    addMessage: {
      gets: inWorkspace,
      field: `addMessage(input: { conversationId: $Conversation, content: "${secret}" }) { message { content } }`,
    },
    ask: {
      gets: inWorkspace,
      field: `ask(input: { conversationId: $Conversation, text: "${secret} roses?" }) { answer { content } }`,
    },
    cancelAnswer: {
      gets: byEditors,
      field: 'cancelAnswer(input: { messageId: $Fresh }) { message { content } }',
      target: streamingAnswer,
    },
    giveFeedback: {
      gets: inWorkspace,
      field: `giveFeedback(input: { messageId: $Message, score: -1, comment: "${secret}" }) { feedback { comment } }`,
    },
    createProvider: {
      gets: byPlatform,
      field: 'createProvider(input: { name: "B", slug: "b", dialect: OPENAI }) { provider { slug } }',
      shows: /"b"/,
    },
    createModel: {
      gets: byPlatform,
      field: 'createModel(input: { providerId: $Provider, name: "b", contextWindow: 4096 }) { model { name } }',
      shows: /"b"/,
    },
    createProviderKey: {
      gets: { ...modelManagers, stranger: 'data', platformAdmin: 'data' },
      field: `createProviderKey(input: { providerId: $Provider, label: $Label, key: "sk-12345678" }) { providerKey { label } }`,
      shows: /label-/,
      target: async () => ({ Label: `label-${crypto.randomUUID()}` }),
    },
    deleteProviderKey: {
      gets: { ...modelManagers, stranger: 'NOT_FOUND', platformAdmin: 'NOT_FOUND' },
      field: 'deleteProviderKey(input: { id: $Fresh }) { deletedId }',
      shows: /provider_key_/,
      target: newProviderKey,
    },
  },
  subscriptions: {
    jobProgress: { gets: inWorkspace, field: 'jobProgress(id: $Job) { state }', shows: /SUCCEEDED/ },
    answerStream: {
      gets: inWorkspace,
      field: 'answerStream(conversationId: $Conversation) { __typename }',
      shows: /AnswerStarted/,
      meanwhile: async (owner, { Conversation }) => {
        await owner.want(
          `mutation { ask(input: { conversationId: ${quoted(Conversation)}, text: "Roses?" }) { answer { id } } }`,
        );
      },
    },
  },
  connections: {
    'Conversation.messages': { gets: inWorkspace },
    'Document.chunks': { gets: inWorkspace },
    'Organization.members': {
      gets: {
        ...byEverybody,
        stranger: 'NOT_FOUND',
        platformAdmin: 'NOT_FOUND',
        guest: 'FORBIDDEN',
        keyWithoutScope: 'FORBIDDEN',
      },
    },
    'Provider.models': { gets: byEverybody },
    'Workspace.conversations': { gets: inWorkspace },
    'Workspace.documents': { gets: inWorkspace },
  },
};
