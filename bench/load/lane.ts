import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Account, Visitor } from './visitor.ts';

const guide = fileURLToPath(new URL('../../docs/guide', import.meta.url));
const question = 'What happens to an answer when the server stops?';
const paragraph = 'The harbour master writes the height of each tide into the book, and reads it out at noon. ';
/** A conversation is left for a new one after this many turns, so that the work of a turn stays the same. */
const turnsPerConversation = 40;

/** One visitor who does one thing after another: an account with a workspace that holds the guide, and a conversation in it. */
export interface Lane {
  readonly visitor: Visitor;
  readonly account: Account;
  readonly workspaceId: string;
  conversationId: string;
  /** The newest message that this lane knows of. */
  messageId: string;
  /** Events that its subscriptions have brought. */
  events: number;
}

/** Signs a new visitor up and prepares their workspace. */
export const openLane = async (url: string): Promise<Lane> => {
  const { visitor, account } = await Visitor.signUp(url);
  const { createWorkspace } = await visitor.want<{ createWorkspace: { workspace: { id: string } } }>(
    'mutation { createWorkspace(input: { name: "Guide" }) { workspace { id } } }',
  );
  const workspaceId = createWorkspace.workspace.id;
  for (const file of globSync('*.md', { cwd: guide }).sort())
    await addDocument(visitor, { workspaceId, title: file, text: await readFile(`${guide}/${file}`, 'utf8') });
  const conversationId = await startConversation(visitor, workspaceId);
  const lane = { visitor, account, workspaceId, conversationId, messageId: '', events: 0 };
  await ask(lane);
  return lane;
};

/** Begins a conversation and returns its id. */
export const startConversation = async (visitor: Visitor, workspaceId: string): Promise<string> => {
  const { startConversation } = await visitor.want<{ startConversation: { conversation: { id: string } } }>(
    'mutation ($input: StartConversationInput!) { startConversation(input: $input) { conversation { id } } }',
    { input: { workspaceId, title: 'Load' } },
  );
  return startConversation.conversation.id;
};

/** Asks what the guide tells, and returns the answer's id. Throws when the answer is not complete or cites nothing. */
export const askGuide = async (visitor: Visitor, conversationId: string): Promise<string> => {
  const {
    ask: { answer },
  } = await visitor.want<{ ask: { answer: { id: string; status: string; citations: unknown[] } } }>(
    'mutation ($input: AskInput!) { ask(input: $input) { answer { id status content citations { quote } } } }',
    { input: { conversationId, text: question } },
  );
  if (answer.status !== 'COMPLETED' || answer.citations.length === 0)
    throw new Error(`The answer is ${answer.status} with ${answer.citations.length} citations.`);
  return answer.id;
};

const ask = async (lane: Lane): Promise<void> => {
  lane.messageId = await askGuide(lane.visitor, lane.conversationId);
};

const addDocument = async (visitor: Visitor, input: object): Promise<string> => {
  const { addDocument } = await visitor.want<{ addDocument: { document: { id: string; status: string } } }>(
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id status } } }',
    { input: { ...input, wait: true } },
  );
  return addDocument.document.id;
};

const deleteDocument = (visitor: Visitor, id: string) =>
  visitor.want('mutation ($input: DeleteDocumentInput!) { deleteDocument(input: $input) { deletedId } }', {
    input: { id },
  });

const tree = `query ($id: ID!) {
  workspace(id: $id) {
    name
    conversations(first: 5) {
      totalCount
      edges { node { id title messages(first: 10) {
        edges { node { id content createdAt sender { name } feedback { score } citations { quote } } }
        pageInfo { hasNextPage }
      } } }
    }
  }
}`;

const upload = async ({ visitor, workspaceId }: Lane): Promise<void> => {
  const text = `# Tides\n\n${`${paragraph.repeat(5)}\n\n`.repeat(20)}`;
  const { url, fileId } = await announcedUpload(visitor, text.length);
  const response = await fetch(url, { method: 'PUT', body: text });
  if (!response.ok) throw new Error(`The upload was answered with ${response.status}.`);
  await response.body?.cancel();
  await deleteDocument(visitor, await addDocument(visitor, { workspaceId, title: 'Tides', fileId }));
};

const announcedUpload = async (visitor: Visitor, size: number): Promise<{ url: string; fileId: string }> => {
  const { createUpload } = await visitor.want<{ createUpload: { upload: { url: string }; file: { id: string } } }>(
    'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { upload { url } file { id } } }',
    { input: { name: 'tides.md', mimeType: 'text/markdown', size } },
  );
  return { url: new URL(createUpload.upload.url, visitor.url).href, fileId: createUpload.file.id };
};

/** Sends the head of an upload and a part of its body, and drops the connection. */
const abortUpload = async ({ visitor }: Lane): Promise<void> => {
  const { url } = await announcedUpload(visitor, 100_000);
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.write(`PUT ${pathname} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: 100000\r\n\r\n${'a'.repeat(1000)}`);
  await sleep(20);
  socket.destroy();
};

const abortRequest = async ({ visitor, workspaceId, conversationId }: Lane): Promise<void> => {
  const operations = [
    { query: tree, variables: { id: workspaceId } },
    {
      query: 'mutation ($input: AskInput!) { ask(input: $input) { answer { content } } }',
      variables: { input: { conversationId, text: question } },
    },
  ];
  const body = JSON.stringify(operations[Math.floor(Math.random() * operations.length)]);
  const sent = visitor.send(body, AbortSignal.timeout(Math.ceil(Math.random() * 20)));
  await sent.then((response) => response.text()).catch(() => undefined);
};

const follow = async (lane: Lane): Promise<void> => {
  const subscription = await lane.visitor.follow(lane.conversationId);
  await ask(lane);
  await subscription.close();
  lane.events += subscription.events();
};

const followAndBreak = async (lane: Lane): Promise<void> => {
  const subscription = await lane.visitor.follow(lane.conversationId);
  const asking = ask(lane);
  await sleep(Math.random() * 20);
  await subscription.breakOff();
  await asking;
};

const faulty = [
  '{ "query": ',
  JSON.stringify({ query: '{ nothing }' }),
  JSON.stringify({ query: '{ workspace(id: "workspace_unknown") { id } }' }),
  JSON.stringify({ query: `{ ${'workspaces { edges { node { '.repeat(6)} id ${'} } } '.repeat(6)} }` }),
  JSON.stringify({ query: 'mutation { addMessage(input: { content: "" }) { message { id } } }' }),
  'x'.repeat(1_200_000),
];

/** Sends what has to be refused, by a signed-in visitor and by one whose token is wrong. */
const askWrongly = async ({ visitor }: Lane): Promise<void> => {
  const body = faulty[Math.floor(Math.random() * faulty.length)] ?? '';
  const stranger = new Visitor(visitor.url, 'wrong');
  const wrong = Math.random() < 0.2 ? stranger.send(JSON.stringify({ query: '{ viewer { user { id } } }' })) : null;
  const { errors } = (await (await (wrong ?? visitor.send(body))).json()) as { errors?: unknown[] };
  if (errors === undefined) throw new Error('A faulty request was not refused.');
};

/** What lanes do, and how often out of a hundred times. */
const acts: readonly {
  readonly name: string;
  readonly share: number;
  readonly act: (lane: Lane) => Promise<unknown>;
}[] = [
  { name: 'browse', share: 40, act: ({ visitor, workspaceId }) => visitor.want(tree, { id: workspaceId }) },
  {
    name: 'addMessage',
    share: 12,
    act: async (lane) => {
      const { addMessage } = await lane.visitor.want<{ addMessage: { message: { id: string } } }>(
        'mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { id } } }',
        { input: { conversationId: lane.conversationId, content: paragraph } },
      );
      lane.messageId = addMessage.message.id;
    },
  },
  {
    name: 'giveFeedback',
    share: 8,
    act: ({ visitor, messageId }) =>
      visitor.want('mutation ($input: GiveFeedbackInput!) { giveFeedback(input: $input) { feedback { id } } }', {
        input: { messageId, score: 1 },
      }),
  },
  { name: 'ask', share: 8, act: ask },
  {
    name: 'addDocument',
    share: 4,
    act: async ({ visitor, workspaceId }) =>
      deleteDocument(visitor, await addDocument(visitor, { workspaceId, title: 'Tides', text: paragraph.repeat(20) })),
  },
  { name: 'upload', share: 3, act: upload },
  { name: 'signIn', share: 3, act: ({ visitor, account }) => Visitor.signIn(visitor.url, account) },
  { name: 'follow', share: 5, act: follow },
  { name: 'followAndBreak', share: 4, act: followAndBreak },
  { name: 'abortRequest', share: 5, act: abortRequest },
  { name: 'abortUpload', share: 2, act: abortUpload },
  { name: 'askWrongly', share: 6, act: askWrongly },
];

/** How often each act was done, and what went wrong with it. */
export interface Tally {
  readonly done: Map<string, number>;
  readonly failures: string[];
}

/** Keeps all lanes busy until the moment (of `performance.now()`): each does one thing after another, drawn by the acts' shares. */
export const driveLanes = async (lanes: readonly Lane[], until: number, tally: Tally): Promise<void> => {
  await Promise.all(lanes.map((lane) => drive(lane, until, tally)));
};

const drive = async (lane: Lane, until: number, { done, failures }: Tally): Promise<void> => {
  for (let turn = 1; performance.now() < until; turn += 1) {
    const { name, act } = drawn();
    try {
      await act(lane);
      if (turn % turnsPerConversation === 0) await changeConversation(lane);
    } catch (error) {
      failures.push(`${name}: ${Error.isError(error) ? error.message : String(error)}`);
    }
    done.set(name, (done.get(name) ?? 0) + 1);
  }
};

const drawn = () => {
  let lot = Math.random() * acts.reduce((sum, { share }) => sum + share, 0);
  const found = acts.find(({ share }) => (lot -= share) < 0) ?? acts[0];
  if (found === undefined) throw new Error('There is nothing to do.');
  return found;
};

const changeConversation = async (lane: Lane): Promise<void> => {
  const { visitor, workspaceId, conversationId: left } = lane;
  lane.conversationId = await startConversation(visitor, workspaceId);
  await ask(lane);
  await visitor.want('mutation ($id: ID!) { deleteConversation(input: { id: $id }) { deletedId } }', { id: left });
};
