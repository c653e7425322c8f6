import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf, type Connection, type ListArguments } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { events, type EventRow } from '../../events/tables.ts';
import { withTargets } from './event-targets.ts';

/** An entry that the viewer sees. */
export const eventLogEntryById = loadOne(
  () =>
    database
      .select()
      .from(events)
      .where(and(eq(events.organizationId, bound.organizationId), sql`${events.id} = any(${bound.keys})`)),
  (event) => event.id,
);

const eventList = listOf({
  from: events,
  columns: getTableColumns(events),
  orders: { CREATED_AT: events.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    action: events.action,
    targetType: events.targetType,
    targetId: events.targetId,
    actorId: events.actorId,
    workspaceId: events.workspaceId,
    createdAt: events.createdAt,
  },
});

/** The organization's log as far as the viewer sees it, newest first. Throws BadUserInput. */
export const eventLog = (unit: UnitOfWork, args: ListArguments): Promise<Connection<EventRow>> =>
  eventList<EventRow>(unit, { ...args, filter: withTargets(args.filter) });
