/**
 * Brings files of nine kinds into a workspace on a private Postgres and kills the worker that reads them again and again:
 * `npm run bench:ingest -- --files 2000 --kills 10 --seed 1`. Then once more without a disturbance. Prints what both took and ends with 1 when a
 * document is lost, stuck, failed without a reason, read though it was damaged, or not the same in both. The seed repeats the files.
 */
import { parseArgs } from 'node:util';
import { startPostgres } from '../scripts/postgres.ts';
import { cleanup } from './cleanup.ts';
import { chanceFrom } from './faults/chance.ts';
import { filesFrom } from './ingest/files.ts';
import { ingest, type RunReport } from './ingest/run.ts';
import { differences, leftOpen, statesIn } from './ingest/state.ts';
import { markdownTable } from './markdown-table.ts';
import { megabytes } from './processes.ts';

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '2000' },
    kills: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
  },
});
const seed = Number(values.seed);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

await using stack = cleanup();
const files = await Array.fromAsync(filesFrom(seed, Number(values.files)));
const cluster = await startPostgres({ durable: true });
stack.defer(() => cluster.stop());

const run = (database: string, kills: number): Promise<RunReport> =>
  ingest({ superuserUrl: cluster.superuserUrl, database, files, kills, chance: chanceFrom(seed) });
const disturbed = await run('disturbed', Number(values.kills));
const calm = await run('calm', 0);

const [left, right] = [await statesIn(disturbed.database.ownerUrl), await statesIn(calm.database.ownerUrl)];
const lost = files.filter(({ name }) => !left.has(name));
const unexplained = [...left].filter(([, state]) => /"status":"FAILED","failure":(?:null|"")/.test(state));
const misjudged = files.filter(
  ({ name, damaged }) => damaged !== (left.get(name)?.includes('"status":"FAILED"') ?? false),
);
const different = differences(left, right);
const open = (await leftOpen(disturbed.database.ownerUrl)) + (await leftOpen(calm.database.ownerUrl));

const column = (report: RunReport): string[] => [
  String(report.kills),
  (files.length / report.seconds).toFixed(1),
  `${report.seconds.toFixed(0)} s`,
  `${megabytes(report.peakMemory)} MB`,
  `${megabytes(report.peakServerMemory)} MB`,
  String(report.told),
];
const names = [
  'kills',
  'documents per second',
  'in all',
  'worker, at most',
  'server, at most',
  'told by the subscription',
];
const [first, second] = [column(disturbed), column(calm)];
say(
  markdownTable(
    [`${files.length} files, ${files.filter(({ damaged }) => damaged).length} damaged`, 'worker killed', 'undisturbed'],
    names.map((name, at) => [name, first[at] ?? '', second[at] ?? '']),
  ),
);
for (const [what, found] of [
  ['lost', lost.map(({ name }) => name)],
  ['failed without a reason', unexplained.map(([name]) => name)],
  ['failed or read against expectation', misjudged.map(({ name }) => `${name} ${left.get(name)?.slice(0, 200) ?? ''}`)],
  ['different from the undisturbed run', different],
] as const)
  say(`${what}: ${found.length}${found.length === 0 ? '' : ` (${found.slice(0, 10).join('; ')})`}`);
say(`left open: ${open}`);
const faults = lost.length + unexplained.length + misjudged.length + different.length + open;
const untold = [disturbed, calm].filter(({ told }) => told !== files.length).length;
process.exitCode = faults + untold === 0 ? 0 : 1;
