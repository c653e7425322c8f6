/**
 * Asks for the board, pages of the list, the critical path and the figures of a large project, and moves its tasks, on a private Postgres, and prints how
 * long each takes and how many statements it costs: `npm run bench:projects -- --tasks 10000 --dependencies 20000 --rounds 100`. Ends with 1 when an
 * operation costs more statements in the large project than in one of a hundredth of its size.
 */
import { parseArgs } from 'node:util';
import { startPostgres } from '../scripts/postgres.ts';
import { cleanup } from './cleanup.ts';
import { markdownTable } from './markdown-table.ts';
import { runProjects } from './projects/run.ts';

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '10000' },
    dependencies: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '100' },
  },
});

await using stack = cleanup();
const cluster = await startPostgres({ durable: true });
stack.defer(() => cluster.stop());
const figures = await runProjects({
  superuserUrl: cluster.superuserUrl,
  database: 'projects',
  tasks: Number(values.tasks),
  dependencies: Number(values.dependencies),
  rounds: Number(values.rounds),
});
const milliseconds = (value: number): string => value.toFixed(1);
process.stdout.write(
  markdownTable(
    [
      `${values.tasks} tasks, ${values.dependencies} dependencies`,
      'p50 ms',
      'p95 ms',
      'statements',
      'of a small project',
    ],
    figures.map(({ name, p50, p95, statements, statementsOfSmall }) => [
      name,
      milliseconds(p50),
      milliseconds(p95),
      String(statements),
      String(statementsOfSmall),
    ]),
  ),
);
process.exitCode = figures.some(({ statements, statementsOfSmall }) => statements > statementsOfSmall) ? 1 : 0;
