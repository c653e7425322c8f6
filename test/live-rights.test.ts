import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { and, eq } from 'drizzle-orm';
import { WebSocket } from 'ws';
import { startTessera, testEncryptionKey } from '../scripts/tessera-process.ts';
import { database } from '../src/database/client.ts';
import { answersTopic } from '../src/domains/conversations/events.ts';
import { resumeUser, suspendUser } from '../src/domains/identity/accounts.ts';
import { workspaceMemberships } from '../src/domains/tenancy/tables.ts';
import { founderOf } from '../src/domains/tenancy/viewers.ts';
import { FellBehind, LocalBus } from '../src/events/local-bus.ts';
import { Presences } from '../src/gateway/presences.ts';
import { Viewers } from '../src/gateway/viewer.ts';
import { globalId, newId } from '../src/ids.ts';
import { join, sessionsOf, signInTo, type SignedUp } from './people.ts';
import { conversationIn, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

let bed: Testbed;
const open = new Set<WebSocket>();
beforeAll(async () => {
  bed = await startTestbed();
});
afterEach(() => {
  for (const socket of open) socket.terminate();
  open.clear();
});
afterAll(() => bed.stop());

interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

/** A client's end of a socket, with all that it has heard. */
class Client {
  readonly heard: Message[] = [];
  readonly socket: WebSocket;
  /** The code it was closed with, once it was. */
  readonly closed: Promise<number>;

  constructor(url: string, token: string | null) {
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    open.add(this.socket);
    this.closed = once(this.socket, 'close').then(([code]: unknown[]) => Number(code));
    this.socket.on('message', (data: Buffer) => this.heard.push(JSON.parse(data.toString()) as Message));
    const payload = token === null ? {} : { authorization: `Bearer ${token}` };
    this.socket.on('open', () => this.send({ type: 'connection_init', payload }));
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  /** Begins an operation. */
  begin(id: string, query: string, variables: object = {}): void {
    this.send({ type: 'subscribe', id, payload: { query, variables } });
  }

  /** Waits for a message of an operation. */
  async hears(type: string, id?: string): Promise<Message> {
    for (const deadline = Date.now() + 5000; Date.now() < deadline; await pause(5)) {
      const found = this.heard.find((message) => message.type === type && message.id === id);
      if (found !== undefined) return found;
    }
    throw new Error(`${type} was not heard, but ${JSON.stringify(this.heard)}.`);
  }

  get texts(): string[] {
    return this.heard.flatMap(({ payload }) => /"text":"([^"]*)"/.exec(JSON.stringify(payload ?? null))?.[1] ?? []);
  }
}

const connected = async (token: string | null, url = bed.url): Promise<Client> => {
  const client = new Client(url, token);
  await client.hears('connection_ack');
  return client;
};

const whoAmI = '{ viewer { user { id } } }';
const answers = `subscription ($conversationId: ID!) { answerStream(conversationId: $conversationId) { ... on AnswerDelta { text } } }`;

/** Says something in a conversation, as a model would. */
const tell = (conversationId: string, text: string): void => {
  const notice = { kind: 'delta', messageId: newId(), text, position: 0 };
  bed.server.installation.services.bus.publish(answersTopic(uuidOf(conversationId)), notice);
};

/** Listens to a conversation over a socket, until something is heard. */
const listening = async (client: Client, conversationId: string, id = 'answers'): Promise<void> => {
  client.begin(id, answers, { conversationId });
  for (const deadline = Date.now() + 5000; !client.texts.includes('first'); await pause(20)) {
    if (Date.now() > deadline) throw new Error(`Nothing was heard, but ${JSON.stringify(client.heard)}.`);
    tell(conversationId, 'first');
  }
};
/** Whether a promise is settled after this. */
const within = async <Value>(ms: number, promise: Promise<Value>): Promise<Value | 'too late'> =>
  Promise.race([promise, pause(ms, 'too late' as const)]);

const withConversation = async (): Promise<{ ada: SignedUp; workspaceId: string; conversationId: string }> => {
  const ada = await bed.signUp('Ada');
  const workspaceId = await workspaceOf(ada);
  return { ada, workspaceId, conversationId: await conversationIn(ada, workspaceId) };
};
const platform = () => unitOf(bed, null);

describe('a suspended person', () => {
  test('is out at the next request, the socket closes, a subscription tells no more; resuming lets them in again', async () => {
    const { ada, conversationId } = await withConversation();
    const { viewers } = bed.server.installation.services;
    const userId = uuidOf(ada.userId);
    const client = await connected(ada.token);
    await listening(client, conversationId);
    const heardBefore = client.texts.length;
    expect(await ada.codes(whoAmI)).toEqual([]);

    await suspendUser(platform(), viewers, userId);
    tell(conversationId, 'secret');
    expect(await ada.codes(whoAmI)).toEqual(['UNAUTHENTICATED']);
    expect(await within(1000, client.closed)).toBe(4403);
    tell(conversationId, 'secret');
    await pause(50);
    expect(client.texts.slice(heardBefore).filter((text) => text !== 'first')).toEqual([]);
    expect(await within(1000, new Client(bed.url, ada.token).closed)).toBe(4403);
    // Twice is as good as once.
    await suspendUser(platform(), viewers, userId);

    await resumeUser(platform(), viewers, userId);
    expect(await ada.codes(whoAmI)).toEqual([]);
    await listening(await connected(ada.token), conversationId);
  });

  test('is out of other organizations too, and an unknown one is NOT_FOUND', async () => {
    const [ada, bob] = [await bed.signUp('Ada'), await bed.signUp('Bob')];
    await join(bed, bob.organizationId, ada);
    const there = await signInTo(bed, bob.organizationId, ada);
    expect(await there.codes(whoAmI)).toEqual([]);
    const { viewers } = bed.server.installation.services;
    await suspendUser(platform(), viewers, uuidOf(ada.userId));
    expect([await ada.codes(whoAmI), await there.codes(whoAmI)]).toEqual([['UNAUTHENTICATED'], ['UNAUTHENTICATED']]);
    expect(await bob.codes(whoAmI)).toEqual([]);
    await expect(suspendUser(platform(), viewers, newId())).rejects.toMatchObject({
      extensions: { code: 'NOT_FOUND' },
    });
  });
});

describe('a socket', () => {
  test('closes with its session, and those of others stay', async () => {
    const { ada } = await withConversation();
    const elsewhere = await signInTo(bed, ada.organizationId, ada);
    const [mine, theirs, nobody] = [
      await connected(ada.token),
      await connected(elsewhere.token),
      await connected(null),
    ];
    const [, second] = await sessionsOf(bed, ada);
    await ada.want('mutation ($input: RevokeSessionInput!) { revokeSession(input: $input) { session { id } } }', {
      input: { id: globalId('Session', second?.id ?? '') },
    });
    expect(await within(1000, theirs.closed)).toBe(4403);
    await ada.want('mutation { signOut { signedOut } }');
    expect(await within(1000, mine.closed)).toBe(4403);
    expect(await within(50, nobody.closed)).toBe('too late');
  });

  test('stays when some rights are taken away, and what ran with them ends', async () => {
    const { ada, workspaceId, conversationId } = await withConversation();
    const bob = await bed.signUp('Bob');
    await join(bed, ada.organizationId, bob);
    const [organizationId, userId] = [uuidOf(ada.organizationId), uuidOf(bob.userId)];
    const membership = { organizationId, userId, workspaceId: uuidOf(workspaceId), role: 'EDITOR' as const };
    await unitOf(bed, ada.organizationId).transact(() => database.insert(workspaceMemberships).values(membership));
    const guest = await signInTo(bed, ada.organizationId, bob);
    const client = await connected(guest.token);
    await listening(client, conversationId);

    await unitOf(bed, ada.organizationId).transact(() =>
      database
        .delete(workspaceMemberships)
        .where(and(eq(workspaceMemberships.organizationId, organizationId), eq(workspaceMemberships.userId, userId))),
    );
    bed.server.installation.services.viewers.forgetUser(userId);
    tell(conversationId, 'secret');
    await client.hears('complete', 'answers');
    expect(client.texts).not.toContain('secret');
    client.begin('again', answers, { conversationId });
    expect(JSON.stringify(await client.hears('next', 'again'))).toContain('NOT_FOUND');
    client.begin('who', whoAmI);
    await client.hears('next', 'who');
  });

  test('goes on with what runs when rights are added', async () => {
    const { ada, conversationId } = await withConversation();
    const client = await connected(ada.token);
    await listening(client, conversationId);
    await workspaceOf(ada, { name: 'Another' });
    await pause(100);
    tell(conversationId, 'second');
    for (const deadline = Date.now() + 2000; !client.texts.includes('second') && Date.now() < deadline;) await pause(5);
    expect(client.texts).toContain('second');
  });
});

describe('whoever stays', () => {
  const viewer = founderOf(newId(), newId());
  const source = (): {
    stream: AsyncIterableIterator<string>;
    tell: (text: string) => void;
    returned: () => boolean;
  } => {
    const bus = new LocalBus();
    const heard = bus.subscribe('texts');
    const stream: AsyncIterableIterator<string> = {
      [Symbol.asyncIterator]: () => stream,
      next: async () => {
        const { done, value } = await heard.next();
        return done === true ? { done, value: undefined } : { done: false, value: (value as { text: string }).text };
      },
      return: async () => {
        await heard.return?.();
        return { done: true, value: undefined };
      },
    };
    return { stream, tell: (text) => bus.publish('texts', { text }), returned: () => bus.size === 0 };
  };

  test('is looked at again and again, so that time which runs out ends a stay', async () => {
    const presences = new Presences({ onChange: () => () => undefined }, 20);
    let valid = true;
    let left = 0;
    const look = async () => (valid ? viewer : null);
    const presence = presences.enter({ look, leave: () => left++ }, viewer);
    const { stream, returned } = source();
    const next = presence.bind(stream, viewer).next();
    await pause(100);
    expect(left).toBe(0);
    valid = false;
    expect(await next).toEqual({ done: true, value: undefined });
    expect([left, returned()]).toEqual([1, true]);
    presences.close();
  });

  test('hears nothing while nobody knows whether they may', async () => {
    const presences = new Presences({ onChange: () => () => undefined });
    let known = true;
    const look = async () => {
      if (!known) throw new Error('The database is away.');
      return viewer;
    };
    const presence = presences.enter({ look, leave: () => undefined }, viewer);
    const { stream, tell } = source();
    const bound = presence.bind(stream, viewer);
    await presence.looking;
    known = false;
    void presence.look();
    tell('held back');
    const next = bound.next();
    expect(await within(100, next)).toBe('too late');
    known = true;
    expect(await within(2000, next)).toEqual({ done: false, value: 'held back' });
    presences.leave(presence);
    presences.close();
  });
});

test('a process that fell behind what the others say takes all rights for changed', async () => {
  const bus = new LocalBus();
  let subscriptions = 0;
  const behind: AsyncIterableIterator<object> = {
    [Symbol.asyncIterator]: () => behind,
    next: () => Promise.reject(new FellBehind()),
  };
  const subscribe = (topic: string) => (++subscriptions === 1 ? behind : bus.subscribe(topic));
  const viewers = new Viewers(Object.assign(Object.create(bus) as LocalBus, { subscribe }));
  const concerned: boolean[] = [];
  const viewer = founderOf(newId(), newId());
  viewers.onChange((concerns) => concerned.push(concerns(viewer)));
  const listening = viewers.listen();
  await pause(10);
  bus.publish('viewers', { user: newId(), from: 'another process' });
  bus.publish('viewers', { user: viewer.userId, from: 'another process' });
  await pause(10);
  await bus.close();
  await listening;
  expect([subscriptions, concerned]).toEqual([2, [true, false, true]]);
});

const onPostgres = process.env.TEST_POSTGRES_URL === undefined ? describe.skip : describe;

onPostgres('two processes', () => {
  test('what is revoked in one is felt in the other within a second', async () => {
    const { settings } = bed.server.installation.services;
    const other = await startTessera({
      DATABASE_URL: settings.database.url ?? '',
      TESSERA_DATA_DIR: settings.dataDirectory,
      ENCRYPTION_KEYS: testEncryptionKey,
      RATE_LIMIT: 'off',
      WORKERS: 'off',
      LOG_LEVEL: 'silent',
    });
    try {
      const ada = await bed.signUp('Ada');
      const there = { ask: (person: Person) => askAt(other.url, person) };
      const client = await connected(ada.token, other.url);
      expect(await there.ask(ada)).toBeUndefined();
      const began = performance.now();
      await suspendUser(platform(), bed.server.installation.services.viewers, uuidOf(ada.userId));
      expect(await within(1000, client.closed)).toBe(4403);
      expect(await there.ask(ada)).toBe('UNAUTHENTICATED');
      expect(performance.now() - began).toBeLessThan(1000);
      await resumeUser(platform(), bed.server.installation.services.viewers, uuidOf(ada.userId));
      await pause(200);
      expect(await there.ask(ada)).toBeUndefined();
      await ada.want('mutation { signOut { signedOut } }');
      for (const deadline = Date.now() + 1000; Date.now() < deadline && (await there.ask(ada)) === undefined;)
        await pause(20);
      expect(await there.ask(ada)).toBe('UNAUTHENTICATED');
    } finally {
      await other.stop('SIGKILL');
    }
  });
});

/** The code of the error that a server gives somebody who asks who they are. */
const askAt = async (url: string, { headers }: Person): Promise<unknown> => {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query: whoAmI }),
  });
  const body = (await response.json()) as { errors?: { extensions: { code: unknown } }[] };
  return body.errors?.[0]?.extensions.code;
};
