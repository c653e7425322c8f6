import type { OpenAiServer } from './openai-server.ts';
import { conversationIn, promote, workspaceOf } from './talk.ts';
import type { Person, Testbed } from './testbed.ts';

// Tests read whatever they asked for.
export type Data = any; // oxlint-disable-line typescript/no-explicit-any

const callFields = 'id tool arguments status changes result failure decidedBy { id } decidedAt endedAt';
/** All there is to see of a run. */
export const runFields = `id status tools maxSteps stepCount inputTokens outputTokens cost endedAt error { reason message }
  message { id status content error { code message } inputTokens outputTokens cost citations { quote marker documentVersion document { title } } }
  steps { position text inputTokens outputTokens cost calls { ${callFields} } }`;
const startMutation = `mutation ($input: StartAgentRunInput!) { startAgentRun(input: $input) { question { id content } answer { id status content }
  invocation { ${runFields} } } }`;

/** Starts a run and gives it when it is over or waits. */
export const start = async (person: Person, input: object): Promise<Data> =>
  ((await person.want(startMutation, { input: { wait: true, ...input } })) as Data).startAgentRun.invocation;

/** The codes of the errors of a run that cannot be started. */
export const startCodes = (person: Person, input: object): Promise<unknown[]> =>
  person.codes(startMutation, { input: { wait: true, ...input } });

/** A run as a person sees it now. */
export const runNow = async (person: Person, id: string): Promise<Data> =>
  (
    (await person.want(`query ($id: ID!) { node(id: $id) { ... on AgentInvocation { ${runFields} } } }`, {
      id,
    })) as Data
  ).node;

/** Waits until a run is over or waits for a decision. */
export const quiet = async (person: Person, id: string): Promise<Data> => {
  for (let tries = 0; tries < 100; tries++) {
    const run = await runNow(person, id);
    if (run.status !== 'RUNNING') return run;
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  throw new Error('The run did not come to rest.');
};

const approveMutation = `mutation ($input: ApproveToolCallInput!) { approveToolCall(input: $input) { call { ${callFields} } invocation { id status } } }`;
export const decide = async (person: Person, callId: string, approved: boolean): Promise<Data> =>
  ((await person.want(approveMutation, { input: { callId, approved } })) as Data).approveToolCall;
export const decideCodes = (person: Person, callId: string, approved = true): Promise<unknown[]> =>
  person.codes(approveMutation, { input: { callId, approved } });
export const cancelMutation = `mutation ($input: CancelAgentRunInput!) { cancelAgentRun(input: $input) { invocation { id status message { status } } } }`;

/** Adds a text as a document, read and searchable, and gives its id. */
export const addText = async (person: Person, workspaceId: string, title: string, text: string): Promise<string> => {
  const data: Data = await person.want(
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
    { input: { workspaceId, title, text, mimeType: 'text/plain', wait: true } },
  );
  return data.addDocument.document.id;
};

/** Makes a model of a server known and lets it work with tools in a workspace. */
export const agentModelFor = async (
  admin: Person,
  workspaceId: string,
  baseUrl: string,
  model: object = { capabilities: ['TOOLS'], inputPrice: '0.0000025', outputPrice: '0.00001' },
): Promise<void> => {
  const slug = `agent-${Math.random().toString(36).slice(2)}`;
  const made: Data = await admin.want(
    'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }',
    { input: { name: slug, slug, dialect: 'OPENAI_COMPATIBLE', baseUrl } },
  );
  const created: Data = await admin.want(
    'mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id capabilities } } }',
    { input: { providerId: made.createProvider.provider.id, name: 'fake', contextWindow: 16_384, ...model } },
  );
  await admin.want(
    'mutation ($input: SetWorkspaceModelInput!) { setWorkspaceModel(input: $input) { workspace { agentModel { id } } } }',
    { input: { workspaceId, modelId: created.createModel.model.id, purpose: 'AGENT' } },
  );
};

export const settingsMutation = `mutation ($input: UpdateAgentSettingsInput!) { updateAgentSettings(input: $input) { agentSettings { tools
  allowedHosts maxSteps maxCost } } }`;

/** A workspace with a model that uses tools, a document and a conversation. */
export const agentPlace = async (bed: Testbed, ada: Person & { userId: string }, models: OpenAiServer) => {
  await promote(bed, ada);
  const workspaceId = await workspaceOf(ada);
  const documentId = await addText(ada, workspaceId, 'Garden book', gardenText);
  await agentModelFor(ada, workspaceId, models.url);
  return { workspaceId, documentId, conversationId: await conversationIn(ada, workspaceId) };
};

export const gardenText =
  'Roses are watered every three days in summer. In winter they need no water at all. Tulips are planted in October.';

/** What the model was told of the tools it wanted used, in its request at that place. */
export const toldResults = (models: OpenAiServer, request: number): string[] => {
  const messages = (models.seen.filter(({ path }) => path.endsWith('/completions'))[request]?.body.messages ??
    []) as Data[];
  return messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
};
