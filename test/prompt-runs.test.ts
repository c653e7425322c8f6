import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { and, eq, sql } from 'drizzle-orm';
import { setTimeout as pause } from 'node:timers/promises';
import { database } from '../src/database/client.ts';
import { executionLogs } from '../src/domains/modelhub/execution-tables.ts';
import { endAbandonedRuns } from '../src/domains/modelhub/prompt-ending.ts';
import { promptRuns } from '../src/domains/modelhub/prompt-tables.ts';
import { join, type Colleague } from './colleagues.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { modelAt, runFields, runIn, runMutation, sessionBy } from './prompt-talk.ts';
import { promote, uuidOf } from './talk.ts';
import { unitOfAll } from './machines.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let host: Awaited<ReturnType<Testbed['signUp']>>;
let olga: Colleague;
let [good, other]: OpenAiServer[] = [];
let [first, second, strict] = ['', '', ''];
const servers = (): OpenAiServer[] => [good, other].filter((server) => server !== undefined);
const at = (which: 0 | 1): OpenAiServer => {
  const server = servers()[which];
  if (server === undefined) throw new Error('The servers have not been started.');
  return server;
};

beforeAll(async () => {
  bed = await startTestbed();
  host = await bed.signUp('Host');
  await promote(bed, host);
  olga = await join(bed, host, 'MEMBER', { name: 'Olga' });
  [good, other] = [await startOpenAiServer(), await startOpenAiServer()];
  first = await modelAt(host, at(0), 'first');
  second = await modelAt(host, at(1), 'second', { inputPrice: '0.000003', outputPrice: '0.00000700001' });
  strict = await modelAt(host, at(0), 'strict', { capabilities: ['STRUCTURED_OUTPUT'] });
}, 120_000);
beforeEach(() => servers().forEach((server) => server.reset()));
afterAll(async () => {
  await bed.stop();
  await Promise.all(servers().map((server) => server.stop()));
});

const sessionOf = async (input: object = {}): Promise<string> =>
  (await sessionBy(olga, 'createPromptSession', { title: 'Roses', ...input })).id;
const sessionNow = async (id: string): Promise<Data> => {
  const data: Data = await olga.want('query ($id: ID!) { promptSession(id: $id) { status cost promptCount } }', { id });
  return data.promptSession;
};
const ledgerOf = (runId: string) =>
  unitOfAll(bed, host).transact(
    async () =>
      await database
        .select()
        .from(executionLogs)
        .where(and(eq(executionLogs.targetId, uuidOf(runId)), eq(executionLogs.purpose, 'prompt'))),
  );
const sumOf = async (runs: readonly { id: string }[]): Promise<string> => {
  const ids = sql.join(
    runs.map(({ id }) => sql`${uuidOf(id)}::uuid`),
    sql`, `,
  );
  const rows = await unitOfAll(bed, host).transact(
    async () =>
      await database.execute<{ sum: string }>(
        sql`select coalesce(sum(cost), 0)::numeric(18, 12)::text as sum from execution_logs where target_id in (${ids})`,
      ),
  );
  return rows[0]?.sum ?? '';
};
const number = (decimal: string): string => decimal.replace(/\.?0+$/, '');

test('two models answer side by side, and what they cost is what the ledger says', async () => {
  const session = await sessionOf({ prompt: 'Be {{tone}}.', context: { tone: 'brief', name: 'unused' } });
  expect(await sessionNow(session)).toEqual({ status: 'DRAFT', cost: '0', promptCount: 0 });
  at(1).always(() => ({ deltas: ['Tea ', 'roses'] }));
  const input = 'What does {{name}} like in {{ place.city }}?';
  const { runs }: Data = await runIn(olga, session, {
    input,
    context: { name: 'Ada', place: { city: 'Turin' } },
    modelIds: [first, second],
    temperature: 0.5,
    maxOutputTokens: 77,
  });
  expect(runs).toMatchObject([
    { position: 0, status: 'SUCCESS', text: 'Hello there.', modelName: 'first', inputTokens: 11, outputTokens: 3 },
    { position: 1, status: 'SUCCESS', text: 'Tea roses', modelName: 'second', inputTokens: 11, outputTokens: 2 },
  ]);
  expect(runs.map((run: Data) => number(run.cost))).toEqual(['0.000017', '0.00004700002']);
  expect(runs[0].latencyMs).toBeGreaterThanOrEqual(runs[0].timeToFirstTokenMs);
  const messages = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'What does Ada like in Turin?' },
  ];
  for (const server of servers())
    expect(server.seen).toMatchObject([{ body: { messages, temperature: 0.5, max_tokens: 77 } }]);
  for (const run of runs) {
    const log = await ledgerOf(run.id);
    expect(log).toMatchObject([{ status: 'SUCCESS', modelName: run.modelName, userId: uuidOf(olga.userId) }]);
    expect(number(log[0]?.cost ?? '')).toBe(number(run.cost));
  }
  const again: Data = await runIn(olga, session, { modelIds: [second] });
  const now = await sessionNow(session);
  expect(now).toMatchObject({ status: 'ACTIVE', promptCount: 2 });
  expect(number(now.cost)).toBe(number(await sumOf([...runs, ...again.runs])));
});

test('of two models one may fail, and the other one answers', async () => {
  const session = await sessionOf();
  at(1).always(() => ({ status: 401 }));
  const { runs }: Data = await runIn(olga, session, { modelIds: [second, first] });
  expect(runs).toMatchObject([
    { status: 'ERROR', errorKind: 'UNAUTHORIZED', text: '', inputTokens: null },
    { status: 'SUCCESS', errorKind: null, text: 'Hello there.' },
  ]);
  expect(await ledgerOf(runs[0].id)).toMatchObject([{ status: 'ERROR', errorKind: 'UNAUTHORIZED' }]);
  const now = await sessionNow(session);
  expect(number(now.cost)).toBe('0.000017');
});

test('an answer that breaks off stays as far as it came, and counts', async () => {
  const session = await sessionOf({ modelId: first });
  at(0).script({ deltas: ['One ', 'two ', 'three'], cutAfter: 2 });
  const { runs }: Data = await runIn(olga, session);
  expect(runs).toMatchObject([{ status: 'ERROR', errorKind: 'INTERRUPTED', text: 'One two ' }]);
  expect(runs[0].outputTokens).toBeGreaterThan(0);
  expect(await ledgerOf(runs[0].id)).toMatchObject([{ status: 'ERROR', estimated: true }]);
  const now = await sessionNow(session);
  expect(number(now.cost)).toBe(number(runs[0].cost));
});

test('without a model of its own a session is answered by what the rules choose', async () => {
  const { runs }: Data = await runIn(olga, await sessionOf());
  expect(runs).toMatchObject([{ status: 'SUCCESS', errorKind: null, providerName: expect.any(String) }]);
  expect(runs[0].text).not.toBe('');
});

test('an answer keeps to a schema, or the run says that it does not', async () => {
  const session = await sessionOf({ modelId: strict });
  const responseSchema = {
    type: 'object',
    properties: { city: { type: 'string' }, rank: { type: 'integer', minimum: 1 } },
    required: ['city', 'rank'],
    additionalProperties: false,
  };
  at(0).script({ deltas: ['{"city":', '"Tur\\u0000in","rank":2}'] });
  const { runs }: Data = await runIn(olga, session, { responseSchema });
  expect(runs).toMatchObject([{ status: 'SUCCESS', object: { city: 'Turin', rank: 2 } }]);
  expect(at(0).seen[0]?.body.response_format).toMatchObject({ json_schema: { schema: responseSchema } });
  at(0).script({ deltas: ['{"city":"Turin","rank":0}'] }, { deltas: ['{"city":'] });
  for (const text of ['{"city":"Turin","rank":0}', '{"city":']) {
    const failed: Data = await runIn(olga, session, { responseSchema });
    const run = { status: 'ERROR', errorKind: 'INVALID_RESPONSE', object: null, text, outputTokens: 1 };
    expect(failed.runs).toMatchObject([run]);
    expect(number(failed.runs[0].cost)).toBe('0.000013');
  }
  const refused = async (input: object): Promise<unknown> => {
    const { errors } = await olga.ask(runMutation, { input: { sessionId: session, input: 'x', ...input } });
    return errors.map(({ extensions }) => [extensions.code, extensions.field]);
  };
  expect(await refused({ responseSchema, modelIds: [strict, first] })).toEqual([['BAD_USER_INPUT', 'modelIds.1']]);
  const patterned = { type: 'object', properties: { a: { type: 'string', pattern: '(a+)+$' } } };
  expect(await refused({ responseSchema: patterned })).toEqual([['BAD_USER_INPUT', 'responseSchema']]);
  expect(await refused({ responseSchema: { type: 'array' } })).toEqual([['BAD_USER_INPUT', 'responseSchema']]);
  expect(at(0).seen).toHaveLength(3);
});

test('what is wrong with a prompt is said before anything is stored or called', async () => {
  const session = await sessionOf({ prompt: 'Hello {{who}}, {{who}} and {{what}}', modelId: first });
  const refused = async (input: object): Promise<Data> => {
    const variables = { input: { sessionId: session, input: 'x', context: { who: 'a', what: 'b' }, ...input } };
    const { errors } = await olga.ask(runMutation, variables);
    return [errors[0]?.extensions.code, errors[0]?.extensions.issues, errors[0]?.message];
  };
  const missing = await refused({ context: { toString: 'x' }, input: '{{constructor}}' });
  expect(missing[0]).toBe('BAD_USER_INPUT');
  expect(missing[2]).toContain('{{who}}');
  expect(missing[2]).toContain('{{what}}');
  expect((await refused({ input: '{{toString}}' }))[2]).toContain('{{toString}}');
  for (const [fields, field] of [
    [{ input: ' ' }, 'input'],
    [{ input: 'x'.repeat(100_001) }, 'input'],
    [{ input: 'word '.repeat(9000) }, 'input'],
    [{ input: '{{who}}'.repeat(10), context: { who: 'y'.repeat(20_000), what: '' } }, 'input'],
    [{ context: { long: 'x'.repeat(64_000) } }, 'context'],
    [{ context: ['a'] }, 'context'],
    [{ metadata: { long: 'x'.repeat(16_000) } }, 'metadata'],
    [{ temperature: 2.1 }, 'temperature'],
    [{ maxOutputTokens: 0 }, 'maxOutputTokens'],
    [{ modelIds: [] }, 'modelIds'],
    [{ modelIds: [first, first] }, 'modelIds'],
  ] as const)
    expect((await refused(fields)).slice(0, 2)).toMatchObject(['BAD_USER_INPUT', [{ field }]]);
  expect(at(0).seen).toEqual([]);
  expect(await sessionNow(session)).toMatchObject({ promptCount: 0, status: 'DRAFT' });
});

const stream = `subscription ($id: ID!) { promptRunStream(promptId: $id) { __typename
  ... on PromptRunDelta { runId text position } ... on PromptRunEnded { run { ${runFields} } } } }`;

/** All that a listener is told, until the end. */
const heard = async (promptId: string): Promise<Data[]> => {
  const { results, stop } = olga.subscribe(stream, { id: promptId });
  const events: Data[] = [];
  for await (const { data, errors } of results) {
    if (errors !== undefined) throw new Error(JSON.stringify(errors));
    events.push((data as Data).promptRunStream);
  }
  await stop();
  return events;
};
/** The text of each run in the pieces that were told, which must follow each other. */
const textsIn = (events: readonly Data[]): Record<string, string> => {
  const texts: Record<string, string> = {};
  for (const { __typename, runId, text, position } of events) {
    if (__typename !== 'PromptRunDelta') continue;
    expect(position).toBe((texts[runId] ?? '').length);
    texts[runId] = (texts[runId] ?? '') + text;
  }
  return texts;
};

test('listeners are told each answer as it grows, whenever they come', async () => {
  const session = await sessionOf();
  const deltas = Array.from({ length: 12 }, (_, number) => `piece ${number}, `);
  for (const server of servers()) server.always(() => ({ deltas, gapMs: 100 }));
  const { id, runs }: Data = await runIn(olga, session, { modelIds: [first, second], wait: false });
  expect(runs).toMatchObject([{ status: 'PENDING' }, { status: 'PENDING' }]);
  const early = heard(id);
  await pause(500);
  const late = heard(id);
  const all = { [runs[0].id]: deltas.join(''), [runs[1].id]: deltas.join('') };
  for (const events of [await early, await late, await heard(id)]) {
    expect(textsIn(events)).toEqual(all);
    const ends = events.filter(({ __typename }) => __typename === 'PromptRunEnded');
    expect(ends.map(({ run }) => [run.status, run.text])).toEqual([
      ['SUCCESS', deltas.join('')],
      ['SUCCESS', deltas.join('')],
    ]);
  }
  expect((await early).length).toBeGreaterThan(6);
}, 20_000);

const cancel = `mutation ($id: ID!) { cancelPromptRun(input: { id: $id }) { promptRun { ${runFields} } } }`;

test('a run can be stopped, and the other goes on', async () => {
  const session = await sessionOf();
  at(0).always(() => ({ deltas: ['So far', ' so good'], stallAfter: 1 }));
  at(1).always(() => ({ deltas: ['a', 'b', 'c'], gapMs: 300 }));
  const { id, runs }: Data = await runIn(olga, session, { modelIds: [first, second], wait: false });
  const events = heard(id);
  await pause(300);
  const { cancelPromptRun }: Data = await olga.want(cancel, { id: runs[0].id });
  expect(cancelPromptRun.promptRun).toMatchObject({ status: 'CANCELLED', text: 'So far', errorKind: 'CANCELLED' });
  expect(await ledgerOf(runs[0].id)).toMatchObject([{ status: 'ERROR', errorKind: 'CANCELLED', estimated: true }]);
  expect(await olga.codes(cancel, { id: runs[0].id })).toEqual(['CONFLICT']);
  expect(textsIn(await events)).toEqual({ [runs[0].id]: 'So far', [runs[1].id]: 'abc' });
  expect(at(0).seen[0]?.aborted).toBe(true);
}, 20_000);

/** A run as a crashed process has left it. */
const crashed = async (session: string): Promise<string> => {
  const { runs }: Data = await runIn(olga, session, { modelIds: [first] });
  const [run] = uuidOfRun(runs);
  await unitOfAll(bed, host).transact(async () => {
    await database
      .update(promptRuns)
      .set({ status: 'PENDING', text: '', cost: null, endedAt: null, leaseUntil: sql`now() - interval '1 second'` })
      .where(eq(promptRuns.id, run));
    await database
      .update(executionLogs)
      .set({ status: 'PENDING', cost: null, endedAt: null, inputTokens: 0, outputTokens: 0 })
      .where(eq(executionLogs.targetId, run));
  });
  return runs[0].id;
};
const uuidOfRun = (runs: Data): [string] => [uuidOf(runs[0].id)];

test('a run whose process is gone is ended after its lease, once', async () => {
  const session = await sessionOf();
  const id = await crashed(session);
  const before = await sessionNow(session);
  const { services } = bed.server.installation;
  expect(await endAbandonedRuns(services)).toBe(1);
  expect(await endAbandonedRuns(services)).toBe(0);
  const { node }: Data = await olga.want(`query ($id: ID!) { node(id: $id) { ... on PromptRun { ${runFields} } } }`, {
    id,
  });
  expect(node).toMatchObject({ status: 'ERROR', errorKind: 'INTERRUPTED', endedAt: expect.any(String) });
  expect(await ledgerOf(id)).toMatchObject([{ status: 'ERROR', errorKind: 'INTERRUPTED' }]);
  expect((await sessionNow(session)).promptCount).toBe(before.promptCount);
});

test('what nobody is at any more can be stopped by hand', async () => {
  const id = await crashed(await sessionOf());
  const { cancelPromptRun }: Data = await olga.want(cancel, { id });
  expect(cancelPromptRun.promptRun).toMatchObject({ status: 'CANCELLED' });
}, 20_000);

test('deleting a session stops its runs, whose calls stay in the ledger', async () => {
  const session = await sessionOf();
  at(0).always(() => ({ deltas: ['So far', '…'], stallAfter: 1 }));
  const { runs }: Data = await runIn(olga, session, { modelIds: [first], wait: false });
  await pause(200);
  await olga.want('mutation ($id: ID!) { deletePromptSession(input: { id: $id }) { deletedId } }', { id: session });
  for (let tries = 0; tries < 40 && (await ledgerOf(runs[0].id))[0]?.status === 'PENDING'; tries++) await pause(100);
  expect(await ledgerOf(runs[0].id)).toMatchObject([{ status: 'ERROR', errorKind: 'CANCELLED' }]);
  expect(await olga.codes('query ($id: ID!) { node(id: $id) { id } }', { id: runs[0].id })).toEqual(['NOT_FOUND']);
}, 20_000);
