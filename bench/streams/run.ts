import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { freePort } from '../../scripts/free-port.ts';
import { createTesseraDatabase } from '../../scripts/tessera-database.ts';
import { dataDirectory, startTessera, testEncryptionKey } from '../../scripts/tessera-process.ts';
import { GraphqlClient } from '../graphql-client.ts';
import { cpuSeconds, memoryOf } from '../processes.ts';
import { percentile } from '../statistics.ts';
import { Listener } from './listener.ts';
import { answersIn, findingsOf, storedIn, type Findings } from './stored.ts';

/** What a run is made of. */
export interface StreamsOptions {
  readonly superuserUrl: string;
  /** Name of the database to be made, which is removed at the end. */
  readonly database: string;
  readonly conversations: number;
  /** Listeners of each conversation, each with a socket of its own. */
  readonly listeners: number;
  /** Pieces of an answer. */
  readonly pieces: number;
  /** Between two pieces that the model sends. */
  readonly gapMs: number;
  /** Whether the server is killed in the middle of the answers and started again, after a round that comes to its end and before another. */
  readonly restart: boolean;
  /** After the kill, lets the promises of the dead server to report run out at once; otherwise that takes half a minute. */
  readonly agesLeases?: boolean;
}

/** What one round of answers came to, in all conversations at once. */
export interface Round {
  /** From the first question to the last end that a listener heard. */
  readonly seconds: number;
  /** Deltas that all listeners heard. */
  readonly deltas: number;
  /** Pieces that all listeners heard: several that come shortly after each other make one delta. */
  readonly pieces: number;
  /** Milliseconds from the model's sending of a piece to its arrival at a listener. */
  readonly latency: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** Processor time of the server. */
  readonly cpuSeconds: number;
}

/** What a run came to. */
export interface StreamsReport {
  readonly rounds: readonly Round[];
  /** What was missed, told twice, in the wrong order, or otherwise than it is stored. */
  readonly faults: readonly string[];
  /** Proportional set size of the server, at its largest, in bytes. */
  readonly peakMemory: number;
  readonly findings: Findings;
  /** With a restart: seconds from the kill until the last listener had heard how the interrupted answers ended. */
  readonly endedAfterSeconds?: number;
}

const sampleMs = 250;
const waitMs = 120_000;

/** Lets many conversations stream at once from one server and checks what every listener hears. */
export const runStreams = async (options: StreamsOptions): Promise<StreamsReport> => {
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
    LOG_LEVEL: 'warn',
    ALLOW_PRIVATE_ADDRESSES: 'on',
    PORT: String(await freePort()),
  };
  let server = await startTessera(environment);
  stack.defer(async () => void (await server.stop('SIGKILL')));
  const client = await new GraphqlClient(server.url).signedUp('streams');
  const conversations = await conversationsOn(client, database.ownerUrl, modelUrl, options.conversations);

  const listeners = conversations.flatMap((id) =>
    Array.from({ length: options.listeners }, () => new Listener(server.url, client.token ?? '', id)),
  );
  stack.defer(() => listeners.forEach((listener) => listener.stop()));
  await Promise.all(listeners.map(({ connected }) => connected));
  let peakMemory = 0;
  const sampling = setInterval(() => {
    void memoryOf(server.pid).then((memory) => (peakMemory = Math.max(peakMemory, memory?.pss ?? 0)));
  }, sampleMs);
  stack.defer(() => clearInterval(sampling));

  let asked = 0;
  const ask = () => {
    asked++;
    return conversations.map((conversationId) =>
      client.ask('mutation ($input: AskInput!) { ask(input: $input) { answer { id } } }', {
        input: { conversationId, text: `Question ${asked}` },
      }),
    );
  };
  const allHeard = async () => {
    const begun = await answersIn(database.ownerUrl);
    const waiting = () =>
      listeners.filter(({ conversationId, answers, open }) => answers.size !== begun.get(conversationId) || open > 0);
    for (const deadline = Date.now() + waitMs; Date.now() < deadline; await pause(20))
      if (waiting().length === 0) return;
    throw new Error(`${waiting().length} listeners wait for an end. ${server.output().slice(-2000)}`);
  };
  const round = async (): Promise<Round> => {
    for (const listener of listeners) Object.assign(listener, { ages: [], deltas: 0 });
    const [began, cpuBefore] = [performance.now(), await cpuSeconds(server.pid)];
    await Promise.all(ask());
    await allHeard();
    const ages = listeners.flatMap((listener) => listener.ages);
    const at = (share: number) => percentile(ages, share) / 1000;
    return {
      seconds: (performance.now() - began) / 1000,
      deltas: listeners.reduce((sum, { deltas }) => sum + deltas, 0),
      pieces: ages.length,
      latency: { p50: at(0.5), p95: at(0.95), p99: at(0.99) },
      cpuSeconds: (await cpuSeconds(server.pid)) - cpuBefore,
    };
  };

  const rounds = [await round()];
  let endedAfterSeconds: number | undefined;
  if (options.restart) {
    const cut = Promise.allSettled(ask());
    await pause((options.pieces * options.gapMs) / 2);
    await server.stop('SIGKILL');
    const killedAt = performance.now();
    await cut;
    if (options.agesLeases === true) await ageLeases(database.ownerUrl);
    server = await startTessera(environment);
    await allHeard();
    endedAfterSeconds = (performance.now() - killedAt) / 1000;
    rounds.push(await round());
  }
  const findings = findingsOf(listeners, await storedIn(database.ownerUrl));
  const faults = [...listeners.flatMap((listener) => listener.faults), ...findings.faults];
  return {
    rounds,
    faults,
    peakMemory,
    findings,
    ...(endedAfterSeconds !== undefined && { endedAfterSeconds }),
  };
};

const startModel = async (
  stack: AsyncDisposableStack,
  { pieces, gapMs }: Pick<StreamsOptions, 'pieces' | 'gapMs'>,
): Promise<string> => {
  const program = fileURLToPath(new URL('model-server.ts', import.meta.url));
  const child = spawn(process.execPath, [program, '--pieces', String(pieces), '--gapMs', String(gapMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  stack.defer(() => void child.kill('SIGKILL'));
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
  return url;
};

/** Conversations of one person in a workspace whose model is the server at `modelUrl`. */
const conversationsOn = async (
  client: GraphqlClient,
  ownerUrl: string,
  modelUrl: string,
  count: number,
): Promise<string[]> => {
  const owner = postgres(ownerUrl, { max: 1 });
  // No operation of the API makes the first administrator of an installation.
  await owner`update users set platform_role = 'ADMIN'`;
  await owner.end();
  const create = async (type: string, input: object): Promise<string> => {
    const field = `${type[0]?.toLowerCase() ?? ''}${type.slice(1)}`;
    const made = await client.ask<Record<string, Record<string, { id: string }>>>(
      `mutation ($input: Create${type}Input!) { create${type}(input: $input) { ${field} { id } } }`,
      { input },
    );
    return made[`create${type}`]?.[field]?.id ?? '';
  };
  const workspaceId = await create('Workspace', { name: 'Streams' });
  const dialect = 'OPENAI_COMPATIBLE';
  const providerId = await create('Provider', { name: 'Slow', slug: 'slow', dialect, baseUrl: modelUrl });
  const modelId = await create('Model', { providerId, name: 'slow', contextWindow: 32_768 });
  await create('ProviderKey', { providerId, label: 'main', key: 'sk-test-12345678' });
  await client.ask(
    'mutation ($input: SetWorkspaceModelInput!) { setWorkspaceModel(input: $input) { workspace { id } } }',
    {
      input: { workspaceId, modelId },
    },
  );
  const ids: string[] = [];
  for (let number = 0; number < count; number++) {
    const { startConversation } = await client.ask<{ startConversation: { conversation: { id: string } } }>(
      'mutation ($input: StartConversationInput!) { startConversation(input: $input) { conversation { id } } }',
      { input: { workspaceId, title: `Stream ${number}` } },
    );
    ids.push(startConversation.conversation.id);
  }
  return ids;
};

const ageLeases = async (ownerUrl: string): Promise<void> => {
  const owner = postgres(ownerUrl, { max: 1 });
  await owner`update running_answers set lease_until = now() - interval '1 second'`;
  await owner.end();
};
