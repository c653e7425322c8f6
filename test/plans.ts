import { UnitOfWork, type Scope } from '../src/database/unit-of-work.ts';
import type { Testbed } from './testbed.ts';

/** A node of a plan, as Postgres tells it. */
export interface Plan {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
}
const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

const literal = (value: unknown): string =>
  typeof value === 'number' ? String(value) : `'${Array.isArray(value) ? `{${value.join(',')}}` : String(value)}'`;

/**
 * Runs `work` with each of its statements explained as it runs, as the server's role in a unit of `scope`, and gives the plans that the
 * server keeps for them.
 */
export const explained = async (
  bed: Testbed,
  scope: Scope,
  work: (unit: UnitOfWork) => Promise<unknown>,
): Promise<Plan[][]> => {
  const { services } = bed.server.installation;
  const plans: Promise<Plan[]>[] = [];
  const lend = async () => {
    const session = await services.pool.lend();
    const unsafe = session.unsafe.bind(session);
    const explaining = (text: string, values: never[], options: { prepare: boolean }) => {
      const run = `execute explained(${values.map(literal).join(', ')})`;
      const texts = [`prepare explained as ${text}`, `explain (analyze, format json) ${run}`, 'deallocate explained'];
      // Sent at once, before the statement itself and behind the setting that it is planned by.
      const [prepared, explained, done] = texts.map((each) => unsafe(each, [], { prepare: false }).execute());
      plans.push(
        Promise.all([prepared, explained, done]).then(([, found = []]) =>
          nodesOf((found[0] as unknown as { 'QUERY PLAN': { Plan: Plan }[] })['QUERY PLAN'][0]?.Plan as Plan),
        ),
      );
      return unsafe(text, values, options);
    };
    return Object.assign(session, { unsafe: explaining });
  };
  const pool = Object.create(services.pool, { lend: { value: lend } }) as typeof services.pool;
  const unit = new UnitOfWork(scope, {
    ...services,
    pool,
    origin: { requestId: 'test', address: null, userAgent: null },
  });
  await work(unit);
  const found = await Promise.all(plans);
  await unit.rest();
  return found;
};

/** What a plan does, and how many rows its largest step gives. */
export const effort = (nodes: readonly Plan[]) => ({
  indexes: [...new Set(nodes.flatMap((node) => node['Index Name'] ?? []))].sort(),
  scans: nodes.flatMap((node) => (node['Node Type'] === 'Seq Scan' ? [node['Relation Name']] : [])),
  most: Math.max(...nodes.map((node) => node['Actual Rows'])),
});
