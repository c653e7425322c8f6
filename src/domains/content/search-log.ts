import { getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import { organizations } from '../tenancy/tables.ts';
import type { Work } from '../services.ts';
import type { SearchStatisticsRow } from './rows.ts';
import { searchLogs } from './tables.ts';

/** The searches of a workspace. */
export const searchLogList = listOf({
  from: searchLogs,
  parent: searchLogs.workspaceId,
  columns: getTableColumns(searchLogs),
  orders: { CREATED_AT: searchLogs.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: { userId: searchLogs.userId, createdAt: searchLogs.createdAt, hitCount: searchLogs.hitCount },
});

const maxCounted = 100_000;
const frequentQueries = 20;
const comparedCharacters = 200;

/** What a workspace's searches of a time come to, of the newest 100,000 in it, in one statement. Throws BadUserInput. */
export const searchStatistics = async (
  unit: UnitOfWork,
  workspaceId: string,
  time: { readonly from: string | Date; readonly to: string | Date },
): Promise<SearchStatisticsRow> => {
  // The types say text; the server hands over what the scalar made of it.
  const [from, to] = [new Date(time.from), new Date(time.to)];
  if (to <= from) throw new BadUserInput('to', 'A time ends after it began.');
  const rows = await unit.run(() =>
    database.execute<{ [Name in keyof SearchStatisticsRow]: SearchStatisticsRow[Name] }>(sql`
      with counted as materialized (
        select lower(left(btrim(${searchLogs.query}), ${comparedCharacters})) as query, (${searchLogs.hitCount} = 0)::integer as vain from ${searchLogs}
        where ${searchLogs.organizationId} = ${unit.organizationId} and ${searchLogs.workspaceId} = ${workspaceId}
          and ${searchLogs.createdAt} >= ${from.toISOString()} and ${searchLogs.createdAt} < ${to.toISOString()}
        order by ${searchLogs.createdAt} desc limit ${maxCounted}
      ),
      frequent as (
        select query, count(*) as searches, sum(vain) as "withoutHits" from counted
        group by query order by count(*) desc, query limit ${frequentQueries}
      )
      select count(*)::integer as searches, coalesce(sum(vain), 0)::integer as "withoutHits",
        (select coalesce(json_agg(frequent order by searches desc, query), '[]') from frequent) as "frequentQueries"
      from counted`),
  );
  return sole(rows);
};

const keptDays = 90;
const atOnce = 1000;

/** Removes searches that were made more than 90 days ago, organization by organization. */
export const purgeSearchLogs = async ({ unit }: Work, signal: AbortSignal): Promise<void> => {
  for (let last = '00000000-0000-0000-0000-000000000000'; !signal.aborted;) {
    const found = await unit.run(() =>
      database.execute<{ id: string }>(
        sql`select id from ${organizations} where id > ${last} order by id limit ${atOnce}`,
      ),
    );
    await unit.rest();
    for (const { id } of found) await purgeOf(unit, id, signal);
    if (found.length < atOnce) return;
    last = found.at(-1)?.id ?? last;
  }
};

const purgeOf = async (unit: UnitOfWork, organizationId: string, signal: AbortSignal): Promise<void> => {
  const whole = unit.as(wholeOf(organizationId));
  const old = sql`delete from ${searchLogs} where organization_id = ${organizationId} and id in (
    select id from ${searchLogs} where organization_id = ${organizationId}
      and created_at < now() - make_interval(days => ${keptDays}) limit ${atOnce}) returning 1`;
  for (let removed = atOnce; removed === atOnce && !signal.aborted;)
    removed = (await whole.transact(() => database.execute(old))).length;
};
