import type { OpenAiServer } from './openai-server.ts';
import type { Person } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** What tests ask of a run. */
export const runFields =
  'id position status text object modelName providerName inputTokens outputTokens cost latencyMs timeToFirstTokenMs errorKind errorMessage endedAt';

/** Does something by a mutation of prompt sessions that gives a session, and gives what was asked of it. */
export const sessionBy = async (
  person: Person,
  mutation: string,
  input: object,
  fields = 'id version',
): Promise<Data> => {
  const data: Data = await person.want(sessionMutation(mutation, fields), { input });
  return data[mutation].promptSession;
};

/** The text of such a mutation. */
export const sessionMutation = (mutation: string, fields = 'id version'): string => {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`;
  return `mutation ($input: ${type}!) { ${mutation}(input: $input) { promptSession { ${fields} } } }`;
};

export const runMutation = `mutation ($input: RunPromptInput!) { runPrompt(input: $input) { prompt { id runs { ${runFields} } } } }`;

/** Runs a prompt and gives it with its runs; waits for their ends unless told otherwise. */
export const runIn = async (person: Person, sessionId: string, input: object = {}): Promise<Data> => {
  const data: Data = await person.want(runMutation, { input: { sessionId, input: 'Which?', wait: true, ...input } });
  return data.runPrompt.prompt;
};

/** Makes a model of a mock server known; gives its id. The server takes no key. */
export const modelAt = async (
  admin: Person,
  { url }: Pick<OpenAiServer, 'url'>,
  name: string,
  fields: object = {},
): Promise<string> => {
  const slug = `studio-${Math.random().toString(36).slice(2)}`;
  const provider: Data = await admin.want(
    'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }',
    { input: { name: slug, slug, dialect: 'OPENAI_COMPATIBLE', baseUrl: url } },
  );
  const input = { providerId: provider.createProvider.provider.id, name, contextWindow: 8192, ...fields };
  const model: Data = await admin.want(
    'mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }',
    { input: { inputPrice: '0.000001', outputPrice: '0.000002', ...input } },
  );
  return model.createModel.model.id;
};
