import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { unzipSync } from 'fflate';
import { database } from '../src/database/client.ts';
import { nowhere, wholeOf, type Scope } from '../src/database/unit-of-work.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { apiConfigurations } from '../src/domains/modelhub/api-tables.ts';
import { discovery } from '../src/domains/tenancy/viewers.ts';
import { organizations } from '../src/domains/tenancy/tables.ts';
import { mutate } from './account.ts';
import { addText, start, type Data } from './agents.ts';
import { startOpenAiServer, type OpenAiServer, type Reply } from './openai-server.ts';
import { conversationIn, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Answer, type Testbed } from './testbed.ts';

/** A secret that no form of writing leaves as it is. Its last four characters are shown on purpose. */
const marker = (name: string): string => `sk-"${name}"+/%\\&'<${randomBytes(24).toString('hex')}`;
const markers = {
  own: marker('own'),
  rotated: marker('rotated'),
  platform: marker('platform'),
  api: marker('api'),
};

/** Base 64 of a text wherever it begins in a longer one, without the digits that its neighbours have a part in. */
const inBase64 = (text: string): string[] =>
  [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3));
    const cut = (digits: string) => digits.slice(before === 0 ? 0 : 4);
    return [cut(whole.toString('base64')), cut(whole.toString('base64url'))];
  });
/** All that would give a secret away: each half of it is enough, in whatever writing. */
const tracesOf = (secret: string): string[] =>
  [secret, secret.slice(0, secret.length / 2), secret.slice(secret.length / 2)].flatMap((part) =>
    [
      part,
      JSON.stringify(part).slice(1, -1),
      JSON.stringify(JSON.stringify(part)).slice(3, -3),
      encodeURIComponent(part),
      part.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
      Buffer.from(part).toString('hex'),
      inBase64(part),
    ].flat(),
  );
const traces = Object.entries(markers).flatMap(([name, secret]) =>
  [...new Set(tracesOf(secret))].map((trace) => ({ name, trace })),
);
/** Which secrets stand in a text. */
const leaksIn = (text: string): string[] => [
  ...new Set(traces.filter(({ trace }) => text.includes(trace)).map(({ name }) => name)),
];

let bed: Testbed & { ownerUrl: string | undefined };
let server: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
const lines: string[] = [];
const statements = new Set<string>();
const answers: string[] = [];
const streamed: string[] = [];

beforeAll(async () => {
  const environment = { LOG_LEVEL: 'trace', MODEL_TIMEOUT_SECONDS: '1' };
  [bed, server] = await Promise.all([startTestbed(environment, (line) => lines.push(line)), startOpenAiServer()]);
  // What the setting SQL_LOG writes to the log: the testbed forgets it with each question, here all is kept.
  const push = bed.statements.push.bind(bed.statements);
  bed.statements.push = (...texts) => {
    for (const text of texts) statements.add(text);
    return push(...texts);
  };
  ada = await bed.signUp();
  const ask = ada.ask.bind(ada);
  ada.ask = async (...question): Promise<Answer> => {
    const answer = await ask(...question);
    answers.push(JSON.stringify(answer));
    return answer;
  };
  await promote(bed, ada);
}, 120_000);
afterAll(async () => {
  await server.stop();
  await closeParsers();
});

/** What a provider says that repeats what it was shown. */
const echo = {
  error: {
    message: `Incorrect API key provided: ${markers.own}`,
    keys: markers,
    param: markers.platform,
    code: 'fault',
  },
};
const echoing = (status: number): Reply => ({
  status,
  body: echo,
  headers: { 'x-echo': encodeURIComponent(markers.own), 'www-authenticate': `Bearer ${markers.own}` },
});

/** Every field of everything that tells of keys and calls. */
const telling = [
  '{ providerKeys { edges { node { id label lastFour isDefault dailyQuota monthlyQuota lastUsedAt createdBy { name } provider { name baseUrl } } } } }',
  '{ platformProviderKeys { edges { node { id label lastFour isDefault dailyQuota monthlyQuota lastUsedAt createdById } } } }',
  '{ platformEvents(first: 100) { edges { node { action targetId data } } } }',
  '{ encryptionKeys { name status remaining } }',
  '{ jobs(first: 100) { edges { node { kind state error result } } } }',
  '{ providers { edges { node { name description website baseUrl models { edges { node { name } } } } } } }',
  '{ __schema { types { name } } }',
];

/** Every file below a directory, by its path. */
const filesBelow = async (directory: string): Promise<Map<string, Buffer>> => {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const path = join(entry.parentPath, entry.name);
      files.set(path, await readFile(path));
    }
  return files;
};

/** All rows that somebody sees of all tables, those of the queue too. */
const rowsSeenAs = async (scope: Scope): Promise<string> => {
  const unit = unitOf(bed, null).as(scope);
  const tables = await unit.run(() =>
    database.execute<{ name: string }>(sql`select format('%I.%I', table_schema, table_name) as name
      from information_schema.tables where table_schema in ('public', 'knowledge', 'pgboss') and table_type = 'BASE TABLE'`),
  );
  const seen: string[] = [];
  for (const { name } of tables) {
    const rows = await unit.run(() =>
      database.execute<{ row: string }>(sql`select t::text as row from ${sql.raw(name)} t`),
    );
    seen.push(name, ...rows.map(({ row }) => row));
  }
  await unit.rest();
  return seen.join('\n');
};

const make = async (name: string, input: object, selection: string): Promise<Data> => {
  const answer = await mutate(ada, name, input, selection);
  if (answer.errors.length > 0) throw new Error(JSON.stringify(answer.errors));
  return (answer.data as Data)[name];
};

const use = async (apiKeyStrategy: 'PLATFORM' | 'BYOK' | 'HYBRID') => {
  await unitOf(bed, ada.organizationId).transact(() =>
    database
      .update(organizations)
      .set({ apiKeyStrategy })
      .where(eq(organizations.id, uuidOf(ada.organizationId))),
  );
};

const ended = async (id: string): Promise<string> => {
  for (;;) {
    const { job }: { job: { state: string } } = await ada.want(
      'query ($id: ID!) { job(id: $id) { state result error } }',
      {
        id,
      },
    );
    if (['SUCCEEDED', 'FAILED'].includes(job.state)) return job.state;
    await pause(100);
  }
};

test('a key that is stored appears nowhere: not in log, event, error, answer, stream, export, dump or store', async () => {
  const { keyRing, settings } = bed.server.installation.services;
  const organizationId = uuidOf(ada.organizationId);
  const slug = 'marked';
  const { provider } = await make(
    'createProvider',
    { name: slug, slug, dialect: 'OPENAI_COMPATIBLE', baseUrl: server.url },
    'provider { id }',
  );
  const providerId: string = provider.id;
  const priced = { providerId, contextWindow: 16_384, inputPrice: '0.0000025', outputPrice: '0.00001' };
  const { model } = await make('createModel', { ...priced, name: 'fake', capabilities: ['TOOLS'] }, 'model { id }');
  const embedder = await make('createModel', { ...priced, name: 'vectors', type: 'EMBEDDING' }, 'model { id }');

  // Stored, with what goes wrong then: bad input, a taken label, and a fault of ours that knows the key.
  const mine = { providerId, label: 'mine', key: markers.own, dailyQuota: '50', monthlyQuota: '500', isDefault: true };
  const { providerKey } = await make('createProviderKey', mine, 'providerKey { id lastFour }');
  expect(providerKey.lastFour).toBe(markers.own.slice(-4));
  await mutate(ada, 'createProviderKey', mine);
  await mutate(ada, 'createProviderKey', { ...mine, label: '', key: `${markers.own} with spaces` });
  await mutate(ada, 'createProviderKey', { ...mine, dailyQuota: markers.own });
  await mutate(ada, 'createProviderKey', { ...mine, label: 'lost', providerId: 'provider_01h455vb4pex5vsknk084sn02q' });
  await ada.ask(
    `mutation { createProviderKey(input: { key: ${JSON.stringify(markers.own)} }) { providerKey { id } } }`,
  );
  const encrypt = keyRing.encrypt.bind(keyRing);
  keyRing.encrypt = async (secret) => {
    keyRing.encrypt = encrypt;
    throw Object.assign(new TypeError('A fault of ours.'), { secret });
  };
  const fault = await mutate(ada, 'createProviderKey', { ...mine, label: 'faulty' });
  expect(fault.errors[0]?.extensions.code).toBe('INTERNAL_SERVER_ERROR');
  const shared = { providerId, label: 'shared', key: markers.platform, dailyQuota: '5' };
  const { platformProviderKey } = await make('createPlatformProviderKey', shared, 'platformProviderKey { id }');
  await mutate(ada, 'createPlatformProviderKey', shared);
  const encryptedKey = await keyRing.encrypt(markers.api);
  await unitOf(bed, ada.organizationId)
    .as(wholeOf(organizationId))
    .transact(() =>
      database.insert(apiConfigurations).values({
        organizationId,
        readers: [organizationId],
        name: 'CRM',
        kind: 'CRM',
        endpoint: server.url,
        authentication: 'BEARER',
        encryptedKey,
        lastFour: markers.api.slice(-4),
      }),
    );

  // Tried, with all that a provider can answer.
  const failures: Reply[] = [
    {},
    echoing(401),
    echoing(429),
    echoing(500),
    echoing(400),
    { delayMs: 2500 },
    { status: 200, body: markers.own },
  ];
  for (const reply of failures) {
    server.script(reply, reply);
    await mutate(ada, 'testProviderKey', { id: providerKey.id }, 'ok failure { code message }');
    server.reset();
    server.script(reply, reply);
    await mutate(ada, 'testPlatformProviderKey', { id: platformProviderKey.id }, 'ok failure { code message }');
    server.reset();
  }

  // Questions, in each of which the provider repeats what it knows.
  const workspaceId = await workspaceOf(ada);
  const conversationId = await conversationIn(ada, workspaceId);
  await make('setWorkspaceModel', { workspaceId, modelId: model.id }, 'workspace { id }');
  await make('setWorkspaceModel', { workspaceId, modelId: model.id, purpose: 'AGENT' }, 'workspace { id }');
  await addText(ada, workspaceId, 'Garden book', 'Roses are watered every three days in summer.');
  const listening = ada.subscribe(
    `subscription ($conversationId: ID!) { answerStream(conversationId: $conversationId) { __typename
      ... on AnswerFailed { error { code message } } ... on AnswerDelta { text } } }`,
    { conversationId },
  );
  const hearing = (async () => {
    for await (const result of listening.results) streamed.push(JSON.stringify(result));
  })().catch((error: unknown) => void streamed.push(String(error)));
  await pause(300);
  const broken: Reply[] = [
    { deltas: ['Roses', ' need'], cutAfter: 1 },
    { deltas: ['Roses'], rawEvents: [JSON.stringify(echo)] },
    { deltas: ['Roses'], rawEvents: [`{ "broken": "${markers.own}`] },
    { deltas: ['Roses'], unfinished: true },
  ];
  const asked = async (reply: Reply): Promise<string> => {
    server.always(() => reply);
    const answer = await mutate(
      ada,
      'ask',
      { conversationId, text: 'How often are roses watered?' },
      'answer { id status content error { code message } }',
    );
    return (answer.data as Data)?.ask?.answer?.id ?? '';
  };
  for (const strategy of ['HYBRID', 'PLATFORM'] as const) {
    await use(strategy);
    for (const reply of strategy === 'HYBRID' ? [...failures.slice(0, 5), ...broken] : failures.slice(0, 2)) {
      const id = await asked(reply);
      await ada.ask(
        'query ($id: ID!) { answerExplanation(messageId: $id) { providerName modelName route parameters systemPrompt } }',
        { id },
      );
    }
  }
  await asked({ delayMs: 2500 });
  const shown = server.seen.map(({ authorization }) => authorization);
  expect(shown.length).toBeGreaterThan(12);
  expect(shown).toEqual(expect.arrayContaining([`Bearer ${markers.own}`, `Bearer ${markers.platform}`]));

  // Agents, embeddings, and the key in use replaced by another.
  await use('BYOK');
  await make(
    'updateProviderKey',
    { id: providerKey.id, key: markers.rotated, monthlyQuota: null },
    'providerKey { id }',
  );
  await mutate(ada, 'updateProviderKey', { id: providerKey.id, key: markers.rotated, label: '' });
  for (const reply of [{}, echoing(401), echoing(500), broken[1] ?? {}]) {
    server.always(() => reply);
    await start(ada, { conversationId, text: 'How often are roses watered?' });
  }
  server.always((body) => (body.model === 'vectors' ? echoing(401) : {}));
  await mutate(ada, 'setEmbeddingModel', { workspaceId, modelId: embedder.model.id }, 'job { id state }');
  await pause(500);
  server.reset();
  await ada.ask('query ($id: ID!) { search(input: { workspaceId: $id, query: "roses" }) { hits { title } } }', {
    id: workspaceId,
  });
  await listening.stop();
  await hearing;

  const exporting: { exportOrganization: { job: { id: string } } } = await ada.want(
    'mutation { exportOrganization { job { id } } }',
  );
  expect(await ended(exporting.exportOrganization.job.id)).toBe('SUCCEEDED');
  const { organizationExport } = await make(
    'createExportDownload',
    { jobId: exporting.exportOrganization.job.id },
    'organizationExport { url }',
  );
  const archive = unzipSync(new Uint8Array(await (await fetch(organizationExport.url)).arrayBuffer()));
  for (const query of telling) await ada.ask(query);
  await bed.server.installation.services.keyUses.flush();

  const userId = uuidOf(ada.userId);
  const scopes = [nowhere, discovery(organizationId, userId), wholeOf(organizationId)];
  const seen: string[] = [];
  for (const scope of scopes) seen.push(await rowsSeenAs(scope));
  const places = new Map<string, string>([
    ['log', lines.join('\n')],
    ['statements', [...statements].join('\n')],
    ['answers', answers.join('\n')],
    ['streams', streamed.join('\n')],
    ['rows', seen.join('\n')],
    ...Object.entries(archive).map(([name, bytes]): [string, string] => [
      `export ${name}`,
      Buffer.from(bytes).toString(),
    ]),
  ]);
  if (bed.ownerUrl !== undefined) {
    const dump = await promisify(execFile)('pg_dump', ['--inserts', bed.ownerUrl], { maxBuffer: 1 << 29 });
    places.set('dump', dump.stdout);
    expect(dump.stdout).toContain('INSERT INTO public.provider_keys');
  }
  // Without a server of its own, the database's files lie there, with the log of all that was written.
  for (const [path, bytes] of await filesBelow(settings.dataDirectory)) places.set(path, bytes.toString('latin1'));

  // It would be seen: the calls were made and failed in every way, and the places are full.
  expect(seen.join('\n')).toContain('provider_key.created');
  for (const kind of ['UNAUTHORIZED', 'RATE_LIMITED', 'UNAVAILABLE', 'TIMEOUT', 'INTERRUPTED', 'REFUSED', 'SUCCESS'])
    expect(places.get('rows')).toContain(kind);
  expect(lines.join('\n')).toContain('A fault of ours');
  expect(places.get('streams')).toContain('AnswerFailed');
  expect([...statements].some((text) => text.includes('provider_keys'))).toBe(true);
  expect(leaksIn(`x${Buffer.from(`--${markers.own}`).toString('base64')}`)).toEqual(['own']);
  const leaks = [...places].flatMap(([place, text]) => leaksIn(text).map((name) => `${name} in ${place}`));
  expect(leaks).toEqual([]);
  await bed.stop();
}, 120_000);
