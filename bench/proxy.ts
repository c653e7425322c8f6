/**
 * Calls a local model server directly and through Tessera's OpenAI-compatible endpoint, turn by turn in one run on a private Postgres, and prints what
 * Tessera adds to each streamed call: `npm run bench:proxy -- --streams 50 --turns 10 --pieces 50 --gapMs 20`. Ends with 1 when a call was not
 * settled, or took more than three statements.
 */
import { parseArgs } from 'node:util';
import { startPostgres } from '../scripts/postgres.ts';
import { cleanup } from './cleanup.ts';
import { markdownTable } from './markdown-table.ts';
import { runProxy, type Side } from './proxy/run.ts';

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '50' },
    turns: { type: 'string', default: '10' },
    pieces: { type: 'string', default: '50' },
    gapMs: { type: 'string', default: '20' },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);

await using stack = cleanup();
const cluster = await startPostgres({ durable: true });
stack.defer(() => cluster.stop());
const report = await runProxy({
  superuserUrl: cluster.superuserUrl,
  database: 'proxy',
  streams: Number(values.streams),
  turns: Number(values.turns),
  pieces: Number(values.pieces),
  gapMs: Number(values.gapMs),
});

const milliseconds = (value: number): string => `${value.toFixed(2)} ms`;
const { direct, proxied, overhead } = report;
const row = (name: string, of: (side: Pick<Side, 'first' | 'total'>) => number): string[] => [
  name,
  ...[direct, proxied, overhead].map((side) => milliseconds(of(side))),
];
say(
  markdownTable(
    [`${values.streams} streams of ${values.pieces} pieces at a time`, 'direct', 'by Tessera', 'difference'],
    [
      row('first piece p50', ({ first }) => first.p50),
      row('first piece p99', ({ first }) => first.p99),
      row('whole answer p50', ({ total }) => total.p50),
      row('whole answer p99', ({ total }) => total.p99),
      ['requests per second', direct.requestsPerSecond.toFixed(0), proxied.requestsPerSecond.toFixed(0), ''],
    ],
  ),
);
say(`statements per call: ${report.statementsPerCall.toFixed(2)}`);
say(`processor of the server per call: ${milliseconds(report.cpuMsPerCall)}`);
say(`calls not settled: ${report.unsettled}`);
process.exitCode = report.unsettled === 0 && report.statementsPerCall <= 3 ? 0 : 1;
