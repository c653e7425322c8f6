import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { executionContents, executionLogs } from './execution-tables.ts';
import { keySourceOf } from './usage.ts';
import { modelUsageDays } from './usage-tables.ts';

/** Rows of one statement. */
const atOnce = 2000;

/**
 * Takes calls that began on a day of UTC more than `days` days ago out of the log, into the sums of their days. Each statement moves some of them, and
 * what they come to, at once, so that whatever happens in between no call is lost or counted twice. Calls that are under way stay. Gives their number.
 */
export const sumUpOldCalls = async (unit: UnitOfWork, days: number, signal: AbortSignal): Promise<number> => {
  const { organizationId } = unit;
  const old = sql`(date_trunc('day', now(), 'UTC') - make_interval(days => ${days}))`;
  let moved = 0;
  for (let last = atOnce; last === atOnce && !signal.aborted; moved += last)
    last = await unit.transact(async () => {
      const [counted] = await database.execute<{ moved: number }>(sql`
        with gone as (
          delete from ${executionLogs} where organization_id = ${organizationId} and id in (
            select id from ${executionLogs} where organization_id = ${organizationId} and created_at < ${old} and status <> 'PENDING'
            order by created_at limit ${atOnce} for update skip locked)
          returning *
        ),
        summed as (
          insert into ${modelUsageDays} (organization_id, id, day, workspace_id, user_id, api_key_id, provider_id, model_id, provider_name, model_name,
            purpose, status, key_source, calls, unrated_calls, estimated_calls, input_tokens, cached_input_tokens, output_tokens, cost, timed_calls,
            latency_ms)
          select ${organizationId}::uuid, app_new_id(), (created_at at time zone 'UTC')::date as day, workspace_id, user_id, api_key_id, provider_id, model_id,
            provider_name, model_name, purpose, status, key_source, count(*), count(*) filter (where cost is null),
            count(*) filter (where estimated), sum(input_tokens), sum(cached_input_tokens), sum(output_tokens), coalesce(sum(cost), 0),
            count(latency_ms), coalesce(sum(latency_ms), 0)
          from (select *, ${keySourceOf} as key_source from gone execution_logs) execution_logs
          group by 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
          on conflict on constraint model_usage_days_day_key do update set
            calls = model_usage_days.calls + excluded.calls,
            unrated_calls = model_usage_days.unrated_calls + excluded.unrated_calls,
            estimated_calls = model_usage_days.estimated_calls + excluded.estimated_calls,
            input_tokens = model_usage_days.input_tokens + excluded.input_tokens,
            cached_input_tokens = model_usage_days.cached_input_tokens + excluded.cached_input_tokens,
            output_tokens = model_usage_days.output_tokens + excluded.output_tokens,
            cost = model_usage_days.cost + excluded.cost,
            timed_calls = model_usage_days.timed_calls + excluded.timed_calls,
            latency_ms = model_usage_days.latency_ms + excluded.latency_ms
          returning 1
        )
        select count(*)::int as moved from gone`);
      return counted?.moved ?? 0;
    });
  return moved;
};

/** Removes what was kept of calls more than `days` days ago. Gives how many contents. */
export const removeOldContents = async (unit: UnitOfWork, days: number, signal: AbortSignal): Promise<number> => {
  const { organizationId } = unit;
  let removed = 0;
  for (let last = atOnce; last === atOnce && !signal.aborted; removed += last)
    last = await unit.transact(async () => {
      const gone = await database.execute(sql`
        delete from ${executionContents} where organization_id = ${organizationId} and id in (
          select id from ${executionContents} where organization_id = ${organizationId}
            and created_at < now() - make_interval(days => ${days}) order by created_at limit ${atOnce})
        returning 1`);
      return gone.length;
    });
  return removed;
};
