import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import postgres from 'postgres';
import { startTessera, testEncryptionKey } from '../scripts/tessera-process.ts';
import { database } from '../src/database/client.ts';
import { failAbandonedAnswers } from '../src/domains/conversations/abandoned.ts';
import { settleWithin } from '../src/domains/conversations/answering.ts';
import { answersTopic, tellAgainTopic, type AnswerNotice } from '../src/domains/conversations/events.ts';
import { followAnswers, type Following } from '../src/domains/conversations/following.ts';
import { messages, runningAnswers } from '../src/domains/conversations/tables.ts';
import { workspaceMemberships } from '../src/domains/tenancy/tables.ts';
import { newId } from '../src/ids.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { join, signInTo, type SignedUp } from './people.ts';
import { conversationIn, modelFor, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

let bed: Testbed & { ownerUrl: string | undefined };
let models: OpenAiServer;
let ada: SignedUp;
let workspaceId: string;
let conversationId: string;

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed({ ENCRYPTION_KEYS: testEncryptionKey }), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
  workspaceId = await workspaceOf(ada);
  await modelFor(ada, workspaceId, models.url);
}, 60_000);
beforeEach(async () => {
  models.reset();
  conversationId = await conversationIn(ada, workspaceId);
});
afterAll(async () => {
  await models.stop();
  await bed.stop();
});

const askMutation =
  'mutation ($input: AskInput!) { ask(input: $input) { answer { id status content } question { id } } }';
const cancelMutation =
  'mutation ($input: CancelAnswerInput!) { cancelAnswer(input: $input) { message { status content } } }';
const answers = `subscription ($conversationId: ID!, $after: [AnswerPositionInput!]) {
  answerStream(conversationId: $conversationId, after: $after) { __typename
    ... on AnswerStarted { messageId } ... on AnswerDelta { messageId text position end } ... on AnswerCompleted { message { id content } }
    ... on AnswerFailed { messageId error { code } } ... on AnswerCancelled { messageId } } }`;

interface Asked {
  readonly answer: { readonly id: string; readonly status: string; readonly content: string };
  readonly question: { readonly id: string };
}
const ask = async (person: Person = ada): Promise<Asked> =>
  ((await person.want(askMutation, { input: { conversationId, text: 'Roses?' } })) as { ask: Asked }).ask;

interface Event {
  readonly __typename: string;
  readonly messageId?: string;
  readonly text?: string;
  readonly position?: number;
  readonly end?: number;
  readonly error?: { readonly code: string };
}

/** What a subscriber hears, growing. */
const listen = (after: object | null = null, person: Person = ada) => {
  const { results, stop } = person.subscribe(answers, { conversationId, after });
  const events: Event[] = [];
  const reading = (async () => {
    for await (const { data, errors } of results) {
      if (errors !== undefined) throw new Error(JSON.stringify(errors));
      events.push((data as unknown as { answerStream: Event }).answerStream);
    }
  })();
  reading.catch(() => undefined);
  return { events, stop, text: () => events.map(({ text }) => text ?? '').join('') };
};
const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (const deadline = Date.now() + 15_000; !(await holds()); await pause(20))
    if (Date.now() > deadline) throw new Error('It did not come about.');
};
const kinds = (events: readonly Event[]) => events.map(({ __typename }) => __typename);
/** Whether every piece begins where the one before ends. */
const isSeamless = (events: readonly Event[]): boolean => {
  let reached = 0;
  return events
    .filter(({ __typename }) => __typename === 'AnswerDelta')
    .every(({ text = '', position, end }) => position === reached && (reached += text.length) === end);
};

/** An answer that some process seems to write, with what is stored of it. */
const beginAnswer = async (content: string, lease = sql`now() + interval '1 minute'`): Promise<string> => {
  const [id, organizationId] = [newId(), uuidOf(ada.organizationId)];
  await unitOf(bed, ada.organizationId).transact(async () => {
    await database.insert(messages).values({
      organizationId,
      id,
      workspaceId: uuidOf(workspaceId),
      conversationId: uuidOf(conversationId),
      role: 'ASSISTANT',
      status: 'STREAMING',
      content,
      leaseUntil: lease,
    });
    await database.insert(runningAnswers).values({ messageId: id, organizationId, leaseUntil: lease });
  });
  return id;
};
const store = (id: string, fields: Partial<typeof messages.$inferInsert>) =>
  unitOf(bed, ada.organizationId).transact(async () => {
    await database.update(messages).set(fields).where(eq(messages.id, id));
  });
const storedText = async (): Promise<string> => {
  const unit = unitOf(bed, ada.organizationId);
  const [answer] = await unit.run(() =>
    database
      .select()
      .from(messages)
      .where(sql`${messages.conversationId} = ${uuidOf(conversationId)} and role = 'ASSISTANT'`),
  );
  await unit.rest();
  return answer?.content ?? '';
};
/** Tells listeners of an answer as another process would. */
const tell = (notice: AnswerNotice) =>
  bed.server.installation.services.bus.publish(answersTopic(uuidOf(conversationId)), notice);
const piece = (messageId: string, text: string, position: number) => tell({ kind: 'delta', messageId, text, position });
const follow = (following: Following = {}) => {
  const reader = { unit: unitOf(bed, ada.organizationId) };
  const followed = followAnswers(bed.server.installation.services, uuidOf(conversationId), { reader, ...following });
  const next = async (): Promise<AnswerNotice> => {
    const { done, value } = await followed.next();
    if (done === true) throw new Error('It is over.');
    return value;
  };
  return { next, stop: () => followed.return?.() };
};

describe('whoever comes back', () => {
  test.each([
    ['failed', { deltas: ['Roses ', 'are'], cutAfter: 1 }, 'AnswerFailed'],
    ['was completed', { deltas: ['Roses ', 'are'] }, 'AnswerCompleted'],
  ])('is told the rest of an answer that %s meanwhile, and all answers after it', async (_how, reply, end) => {
    models.script(reply, { deltas: ['Tulips'] }, { deltas: ['Lilies'] });
    const [first, second, third] = [await ask(), await ask(), await ask()];
    const { events, stop } = listen([{ messageId: first.answer.id, position: 2 }]);
    await until(() => events.length >= 8);
    await stop();
    expect(events[0]).toMatchObject({
      text: first.answer.content.slice(2),
      position: 2,
      end: first.answer.content.length,
    });
    expect(kinds(events)).toEqual([
      'AnswerDelta',
      end,
      'AnswerStarted',
      'AnswerDelta',
      'AnswerCompleted',
      'AnswerStarted',
      'AnswerDelta',
      'AnswerCompleted',
    ]);
    expect([events[2]?.messageId, events[5]?.messageId]).toEqual([second.answer.id, third.answer.id]);
  });

  test('is told nothing again that they know to have ended, and may name any message', async () => {
    const first = await ask();
    const second = await ask();
    const { events, stop } = listen([{ messageId: first.answer.id }]);
    const after = listen([{ messageId: second.question.id }]);
    await until(() => events.length >= 3 && after.events.length >= 3);
    await Promise.all([stop(), after.stop()]);
    expect(events).toEqual(after.events);
    expect(events[0]).toEqual({ __typename: 'AnswerStarted', messageId: second.answer.id });
  });

  test('is told the rest of each answer that is written at the same time', async () => {
    const [one, other] = [await beginAnswer('Roses are'), await beginAnswer('Tulips are')];
    const { next, stop } = follow({
      after: [
        { messageId: one, position: 5 },
        { messageId: other, position: 10 },
      ],
    });
    expect(await next()).toEqual({ kind: 'delta', messageId: one, text: ' are', position: 5 });
    piece(other, ' red', 10);
    expect(await next()).toEqual({ kind: 'delta', messageId: other, text: ' red', position: 10 });
    await stop();
  });

  test('hears more than one page of answers, in order', async () => {
    const asked = await ask();
    const ids: string[] = [];
    for (let number = 0; number < 45; number++) {
      const id = await beginAnswer(String(number));
      await store(id, { status: 'COMPLETED' });
      ids.push(id);
    }
    const { next, stop } = follow({ after: [{ messageId: uuidOf(asked.answer.id), position: null }] });
    const heard: AnswerNotice[] = [];
    while (heard.length < 45 * 3) heard.push(await next());
    await stop();
    expect(heard.filter(({ kind }) => kind === 'completed').map(({ messageId }) => messageId)).toEqual(ids);
  });

  test('is refused positions that cannot be', async () => {
    const { answer } = await ask();
    const elsewhere = await conversationIn(ada, workspaceId);
    const refusal = async (id: string, after: object[]) => {
      const { results, stop } = ada.subscribe(answers, { conversationId: id, after });
      const { value } = (await results.next()) as { value: { errors: { extensions: { code: string } }[] } };
      await stop();
      return value.errors[0]?.extensions.code;
    };
    expect(await refusal(conversationId, [{ messageId: answer.id, position: -1 }])).toBe('BAD_USER_INPUT');
    expect(
      await refusal(
        conversationId,
        Array.from({ length: 21 }, () => ({ messageId: answer.id })),
      ),
    ).toBe('BAD_USER_INPUT');
    expect(await refusal(elsewhere, [{ messageId: answer.id, position: 0 }])).toBe('NOT_FOUND');
  });
});

describe('a listener', () => {
  test('that is slow goes on with what is stored, and holds up nobody', async () => {
    const text = 'Roses are red. '.repeat(80);
    const messageId = await beginAnswer(text);
    await store(messageId, { content: '' });
    const [slow, quick] = [follow(), follow()];
    for (const { next } of [slow, quick]) expect(await next()).toEqual({ kind: 'started', messageId });
    const waiting = quick.next();
    await store(messageId, { content: text });
    let heard = '';
    for (const [position, character] of text.split('').entries()) {
      piece(messageId, character, position);
      const notice = await (position === 0 ? waiting : quick.next());
      heard += notice.kind === 'delta' ? notice.text : '';
    }
    expect(heard).toBe(text);
    // More than may wait for the other one has come: it is given all at once.
    expect(await slow.next()).toEqual({ kind: 'delta', messageId, text, position: 0 });
    piece(messageId, '!', text.length);
    expect(await slow.next()).toMatchObject({ text: '!' });
    await Promise.all([slow.stop(), quick.stop()]);
  });

  test('that misses a piece asks the writer for it, and reads what is stored when nobody answers', async () => {
    const messageId = await beginAnswer('Roses');
    const wishes = bed.server.installation.services.bus.subscribe(tellAgainTopic(messageId));
    const { next, stop } = follow();
    expect([(await next()).kind, await next()]).toMatchObject(['started', { text: 'Roses', position: 0 }]);
    const coming = next();
    piece(messageId, 'red', 10);
    expect((await wishes.next()).value).toEqual({ from: 5 });
    // The writer tells it again, with what it has by now.
    piece(messageId, ' are red', 5);
    expect(await coming).toMatchObject({ text: ' are red', position: 5 });
    const next2 = next();
    piece(messageId, 'tulips', 18);
    await store(messageId, { content: 'Roses are red and tulips' });
    await pause(600);
    piece(messageId, '.', 24);
    expect(await next2).toMatchObject({ text: ' and tulips', position: 13 });
    await Promise.all([stop(), wishes.return?.()]);
  });

  test('that misses the end looks for it when nothing more comes', async () => {
    const messageId = await beginAnswer('Roses');
    const { next, stop } = follow({ silenceMs: 300 });
    await next();
    await next();
    await store(messageId, { status: 'CANCELLED', content: 'Roses are' });
    expect([await next(), await next()]).toEqual([
      { kind: 'delta', messageId, text: ' are', position: 5 },
      { kind: 'cancelled', messageId, length: 9 },
    ]);
    await stop();
  });

  test('hears the text of an answer that was told of by its end alone', async () => {
    const { next, stop } = follow();
    const coming = next();
    const messageId = await beginAnswer('Roses');
    await store(messageId, { status: 'COMPLETED' });
    tell({ kind: 'completed', messageId, length: 5 });
    expect((await coming).kind).toBe('started');
    expect([await next(), await next()]).toMatchObject([{ text: 'Roses' }, { kind: 'completed' }]);
    await stop();
  });

  test('leaves nothing behind', async () => {
    const { bus } = bed.server.installation.services;
    const size = () => (bus as unknown as { size?: number }).size;
    const before = size();
    const { next, stop } = follow();
    const coming = next();
    await pause(50);
    await stop();
    await expect(coming).rejects.toThrow('It is over.');
    expect(size()).toBe(before);
  });
});

test('what is written is stored now and then, and stays when the writer dies', async () => {
  models.script({ deltas: ['Roses ', 'are ', 'red'], gapMs: 30, stallAfter: 2 });
  const asking = ask();
  const { events, stop } = listen();
  await until(async () => (await storedText()) === 'Roses are ');
  const messageId = String(events[0]?.messageId);
  // As if the process that writes it were gone.
  await unitOf(bed, null).transact(async () => {
    await database
      .update(runningAnswers)
      .set({ leaseUntil: sql`now() - interval '1 second'` })
      .where(eq(runningAnswers.messageId, uuidOf(messageId)));
  });
  expect(await failAbandonedAnswers(bed.server.installation.services)).toBe(1);
  await until(() => events.at(-1)?.__typename === 'AnswerFailed');
  await stop();
  expect(events.at(-1)).toMatchObject({ messageId, error: { code: 'UNAVAILABLE' } });
  expect(events.map(({ text }) => text ?? '').join('')).toBe('Roses are ');
  // Its renewal tells the writer, which lives after all, that nobody awaits the answer any more; a shutdown does so sooner.
  await settleWithin(0);
  expect((await asking).answer).toMatchObject({ status: 'FAILED', content: 'Roses are ' });
  const back = listen([{ messageId, position: 6 }]);
  await until(() => back.events.length === 2);
  await back.stop();
  expect(back.events).toMatchObject([{ text: 'are ', position: 6 }, { __typename: 'AnswerFailed' }]);
});

test('an EDITOR stops the answer that another asked for, a VIEWER does not', async () => {
  const people: Person[] = [];
  for (const role of ['VIEWER', 'EDITOR'] as const) {
    const bob = await bed.signUp('Bob');
    await join(bed, ada.organizationId, bob);
    const membership = {
      organizationId: uuidOf(ada.organizationId),
      userId: uuidOf(bob.userId),
      workspaceId: uuidOf(workspaceId),
      role,
    };
    await unitOf(bed, ada.organizationId).transact(() => database.insert(workspaceMemberships).values(membership));
    people.push(await signInTo(bed, ada.organizationId, bob));
  }
  const [viewer = ada, editor = ada] = people;
  models.script({ deltas: ['Roses ', 'are'], stallAfter: 1 });
  const asking = ask();
  const heard = [listen(null, viewer), listen(null, editor)];
  await until(() => heard.every(({ text }) => text() === 'Roses '));
  const input = { messageId: heard[0]?.events[0]?.messageId };
  expect(await viewer.codes(cancelMutation, { input })).toEqual(['FORBIDDEN']);
  expect(await editor.codes(cancelMutation, { input })).toEqual([]);
  expect((await asking).answer).toMatchObject({ status: 'CANCELLED', content: 'Roses ' });
  await until(() => heard.every(({ events }) => events.at(-1)?.__typename === 'AnswerCancelled'));
  for (const { stop } of heard) await stop();
});

const onPostgres = process.env.TEST_POSTGRES_URL === undefined ? describe.skip : describe;

onPostgres('an answer that another process writes', () => {
  let other: Awaited<ReturnType<typeof startTessera>>;
  beforeAll(async () => {
    const { settings } = bed.server.installation.services;
    other = await startTessera({
      DATABASE_URL: settings.database.url ?? '',
      TESSERA_DATA_DIR: settings.dataDirectory,
      ENCRYPTION_KEYS: testEncryptionKey,
      ALLOW_PRIVATE_ADDRESSES: 'on',
      RATE_LIMIT: 'off',
      WORKERS: 'off',
      LOG_LEVEL: 'silent',
    });
  }, 60_000);
  afterAll(() => other.stop('SIGKILL'));

  /** Asks there; resolves with the answer. */
  const askThere = async (): Promise<Asked> => {
    const response = await fetch(`${other.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...ada.headers },
      body: JSON.stringify({ query: askMutation, variables: { input: { conversationId, text: 'Roses?' } } }),
    });
    return ((await response.json()) as { data: { ask: Asked } }).data.ask;
  };
  const deltas = Array.from({ length: 60 }, (_, number) => `rose ${number} `);

  test('is heard whole by who joins late', async () => {
    models.script({ deltas, gapMs: 40 });
    const asking = askThere();
    await until(() => models.seen.length === 1);
    await pause(900);
    const { events, stop, text } = listen();
    await until(() => events.at(-1)?.__typename === 'AnswerCompleted');
    await stop();
    expect(text()).toBe((await asking).answer.content);
    expect(isSeamless(events)).toBe(true);
    expect(kinds(events)[0]).toBe('AnswerStarted');
    // Not all at its end: the writer told what was missing.
    expect(events.length).toBeGreaterThan(10);
  });

  test('is heard whole although the process is cut off from the others for a moment', async () => {
    models.script({ deltas, gapMs: 40 });
    const { events, stop, text } = listen();
    const asking = askThere();
    await until(() => text().length > 100);
    const owner = postgres(bed.ownerUrl ?? '', { max: 1 });
    const cut = await owner`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query ilike 'listen %'`;
    await owner.end();
    expect(cut.length).toBeGreaterThanOrEqual(2);
    await until(() => events.at(-1)?.__typename === 'AnswerCompleted');
    await stop();
    expect(text()).toBe((await asking).answer.content);
    expect(isSeamless(events)).toBe(true);
  });

  test('is stopped from here while its model is silent', async () => {
    models.script({ deltas: ['Roses ', 'are'], stallAfter: 1 });
    const { events, stop, text } = listen();
    const asking = askThere();
    await until(() => text() === 'Roses ');
    const input = { messageId: events[0]?.messageId };
    const stopped: { cancelAnswer: { message: object } } = await ada.want(cancelMutation, { input });
    expect(stopped.cancelAnswer.message).toEqual({ status: 'CANCELLED', content: 'Roses ' });
    expect((await asking).answer.status).toBe('CANCELLED');
    await until(() => events.at(-1)?.__typename === 'AnswerCancelled');
    await stop();
  });
});
