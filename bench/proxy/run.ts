import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { createTesseraDatabase } from '../../scripts/tessera-database.ts';
import { dataDirectory, startTessera, testEncryptionKey } from '../../scripts/tessera-process.ts';
import { GraphqlClient } from '../graphql-client.ts';
import { cpuSeconds } from '../processes.ts';
import { percentile } from '../statistics.ts';
import { streamOnce, type StreamTimes, type Target } from './call.ts';

/** What a run is made of. */
export interface ProxyOptions {
  readonly superuserUrl: string;
  /** Name of the database to be made, which is removed at the end. */
  readonly database: string;
  /** Streams at a time, of each side in turn, each with several calls that follow each other. */
  readonly streams: number;
  /** Turns of each side; before them as many as a third of them are not counted. */
  readonly turns: number;
  /** Pieces of an answer. */
  readonly pieces: number;
  /** Between two pieces that the model sends, in milliseconds. */
  readonly gapMs: number;
}

/** Milliseconds at the middle and at the slow end. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
}

/** How one side did. */
export interface Side {
  readonly first: Spread;
  readonly total: Spread;
  readonly requestsPerSecond: number;
}

/** What a run came to. */
export interface ProxyReport {
  readonly direct: Side;
  readonly proxied: Side;
  /** Differences between the sides. */
  readonly overhead: { readonly first: Spread; readonly total: Spread };
  /** Of the application's own on the database, without those that begin, end and set the viewer. */
  readonly statementsPerCall: number;
  /** Processor time of the server for one call, in milliseconds. */
  readonly cpuMsPerCall: number;
  /** Calls in the ledger that are not SUCCESS; 0 is right. */
  readonly unsettled: number;
}

/** Calls a model server directly and through Tessera, turn by turn in one run, so that what else the machine does meets both alike. */
export const runProxy = async (options: ProxyOptions): Promise<ProxyReport> => {
  const { streams, turns, pieces } = options;
  await using stack = new AsyncDisposableStack();
  const database = await createTesseraDatabase(options.superuserUrl, options.database);
  stack.defer(() => database.drop());
  const data = await dataDirectory();
  stack.defer(() => data.remove());
  const modelUrl = await startModel(stack, options);
  const environment = {
    NODE_ENV: 'production',
    DATABASE_URL: database.url,
    ENCRYPTION_KEYS: testEncryptionKey,
    TESSERA_DATA_DIR: data.path,
    RATE_LIMIT: 'off',
    WORKERS: 'off',
    LOG_LEVEL: 'warn',
    ALLOW_PRIVATE_ADDRESSES: 'on',
  };
  const server = await startTessera(environment);
  stack.defer(async () => void (await server.stop('SIGKILL')));
  const owner = postgres(database.ownerUrl, { max: 1, onnotice: () => undefined });
  stack.defer(() => owner.end());
  const apiKey = await programOn(await new GraphqlClient(server.url).signedUp('proxy'), owner, modelUrl);
  const targets = {
    direct: { url: modelUrl, apiKey: 'none', model: 'slow' },
    proxied: { url: `${server.url}/v1`, apiKey, model: 'slow/slow' },
  } satisfies Record<string, Target>;

  const warmUp = Math.ceil(turns / 3);
  const sides = { direct: newSide(), proxied: newSide() };
  let cpu = 0;
  for (let turn = 0; turn < warmUp + turns; turn += 1) {
    if (turn === warmUp) cpu = await cpuSeconds(server.pid);
    // Which goes first changes, so that neither always finds the machine warm.
    const order = turn % 2 === 0 ? (['direct', 'proxied'] as const) : (['proxied', 'direct'] as const);
    for (const name of order) {
      const began = performance.now();
      const times = await Promise.all(Array.from({ length: streams }, (_, at) => inTurn(targets[name], at, options)));
      if (turn >= warmUp) sides[name].add(times.flat(), performance.now() - began);
    }
  }
  const calls = turns * streams * callsInTurn;
  const cpuMsPerCall = (((await cpuSeconds(server.pid)) - cpu) * 1000) / calls;
  const [direct, proxied] = [sides.direct.told(), sides.proxied.told()];
  return {
    direct,
    proxied,
    overhead: { first: difference(proxied.first, direct.first), total: difference(proxied.total, direct.total) },
    statementsPerCall: await statementsOf(environment, targets.proxied, pieces),
    cpuMsPerCall,
    unsettled: await unsettledOn(owner),
  };
};

/** Calls that follow each other in a turn, in each of its streams. */
const callsInTurn = 3;

/** One of the streams of a turn. They begin one after the other in the time of one answer, as programs do that know nothing of each other. */
const inTurn = async (target: Target, at: number, { streams, pieces, gapMs }: ProxyOptions): Promise<StreamTimes[]> => {
  await pause((at / streams) * pieces * gapMs);
  const times: StreamTimes[] = [];
  for (let call = 0; call < callsInTurn; call += 1) times.push(await streamOnce(target, pieces));
  return times;
};

const difference = (one: Spread, other: Spread): Spread => ({ p50: one.p50 - other.p50, p99: one.p99 - other.p99 });

const newSide = () => {
  const all: StreamTimes[] = [];
  let tookMs = 0;
  const spreadOf = (of: (times: StreamTimes) => number): Spread => ({
    p50: percentile(all.map(of), 0.5),
    p99: percentile(all.map(of), 0.99),
  });
  return {
    add: (times: readonly StreamTimes[], ms: number) => {
      all.push(...times);
      tookMs += ms;
    },
    told: (): Side => ({
      first: spreadOf(({ firstMs }) => firstMs),
      total: spreadOf(({ totalMs }) => totalMs),
      requestsPerSecond: (all.length * 1000) / tookMs,
    }),
  };
};

/** Calls of the ledger that are not settled as they should be, a moment after the last answer. */
const unsettledOn = async (owner: postgres.Sql): Promise<number> => {
  const read = async () => {
    const [row] = await owner<{ count: number }[]>`
      select count(*)::int as count from execution_logs where status <> 'SUCCESS'`;
    return row?.count ?? 0;
  };
  for (const deadline = Date.now() + 5000; Date.now() < deadline;) if ((await read()) === 0) return 0;
  return read();
};

/** Few, because of what a process has written only the end is kept. */
const countedCalls = 10;

/** Statements of one call once all is warm: counted on another server, which logs them, so that the figures are of one that does not. */
const statementsOf = async (environment: Record<string, string>, program: Omit<Target, 'url'>, pieces: number) => {
  const server = await startTessera({ ...environment, SQL_LOG: 'on', LOG_LEVEL: 'info' });
  try {
    const target = { ...program, url: `${server.url}/v1` };
    const logged = () => server.output().split('"msg":"statement"').length - 1;
    await streamOnce(target, pieces);
    await pause(settleMs);
    const before = logged();
    // All at once: whose rights the key stands for is kept for some seconds only, and looked up anew then.
    await Promise.all(Array.from({ length: countedCalls }, () => streamOnce(target, pieces)));
    await pause(settleMs);
    return (logged() - before) / countedCalls;
  } finally {
    await server.stop('SIGKILL');
  }
};

/** Longer than a call takes to be settled behind its answer. */
const settleMs = 1000;

const startModel = async (
  stack: AsyncDisposableStack,
  { pieces, gapMs }: Pick<ProxyOptions, 'pieces' | 'gapMs'>,
): Promise<string> => {
  const program = fileURLToPath(new URL('../streams/model-server.ts', import.meta.url));
  const child = spawn(process.execPath, [program, '--pieces', String(pieces), '--gapMs', String(gapMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  stack.defer(() => void child.kill('SIGKILL'));
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
  return url;
};

/** Makes the model server known, and gives the secret of an API key that may call it. */
const programOn = async (client: GraphqlClient, owner: postgres.Sql, modelUrl: string): Promise<string> => {
  // No operation of the API makes the first administrator of an installation.
  await owner`update users set platform_role = 'ADMIN'`;
  const provider = await client.ask<{ createProvider: { provider: { id: string } } }>(
    'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }',
    { input: { name: 'Slow', slug: 'slow', dialect: 'OPENAI_COMPATIBLE', baseUrl: modelUrl } },
  );
  const providerId = provider.createProvider.provider.id;
  await client.ask('mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }', {
    input: { providerId, name: 'slow', contextWindow: 32_768, inputPrice: '0.000001', outputPrice: '0.000002' },
  });
  await client.ask(
    'mutation ($input: CreateProviderKeyInput!) { createProviderKey(input: $input) { providerKey { id } } }',
    { input: { providerId, label: 'main', key: 'sk-test-12345678' } },
  );
  const { createApiKey } = await client.ask<{ createApiKey: { secret: string } }>(
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }',
    { input: { label: 'bench', scopes: ['MODEL_CALL'] } },
  );
  return createApiKey.secret;
};
