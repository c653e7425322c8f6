/**
 * Lets conversations stream at once from one server on a private Postgres, with several listeners each over WebSocket:
 * `npm run bench:streams -- --conversations 200 --listeners 2 --pieces 200 --gapMs 50`, and with `--restart` kills the server in the middle and
 * starts it again. Prints figures, and ends with 1 when a listener missed a piece, heard one twice or out of order, or when something
 * acknowledged is lost.
 */
import { parseArgs } from 'node:util';
import { startPostgres } from '../scripts/postgres.ts';
import { cleanup } from './cleanup.ts';
import { markdownTable } from './markdown-table.ts';
import { megabytes } from './processes.ts';
import { runStreams } from './streams/run.ts';

const { values } = parseArgs({
  options: {
    conversations: { type: 'string', default: '200' },
    listeners: { type: 'string', default: '2' },
    pieces: { type: 'string', default: '200' },
    gapMs: { type: 'string', default: '50' },
    restart: { type: 'boolean', default: false },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);

await using stack = cleanup();
const cluster = await startPostgres({ durable: true });
stack.defer(() => cluster.stop());
const report = await runStreams({
  superuserUrl: cluster.superuserUrl,
  database: 'streams',
  conversations: Number(values.conversations),
  listeners: Number(values.listeners),
  pieces: Number(values.pieces),
  gapMs: Number(values.gapMs),
  restart: values.restart,
});

const milliseconds = (value: number): string => `${value.toFixed(0)} ms`;
say(
  markdownTable(
    [
      `${values.conversations} conversations, ${values.listeners} listeners each`,
      ...report.rounds.map((_, at) => `round ${at + 1}`),
    ],
    [
      ['in all', ...report.rounds.map(({ seconds }) => `${seconds.toFixed(1)} s`)],
      ['pieces heard', ...report.rounds.map(({ pieces }) => String(pieces))],
      ['deltas heard per second', ...report.rounds.map(({ deltas, seconds }) => (deltas / seconds).toFixed(0))],
      ['latency p50', ...report.rounds.map(({ latency }) => milliseconds(latency.p50))],
      ['latency p95', ...report.rounds.map(({ latency }) => milliseconds(latency.p95))],
      ['latency p99', ...report.rounds.map(({ latency }) => milliseconds(latency.p99))],
      ['processor of the server', ...report.rounds.map(({ cpuSeconds }) => `${cpuSeconds.toFixed(1)} s`)],
    ],
  ),
);
const { acknowledged, lost, interrupted, unstoredAtMost } = report.findings;
say(`server, at most: ${megabytes(report.peakMemory)} MB`);
if (report.endedAfterSeconds !== undefined) {
  say(
    `interrupted answers: ${interrupted}, the last heard to fail ${report.endedAfterSeconds.toFixed(1)} s after the kill`,
  );
  say(`told of an interrupted answer and not stored, at most: ${unstoredAtMost} characters`);
}
say(`acknowledged messages: ${acknowledged}, lost: ${lost}`);
say(
  `faults: ${report.faults.length}${report.faults.length === 0 ? '' : ` (${report.faults.slice(0, 10).join('; ')})`}`,
);
process.exitCode = report.faults.length + lost === 0 ? 0 : 1;
