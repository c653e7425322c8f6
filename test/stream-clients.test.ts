import { setTimeout as pause } from 'node:timers/promises';
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Client as UrqlClient, fetchExchange, subscriptionExchange } from '@urql/core';
import { OperationTypeNode } from 'graphql';
import { createClient, type Client as WsClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { modelFor, promote, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

/** An operation's data, or what a subscription tells. */
type Data = Record<string, unknown>;

/** A client library as an application uses it, signed in or not. */
interface Api {
  mutate(query: string, variables: object): Promise<Data>;
  /** Calls `next` with each result and `ended` once, also when the connection breaks; the function returned ends it. */
  subscribe(query: string, variables: object, next: (data: Data) => void, ended: () => void): () => void;
  /** Breaks the connection, as a network does. */
  cut(): void;
  stop(): void;
}

let bed: Testbed;
let models: OpenAiServer;
let workspaceId: string;
let account: { email: string; password: string };

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed(), startOpenAiServer()]);
  const ada = await bed.signUp('Ada');
  await promote(bed, ada);
  workspaceId = await workspaceOf(ada);
  await modelFor(ada, workspaceId, models.url);
  account = { email: ada.email, password: 'correct horse battery' };
}, 60_000);
beforeEach(() => models.reset());
afterAll(async () => {
  await models.stop();
  await bed.stop();
});

const headersOf = (token: string | null): Record<string, string> =>
  token === null ? {} : { authorization: `Bearer ${token}` };

/** The socket that the three share. It does not connect again by itself: that would ask for everything anew, and not for the rest. */
const socketOf = (token: string | null): { socket: WsClient; cut: () => void } => {
  let current: WebSocket | undefined;
  const socket = createClient({
    url: `${bed.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: headersOf(token),
    retryAttempts: 0,
    on: { connected: (connected) => (current = connected as WebSocket) },
  });
  return { socket, cut: () => current?.terminate() };
};

const apollo = (token: string | null): Api => {
  const { socket, cut } = socketOf(token);
  const http = new HttpLink({ uri: `${bed.url}/graphql`, headers: headersOf(token) });
  const isSubscription = ({ operationType }: { operationType: OperationTypeNode }) =>
    operationType === OperationTypeNode.SUBSCRIPTION;
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(isSubscription, new GraphQLWsLink(socket), http),
  });
  return {
    mutate: async (query, variables) => (await client.mutate<Data>({ mutation: gql(query), variables })).data ?? {},
    subscribe: (query, variables, next, ended) => {
      const subscription = client.subscribe<Data>({ query: gql(query), variables, fetchPolicy: 'no-cache' }).subscribe({
        // A broken connection is a result with an error here, behind which nothing comes.
        next: ({ data, error }) => (error === undefined ? next(data ?? {}) : ended()),
        error: ended,
        complete: ended,
      });
      return () => subscription.unsubscribe();
    },
    cut,
    stop: () => {
      client.stop();
      void socket.dispose();
    },
  };
};

const urql = (token: string | null): Api => {
  const { socket, cut } = socketOf(token);
  const client = new UrqlClient({
    url: `${bed.url}/graphql`,
    preferGetMethod: false,
    fetchOptions: { headers: headersOf(token) },
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => {
            const operation = { query, ...(variables && { variables }) };
            return {
              unsubscribe: socket.subscribe(operation, {
                ...sink,
                next: ({ data = null, errors = [] }) =>
                  sink.next({ data, ...(errors.length > 0 && { errors: [...errors] }) }),
              }),
            };
          },
        }),
      }),
    ],
  });
  return {
    mutate: async (query, variables) => {
      const { data, error } = await client.mutation<Data>(query, variables).toPromise();
      if (error !== undefined) throw error;
      return data ?? {};
    },
    subscribe: (query, variables, next, ended) => {
      const subscription = client.subscription<Data>(query, variables).subscribe(({ data, error }) => {
        if (error !== undefined) ended();
        else if (data !== undefined) next(data);
      });
      return () => subscription.unsubscribe();
    },
    cut,
    stop: () => void socket.dispose(),
  };
};

const plain = (token: string | null): Api => {
  const { socket, cut } = socketOf(token);
  return {
    mutate: async (query, variables) => {
      const operation = { query, variables: variables as Record<string, unknown> };
      for await (const { data, errors } of socket.iterate<Data>(operation)) {
        if (errors !== undefined) throw new Error(JSON.stringify(errors));
        return data ?? {};
      }
      throw new Error('There was no answer.');
    },
    subscribe: (query, variables, next, ended) =>
      socket.subscribe<Data>(
        { query, variables: variables as Record<string, unknown> },
        { next: ({ data }) => next(data ?? {}), error: ended, complete: ended },
      ),
    cut,
    stop: () => void socket.dispose(),
  };
};

const signIn = 'mutation SignIn($input: SignInInput!) { signIn(input: $input) { token } }';
const start =
  'mutation Start($input: StartConversationInput!) { startConversation(input: $input) { conversation { id } } }';
const ask = 'mutation Ask($input: AskInput!) { ask(input: $input) { answer { id status content } } }';
const cancel = 'mutation Cancel($input: CancelAnswerInput!) { cancelAnswer(input: $input) { message { status } } }';
const answers = `subscription Answers($conversationId: ID!, $after: [AnswerPositionInput!]) {
  answerStream(conversationId: $conversationId, after: $after) { __typename
    ... on AnswerStarted { messageId } ... on AnswerDelta { messageId text position end } ... on AnswerFailed { messageId }
    ... on AnswerCancelled { messageId } ... on AnswerCompleted { message { id content } } } }`;

interface Event {
  readonly __typename: string;
  readonly messageId?: string;
  readonly text?: string;
  readonly position?: number;
  readonly end?: number;
  readonly message?: { readonly id: string; readonly content: string };
}
interface Asked {
  readonly ask: { readonly answer: { readonly id: string; readonly status: string; readonly content: string } };
}

/** What a client hears of a conversation. */
const follow = (api: Api, conversationId: string, after: object | null) => {
  const events: Event[] = [];
  let over = false;
  const stop = api.subscribe(
    answers,
    { conversationId, after },
    (data) => events.push((data as { answerStream: Event }).answerStream),
    () => (over = true),
  );
  return { events, stop, isOver: () => over };
};
const until = async (holds: () => boolean): Promise<void> => {
  for (const deadline = Date.now() + 10_000; !holds(); await pause(10))
    if (Date.now() > deadline) throw new Error('It did not come about.');
};
const textOf = (events: readonly Event[]): string => events.map(({ text = '' }) => text).join('');
const kindsOf = (events: readonly Event[]): string[] =>
  events.map(({ __typename }) => __typename).filter((kind, at, all) => kind !== all[at - 1]);
const roses = ['Roses ', 'are ', 'watered ', 'every ', 'three ', 'days ', '🌹 ', 'in ', 'summer', '.'];

describe.each([
  ['Apollo Client', apollo],
  ['urql', urql],
  ['a plain graphql-ws client', plain],
] as const)('%s', (_name, open) => {
  let api: Api;
  let conversationId: string;
  beforeAll(async () => {
    const stranger = open(null);
    const { token } = (await stranger.mutate(signIn, { input: account })).signIn as { token: string };
    stranger.stop();
    api = open(token);
    const made = await api.mutate(start, { input: { workspaceId, title: 'Roses' } });
    conversationId = (made as { startConversation: { conversation: { id: string } } }).startConversation.conversation
      .id;
  }, 30_000);
  afterAll(() => api.stop());

  test('sees an answer grow piece by piece up to what is stored', async () => {
    const { events, stop } = follow(api, conversationId, null);
    models.script({ deltas: roses, gapMs: 60, delayMs: 300 });
    const { answer } = ((await api.mutate(ask, { input: { conversationId, text: 'Roses?' } })) as unknown as Asked).ask;
    await until(() => events.at(-1)?.__typename === 'AnswerCompleted');
    stop();
    expect(kindsOf(events)).toEqual(['AnswerStarted', 'AnswerDelta', 'AnswerCompleted']);
    expect(answer).toMatchObject({ status: 'COMPLETED', content: roses.join('') });
    expect(textOf(events)).toBe(answer.content);
    expect(events.at(-1)?.message).toMatchObject({ id: answer.id, content: answer.content });
    expect(events.length).toBeGreaterThan(4);
  });

  test('goes on where it was cut off, in the middle of an answer and behind its end', async () => {
    const first = follow(api, conversationId, null);
    models.script({ deltas: roses, gapMs: 80, delayMs: 300 });
    const asking = api.mutate(ask, { input: { conversationId, text: 'Roses?' } }).catch(() => undefined);
    await until(() => textOf(first.events).length > 10);
    api.cut();
    await until(first.isOver);
    const { messageId, end } = first.events.at(-1) ?? {};
    const second = follow(api, conversationId, [{ messageId, position: end }]);
    await until(() => second.events.at(-1)?.__typename === 'AnswerCompleted');
    expect(second.events[0]).toMatchObject({ __typename: 'AnswerDelta', position: end });
    expect(textOf([...first.events, ...second.events])).toBe(roses.join(''));
    second.stop();
    await asking;

    // Meanwhile the answer ended and another was written: the rest of the one, then the other.
    models.script({ deltas: ['Tulips.'] });
    await api.mutate(ask, { input: { conversationId, text: 'Tulips?' } });
    const third = follow(api, conversationId, [{ messageId, position: end }]);
    await until(() => third.events.filter(({ __typename }) => __typename === 'AnswerCompleted').length === 2);
    third.stop();
    expect(kindsOf(third.events)).toEqual([
      'AnswerDelta',
      'AnswerCompleted',
      'AnswerStarted',
      'AnswerDelta',
      'AnswerCompleted',
    ]);
    expect(textOf(third.events)).toBe(`${roses.join('').slice(end)}Tulips.`);
    const knowing = follow(api, conversationId, [{ messageId }]);
    await until(() => knowing.events.at(-1)?.__typename === 'AnswerCompleted');
    knowing.stop();
    expect(textOf(knowing.events)).toBe('Tulips.');
  });

  test('stops an answer while the model is silent', async () => {
    const { events, stop } = follow(api, conversationId, null);
    models.script({ deltas: ['Roses ', 'are'], stallAfter: 1, delayMs: 300 });
    const asking = api.mutate(ask, { input: { conversationId, text: 'Roses?' } });
    await until(() => textOf(events) === 'Roses ');
    const { messageId } = events.at(-1) ?? {};
    await api.mutate(cancel, { input: { messageId } });
    await until(() => events.at(-1)?.__typename === 'AnswerCancelled');
    stop();
    expect(((await asking) as unknown as Asked).ask.answer).toMatchObject({ status: 'CANCELLED', content: 'Roses ' });
  });
});
