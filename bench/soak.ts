import { readdir, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import postgres from 'postgres';
import { startPostgres } from '../scripts/postgres.ts';
import { createTesseraDatabase } from '../scripts/tessera-database.ts';
import {
  dataDirectory,
  startTessera,
  tesseraCommand,
  testEncryptionKey,
  type TesseraProcess,
} from '../scripts/tessera-process.ts';
import { Inspector, inspectorAddress, type Census } from './load/inspector.ts';
import { driveLanes, openLane, type Lane, type Tally } from './load/lane.ts';
import { childrenOf, megabytes, memoryOf } from './processes.ts';
import { median } from './statistics.ts';

/**
 * Whether a server under mixed load keeps what it should have let go: `npm run bench:soak -- --minutes 10`, on Linux. Queries, mutations,
 * answers, uploads, sign-ins, subscriptions, dropped connections and faulty requests go to a real server process on a private Postgres. Writes
 * Markdown and exits with 1 when one of these does not hold:
 * - Heap after garbage collection: the median of the last fifth is at most `heapGrowth` times that of the second fifth; at rest behind the load it is at
 *   most `heapGrowth` times that of the rest before.
 * - Resident memory: the last fifth against the second with `rssGrowth`.
 * - At rest behind the load, against the rest before it: no more listeners, timers, sockets, WebSockets, abort signals, or file handles (those of
 *   connections to Postgres aside), no child process.
 * - Connections to Postgres: never more than the pool's size and one that listens; at rest none in a transaction.
 * - No act of a visitor failed, subscriptions brought events, and the server logged no fault.
 */
const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const loadMs = Number(values.minutes) * 60_000;
const warmUpMs = Math.min(30_000, loadMs / 4);
const visitors = 16;
const poolSize = 10;
const sampleMs = 5000;
/** Caches fill up to their bounds in the first fifth; what grows behind it grows by the request. */
const heapGrowth = 1.05;
const rssGrowth = 1.15;
/** Longer than an idle parser lives, and than connections of HTTP are kept. */
const restMs = 75_000;

/** What the server holds at a moment. Memory in bytes. */
interface Sample {
  /** Milliseconds since the load began. */
  readonly at: number;
  readonly heap: number;
  readonly rss: number;
  readonly sockets: number;
  readonly handles: number;
  readonly connections: number;
  readonly inTransaction: number;
  readonly listening: number;
}

interface Finding {
  readonly what: string;
  readonly found: string;
  readonly holds: boolean;
}

const openHandles = async (pid: number): Promise<{ sockets: number; handles: number }> => {
  const names = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
  const open = targets.filter((target) => target !== '');
  return { sockets: open.filter((target) => target.startsWith('socket:')).length, handles: open.length };
};

const sampler =
  (pid: number, inspector: Inspector, sql: postgres.Sql) =>
  async (at: number): Promise<Sample> => {
    const heap = await inspector.heapUsed();
    const [memory, open, [row]] = await Promise.all([
      memoryOf(pid),
      openHandles(pid),
      sql<{ connections: number; inTransaction: number; listening: number }[]>`
      select count(*)::int as connections,
        count(*) filter (where state like 'idle in transaction%')::int as "inTransaction",
        count(*) filter (where query ilike 'listen %')::int as listening
      from pg_stat_activity where application_name = 'tessera'`,
    ]);
    if (memory === undefined || row === undefined) throw new Error('The server is gone.');
    return { at, heap, rss: memory.rss, ...open, ...row };
  };

/** Samples until `load` is done. */
const sampled = async (sample: (at: number) => Promise<Sample>, load: Promise<unknown>): Promise<Sample[]> => {
  const begun = performance.now();
  const working = { now: true };
  const ended = load.finally(() => (working.now = false));
  const samples: Sample[] = [];
  while (working.now) {
    samples.push(await sample(performance.now() - begun));
    await Promise.race([sleep(sampleMs), ended]);
  }
  await ended;
  return samples;
};

/** The median of a part of the run, from and to in shares of its length. */
const medianWithin = (samples: readonly Sample[], [from, to]: readonly [number, number], of: 'heap' | 'rss'): number =>
  median(samples.filter(({ at }) => at >= from * loadMs && at < to * loadMs).map((sample) => sample[of]));

const growthOf = (samples: readonly Sample[], of: 'heap' | 'rss', limit: number): Finding => {
  const [early, late] = [medianWithin(samples, [0.2, 0.4], of), medianWithin(samples, [0.8, 1], of)];
  const names = { heap: 'Heap after garbage collection', rss: 'Resident memory' };
  return {
    what: `${names[of]}: last fifth at most ${limit} × second fifth`,
    found: `${megabytes(early)} → ${megabytes(late)} MB, ${(late / early).toFixed(3)} ×`,
    holds: late <= early * limit,
  };
};

/** The job queue looks for work every second, at rest too, and each look has timers and a signal of its own. */
const queueSlack = 8;
const slackOf: Readonly<Record<string, number>> = { Timeout: queueSlack, Immediate: queueSlack };

/** At rest: what may not have become more. */
interface Rest {
  readonly sample: Sample;
  readonly census: Census;
  readonly children: number;
}

const notMore = (what: string, before: number, after: number, slack = 0): Finding => ({
  what: `${what} at rest: no more than before${slack > 0 ? `, give or take ${slack}` : ''}`,
  found: `${before} → ${after}`,
  holds: after <= before + slack,
});

const leftovers = (before: Rest, after: Rest): Finding[] => {
  const resources = new Set([...Object.keys(before.census.resources), ...Object.keys(after.census.resources)]);
  const handles = ({ sample }: Rest) => sample.handles - sample.connections;
  const [early, late] = [before.sample.heap, after.sample.heap];
  return [
    {
      what: `Heap at rest: at most ${heapGrowth} × before`,
      found: `${megabytes(early)} → ${megabytes(late)} MB`,
      holds: late <= early * heapGrowth,
    },
    notMore('Listeners', before.census.listeners, after.census.listeners),
    notMore('AbortSignals', before.census.abortSignals, after.census.abortSignals, queueSlack),
    ...['WebSocket', 'IncomingMessage', 'ServerResponse'].map((name) =>
      notMore(name, before.census.emitters[name] ?? 0, after.census.emitters[name] ?? 0),
    ),
    ...[...resources]
      .sort()
      .map((kind) =>
        notMore(kind, before.census.resources[kind] ?? 0, after.census.resources[kind] ?? 0, slackOf[kind]),
      ),
    notMore('File handles beside those to Postgres', handles(before), handles(after)),
    notMore('Child processes', 0, after.children),
  ];
};

/** Lines of the server's log of the levels error and fatal (https://getpino.io/#/docs/api?id=levels). */
const faultsIn = (output: string): string[] => output.split('\n').filter((line) => /^\{"level":(50|60),/.test(line));

const findingsOf = (
  samples: readonly Sample[],
  before: Rest,
  after: Rest,
  lanes: readonly Lane[],
  tally: Tally,
  faults: readonly string[],
): Finding[] => {
  const most = Math.max(...samples.map(({ connections }) => connections));
  const events = lanes.reduce((sum, lane) => sum + lane.events, 0);
  return [
    growthOf(samples, 'heap', heapGrowth),
    growthOf(samples, 'rss', rssGrowth),
    ...leftovers(before, after),
    { what: `Connections to Postgres: at most ${poolSize + 1}`, found: `${most}`, holds: most <= poolSize + 1 },
    {
      what: 'Transactions open at rest: none',
      found: `${after.sample.inTransaction}`,
      holds: after.sample.inTransaction === 0,
    },
    { what: 'LISTEN: one', found: `${after.sample.listening}`, holds: after.sample.listening === 1 },
    {
      what: 'Acts that failed: none',
      found: `${tally.failures.length}${tally.failures.length > 0 ? `, first: ${tally.failures[0]}` : ''}`,
      holds: tally.failures.length === 0,
    },
    { what: 'Events brought by subscriptions: some', found: `${events}`, holds: events > 0 },
    {
      what: 'Faults logged: none',
      found: [faults.length, ...faults.slice(0, 1)].join(', first: '),
      holds: faults.length === 0,
    },
  ];
};

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const report = (samples: readonly Sample[], rest: Rest, findings: readonly Finding[], tally: Tally): void => {
  const every = Math.ceil(samples.length / 20);
  const row = ({ at, heap, rss, sockets, handles, connections, inTransaction }: Sample, when = minutes(at)) =>
    `| ${when} | ${(heap / 1e6).toFixed(1)} | ${megabytes(rss)} | ${sockets} | ${handles} | ${connections} | ${inTransaction} |`;
  const done = [...tally.done].toSorted(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`);
  say(`${minutes(loadMs)} minutes, ${visitors} visitors: ${done.join(', ')}.

| minute | heap, MB | resident, MB | sockets | file handles | connections | in a transaction |
| --: | --: | --: | --: | --: | --: | --: |
${samples
  .filter((_, index) => index % every === 0)
  .map((sample) => row(sample))
  .join('\n')}
${row(rest.sample, 'rest')}

| what has to hold | found | |
| --- | --- | --- |
${findings.map(({ what, found, holds }) => `| ${what} | ${found} | ${holds ? 'holds' : '**does not hold**'} |`).join('\n')}`);
};

const minutes = (ms: number): string => (ms / 60_000).toFixed(1);

const soak = async (server: TesseraProcess, inspector: Inspector, sql: postgres.Sql): Promise<boolean> => {
  const { url, pid } = server;
  const sample = sampler(pid, inspector, sql);
  const rest = async (): Promise<Rest> => {
    await sleep(restMs);
    const census = await inspector.census();
    return { sample: await sample(loadMs), census, children: (await childrenOf(pid)).length };
  };
  const lanes: Lane[] = [];
  for (let count = 0; count < visitors; count += 1) lanes.push(await openLane(url));
  await driveLanes(lanes, performance.now() + warmUpMs, { done: new Map(), failures: [] });
  const before = await rest();
  const tally = { done: new Map<string, number>(), failures: [] };
  const samples = await sampled(sample, driveLanes(lanes, performance.now() + loadMs, tally));
  const after = await rest();
  const findings = findingsOf(samples, before, after, lanes, tally, faultsIn(server.output()));
  report(samples, after, findings, tally);
  return findings.every(({ holds }) => holds);
};

const cluster = await startPostgres();
const directory = await dataDirectory();
try {
  const { url, ownerUrl } = await createTesseraDatabase(cluster.superuserUrl, 'soak');
  const environment = {
    NODE_ENV: 'production',
    DATABASE_URL: url,
    DATABASE_POOL_SIZE: String(poolSize),
    ENCRYPTION_KEYS: testEncryptionKey,
    TESSERA_DATA_DIR: directory.path,
    RATE_LIMIT: 'off',
    LOG_LEVEL: 'warn',
  };
  const server = await startTessera(environment, tesseraCommand('--inspect=0'));
  const sql = postgres(ownerUrl, { max: 1, connection: { application_name: 'soak' } });
  const inspector = await Inspector.open(inspectorAddress(server.output()) ?? '');
  try {
    if (!(await soak(server, inspector, sql))) process.exitCode = 1;
  } finally {
    inspector.close();
    await sql.end();
    await server.stop();
  }
} finally {
  await cluster.stop();
  await directory.remove();
}
