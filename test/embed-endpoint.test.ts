import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { settled } from '../src/domains/conversations/answering.ts';
import { embedWidgetKeys, visitorTokens } from '../src/domains/conversations/embed-tables.ts';
import { removeExpiredVisits } from '../src/domains/conversations/schedules.ts';
import { conversations, feedback, messages } from '../src/domains/conversations/tables.ts';
import { embedConversations } from '../src/domains/conversations/visit-tables.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { modelFor, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';
import { eventsIn, Page, pageOrigin, widgetIn, type StreamedEvent } from './visitors.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any
type SignedUp = Awaited<ReturnType<Testbed['signUp']>>;

const otherOrigin = 'https://blog.example.com';
const question = 'How often are roses watered in summer?';
const disable = 'mutation ($id: ID!) { disableEmbedWidget(input: { id: $id }) { embedWidget { enabled } } }';

let bed: Testbed;
let models: OpenAiServer;
let ada: SignedUp;
/** A workspace that the built-in answerer answers in, and one with a model of the server of the test. */
let garden: string;
let library: string;

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed({ CORS_ORIGINS: otherOrigin }), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
  garden = await workspaceOf(ada, { name: 'Garden' });
  library = await workspaceOf(ada, { name: 'Library' });
  await modelFor(ada, library, models.url);
  await add(garden, 'The rose book', 'Roses are watered every three days in summer. Tulips are planted in October.');
  await add(garden, 'Secrets', 'The Zephyrine comet returns every seventy years.', { kind: 'RESTRICTED', userIds: [] });
}, 60_000);
beforeEach(() => models.reset());
afterAll(async () => {
  await settled();
  await bed.stop();
  await models.stop();
});

const add = (workspaceId: string, title: string, text: string, access?: object): Promise<Data> =>
  ada.want('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
    input: { workspaceId, title, text, wait: true, ...(access && { access }) },
  });

const pageOf = async (input: object = {}, { workspaceId = garden, origin = pageOrigin } = {}): Promise<Page> =>
  new Page(bed, (await widgetIn(ada, workspaceId, input)).publicId, origin);

/** A page whose visitor has begun a conversation. */
const visitorOf = async (input: object = {}, options: { workspaceId?: string } = {}): Promise<Page> => {
  const page = await pageOf(input, options);
  await page.enter();
  return page;
};

const inOrganization = <Row>(read: () => Promise<Row[]>): Promise<Row[]> => {
  const unit = unitOf(bed, ada.organizationId);
  return unit.run(read).finally(() => void unit.rest());
};

/** All that visitors could have changed. */
const everything = (): Promise<unknown> =>
  inOrganization(() =>
    database.execute(sql`select (select count(*) from ${messages}) as messages, (select count(*) from ${conversations}) as conversations,
      (select json_agg(c.status order by c.id) from ${conversations} c) as statuses, (select count(*) from ${feedback}) as feedback,
      (select count(*) from ${visitorTokens}) as tokens, (select count(*) from ${embedConversations}) as visits`),
  );

const kindsOf = (events: readonly StreamedEvent[]): string[] =>
  events.map(({ kind }) => kind).filter((kind, at, all) => kind !== 'delta' || all[at - 1] !== 'delta');
const textOf = (events: readonly StreamedEvent[]): string =>
  events.reduce((text, { kind, data }) => (kind === 'delta' ? text.slice(0, data.position) + data.text : text), '');

describe('asking', () => {
  test('a visitor asks and sees the answer grow, with its sources', async () => {
    const page = await visitorOf({ showSources: true });

    const events = await page.say(question);

    expect(kindsOf(events)).toEqual(['message', 'started', 'delta', 'completed']);
    expect(events[0]?.data.message).toMatchObject({ role: 'USER', text: question, status: 'COMPLETED' });
    const message: Data = events.at(-1)?.data.message;
    expect(textOf(events)).toBe(message.text);
    expect(message.sources).toEqual([
      { marker: 1, title: 'The rose book', quote: expect.stringContaining('every three days') },
    ]);
    expect(events.at(-1)?.id).toBe(`${message.id}:end`);
    const said = await page.ask('GET', '/messages');
    expect(said.body.messages.map((each: Data) => [each.role, each.status])).toEqual([
      ['USER', 'COMPLETED'],
      ['ASSISTANT', 'COMPLETED'],
    ]);
  });

  test('without showSources nothing is told of documents', async () => {
    const page = await visitorOf();
    const told = JSON.stringify([await page.say(question), (await page.ask('GET', '/messages')).body]);
    expect(told).toContain('every three days');
    expect(told).not.toMatch(/"sources"|"quote"|document_|citation_/);
  });

  test('nothing that was narrowed is used, whoever may read it', async () => {
    const page = await visitorOf({ showSources: true, chatMode: 'QUERY' });
    const told = JSON.stringify([
      await page.say('When does the Zephyrine comet return?'),
      (await page.ask('GET', '/messages')).body,
    ]);
    expect(told).not.toContain('seventy');
    const owner: Data = await ada.want(
      `{ search(workspaceId: "${garden}", query: "Zephyrine comet") { edges { score } } }`,
    );
    expect(owner.search.edges.length).toBeGreaterThan(0);
  });

  test('what the page chooses reaches the model where the widget lets it, and is refused elsewhere', async () => {
    const open = await visitorOf(
      { allowTemperatureOverride: true, allowPromptOverride: true, historyLength: 0 },
      { workspaceId: library },
    );
    await open.say('First?');
    await open.say('Second?', { temperature: 1.5, prompt: 'Speak like a pirate.' });
    const { temperature, messages: sent }: Data = models.seen.at(-1)?.body ?? {};
    expect(temperature).toBe(1.5);
    expect(JSON.stringify(sent)).toContain('Speak like a pirate.');
    expect(JSON.stringify(sent)).not.toContain('First?');

    const before = await everything();
    const refused = (overrides: object) => open.refused('POST', '/messages', { text: 'Third?', overrides });
    const badInput = { status: 400, code: 'BAD_USER_INPUT' };
    expect(await refused({ model: 'model_01980000000070008000000000' })).toMatchObject({
      ...badInput,
      field: 'overrides.model',
    });
    expect(await refused({ temperature: 3 })).toMatchObject({ ...badInput, field: 'overrides.temperature' });
    expect(await refused({ prompt: 'x'.repeat(4001) })).toMatchObject({ ...badInput, field: 'overrides.prompt' });
    const shut = await visitorOf({}, { workspaceId: library });
    const after = await everything();
    expect(await shut.refused('POST', '/messages', { text: 'Hm?', overrides: { temperature: 1 } })).toMatchObject({
      ...badInput,
      field: 'overrides.temperature',
    });
    expect(await everything()).toEqual(after);
    expect(JSON.stringify(before)).not.toBe(JSON.stringify(after));
  });

  test('a failure inside is told without what is wrong inside', async () => {
    const page = await visitorOf({}, { workspaceId: library });
    models.script({ status: 401, body: { error: { message: 'Incorrect API key sk-test-12345678' } } });
    const events = await page.say('Hello?');
    expect(events.at(-1)).toMatchObject({
      kind: 'failed',
      data: { error: { code: 'UNAVAILABLE', message: 'The answer could not be given; try again.' } },
    });
    expect(JSON.stringify(events)).not.toMatch(/sk-test|API key|server-/);
  });

  test('texts have 1 to 4,000 characters, and bodies are bounded', async () => {
    const page = await visitorOf();
    const before = await everything();
    expect(await page.refused('POST', '/messages', { text: 'x'.repeat(4001) })).toMatchObject({
      status: 400,
      field: 'text',
    });
    expect(await page.refused('POST', '/messages', { text: '  ' })).toMatchObject({ status: 400, field: 'text' });
    expect(await page.refused('POST', '/messages', { text: 'x'.repeat(1_000_001) })).toMatchObject({ status: 413 });
    const form = await page.fetch('POST', '/messages', undefined, {
      'content-type': 'text/plain',
      'content-length': '2',
    });
    expect(form.status).toBe(400);
    expect(await everything()).toEqual(before);
  });
});

describe('origins', () => {
  test('a widget answers pages of its origins, and is silent to all others', async () => {
    const page = await pageOf({ allowedOrigins: [pageOrigin, 'http://localhost:8080'] });
    const answer = await page.ask('GET', '');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('access-control-allow-origin')).toBe(pageOrigin);
    expect(answer.headers.get('vary')).toBe('Origin');

    const before = await everything();
    // The last one is the installation's own, for /graphql.
    const foreign = [
      'https://shop.example.com.evil.example',
      'http://shop.example.com',
      'http://localhost:8081',
      'null',
      otherOrigin,
    ];
    for (const origin of [...foreign, null])
      for (const [method, path] of [
        ['POST', '/session'],
        ['GET', ''],
        ['OPTIONS', '/session'],
        ['POST', '/messages'],
      ] as const) {
        const refused = await new Page(bed, page.publicId, origin).ask(
          method,
          path,
          method === 'POST' ? {} : undefined,
        );
        expect([origin, refused.status, refused.body.errors[0].extensions]).toEqual([
          origin,
          403,
          { code: 'FORBIDDEN', reason: 'ORIGIN_NOT_ALLOWED', until: null },
        ]);
        expect(refused.headers.get('access-control-allow-origin')).toBeNull();
      }
    expect(await everything()).toEqual(before);
  });

  test('a widget without origins answers nobody', async () => {
    const page = await pageOf({ allowedOrigins: [] });
    expect(await page.refused('POST', '/session', {})).toMatchObject({ status: 403, reason: 'ORIGIN_NOT_ALLOWED' });
  });

  test('browsers may ask first, and are told what they may send', async () => {
    const page = await pageOf();
    const { status, headers } = await page.ask('OPTIONS', '/messages', undefined, {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    });
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(pageOrigin);
    expect(headers.get('access-control-allow-headers')).toBe('authorization, content-type, last-event-id');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
  });

  test('a token is good on pages of its origin and in its widget alone', async () => {
    const page = await visitorOf({ allowedOrigins: [pageOrigin, otherOrigin] });
    await page.say(question);
    const elsewhere = new Page(bed, page.publicId, otherOrigin);
    const otherWidget = await pageOf();
    for (const thief of [elsewhere, otherWidget]) {
      thief.token = page.token;
      expect(await thief.refused('GET', '/messages')).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
      const { token, messages } = await thief.enter();
      expect([token === page.token, messages]).toEqual([false, []]);
    }
    expect((await page.ask('GET', '/messages')).status).toBe(200);
  });
});

describe('refusals', () => {
  test('an unknown widget, an unknown action and another method', async () => {
    expect(await new Page(bed, 'unknown').refused('POST', '/session', {})).toMatchObject({
      status: 404,
      code: 'NOT_FOUND',
    });
    const page = await visitorOf();
    expect((await page.ask('POST', '/graphql', { query: '{ viewer { role } }' })).status).toBe(404);
    expect((await page.ask('POST', '/session/more', {})).status).toBe(404);
    const wrong = await page.ask('GET', '/session');
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
  });

  test('a disabled widget and one of an archived workspace refuse everything, and say so', async () => {
    const { id, publicId } = await widgetIn(ada, garden);
    const page = new Page(bed, publicId);
    await page.enter();
    await ada.want(disable, { id });
    const before = await everything();
    const disabled = { status: 403, code: 'FORBIDDEN', reason: 'WIDGET_DISABLED', until: null };
    expect(await page.refused('POST', '/session', {})).toEqual(disabled);
    expect(await page.refused('POST', '/messages', { text: question })).toEqual(disabled);
    expect(await page.refused('GET', '/events')).toEqual(disabled);
    expect(await everything()).toEqual(before);

    const attic = await workspaceOf(ada, { name: 'Attic' });
    const old = await visitorOf({}, { workspaceId: attic });
    await ada.want('mutation ($id: ID!) { archiveWorkspace(input: { id: $id }) { workspace { id } } }', { id: attic });
    expect(await old.refused('POST', '/messages', { text: question })).toEqual({
      ...disabled,
      reason: 'WORKSPACE_ARCHIVED',
    });
  });

  test('an open stream ends when the widget is disabled', async () => {
    const { id, publicId } = await widgetIn(ada, garden);
    const page = new Page(bed, publicId);
    await page.enter();
    const stream = await page.fetch('GET', '/events');
    await ada.want(disable, { id });
    expect(eventsIn(await stream.text()).map(({ kind }) => kind)).toEqual(['status']);
  });

  test('a token that is expired, made up or missing lets nobody in', async () => {
    const page = await visitorOf();
    const token = page.token ?? '';
    const refused = { status: 401, code: 'UNAUTHENTICATED' };
    page.token = null;
    expect(await page.refused('GET', '/messages')).toEqual(refused);
    page.token = `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`;
    expect(await page.refused('GET', '/messages')).toEqual(refused);
    page.token = token;
    await unitOf(bed, null).transact(() =>
      database.update(visitorTokens).set({ expiresAt: sql`now() - interval '1 second'` }),
    );
    expect(await page.refused('GET', '/messages')).toEqual(refused);
    const work = { unit: unitOf(bed, null), services: bed.server.installation.services };
    await removeExpiredVisits(work, new AbortController().signal);
    expect(
      await inOrganization(() =>
        database
          .select()
          .from(visitorTokens)
          .where(eq(visitorTokens.organizationId, uuidOf(ada.organizationId))),
      ),
    ).toEqual([]);
  });

  test('a conversation holds few streams at a time', async () => {
    const page = await visitorOf();
    const streams = await Promise.all(Array.from({ length: 6 }, () => page.fetch('GET', '/events')));
    const refused = await page.ask('GET', '/events');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
    expect(refused.body.errors[0].extensions).toEqual({ code: 'RATE_LIMITED', retryAfterSeconds: 5 });
    for (const stream of streams) await stream.body?.cancel();
  });
});

describe('one conversation and nothing else', () => {
  test('a visitor’s token opens nothing of the API', async () => {
    const page = await visitorOf();
    const response = await fetch(`${bed.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${page.token}` },
      body: JSON.stringify({ query: `{ workspace(id: "${garden}") { name } }` }),
    });
    const { errors }: Data = await response.json();
    expect(errors.map((error: Data) => error.extensions.code)).toEqual(['UNAUTHENTICATED']);
  });

  test('visitors neither see nor rate what others said', async () => {
    const { publicId } = await widgetIn(ada, garden);
    const [ann, ben] = [new Page(bed, publicId), new Page(bed, publicId)];
    await ann.enter();
    await ben.enter();
    const answer = (await ann.say(question)).at(-1)?.data.message;

    expect((await ben.ask('GET', '/messages')).body.messages).toEqual([]);
    const before = await everything();
    expect(await ben.refused('POST', '/feedback', { messageId: answer.id, score: 1 })).toMatchObject({
      status: 400,
      field: 'messageId',
    });
    expect(await everything()).toEqual(before);
    const told = await firstEvents(ben, `/events?after=${answer.id}:0`, 1);
    expect(told.map(({ kind }) => kind)).toEqual(['status']);
  });

  test('a visitor says what they think of an answer, and may think again', async () => {
    const page = await visitorOf();
    const events = await page.say(question);
    const id: string = events.at(-1)?.data.message.id;
    expect((await page.ask('POST', '/feedback', { messageId: id, score: -1, comment: 'Too short' })).status).toBe(200);
    expect((await page.ask('POST', '/feedback', { messageId: id, score: 1 })).status).toBe(200);
    const scores = (await page.ask('GET', '/messages')).body.messages.map((message: Data) => message.score);
    expect(scores).toEqual([undefined, 1]);
    expect(await page.refused('POST', '/feedback', { messageId: id, score: 2 })).toMatchObject({
      status: 400,
      field: 'score',
    });
    expect(await page.refused('POST', '/feedback', { messageId: events[0]?.data.message.id, score: 1 })).toMatchObject({
      status: 400,
    });
    const given = await inOrganization(() =>
      database
        .select()
        .from(feedback)
        .where(eq(feedback.messageId, uuidOf(id))),
    );
    expect(given.map(({ userId, score, comment }) => ({ userId, score, comment }))).toEqual([
      { userId: null, score: 1, comment: null },
    ]);
  });
});

/** The first events of a stream, which is left then. */
const firstEvents = async (
  page: Page,
  path: string,
  count: number,
  headers: Record<string, string> = {},
): Promise<StreamedEvent[]> => {
  const stream = await page.fetch('GET', path, undefined, headers);
  let text = '';
  for await (const bytes of stream.body ?? []) {
    text += Buffer.from(bytes).toString();
    if (eventsIn(text).length >= count) break;
  }
  return eventsIn(text).slice(0, count);
};

describe('going on', () => {
  test('whoever comes back with their token finds their conversation', async () => {
    const page = await pageOf();
    const { visitorId } = await page.enter({ visitorName: 'Grace' });
    await page.say(question);

    const again = await page.enter();
    expect([again.visitorId, again.token, again.messages.length, again.status]).toEqual([
      visitorId,
      page.token,
      2,
      'ACTIVE',
    ]);

    // Without a token it is a new conversation of the same visitor; what the server has not given to anybody is nobody.
    page.token = null;
    expect((await page.enter({ visitorId })).visitorId).toBe(visitorId);
    page.token = null;
    const madeUp = '0198c000-0000-7000-8000-000000000000';
    expect((await page.enter({ visitorId: madeUp })).visitorId).not.toBe(madeUp);
    const visits = await inOrganization(() =>
      database.select().from(embedConversations).where(eq(embedConversations.visitorId, visitorId)),
    );
    expect(visits.map(({ origin, visitorName, userAgent }) => [origin, visitorName, typeof userAgent])).toEqual([
      [pageOrigin, 'Grace', 'string'],
      [pageOrigin, null, 'string'],
    ]);
  });

  test('messages are read by pages', async () => {
    const page = await visitorOf();
    const [conversation] = await inOrganization(() =>
      database
        .select()
        .from(conversations)
        .orderBy(sql`created_at desc`)
        .limit(1),
    );
    await unitOf(bed, ada.organizationId).transact(() =>
      database.insert(messages).values(
        Array.from({ length: 35 }, (_, at) => ({
          organizationId: uuidOf(ada.organizationId),
          workspaceId: uuidOf(garden),
          conversationId: conversation?.id ?? '',
          role: 'USER' as const,
          content: `Message ${at}`,
          createdAt: new Date(Date.UTC(2026, 0, 1) + at).toISOString(),
        })),
      ),
    );
    const newest = (await page.ask('GET', '/messages')).body;
    expect([newest.messages.length, newest.messages[0].text]).toEqual([30, 'Message 5']);
    const older = (await page.ask('GET', `/messages?before=${encodeURIComponent(newest.before)}`)).body;
    expect([older.messages.map(({ text }: Data) => text), older.before]).toEqual([
      ['Message 0', 'Message 1', 'Message 2', 'Message 3', 'Message 4'],
      null,
    ]);
    expect(await page.refused('GET', '/messages?before=nonsense')).toMatchObject({
      status: 400,
      code: 'BAD_USER_INPUT',
    });
  });

  test('whoever lost the stream gets what they lack and no more', async () => {
    const page = await visitorOf({}, { workspaceId: library });
    models.script({ deltas: ['One ', 'two ', 'three ', 'four ', 'five.'], gapMs: 400 });
    const stream = await page.fetch('POST', '/messages', { text: 'Count!' });
    let text = '';
    for await (const bytes of stream.body ?? []) {
      text += Buffer.from(bytes).toString();
      if (eventsIn(text).some(({ kind }) => kind === 'delta')) break;
    }
    const had = eventsIn(text);
    const place = had.at(-1)?.id ?? '';

    const rest = await untilEnd(page, place);

    expect(textOf([...had, ...rest])).toBe('One two three four five.');
    const first = rest.find(({ kind }) => kind === 'delta');
    expect(first?.data.position).toBe(textOf(had).length);
    expect(rest.at(-1)).toMatchObject({ kind: 'completed', data: { message: { text: 'One two three four five.' } } });
    // And once more, with all of it: only that it stands.
    expect(
      (await firstEvents(page, '/events', 1, { 'last-event-id': rest.at(-1)?.id ?? '' })).map(({ kind }) => kind),
    ).toEqual(['status']);
    const late = await firstEvents(page, `/events?after=${place}`, 2);
    expect(late.map(({ kind }) => kind)).toEqual(['status', 'completed']);
  });

  test('a new conversation takes the place of the old one', async () => {
    const page = await pageOf();
    const { visitorId } = await page.enter();
    await page.say(question);
    const old = page.token;
    const fresh = (await page.ask('POST', '/reset')).body;
    expect([fresh.visitorId, fresh.messages, fresh.token === old]).toEqual([visitorId, [], false]);
    expect(await page.refused('GET', '/messages')).toMatchObject({ status: 401 });
    page.token = fresh.token;
    expect(kindsOf(await page.say(question)).at(-1)).toBe('completed');
    const rows = await inOrganization(() =>
      database
        .select()
        .from(conversations)
        .where(eq(conversations.visitorId, visitorId))
        .orderBy(conversations.createdAt),
    );
    expect(
      rows.map(({ status, channel, userId, titlePending }) => ({ status, channel, userId, titlePending })),
    ).toMatchObject([
      { status: 'ENDED', channel: 'EMBED', userId: null },
      { status: 'ACTIVE', channel: 'EMBED', userId: null },
    ]);
  });
});

/** The events of a stream from a place on, up to the end of an answer. */
const untilEnd = async (page: Page, place: string): Promise<StreamedEvent[]> => {
  const stream = await page.fetch('GET', '/events', undefined, { 'last-event-id': place });
  let text = '';
  for await (const bytes of stream.body ?? []) {
    text += Buffer.from(bytes).toString();
    if (eventsIn(text).some(({ kind }) => kind === 'completed')) break;
  }
  return eventsIn(text);
};

describe('people', () => {
  test('a visitor asks for a person, who answers by the stream', async () => {
    const page = await pageOf({ allowHandover: true });
    const { visitorId } = await page.enter();
    await page.say(question);

    const { body } = await page.ask('POST', '/handover', { reason: 'I need a human.' });
    expect(body).toEqual({ status: 'TRANSFERRED', waitingSince: expect.any(String) });
    expect((await page.ask('POST', '/handover', {})).body).toEqual(body);
    const [row] = await inOrganization(() =>
      database.select().from(conversations).where(eq(conversations.visitorId, visitorId)),
    );
    expect(row).toMatchObject({ status: 'TRANSFERRED', transferReason: 'I need a human.', assignedToId: null });

    const answersBefore = models.seen.length;
    const events = await page.say('Is anybody there?');
    expect(events.map(({ kind, data }) => [kind, data.message.role])).toEqual([['message', 'USER']]);
    const told = firstEvents(page, '/events', 2, { 'last-event-id': events[0]?.id ?? '' });
    await pause(200);
    await unitOf(bed, ada.organizationId).transact(() =>
      database.insert(messages).values({
        organizationId: uuidOf(ada.organizationId),
        workspaceId: uuidOf(garden),
        conversationId: row?.id ?? '',
        role: 'AGENT',
        senderId: uuidOf(ada.userId),
        content: 'I am here.',
        createdAt: sql`clock_timestamp() + interval '10 milliseconds'`,
      }),
    );
    const [standing, message] = await told;
    expect(standing).toMatchObject({ kind: 'status', data: { status: 'TRANSFERRED' } });
    expect(message).toMatchObject({ kind: 'message', data: { message: { role: 'AGENT', text: 'I am here.' } } });
    expect(JSON.stringify(message)).not.toContain('user_');
    expect(models.seen.length).toBe(answersBefore);
  });

  test('where nobody answers in person, nobody is asked', async () => {
    const page = await visitorOf();
    const before = await everything();
    expect(await page.refused('POST', '/handover', {})).toEqual({
      status: 403,
      code: 'FORBIDDEN',
      reason: 'HANDOVER_NOT_ALLOWED',
      until: null,
    });
    expect(await everything()).toEqual(before);
  });
});

describe('what is deleted', () => {
  test('a widget’s look-ups go with it, those of a conversation and of a workspace too', async () => {
    const { id, publicId } = await widgetIn(ada, garden);
    const page = new Page(bed, publicId);
    await page.enter();
    await ada.want('mutation ($id: ID!) { deleteEmbedWidget(input: { id: $id }) { deletedId } }', { id });
    expect(await page.refused('GET', '/messages')).toMatchObject({ status: 404 });

    const kept = await visitorOf();
    const [conversation] = await inOrganization(() =>
      database
        .select()
        .from(conversations)
        .orderBy(sql`created_at desc`)
        .limit(1),
    );
    await unitOf(bed, ada.organizationId).transact(() =>
      database.delete(conversations).where(eq(conversations.id, conversation?.id ?? '')),
    );
    expect(await kept.refused('GET', '/messages')).toMatchObject({ status: 401 });

    const doomed = await workspaceOf(ada, { name: 'Doomed' });
    await visitorOf({}, { workspaceId: doomed });
    await ada.want('mutation ($id: ID!) { deleteWorkspace(input: { id: $id }) { deletedId } }', {
      id: doomed,
    });
    const left = await inOrganization(() =>
      database.execute<{ tokens: number; widgets: number }>(sql`select
        (select count(*)::integer from ${visitorTokens} t where not exists (select from ${conversations} c where c.id = t.conversation_id)) as tokens,
        (select count(*)::integer from ${embedWidgetKeys} k where not exists (select from embed_widgets w where w.id = k.widget_id)) as widgets`),
    );
    expect(left).toEqual([{ tokens: 0, widgets: 0 }]);
  });
});
