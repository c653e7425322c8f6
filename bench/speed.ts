import { parseArgs } from 'node:util';
import { isDeepStrictEqual } from 'node:util';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { startPostgres } from '../scripts/postgres.ts';
import { createTesseraDatabase } from '../scripts/tessera-database.ts';
import { cleanup } from './cleanup.ts';
import { markdownTable } from './markdown-table.ts';
import { cpuSeconds, cpuSecondsOfFamily, megabytes, memoryOf, postgresPid } from './processes.ts';
import { contenders, unrecorded, type Contender, type ContenderName } from './speed/contenders.ts';
import { loadDataSet, type Place } from './speed/data-set.ts';
import { sendLoad, writeRequests } from './speed/load.ts';
import type { Asked, Sent } from './speed/dialects.ts';
import { workloads, type Subject, type Workload } from './speed/operations.ts';
import { median } from './statistics.ts';

const usage = `npm run bench -- [--rounds 3] [--seconds 8] [--connections 32] [--servers Tessera,PostGraphile] [--workloads W1,W3]

Compares servers that answer the same requests from the same private Postgres: 20 organizations, 200 workspaces, 20,000 conversations,
400,000 messages of about 300 characters, feedback on a tenth. One server is under load at a time, in turn, in each round.

  W1  a conversation by its id: three fields
  W2  a workspace and its 20 newest conversations
  W3  a workspace, its 20 newest conversations, 10 messages of each with sender and feedback
  W4  the second 50 messages of a conversation of 416, their number and whether there are more
  W5  a message written, with its entry in the event log, and returned

What it costs to record the requests of members: --servers 'Tessera,Tessera without records' --workloads W1 --rounds 5

Needs wrk.
`;

interface Sample {
  readonly round: number;
  readonly server: string;
  readonly workload: Workload;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of processor time a request. */
  readonly nodeMicros: number;
  readonly postgresMicros: number;
  readonly residentBytes: number;
}

interface Course {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** What each of the many requests of a workload is about, always the same and in the same order. */
const subjectsOf = (workload: Workload, places: readonly Place[]): Subject[] => {
  const count = workload === 'W1' || workload === 'W5' ? 4000 : places.length;
  return Array.from({ length: count }, (_, number) => {
    // The step has no divisor in common with the number of places, so that all have their turn, far apart.
    const place = places[(number * 77) % places.length];
    if (place === undefined) throw new Error('There are no workspaces.');
    const { conversationIds, longConversationId, ...rest } = place;
    const short = conversationIds[(number * 13) % conversationIds.length] ?? '';
    return { ...rest, conversationId: workload === 'W4' ? longConversationId : short };
  });
};

const ask = async (contender: Contender, { path, headers, body }: Sent): Promise<unknown> => {
  const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body };
  return (await fetch(contender.url + path, init)).json();
};

/** W4 asks for the page behind a cursor, and every server has cursors of its own. */
const withCursors = async (
  { dialect, ...contender }: Contender,
  workload: Workload,
  subjects: readonly Subject[],
): Promise<Asked[]> => {
  const whole: Asked[] = [];
  for (const subject of subjects) {
    const first = () => ask({ dialect, ...contender }, dialect.firstPage(subject));
    whole.push({ ...subject, after: workload === 'W4' ? dialect.cursor(await first()) : '' });
  }
  return whole;
};

/** Throws unless all servers answer alike, for every so-manieth of the requests. */
const checkEqual = async (
  running: readonly Contender[],
  workload: Workload,
  subjects: ReadonlyMap<Contender, readonly Asked[]>,
): Promise<void> => {
  const [first, ...others] = running;
  if (first === undefined) throw new Error('No server takes part.');
  const length = subjects.get(first)?.length ?? 0;
  for (let number = 0; number < length; number += Math.ceil(length / 40)) {
    const answerOf = async (contender: Contender) => {
      const subject = subjects.get(contender)?.[number];
      if (subject === undefined) throw new Error('The servers are asked different things.');
      return contender.dialect.answer(workload, await ask(contender, contender.dialect.request(workload, subject)));
    };
    const expected = await answerOf(first);
    for (const other of others) {
      const answer = await answerOf(other);
      if (!isDeepStrictEqual(answer, expected))
        throw new Error(
          `${workload}: ${other.name} answers otherwise than ${first.name}.\n${JSON.stringify(answer).slice(0, 600)}\n${JSON.stringify(expected).slice(0, 600)}`,
        );
    }
  }
};

/** Removes what W5 wrote, so that every server finds the same tables. */
const clean = async (ownerUrl: string, since: Date): Promise<void> => {
  const sql = postgres(ownerUrl, { max: 1 });
  await sql`delete from messages where created_at >= ${since}`;
  await sql`delete from events where created_at >= ${since}`;
  await sql.unsafe('vacuum messages, events');
  await sql.unsafe('checkpoint');
  await sql.end();
};

const measure = async (
  contender: Contender,
  workload: Workload,
  file: string,
  postmaster: number,
  { round, ...course }: Course & { round: number; offset: number },
): Promise<Sample> => {
  const before = [await cpuSeconds(contender.pid), await cpuSecondsOfFamily(postmaster)] as const;
  const { requests, ...load } = await sendLoad(contender.url, file, course);
  const micros = (seconds: number) => (seconds / requests) * 1e6;
  return {
    round,
    server: contender.name,
    workload,
    ...load,
    nodeMicros: micros((await cpuSeconds(contender.pid)) - before[0]),
    postgresMicros: micros((await cpuSecondsOfFamily(postmaster)) - before[1]),
    residentBytes: (await memoryOf(contender.pid))?.rss ?? 0,
  };
};

const run = async (names: readonly ContenderName[], asked: readonly Workload[], course: Course): Promise<Sample[]> => {
  await using held = cleanup();
  const directory = await mkdtemp(join(tmpdir(), 'tessera-bench-'));
  held.defer(() => rm(directory, { recursive: true, force: true }));
  const cluster = await startPostgres();
  held.defer(() => cluster.stop());
  const running: Contender[] = [];
  const samples: Sample[] = [];
  await configure(cluster.superuserUrl);
  await cluster.restart();
  const database = await createTesseraDatabase(cluster.superuserUrl, 'bench');
  say('Loading the data set (about a minute) …');
  const places = await loadDataSet(database.ownerUrl);
  const postmaster = await postgresPid(cluster.superuserUrl);
  for (const name of names) {
    const contender = await contenders[name](database, directory);
    held.defer(async () => void (await contender.stop()));
    running.push(contender);
  }

  const files = new Map<string, string>();
  for (const workload of asked) {
    const subjects = new Map<Contender, Asked[]>();
    for (const contender of running) {
      const own = await withCursors(contender, workload, subjectsOf(workload, places));
      subjects.set(contender, own);
      const file = join(directory, `${running.indexOf(contender)}-${workload}`);
      files.set(`${contender.name} ${workload}`, file);
      await writeRequests(
        file,
        own.map((subject) => contender.dialect.request(workload, subject)),
      );
    }
    await checkEqual(running, workload, subjects);
    say(`${workload}: all servers answer alike.`);
  }

  for (let round = 0; round <= course.rounds; round += 1)
    for (const workload of asked)
      for (const contender of running) {
        const file = files.get(`${contender.name} ${workload}`) ?? '';
        const begun = new Date();
        // Round 0 warms up and does not count.
        const seconds = round === 0 ? 3 : course.seconds;
        const sample = await measure(contender, workload, file, postmaster, {
          ...course,
          round,
          seconds,
          offset: round * 997,
        });
        if (workload === 'W5') await clean(database.ownerUrl, begun);
        if (round === 0) continue;
        samples.push(sample);
        say(
          `round ${round} ${workload} ${contender.name}: ${sample.perSecond.toFixed(0)}/s, ${sample.nodeMicros.toFixed(0)} + ${sample.postgresMicros.toFixed(0)} µs`,
        );
      }
  return samples;
};

/** The tables fit into memory, as those of a busy server do. */
const configure = async (superuserUrl: string): Promise<void> => {
  const sql = postgres(superuserUrl, { max: 1 });
  await sql.unsafe(`alter system set shared_buffers = '1GB'`);
  await sql.unsafe(`alter system set max_wal_size = '4GB'`);
  await sql.end();
};

/** Of the server and of the database together, a request. */
const microsOf = ({ nodeMicros, postgresMicros }: Sample): number => nodeMicros + postgresMicros;

const table = (samples: readonly Sample[], names: readonly string[], asked: readonly Workload[]): string => {
  const of = (server: string, workload: Workload) =>
    samples.filter((sample) => sample.server === server && sample.workload === workload);
  const rows = (title: string, cell: (found: readonly Sample[], workload: Workload) => string) =>
    markdownTable(
      [title, ...asked],
      names.map((name) => [name, ...asked.map((workload) => cell(of(name, workload), workload))]),
    );
  const middle = (found: readonly Sample[], key: 'perSecond' | 'p50' | 'p99' | 'nodeMicros' | 'postgresMicros') =>
    median(found.map((sample) => sample[key]));
  const [limit = ''] = names;
  const memory = (name: string) =>
    samples.filter(({ server }) => server === name).map((sample) => sample.residentBytes);
  return [
    rows('requests/s (node µs + Postgres µs a request)', (found) => {
      const [perSecond, node, server] = (['perSecond', 'nodeMicros', 'postgresMicros'] as const).map((key) =>
        middle(found, key).toFixed(0),
      );
      return `${perSecond} (${node} + ${server})`;
    }),
    rows(`of ${limit}`, (found, workload) =>
      (middle(found, 'perSecond') / middle(of(limit, workload), 'perSecond')).toFixed(2),
    ),
    rows(`processor time of ${limit}, median (least to most) of the rounds`, (found, workload) => {
      const ratios = found.flatMap((sample) =>
        of(limit, workload)
          .filter(({ round }) => round === sample.round)
          .map((first) => microsOf(sample) / microsOf(first)),
      );
      return `${median(ratios).toFixed(3)} (${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)})`;
    }),
    rows('p50 / p99 ms', (found) => `${middle(found, 'p50').toFixed(1)} / ${middle(found, 'p99').toFixed(1)}`),
    markdownTable(
      ['server', 'most resident memory, MB'],
      names.map((name) => [name, megabytes(Math.max(...memory(name)))]),
    ),
  ].join('\n');
};

const chosen = <Word extends string>(all: readonly Word[], given: string | undefined): Word[] => {
  const words = given?.split(',') ?? all;
  return all.filter((word) => words.includes(word));
};

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '8' },
    connections: { type: 'string', default: '32' },
    servers: { type: 'string' },
    workloads: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  say(usage);
} else {
  const all = Object.keys(contenders) as ContenderName[];
  const names = values.servers === undefined ? all.filter((name) => name !== unrecorded) : chosen(all, values.servers);
  const asked = chosen(workloads, values.workloads);
  const [rounds, seconds, connections] = [values.rounds, values.seconds, values.connections].map(Number);
  if (!rounds || !seconds || !connections || names.length === 0 || asked.length === 0) {
    process.stderr.write(usage);
    process.exit(2);
  }
  const samples = await run(names, asked, { rounds, seconds, connections });
  say(`\n${table(samples, names, asked)}`);
}
