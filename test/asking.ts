import type { OpenAiServer } from './openai-server.ts';
import type { Person } from './testbed.ts';

/** A message as these tests read it. */
export interface Told {
  readonly id: string;
  readonly content: string;
  readonly role: string;
  readonly status: string;
  readonly model: string | null;
  readonly confidence: number | null;
  readonly includedInHistory: boolean;
  readonly siblingIndex: number;
  readonly siblingCount: number;
  readonly parent: { readonly id: string } | null;
  readonly editedFrom: { readonly id: string } | null;
  readonly sender: { readonly id: string } | null;
  readonly citations: readonly { readonly quote: string; readonly marker: number }[];
}

const told = `id content role status model confidence includedInHistory siblingIndex siblingCount parent { id } editedFrom { id }
  sender { id } citations { quote marker }`;

/** Fields of a message for `Told`. */
export const fragment = `fragment told on Message { ${told} }`;

const asking = `mutation ($input: AskInput!) { ask(input: $input) { question { ...told } answer { ...told } } } ${fragment}`;
const regenerating = `mutation ($input: RegenerateInput!) { regenerate(input: $input) { question { ...told } answer { ...told } } } ${fragment}`;
const editing = `mutation ($input: EditMessageInput!) { editMessage(input: $input) { message { ...told } answer { ...told } } } ${fragment}`;
const adding = `mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { ...told } } } ${fragment}`;
const choosing = `mutation ($input: ChooseMessageInput!) { chooseMessage(input: $input) { conversation { path(last: 100) { edges { node { ...told } } } } } } ${fragment}`;
const including = `mutation ($input: SetMessageIncludedInput!) { setMessageIncluded(input: $input) { message { ...told } } } ${fragment}`;
const branching = `mutation ($input: BranchConversationInput!) { branchConversation(input: $input) { conversation { id title startedBy { id }
  path(last: 100) { edges { node { ...told } } } } } } ${fragment}`;
const reading = `query ($id: ID!) { conversation(id: $id) { path(last: 100) { totalCount edges { node { ...told } } } } } ${fragment}`;

interface Page {
  readonly edges: readonly { readonly node: Told }[];
}
const nodesOf = ({ edges }: Page): Told[] => edges.map(({ node }) => node);

/** The mutations by name, for those who are refused. */
export const mutations = { asking, regenerating, editing, adding, choosing, including, branching };

export const ask = async (person: Person, input: object): Promise<{ question: Told; answer: Told }> =>
  ((await person.want(asking, { input })) as { ask: { question: Told; answer: Told } }).ask;

export const regenerate = async (person: Person, messageId: string): Promise<{ question: Told; answer: Told }> => {
  const data = await person.want(regenerating, { input: { messageId } });
  return (data as { regenerate: { question: Told; answer: Told } }).regenerate;
};

export const edit = async (person: Person, input: object): Promise<{ message: Told; answer: Told | null }> =>
  ((await person.want(editing, { input })) as { editMessage: { message: Told; answer: Told | null } }).editMessage;

export const add = async (person: Person, input: object): Promise<Told> =>
  ((await person.want(adding, { input })) as { addMessage: { message: Told } }).addMessage.message;

/** Chooses a message; gives the path as it then is. */
export const choose = async (person: Person, messageId: string): Promise<Told[]> => {
  const data = await person.want(choosing, { input: { messageId } });
  return nodesOf((data as { chooseMessage: { conversation: { path: Page } } }).chooseMessage.conversation.path);
};

export const include = async (person: Person, messageId: string, included: boolean): Promise<Told> => {
  const data = await person.want(including, { input: { messageId, included } });
  return (data as { setMessageIncluded: { message: Told } }).setMessageIncluded.message;
};

/** A conversation that was made of another. */
export interface Branch {
  readonly id: string;
  readonly title: string;
  readonly startedBy: { readonly id: string };
  readonly path: Told[];
}

export const branch = async (person: Person, input: object): Promise<Branch> => {
  const data = await person.want(branching, { input });
  const { conversation } = (data as { branchConversation: { conversation: Omit<Branch, 'path'> & { path: Page } } })
    .branchConversation;
  return { ...conversation, path: nodesOf(conversation.path) };
};

/** The newest hundred messages of the path on which a conversation goes on. */
export const pathOf = async (person: Person, conversationId: string): Promise<Told[]> => {
  const data = await person.want(reading, { id: conversationId });
  return nodesOf((data as { conversation: { path: Page } }).conversation.path);
};

/** What the model was last sent. */
export const lastSeen = (models: OpenAiServer): { role: string; content: string }[] =>
  (models.seen.at(-1)?.body.messages ?? []) as { role: string; content: string }[];

/** What of that was said before, without the instructions and the question. */
export const historySeen = (models: OpenAiServer): string[] =>
  lastSeen(models)
    .slice(1, -1)
    .map(({ role, content }) => `${role}: ${content}`);

/** Adds a document that can be searched; gives its id. */
export const addDocument = async (
  person: Person,
  workspaceId: string,
  title: string,
  text: string,
): Promise<string> => {
  const data = await person.want(
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id status } } }',
    { input: { workspaceId, title, text, mimeType: 'text/plain', wait: true } },
  );
  return (data as { addDocument: { document: { id: string } } }).addDocument.document.id;
};
