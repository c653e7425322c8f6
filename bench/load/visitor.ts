import { randomUUID } from 'node:crypto';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

/** Who signs in. */
export interface Account {
  readonly email: string;
  readonly password: string;
}

interface Answer<Data> {
  readonly data?: Data | null;
  readonly errors?: readonly { readonly message: string }[];
}

/** Somebody who uses the API as an application would. */
export class Visitor {
  /** The server's address, without the endpoint. */
  readonly url: string;
  readonly token: string | null;

  constructor(url: string, token: string | null = null) {
    this.url = url;
    this.token = token;
  }

  /** Makes an account with an organization of its own. */
  static async signUp(url: string): Promise<{ visitor: Visitor; account: Account }> {
    const account = { email: `visitor-${randomUUID()}@example.com`, password: 'correct horse battery' };
    const input = { ...account, name: 'Visitor', organizationName: 'Visitors' };
    const { signUp } = await new Visitor(url).want<{ signUp: { token: string } }>(
      'mutation ($input: SignUpInput!) { signUp(input: $input) { token } }',
      { input },
    );
    return { visitor: new Visitor(url, signUp.token), account };
  }

  static async signIn(url: string, input: Account): Promise<Visitor> {
    const { signIn } = await new Visitor(url).want<{ signIn: { token: string } }>(
      'mutation ($input: SignInInput!) { signIn(input: $input) { token } }',
      { input },
    );
    return new Visitor(url, signIn.token);
  }

  /** Sends a body to the endpoint as it is. */
  send(body: string, signal?: AbortSignal): Promise<Response> {
    return fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(this.token !== null && { authorization: `Bearer ${this.token}` }),
      },
      body,
      ...(signal && { signal }),
    });
  }

  /** The data of an operation that must succeed. Throws with the errors otherwise. */
  async want<Data>(query: string, variables: object = {}): Promise<Data> {
    const response = await this.send(JSON.stringify({ query, variables }));
    const { data, errors } = (await response.json()) as Answer<Data>;
    if (errors !== undefined || data === undefined || data === null)
      throw new Error(errors?.map(({ message }) => message).join(' ') ?? `Status ${response.status} without data.`);
    return data;
  }

  /** Subscribes to a conversation's answers; resolves once the socket is open. */
  async follow(conversationId: string): Promise<Subscription> {
    const { promise: connected, resolve, reject } = Promise.withResolvers<WebSocket>();
    const client = createClient({
      url: `${this.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${this.token}` },
      retryAttempts: 0,
      on: { connected: (socket) => resolve(socket as WebSocket) },
    });
    let events = 0;
    const ended = new Promise<void>((resolve) => {
      const query = 'subscription ($id: ID!) { answerStream(conversationId: $id) { __typename } }';
      const end = (error?: unknown) => {
        reject(Error.isError(error) ? error : new Error('The socket was refused.'));
        resolve();
      };
      client.subscribe(
        { query, variables: { id: conversationId } },
        { next: () => void (events += 1), error: end, complete: end },
      );
    });
    const socket = await connected;
    return {
      events: () => events,
      close: async () => {
        await client.dispose();
        await ended;
      },
      breakOff: async () => {
        socket.terminate();
        await ended;
      },
    };
  }
}

/** An open `answerStream`. */
export interface Subscription {
  /** How many events have come so far. */
  readonly events: () => number;
  /** Ends it as a client should. */
  readonly close: () => Promise<void>;
  /** Drops the connection without a word, as a client does that loses its network. */
  readonly breakOff: () => Promise<void>;
}
