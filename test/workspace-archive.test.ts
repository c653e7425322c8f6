import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { getDirective } from '@graphql-tools/utils';
import {
  getNamedType,
  isInputObjectType,
  isNonNullType,
  isObjectType,
  type GraphQLInputType,
  type GraphQLSchema,
} from 'graphql';
import { buildSchema } from '../src/gateway/schema.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { projectOf, taskIn } from './project-talk.ts';
import { conversationIn, workspaceOf } from './talk.ts';
import { uploaded } from './uploading.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';
import { fingerprint } from './access/cast.ts';
import { filledAgents } from './access/filled-agents.ts';
import { filledEmbed } from './access/filled-embed.ts';
import { filledSync } from './access/filled-sync.ts';
import './source-connector.ts';

const archive = 'mutation ($id: ID!) { archiveWorkspace(input: { id: $id }) { workspace { archivedAt } } }';
const restore = 'mutation ($id: ID!) { restoreWorkspace(input: { id: $id }) { workspace { archivedAt } } }';

/** What every mutation that changes something of a workspace is given; `$workspace` and the like stand for ids in one. In an order in which all can run. */
const changes: Readonly<Record<string, string>> = {
  updateWorkspace: '(input: { id: $workspace, name: "Other" }) { workspace { id } }',
  updateWorkspaceSettings: '(input: { workspaceId: $workspace, tone: "Other" }) { settings { tone } }',
  setSetting:
    '(input: { scope: WORKSPACE, workspaceId: $workspace, key: "clock.time_zone", value: "UTC" }) { setting { key } }',
  setWorkspaceAvatar: '(input: { workspaceId: $workspace, image: null }) { workspace { id } }',
  setWorkspaceModel: '(input: { workspaceId: $workspace, modelId: null }) { workspace { id } }',
  setEmbeddingModel: '(input: { workspaceId: $workspace }) { workspace { id } }',
  addWorkspaceMember: '(input: { workspaceId: $workspace, userId: $bob, role: VIEWER }) { member { id } }',
  changeWorkspaceMemberRole: '(input: { workspaceId: $workspace, userId: $keeper, role: ADMIN }) { member { id } }',
  removeWorkspaceMember: '(input: { workspaceId: $workspace, userId: $viewer }) { deletedId }',
  setWorkspaceMembers:
    '(input: { workspaceId: $workspace, members: [{ userId: $keeper, role: ADMIN }, { userId: $owner, role: ADMIN }] }) { workspace { id } }',
  addDocument: '(input: { workspaceId: $workspace, title: "Other", text: "Other" }) { document { id } }',
  createOrder: '(input: { type: LOAN, conversationId: $conversation }) { order { id } }',
  pinDocument: '(input: { id: $document }) { document { id } }',
  unpinDocument: '(input: { id: $document }) { document { id } }',
  disableChunk: '(input: { id: $chunk }) { chunk { id } }',
  enableChunk: '(input: { id: $chunk }) { chunk { id } }',
  restoreDocumentVersion: '(input: { id: $document, version: 1 }) { document { id } }',
  updateDocument: '(input: { id: $document, title: "Other" }) { document { id } }',
  setDocumentAccess: '(input: { id: $document, access: RESTRICTED }) { document { id } }',
  reprocessDocument: '(input: { id: $document }) { document { id } }',
  moveDocument: '(input: { id: $document, workspaceId: $workspace }) { document { id } }',
  copyDocument: '(input: { id: $document, workspaceId: $workspace }) { document { id } }',
  bulkDocuments: '(input: { documents: { workspaceId: $workspace }, operation: { pin: true } }) { job { id } }',
  watchDocument: '(input: { id: $document }) { document { id } }',
  syncDocument: '(input: { id: $document }) { job { id } }',
  unwatchDocument: '(input: { id: $document }) { document { id } }',
  deleteDocument: '(input: { id: $document }) { deletedId }',
  createDatasource:
    '(input: { workspaceId: $workspace, name: "Other", kind: MANUAL, configuration: {} }) { datasource { id } }',
  updateDatasource: '(input: { id: $Datasource, name: "New" }) { datasource { id } }',
  pauseSync: '(input: { id: $SyncQueue }) { queue { id } }',
  resumeSync: '(input: { id: $SyncQueue }) { queue { id } }',
  updateSyncSchedule: '(input: { id: $SyncQueue }) { queue { id } }',
  cancelSync: '(input: { id: $SyncQueue }) { execution { id } }',
  dismissSyncFailure: '(input: { id: $SyncFailure }) { deletedId }',
  syncDatasource: '(input: { id: $Datasource }) { job { id } }',
  retrySyncFailure: '(input: { id: $OtherFailure }) { job { id } }',
  deleteDatasource: '(input: { id: $Datasource }) { deletedId }',
  savePage:
    '(input: { workspaceId: $workspace, title: "Page", url: "https://example.com/page", text: "Other" }) { title }',
  createPromptVariable:
    '(input: { type: WORKSPACE, workspaceId: $workspace, key: "other", value: "Other" }) { promptVariable { id } }',
  restorePrompt: '(input: { workspaceId: $workspace, version: 1 }) { workspace { id } }',
  setWorkspacePromptTemplate:
    '(input: { workspaceId: $workspace, templateId: $template, label: "latest" }) { workspace { id } }',
  deletePromptHistory: '(input: { workspaceId: $workspace, all: true }) { deletedCount }',
  createSuggestedMessage:
    '(input: { workspaceId: $workspace, heading: "Other", message: "Other" }) { suggestedMessage { id } }',
  updateSuggestedMessage: '(input: { id: $suggested, heading: "Another" }) { suggestedMessage { id } }',
  moveSuggestedMessage: '(input: { id: $suggested, position: 1 }) { suggestedMessage { id } }',
  deleteSuggestedMessage: '(input: { id: $suggested }) { deletedId }',
  setSuggestedMessages:
    '(input: { workspaceId: $workspace, messages: [{ heading: "Other", message: "Other" }] }) { suggestedMessages { id } }',
  startConversation: '(input: { workspaceId: $workspace, title: "Other" }) { conversation { id } }',
  updateConversation: '(input: { id: $conversation, title: "Other" }) { conversation { id } }',
  addMessage: '(input: { conversationId: $conversation, content: "Other" }) { message { id } }',
  ask: '(input: { conversationId: $conversation, text: "Roses?" }) { answer { id } }',
  cancelAnswer: '(input: { messageId: $message }) { message { id } }',
  regenerate: '(input: { messageId: $message }) { answer { id } }',
  editMessage: '(input: { messageId: $message, text: "Other" }) { message { id } }',
  chooseMessage: '(input: { messageId: $message }) { conversation { id } }',
  setMessageIncluded: '(input: { messageId: $message, included: false }) { message { id } }',
  branchConversation: '(input: { messageId: $message }) { conversation { id } }',
  giveFeedback: '(input: { messageId: $message, score: 1 }) { feedback { id } }',
  addParsedFile: '(input: { conversationId: $conversation, fileId: $file }) { parsedFile { id } }',
  moveParsedFile: '(input: { id: $parsedFile }) { deletedId }',
  createEmbedWidget: '(input: { workspaceId: $workspace, name: "Other" }) { embedWidget { id } }',
  updateEmbedWidget: '(input: { id: $EmbedWidget, name: "Other" }) { embedWidget { id } }',
  disableEmbedWidget: '(input: { id: $EmbedWidget }) { embedWidget { id } }',
  enableEmbedWidget: '(input: { id: $EmbedWidget }) { embedWidget { id } }',
  deleteEmbedWidget: '(input: { id: $EmbedWidget }) { deletedId }',
  deleteParsedFile: '(input: { id: $otherParsedFile }) { deletedId }',
  reviewFeedback: '(input: { id: $feedback }) { feedback { id } }',
  deleteFeedback: '(input: { id: $feedback }) { deletedId }',
  pinConversation: '(input: { id: $conversation }) { conversation { id } }',
  unpinConversation: '(input: { id: $conversation }) { conversation { id } }',
  archiveConversation: '(input: { id: $conversation }) { conversation { id } }',
  unarchiveConversation: '(input: { id: $conversation }) { conversation { id } }',
  resetConversation: '(input: { id: $conversation }) { messages }',
  shareConversation: '(input: { conversationId: $conversation }) { token }',
  revokeConversationShare: '(input: { id: $share }) { share { id } }',
  transferConversation: '(input: { conversationId: $conversation }) { conversation { id } }',
  takeConversation: '(input: { id: $conversation }) { conversation { id } }',
  answerConversation: '(input: { conversationId: $conversation, content: "Other" }) { message { id } }',
  handBackConversation: '(input: { id: $conversation }) { conversation { id } }',
  endConversation: '(input: { id: $conversation }) { conversation { id } }',
  reopenConversation: '(input: { id: $conversation }) { conversation { id } }',
  startAgentRun: '(input: { conversationId: $conversation, text: "Roses?" }) { answer { id } }',
  approveToolCall: '(input: { callId: $AgentToolCall, approved: true }) { call { id } }',
  cancelAgentRun: '(input: { invocationId: $AgentInvocation }) { invocation { id } }',
  updateAgentSettings: '(input: { workspaceId: $workspace, maxSteps: 5 }) { agentSettings { maxSteps } }',
  deleteConversation: '(input: { id: $conversation }) { deletedId }',
  putCacheEntry:
    '(input: { owner: { type: WORKSPACE, workspaceId: $workspace }, key: "other", value: 1, ttlSeconds: 60 }) { stored }',
  deleteCacheEntry: '(input: { owner: { type: WORKSPACE, workspaceId: $workspace }, key: "other" }) { deletedId }',
  clearCache: '(input: { owner: { type: WORKSPACE, workspaceId: $workspace } }) { count }',
  createRoom: '(input: { kind: CHANNEL, name: "Other", workspaceId: $workspace }) { room { id } }',
  createProject: '(input: { name: "Other", workspaceId: $workspace }) { project { id } }',
  createTask: '(input: { projectId: $project, title: "Other" }) { task { id } }',
  linkProject: '(input: { projectId: $project, url: "https://example.com" }) { link { id } }',
  linkTask: '(input: { taskId: $task, url: "https://example.com" }) { link { id } }',
  createSavedView:
    '(input: { list: TASKS, name: "Other", audience: WORKSPACE, workspaceId: $workspace }) { savedView { id } }',
  updateSavedView: '(input: { id: $view, version: 1, name: "Other" }) { savedView { id } }',
  createWebhook:
    '(input: { workspaceId: $workspace, url: "https://example.com/hook", events: ["task.*"] }) { webhook { id } }',
  createJobSchedule:
    '(input: { name: "Other", cron: "0 3 * * *", work: { ask: { workspaceId: $workspace, text: "Roses?" } } }) { jobSchedule { id } }',
  leaveWorkspace: '(input: { workspaceId: $workspace }) { deletedId }',
};
/** They act on the archive itself. */
const ofTheArchive = ['archiveWorkspace', 'restoreWorkspace', 'deleteWorkspace'];
/** They name workspaces and change nothing in them. */
const naming = [
  'createApiKey',
  'createInvite',
  'createPromptSession',
  'createRoutingRule',
  'createTrainingExample',
  'createTrainingExamplesFromFeedback',
  'exportAnalytics',
  'exportConversations',
  'exportEventLog',
  'exportTasks',
  'exportTrainingData',
  'inviteMember',
  // What people look at in an archive.
  'recordEvents',
  'sharePromptSession',
  // In an archive too, one's schedules are changed; what they are given there is looked at as when they are made.
  'updateJobSchedule',
  'updateRoutingRule',
];
/** Where nothing is archived, these find nothing to do. */
const idle: Readonly<Record<string, string>> = {
  reprocessDocument: 'status',
  cancelAnswer: 'messageId',
  cancelSync: 'id',
  startAgentRun: 'agentModel',
  approveToolCall: 'callId',
  cancelAgentRun: 'invocationId',
};

let bed: Testbed;
let schema: GraphQLSchema;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let keeper: Colleague;
let viewer: Colleague;
let bob: Colleague;
let archived: Filled;
let active: Filled;

interface Filled extends Readonly<Record<string, string>> {
  readonly workspace: string;
  readonly document: string;
  readonly chunk: string;
  readonly conversation: string;
  readonly message: string;
  readonly file: string;
  readonly parsedFile: string;
  readonly otherParsedFile: string;
  readonly suggested: string;
  readonly share: string;
  readonly feedback: string;
  readonly template: string;
  readonly project: string;
  readonly task: string;
  readonly view: string;
}
const filled = async (name: string): Promise<Filled> => {
  const workspaceId = await workspaceOf(ada, { name, systemPrompt: 'One.' });
  const { createSuggestedMessage }: { createSuggestedMessage: { suggestedMessage: { id: string } } } = await ada.want(
    `mutation ($id: ID!) { updateWorkspace(input: { id: $id, systemPrompt: "Two." }) { workspace { id } }
      createSuggestedMessage(input: { workspaceId: $id, heading: "Roses", message: "Roses?" }) { suggestedMessage { id } } }`,
    { id: workspaceId },
  );
  const { addDocument }: { addDocument: { document: { id: string } } } = await ada.want(
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
    {
      input: {
        workspaceId,
        title: 'Roses',
        text: 'Roses are watered every three days.',
        sourceUri: 'http://127.0.0.1:9/roses',
        wait: true,
      },
    },
  );
  const { updateDocument }: { updateDocument: { document: { chunks: { edges: { node: { id: string } }[] } } } } =
    await ada.want(
      'mutation ($input: UpdateDocumentInput!) { updateDocument(input: $input) { document { chunks { edges { node { id } } } } } }',
      { input: { id: addDocument.document.id, text: 'Roses are watered every three days.', wait: true } },
    );
  const conversationId = await conversationIn(ada, workspaceId);
  const { ask }: { ask: { answer: { id: string } } } = await ada.want(
    'mutation ($input: AskInput!) { ask(input: $input) { answer { id } } }',
    { input: { conversationId, text: 'How often are roses watered?' } },
  );
  const files = ['Asters', 'Lilies', 'Peonies'].map((text) =>
    uploaded(bed, ada, `${text}.txt`, Buffer.from(`${text} bloom.`), 'text/plain'),
  );
  const [file = '', ...others] = await Promise.all(files);
  const drop = 'mutation ($input: AddParsedFileInput!) { addParsedFile(input: $input) { parsedFile { id } } }';
  const dropped: { addParsedFile: { parsedFile: { id: string } } }[] = await Promise.all(
    others.map((fileId) => ada.want(drop, { input: { conversationId, fileId, wait: true } })),
  );
  const [parsedFile = '', otherParsedFile = ''] = dropped.map(({ addParsedFile }) => addParsedFile.parsedFile.id);
  const { shareConversation }: { shareConversation: { share: { id: string } } } = await ada.want(
    'mutation ($input: ShareConversationInput!) { shareConversation(input: $input) { share { id } } }',
    { input: { conversationId } },
  );
  const { giveFeedback }: { giveFeedback: { feedback: { id: string } } } = await ada.want(
    'mutation ($input: GiveFeedbackInput!) { giveFeedback(input: $input) { feedback { id } } }',
    { input: { messageId: ask.answer.id, score: -1 } },
  );
  const { createPromptTemplate }: { createPromptTemplate: { promptTemplate: { id: string } } } = await ada.want(
    'mutation ($input: CreatePromptTemplateInput!) { createPromptTemplate(input: $input) { promptTemplate { id } } }',
    { input: { name, category: 'Roses', type: 'SYSTEM', content: 'One.' } },
  );
  const project = await projectOf(ada, { workspaceId });
  const { id: task } = await taskIn(ada, project);
  const { createSavedView }: { createSavedView: { savedView: { id: string } } } = await ada.want(
    'mutation ($input: CreateSavedViewInput!) { createSavedView(input: $input) { savedView { id } } }',
    { input: { list: 'TASKS', name, audience: 'WORKSPACE', workspaceId } },
  );
  const place = { workspaceId, userId: keeper.userId, role: 'EDITOR' };
  const add = 'mutation ($input: AddWorkspaceMemberInput!) { addWorkspaceMember(input: $input) { member { id } } }';
  for (const input of [place, { ...place, userId: viewer.userId, role: 'VIEWER' }]) await ada.want(add, { input });
  const people = { owner: ada.userId, keeper: keeper.userId, viewer: viewer.userId, bob: bob.userId };
  const { SyncFailure: OtherFailure = '' } = await filledSync(bed, ada, workspaceId, 'Second');
  return {
    ...people,
    ...(await filledSync(bed, ada, workspaceId, 'First')),
    ...(await filledAgents(
      bed,
      { organizationId: ada.organizationId, userId: ada.userId, workspaceId, conversationId },
      false,
    )),
    ...(await filledEmbed(bed, ada, workspaceId, 'First')),
    OtherFailure,
    workspace: workspaceId,
    document: addDocument.document.id,
    chunk: updateDocument.document.chunks.edges[0]?.node.id ?? '',
    conversation: conversationId,
    message: ask.answer.id,
    file,
    parsedFile,
    otherParsedFile,
    suggested: createSuggestedMessage.suggestedMessage.id,
    share: shareConversation.share.id,
    feedback: giveFeedback.feedback.id,
    template: createPromptTemplate.promptTemplate.id,
    project,
    task,
    view: createSavedView.savedView.id,
  };
};

beforeAll(async () => {
  [bed, schema] = [await startTestbed(), await buildSchema()];
  ada = await bed.signUp('Ada');
  keeper = await colleagueOf(bed, ada.organizationId, 'Keeper', 'MEMBER');
  viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER');
  bob = await colleagueOf(bed, ada.organizationId, 'Bob', 'MEMBER');
  [archived, active] = [await filled('Archived'), await filled('Active')];
  await ada.want(archive, { id: archived.workspace });
}, 120_000);
afterAll(() => bed.stop());

const call = (name: string, ids: Filled): string =>
  `mutation { ${name}${(changes[name] ?? '').replace(/\$(\w+)/g, (_match, key: string) => JSON.stringify(ids[key]))} }`;
const refusal = async (person: Person, text: string): Promise<unknown[]> =>
  (await person.ask(text)).errors.flatMap(({ extensions }) => [extensions.code, extensions.field]);

/** Types whose rows are of one workspace: those that lead to one by fields that are always there. */
const heldByWorkspaces = (): ReadonlySet<string> => {
  const held = new Set(['Workspace']);
  const leads = (name: string): boolean => {
    const type = schema.getType(name);
    return (
      isObjectType(type) &&
      Object.values(type.getFields()).some(
        (field) => isNonNullType(field.type) && isObjectType(field.type.ofType) && held.has(field.type.ofType.name),
      )
    );
  };
  const node = schema.getType('Node');
  const types = Object.values(schema.getTypeMap()).filter(
    (type) => isObjectType(type) && type.getInterfaces().some((each) => each === node),
  );
  for (let before = 0; before < held.size;) {
    before = held.size;
    for (const { name } of types) if (leads(name)) held.add(name);
  }
  return held;
};

/** The types whose ids an input takes, at whatever depth. */
const idsIn = (type: GraphQLInputType, seen = new Set<string>()): string[] => {
  const named = getNamedType(type);
  if (!isInputObjectType(named) || seen.has(named.name)) return [];
  seen.add(named.name);
  return Object.values(named.getFields()).flatMap((field) =>
    (getDirective(schema, field, 'id') ?? []).map(({ of }) => String(of)).concat(idsIn(field.type, seen)),
  );
};

test('every mutation that takes something of a workspace is tried', () => {
  const held = heldByWorkspaces();
  expect([...held].sort()).toEqual(
    expect.arrayContaining([
      'Conversation',
      'Document',
      'DocumentChunk',
      'Message',
      'Workspace',
      'WorkspaceMembership',
    ]),
  );
  const named = Object.values(schema.getMutationType()?.getFields() ?? {})
    .filter(({ args }) => args.some(({ type }) => idsIn(type).some((of) => held.has(of))))
    .map(({ name }) => name);
  expect([...Object.keys(changes), ...ofTheArchive, ...naming].sort()).toEqual(named.sort());
});

describe('in an archived workspace', () => {
  test.each(Object.keys(changes))('%s changes nothing', async (name) => {
    const before = await fingerprint(bed, ada.organizationId);
    expect(await refusal(ada, call(name, archived))).toEqual(['CONFLICT', 'workspaceId']);
    expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
  });

  test('everything is read and found', async () => {
    const text = `query ($workspace: ID!, $conversation: ID!) {
      workspace(id: $workspace) { name archivedAt settings { tone } members { totalCount } documents { totalCount } }
      search(workspaceId: $workspace, query: "roses") { edges { node { text } } }
      conversation(id: $conversation) { messages { totalCount } } }`;
    for (const person of [ada, viewer])
      expect(await person.want(text, archived)).toEqual({
        workspace: {
          name: 'Archived',
          archivedAt: expect.stringMatching(/Z$/),
          settings: { tone: null },
          members: { totalCount: 3 },
          documents: { totalCount: 1 },
        },
        search: { edges: [{ node: { text: expect.stringContaining('Roses') } }] },
        conversation: { messages: { totalCount: 4 } },
      });
  });
});

test.each(Object.keys(changes))('%s works where nothing is archived', async (name) => {
  const expected = idle[name] === undefined ? [] : ['CONFLICT', idle[name]];
  expect(await refusal(ada, call(name, active))).toEqual(expected);
});

test('only who manages a workspace archives and restores it', async () => {
  const id = await workspaceOf(ada, { name: 'Kept' });
  const add = 'mutation ($input: AddWorkspaceMemberInput!) { addWorkspaceMember(input: $input) { member { id } } }';
  await ada.want(add, { input: { workspaceId: id, userId: keeper.userId, role: 'ADMIN' } });
  await ada.want(add, { input: { workspaceId: id, userId: viewer.userId, role: 'EDITOR' } });
  expect(await viewer.codes(archive, { id })).toEqual(['FORBIDDEN']);
  expect(await bob.codes(archive, { id })).toEqual(['NOT_FOUND']);
  expect(await bed.anonymous.codes(archive, { id })).toEqual(['UNAUTHENTICATED']);
  expect(await ada.codes(restore, { id })).toEqual(['CONFLICT']);
  expect(await keeper.want(archive, { id })).toEqual({
    archiveWorkspace: { workspace: { archivedAt: expect.any(String) } },
  });
  expect(await ada.codes(archive, { id })).toEqual(['CONFLICT']);
  expect(await viewer.codes(restore, { id })).toEqual(['FORBIDDEN']);
  const text = `mutation ($input: StartConversationInput!) { startConversation(input: $input) { conversation { id } } }`;
  const input = { workspaceId: id, title: 'Again' };
  // Whoever was known before the change is told at once.
  for (const person of [ada, keeper, viewer]) expect(await person.codes(text, { input })).toEqual(['CONFLICT']);
  expect(await keeper.want(restore, { id })).toEqual({ restoreWorkspace: { workspace: { archivedAt: null } } });
  for (const person of [ada, keeper, viewer]) expect(await person.codes(text, { input })).toEqual([]);
});

test('what follows in the same request finds the workspace archived, or restored', async () => {
  const id = await workspaceOf(ada, { name: 'At once' });
  const start = `startConversation(input: { workspaceId: "${id}", title: "After" }) { conversation { title } }`;
  const { errors } = await ada.ask(
    `mutation { archiveWorkspace(input: { id: "${id}" }) { workspace { id } } ${start} }`,
  );
  expect(errors.map(({ path, extensions }) => [path?.[0], extensions.code])).toEqual([
    ['startConversation', 'CONFLICT'],
  ]);
  expect(
    await ada.codes(`mutation { restoreWorkspace(input: { id: "${id}" }) { workspace { id } } ${start} }`),
  ).toEqual([]);
});

test('an archived workspace can be deleted', async () => {
  const id = await workspaceOf(ada, { name: 'Gone' });
  await ada.want(archive, { id });
  await ada.want('mutation ($id: ID!) { deleteWorkspace(input: { id: $id }) { deletedId } }', { id });
  expect(await ada.codes('query ($id: ID!) { workspace(id: $id) { id } }', { id })).toEqual(['NOT_FOUND']);
});
