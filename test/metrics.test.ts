import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ingestKind } from '../src/domains/content/document-changes.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, modelFor, promote, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';
import { answering, Receiver, settled, webhookOf } from './webhooks.ts';

const token = 'a token for the scraper';

let bed: Testbed;
beforeAll(async () => {
  bed = await startTestbed({ METRICS_PORT: '0', METRICS_TOKEN: token, ALLOW_PRIVATE_ADDRESSES: 'on' });
});
afterAll(() => bed.stop());

const scrape = (headers: Record<string, string> = { authorization: `Bearer ${token}` }, path = '') =>
  fetch(`${bed.server.metricsUrl ?? ''}${path}`, { headers });

/** The samples by their names with labels. */
const samples = async (): Promise<Map<string, number>> => {
  const text = await (await scrape()).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
};

/** The samples, once one of them has a value. */
const until = async (name: string, value: number): Promise<Map<string, number>> => {
  for (let tries = 0; tries < 200; tries++) {
    const read = await samples();
    if (read.get(name) === value) return read;
    await pause(20);
  }
  throw new Error(`${name} does not become ${value}, but is ${(await samples()).get(name)}.`);
};

/** By how much samples have grown while something was done; those that stayed are left out. */
const grownBy = async (work: () => Promise<unknown>, prefix: string): Promise<Record<string, number>> => {
  const before = await samples();
  await work();
  const after = await samples();
  return Object.fromEntries(
    [...after].flatMap(([name, value]) => {
      const growth = value - (before.get(name) ?? 0);
      return name.startsWith(prefix) && growth !== 0 ? [[name, growth]] : [];
    }),
  );
};

test('who shows no token, or a wrong one, reads nothing', async () => {
  const wrong: Record<string, string>[] = [
    {},
    { authorization: 'Bearer a token for the scrapes' },
    { authorization: token },
  ];
  for (const headers of wrong) {
    const answer = await scrape(headers);
    expect([answer.status, await answer.text()]).toEqual([401, '']);
  }
  expect((await scrape(undefined, '/more')).status).toBe(404);
  expect((await fetch(`${bed.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(404);
});

test('operations are counted by type and outcome, with their statements, and never by names that clients choose', async () => {
  const ada = await bed.signUp();
  const operations = await grownBy(async () => {
    await ada.want('query Chosen { viewer { user { name } } }');
    await ada.codes('{ workspace(id: "nonsense") { id } }');
    await ada.codes('{ nothing }');
  }, 'tessera_operation_duration_seconds_count');
  expect(operations).toEqual({
    'tessera_operation_duration_seconds_count{type="query",code="OK"}': 1,
    'tessera_operation_duration_seconds_count{type="query",code="NOT_FOUND"}': 1,
    'tessera_operation_duration_seconds_count{type="refused",code="GRAPHQL_VALIDATION_FAILED"}': 1,
  });
  const text = await (await scrape()).text();
  expect(text).not.toContain('Chosen');
});

test('statements of an operation are those that the database got', async () => {
  const ada = await bed.signUp();
  const workspaceId = await workspaceOf(ada);
  const query = 'query ($id: ID!) { workspace(id: $id) { documents { edges { node { id } } totalCount } } }';
  // Now it is known who asks.
  await ada.want(query, { id: workspaceId });
  const told: number[] = [];
  const grown = await grownBy(async () => {
    told.push((await ada.ask(query, { id: workspaceId })).statements.length);
  }, 'tessera_operation_statements_sum');
  expect(told).toEqual([3]);
  expect(grown).toEqual({ 'tessera_operation_statements_sum{type="query"}': 3 });
});

test('HTTP requests are counted by route, method and status, of which there are few', async () => {
  const grown = await grownBy(async () => {
    await fetch(`${bed.url}/health/live`);
    await fetch(`${bed.url}/a/path/of/the/client`);
    await fetch(`${bed.url}/graphql`, { method: 'PROPFIND' });
  }, 'tessera_http_request_duration_seconds_count');
  expect(grown).toEqual({
    'tessera_http_request_duration_seconds_count{route="health",method="GET",status="200"}': 1,
    'tessera_http_request_duration_seconds_count{route="other",method="GET",status="404"}': 1,
    'tessera_http_request_duration_seconds_count{route="graphql",method="other",status="405"}': 1,
  });
});

test('pool, queue, sockets and process are read at each scrape', async () => {
  const ada = await bed.signUp();
  const workspaceId = await workspaceOf(ada);
  const before = await until('tessera_pool_connections{pool="main",state="in_use"}', 0);
  expect(before.get('tessera_queue_known')).toBe(1);
  expect(before.get('tessera_pool_waiting{pool="main"}')).toBe(0);
  expect(before.get('tessera_pool_limit{pool="main"}')).toBeGreaterThan(0);
  expect(before.get('process_resident_memory_bytes')).toBeGreaterThan(1_000_000);
  const { results, stop } = ada.subscribe(
    'subscription ($id: ID!) { documentEvents(workspaceId: $id) { __typename } }',
    {
      id: workspaceId,
    },
  );
  const first = results.next();
  const during = await until('tessera_subscriptions', 1);
  expect(during.get('tessera_sockets')).toBe(1);
  await stop();
  await first.catch(() => undefined);
  const after = await until('tessera_sockets', 0);
  expect(after.get('tessera_subscriptions')).toBe(0);
});

const addition = 'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }';

test('a run of a job is counted by its kind and outcome', async () => {
  const ada = await bed.signUp();
  const workspaceId = await workspaceOf(ada);
  const name = `tessera_job_duration_seconds_count{kind="${ingestKind}",outcome="succeeded"}`;
  expect((await samples()).get(name)).toBeUndefined();
  await ada.want(addition, { input: { workspaceId, title: 'Roses', text: 'Roses need light.', wait: true } });
  await until(name, 1);
});

test('a job that waits shows by its kind, with its age; without the setting there are no metrics', async () => {
  const idle = await startTestbed({ WORKERS: 'off' });
  const ada = await idle.signUp();
  const workspaceId = await workspaceOf(ada);
  await ada.want(addition, { input: { workspaceId, title: 'Roses', text: 'Roses need light.' } });
  const { queue, pool } = idle.server.installation.services;
  const of = async () => (await queue.figures()).find(({ kind }) => kind === ingestKind);
  expect(await of()).toMatchObject({ waiting: 1, active: 0 });
  await pool.run(`update pgboss.job set start_after = now() - interval '90 seconds' where name = '${ingestKind}'`);
  expect(Math.floor((await of())?.oldestSeconds ?? 0)).toBe(90);
  await pool.run(`update pgboss.job set start_after = now() + interval '90 seconds' where name = '${ingestKind}'`);
  expect(await of()).toEqual({ kind: ingestKind, waiting: 1, active: 0, oldestSeconds: 0 });
  expect(idle.server.metricsUrl).toBeUndefined();
  await idle.stop();
});

test('what is sent to webhooks is counted by its outcome', async () => {
  const receiver = await new Receiver().start();
  const ada = await bed.signUp();
  const { id } = await webhookOf(ada, { url: receiver.url(), events: ['order.*'] });
  const send = () => ada.want('mutation ($id: ID!) { testWebhook(input: { id: $id }) { delivery { id } } }', { id });
  const counts = 'tessera_webhook_attempt_duration_seconds_count';
  const grown = await grownBy(async () => {
    await send();
    await settled(ada, id, 1);
    receiver.answer = answering(500);
    await send();
    await until(`${counts}{outcome="failed"}`, 1);
  }, counts);
  receiver.stop();
  expect(grown).toEqual({ [`${counts}{outcome="delivered"}`]: 1, [`${counts}{outcome="failed"}`]: 1 });
});

test('a call of a model is counted by its provider, with tokens and cost', async () => {
  const models: OpenAiServer = await startOpenAiServer();
  const ada = await bed.signUp();
  await promote(bed, ada);
  const workspaceId = await workspaceOf(ada);
  await modelFor(ada, workspaceId, models.url);
  const conversationId = await conversationIn(ada, workspaceId);
  const grown = await grownBy(
    () =>
      ada.want('mutation ($input: AskInput!) { ask(input: $input) { answer { content } } }', {
        input: { conversationId, text: 'What do roses need?' },
      }),
    'tessera_model_',
  );
  await models.stop();
  const counted = Object.entries(grown).filter(([name]) => !name.startsWith('tessera_model_call_duration_seconds'));
  const named = counted.map(([name, growth]) => [name.replace(/provider="server-[^"]*"/, 'provider="server"'), growth]);
  const cost = 'tessera_model_cost_dollars_total{provider="server",type="TEXT"}';
  expect(Object.fromEntries(named)).toEqual({
    'tessera_model_calls_total{provider="server",type="TEXT",status="SUCCESS"}': 1,
    'tessera_model_tokens_total{provider="server",type="TEXT",direction="input"}': 11,
    'tessera_model_tokens_total{provider="server",type="TEXT",direction="output"}': 3,
    [cost]: expect.closeTo(11 * 0.0000025 + 3 * 0.00001, 10),
  });
});
