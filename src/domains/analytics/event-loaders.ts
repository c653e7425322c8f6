import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import type { EventNameRow } from './event-rows.ts';
import { analyticsEvents } from './tables.ts';

/** An event that the viewer sees. */
export const analyticsEventById = loadOne(
  () =>
    database
      .select()
      .from(analyticsEvents)
      .where(
        and(eq(analyticsEvents.organizationId, bound.organizationId), sql`${analyticsEvents.id} = any(${bound.keys})`),
      ),
  (event) => event.id,
);

/** Events that the viewer sees. */
export const analyticsEventList = listOf({
  from: analyticsEvents,
  columns: getTableColumns(analyticsEvents),
  orders: { OCCURRED_AT: analyticsEvents.occurredAt },
  defaultOrder: { field: 'OCCURRED_AT', direction: 'DESC' },
  filters: {
    name: analyticsEvents.name,
    source: analyticsEvents.source,
    workspaceId: analyticsEvents.workspaceId,
    userId: analyticsEvents.userId,
    session: analyticsEvents.session,
    occurredAt: analyticsEvents.occurredAt,
    createdAt: analyticsEvents.createdAt,
  },
});

const maxCounted = 100_000;
const maxNames = 100;

/** Which names of events are asked for. */
export interface EventNamesQuestion {
  readonly from: string | Date;
  readonly to: string | Date;
  readonly workspaceId?: string | null;
  readonly first: number;
}

/** Names of the events of a time, of the newest 100,000 in it, in one statement; those that came most often first. Throws BadUserInput. */
export const eventNames = async (
  unit: UnitOfWork,
  { workspaceId, first, ...time }: EventNamesQuestion,
): Promise<EventNameRow[]> => {
  // The types say text; the server hands over what the scalar made of it.
  const [from, to] = [new Date(time.from), new Date(time.to)];
  if (to <= from) throw new BadUserInput('to', 'A time ends after it began.');
  if (first < 1 || first > maxNames) throw new BadUserInput('first', `There are 1 to ${maxNames} names.`);
  const ofWorkspace = workspaceId ? sql`and ${analyticsEvents.workspaceId} = ${workspaceId}` : sql``;
  return unit.run(() =>
    database.execute<{ [Name in keyof EventNameRow]: EventNameRow[Name] }>(sql`
      with counted as materialized (
        select ${analyticsEvents.name} as name, ${analyticsEvents.source} as source, ${analyticsEvents.occurredAt} as at from ${analyticsEvents}
        where ${analyticsEvents.organizationId} = ${unit.organizationId} ${ofWorkspace}
          and ${analyticsEvents.occurredAt} >= ${from.toISOString()} and ${analyticsEvents.occurredAt} < ${to.toISOString()}
        order by ${analyticsEvents.occurredAt} desc limit ${maxCounted}
      )
      select name, source, count(*)::integer as count, max(at) as "lastOccurredAt" from counted
      group by name, source order by count(*) desc, name, source limit ${first}`),
  );
};
