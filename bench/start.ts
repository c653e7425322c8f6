import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startPostgres } from '../scripts/postgres.ts';
import { createTesseraDatabase } from '../scripts/tessera-database.ts';
import {
  dataDirectory,
  startTessera,
  tesseraCommand,
  testEncryptionKey,
  type TesseraProcess,
} from '../scripts/tessera-process.ts';
import { askGuide, driveLanes, openLane, startConversation, type Lane } from './load/lane.ts';
import { childrenOf, megabytes, memoryOf } from './processes.ts';
import { median } from './statistics.ts';
import { Visitor, type Account } from './load/visitor.ts';

/**
 * How long a start takes and what the server holds in memory, as Markdown: `npm run bench:start`, on Linux. Nothing is asserted.
 * `--starts` later starts are timed; memory is read after `--rest` seconds of rest, during `--load` seconds of mixed operations by 16
 * visitors at once, and after a rest again.
 */
const { values } = parseArgs({
  options: {
    starts: { type: 'string', default: '5' },
    rest: { type: 'string', default: '30' },
    load: { type: 'string', default: '60' },
  },
});
const starts = Number(values.starts);
const restMs = Number(values.rest) * 1000;
const loadMs = Number(values.load) * 1000;
const visitors = 16;
const sampleMs = 500;

type Mode = 'development' | 'production';
type Environment = Record<string, string>;

/** Seconds from the start of the process to its first answers. */
interface Times {
  readonly operation: number;
  readonly citedAnswer: number;
}

const demoAdmin: Account = { email: 'admin@example.com', password: 'ChangeMe123!' };
const common: Environment = { RATE_LIMIT: 'off', LOG_LEVEL: 'warn' };

/** Starts a server, asks it, and stops it. */
const timedStart = async (environment: Environment, account: Account, command = tesseraCommand()): Promise<Times> => {
  const begun = performance.now();
  const seconds = () => (performance.now() - begun) / 1000;
  const server = await startTessera(environment, command);
  try {
    await new Visitor(server.url).want('{ __typename }');
    const operation = seconds();
    await retried(() => citedAnswer(server.url, account));
    return { operation, citedAnswer: seconds() };
  } finally {
    await server.stop();
  }
};

const citedAnswer = async (url: string, account: Account): Promise<void> => {
  const visitor = await Visitor.signIn(url, account);
  const { workspaces } = await visitor.want<{ workspaces: { edges: { node: { id: string } }[] } }>(
    '{ workspaces(first: 1) { edges { node { id } } } }',
  );
  const [workspace] = workspaces.edges;
  if (workspace === undefined) throw new Error('There is no workspace yet.');
  await askGuide(visitor, await startConversation(visitor, workspace.node.id));
};

/** Until it succeeds: the first start of an embedded database makes its account and reads its guide while it answers already. */
const retried = async (work: () => Promise<void>): Promise<void> => {
  for (const deadline = performance.now() + 60_000; ; await sleep(20)) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
};

/** Memory of the server and of its embedded database: megabytes as the table shows them, and both together in bytes. */
interface Reading {
  readonly server: string;
  readonly database: string;
  readonly rss: number;
}

const readingOf = async (pid: number): Promise<Reading> => {
  const children = await childrenOf(pid);
  const database = children.find(({ program }) => program === 'embedded-process.ts');
  const [own, embedded] = await Promise.all([memoryOf(pid), database && memoryOf(database.pid)]);
  const written = (memory: typeof own) =>
    memory === undefined ? '–' : `${megabytes(memory.rss)} (${megabytes(memory.pss)})`;
  return { server: written(own), database: written(embedded), rss: (own?.rss ?? 0) + (embedded?.rss ?? 0) };
};

/** The reading with the most resident memory until the work is done. */
const peakDuring = async (pid: number, work: Promise<unknown>): Promise<Reading> => {
  const working = { now: true };
  const ended = work.finally(() => (working.now = false));
  let peak = await readingOf(pid);
  while (working.now) {
    await Promise.race([sleep(sampleMs), ended]);
    const reading = await readingOf(pid);
    if (reading.rss > peak.rss) peak = reading;
  }
  await ended;
  return peak;
};

/** Memory of a server that has just started: at rest, at its peak under load, at rest again. */
const memoryRow = async (name: string, mode: Mode, server: TesseraProcess): Promise<string> => {
  await sleep(restMs);
  const rested = await readingOf(server.pid);
  const tally = { done: new Map<string, number>(), failures: [] };
  const load = async () => {
    const lanes: Lane[] = [];
    for (let count = 0; count < visitors; count += 1) lanes.push(await openLane(server.url));
    await driveLanes(lanes, performance.now() + loadMs, tally);
  };
  const peak = await peakDuring(server.pid, load());
  await sleep(restMs);
  const after = await readingOf(server.pid);
  if (tally.failures.length > 0) process.stderr.write(`${tally.failures.length} failed: ${tally.failures[0]}\n`);
  const cells = [rested, peak, after].flatMap(({ server, database }) => [server, database]);
  const operations = [...tally.done.values()].reduce((sum, count) => sum + count, 0);
  return `| ${name} | ${mode} | ${cells.join(' | ')} | ${operations} |`;
};

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const fixed = (values: readonly Times[], of: keyof Times): string => median(values.map((each) => each[of])).toFixed(2);

const timesRow = async (name: string, environment: Environment, account: Account, first: Times | null) => {
  const later: Times[] = [];
  for (let count = 0; count < starts; count += 1) later.push(await timedStart(environment, account));
  const npm = await timedStart(environment, account, ['npm', 'start']);
  const cells = [
    first?.operation.toFixed(2) ?? '–',
    first?.citedAnswer.toFixed(2) ?? '–',
    fixed(later, 'operation'),
    fixed(later, 'citedAnswer'),
    npm.operation.toFixed(2),
    npm.citedAnswer.toFixed(2),
  ];
  return `| ${name} | ${cells.join(' | ')} |`;
};

const during = async <Result>(environment: Environment, work: (server: TesseraProcess) => Promise<Result>) => {
  const server = await startTessera(environment);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
};

const embedded = async (): Promise<{ times: string; memory: string[] }> => {
  const directory = await dataDirectory();
  const produced = await dataDirectory();
  try {
    const environment = { ...common, TESSERA_DATA_DIR: directory.path };
    const first = await timedStart(environment, demoAdmin);
    const times = await timesRow('embedded', environment, demoAdmin, first);
    const production = { ...common, NODE_ENV: 'production', TESSERA_DATA_DIR: produced.path };
    return {
      times,
      memory: [
        await during(environment, (server) => memoryRow('embedded', 'development', server)),
        await during(production, (server) => memoryRow('embedded', 'production', server)),
      ],
    };
  } finally {
    await Promise.all([directory.remove(), produced.remove()]);
  }
};

const onPostgres = async (): Promise<{ times: string; memory: string[] }> => {
  const directory = await dataDirectory();
  const cluster = await startPostgres();
  try {
    const { url } = await createTesseraDatabase(cluster.superuserUrl, 'start');
    const environment = { ...common, TESSERA_DATA_DIR: directory.path, DATABASE_URL: url };
    const production = { ...environment, NODE_ENV: 'production', ENCRYPTION_KEYS: testEncryptionKey };
    const { account } = await during(production, (server) => openLane(server.url));
    return {
      times: await timesRow('Postgres', production, account, null),
      memory: [
        await during(environment, (server) => memoryRow('Postgres', 'development', server)),
        await during(production, (server) => memoryRow('Postgres', 'production', server)),
      ],
    };
  } finally {
    await cluster.stop();
    await directory.remove();
  }
};

const rows = [await embedded(), await onPostgres()];
say(`Seconds from the start of the process to the first answer (\`{ __typename }\`) and to the first answer with citations, behind a sign-in.
First start: with an empty data directory. Later starts: median of ${starts}. The last two columns are one start by \`npm start\`.

| database | first | cited | later | cited | npm start | cited |
| --- | --: | --: | --: | --: | --: | --: |
${rows.map(({ times }) => times).join('\n')}

Megabytes resident (in brackets PSS) of the server and of the embedded database: after ${restMs / 1000} s of rest, at the peak of ${loadMs / 1000} s of mixed
operations by ${visitors} visitors, after ${restMs / 1000} s of rest again. Parsers run in processes of their own, which end after a minute without a file.

| database | mode | rest: server | database | load: server | database | rest: server | database | operations |
| --- | --- | --: | --: | --: | --: | --: | --: | --: |
${rows.flatMap(({ memory }) => memory).join('\n')}`);
