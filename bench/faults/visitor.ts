import { hash, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Chance } from './chance.ts';
import type { Chronicle } from './chronicle.ts';
import { NotAcknowledged, Person, uuidOf } from './person.ts';

/** After a failure, so that a server that is away is not asked without end. */
const afterFailureMs = 100;
const password = 'correct horse battery';

interface Account {
  readonly person: Person;
  readonly email: string;
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly conversationId: string;
}

/**
 * Does what people do, one thing after the other, until the signal aborts, and writes down what was acknowledged. Nothing that
 * failed is tried again: whether it took effect is unknown, and either is right.
 */
export const visit = async (
  urls: readonly string[],
  chronicle: Chronicle,
  chance: Chance,
  signal: AbortSignal,
): Promise<void> => {
  let account: Account | undefined;
  while (!signal.aborted)
    try {
      const url = urls[chance.between(0, urls.length - 1)] ?? '';
      if (account === undefined || chance.percent(1)) account = await settleIn(url, chronicle);
      else await act(url, account, chronicle, chance);
    } catch (error) {
      if (!(error instanceof NotAcknowledged)) throw error;
      await pause(afterFailureMs);
    }
};

const act = (url: string, account: Account, chronicle: Chronicle, chance: Chance): Promise<void> => {
  const deeds = [ask, ask, askAndFollow, addMessage, addMessage, addText, addFile] as const;
  const deed = chance.percent(3) ? signInAgain : chance.oneOf(deeds);
  return deed(url, account, chronicle);
};

/** A new account with a workspace and a conversation. */
const settleIn = async (url: string, chronicle: Chronicle): Promise<Account> => {
  const person = new Person(chronicle);
  const email = `${randomUUID()}@example.com`;
  const { signUp } = await person.ask<{
    signUp: { token: string; user: { id: string }; organization: { id: string } };
  }>(url, 'mutation ($input: SignUpInput!) { signUp(input: $input) { token user { id } organization { id } } }', {
    input: { email, password, name: 'Ada', organizationName: 'Garden' },
  });
  const organizationId = uuidOf(signUp.organization.id);
  person.token = signUp.token;
  chronicle.add(person, { kind: 'person', id: uuidOf(signUp.user.id), organizationId });
  const { createWorkspace } = await person.ask<{ createWorkspace: { workspace: { id: string } } }>(
    url,
    'mutation { createWorkspace(input: { name: "Garden" }) { workspace { id } } }',
  );
  const workspaceId = createWorkspace.workspace.id;
  const { startConversation } = await person.ask<{ startConversation: { conversation: { id: string } } }>(
    url,
    'mutation ($input: StartConversationInput!) { startConversation(input: $input) { conversation { id } } }',
    { input: { workspaceId, title: 'Roses' } },
  );
  return { person, email, organizationId, workspaceId, conversationId: startConversation.conversation.id };
};

type Deed = (url: string, account: Account, chronicle: Chronicle) => Promise<void>;

const signInAgain: Deed = async (url, { person, email }, chronicle) => {
  const { signIn } = await person.ask<{ signIn: { token: string } }>(
    url,
    'mutation ($input: SignInInput!) { signIn(input: $input) { token } }',
    { input: { email, password } },
  );
  person.token = signIn.token;
  chronicle.add(person, { kind: 'session' });
};

/** Paragraphs enough for a few passages, unlike those of any other document. */
const writing = (): string =>
  Array.from(
    { length: 12 },
    (_, at) =>
      `Bed ${at} is looked after by ${randomUUID()}. Its roses need light, water and a wall that keeps the north wind away. ` +
      `Whoever prunes it in March writes the day into the garden book, and the number of buds beside it.`,
  ).join('\n\n');

const addDocument = async (person: Person, url: string, input: object, text: string, chronicle: Chronicle) => {
  const { addDocument: added } = await person.ask<{ addDocument: { document: { id: string } } }>(
    url,
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
    { input },
  );
  chronicle.add(person, { kind: 'document', id: uuidOf(added.document.id), text });
};

const addText: Deed = async (url, { person, workspaceId }, chronicle) => {
  const text = writing();
  await addDocument(person, url, { workspaceId, title: 'Garden book', text }, text, chronicle);
};

const addFile: Deed = async (url, { person, workspaceId, organizationId }, chronicle) => {
  const text = writing();
  const { createUpload } = await person.ask<{ createUpload: { upload: { url: string }; file: { id: string } } }>(
    url,
    'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { upload { url } file { id } } }',
    { input: { name: 'book.txt', size: Buffer.byteLength(text), mimeType: 'text/plain' } },
  );
  await person.put(createUpload.upload.url, text);
  const fileId = createUpload.file.id;
  chronicle.add(person, { kind: 'upload', id: uuidOf(fileId), organizationId, sha256: hash('sha256', text) });
  await addDocument(person, url, { workspaceId, title: 'Garden book', fileId }, text, chronicle);
};

const addMessage: Deed = async (url, { person, conversationId }, chronicle) => {
  const content = `Message ${randomUUID()}`;
  const { addMessage: added } = await person.ask<{ addMessage: { message: { id: string } } }>(
    url,
    'mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { id } } }',
    { input: { conversationId, content } },
  );
  chronicle.add(person, { kind: 'message', id: uuidOf(added.message.id), content });
  await giveFeedback(person, url, added.message.id, chronicle);
};

const giveFeedback = async (person: Person, url: string, messageId: string, chronicle: Chronicle): Promise<void> => {
  const comment = `Opinion ${randomUUID()}`;
  const { giveFeedback: given } = await person.ask<{ giveFeedback: { feedback: { id: string } } }>(
    url,
    'mutation ($input: GiveFeedbackInput!) { giveFeedback(input: $input) { feedback { id } } }',
    { input: { messageId, score: 1, comment } },
  );
  chronicle.add(person, { kind: 'feedback', id: uuidOf(given.feedback.id), messageId: uuidOf(messageId), comment });
};

interface Said {
  readonly id: string;
  readonly status: string;
  readonly content: string;
}

const ask: Deed = async (url, { person, conversationId }, chronicle) => {
  const content = `Who looks after the roses? ${randomUUID()}`;
  const { ask: asked } = await person.ask<{ ask: { question: Said; answer: Said } }>(
    url,
    'mutation ($input: AskInput!) { ask(input: $input) { question { id } answer { id status content } } }',
    { input: { conversationId, text: content } },
  );
  chronicle.add(person, { kind: 'question', id: uuidOf(asked.question.id), content });
  chronicle.add(person, { kind: 'answer', ...asked.answer, id: uuidOf(asked.answer.id) });
  if (asked.answer.status === 'STREAMING') chronicle.surprises.push('ask gave an answer that was still STREAMING.');
};

const askAndFollow: Deed = async (url, account, chronicle) => {
  const stop = account.person.follow(
    url,
    'subscription ($conversationId: ID!) { answerStream(conversationId: $conversationId) { __typename } }',
    { conversationId: account.conversationId },
    () => undefined,
  );
  try {
    await ask(url, account, chronicle);
  } finally {
    stop();
  }
};
