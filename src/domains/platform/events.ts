import { getTableColumns } from 'drizzle-orm';
import { listOf, type Connection, type ListArguments } from '../../database/list.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { platformEvents, type PlatformEventRow } from '../../events/tables.ts';
import { globalId } from '../../ids.ts';
import { withTargets } from './event-targets.ts';

const eventList = listOf({
  from: platformEvents,
  columns: getTableColumns(platformEvents),
  orders: { CREATED_AT: platformEvents.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    action: platformEvents.action,
    actorId: platformEvents.actorId,
    targetId: platformEvents.targetId,
    createdAt: platformEvents.createdAt,
  },
});

/** The installation's log, newest first. Throws BadUserInput. */
export const platformEventList = (unit: UnitOfWork, args: ListArguments): Promise<Connection<PlatformEventRow>> =>
  eventList<PlatformEventRow>(unit, { ...args, filter: withTargets(args.filter) });

/** Stands for several targets or none. */
const nil = '00000000-0000-0000-0000-000000000000';

/** The global id of what an event happened to; null for several or none. */
export const targetOf = ({ targetType, targetId }: PlatformEventRow): string | null =>
  targetId === nil ? null : globalId(targetType, targetId);

/** What is told of an event; ids of what was looked at as clients know them. */
export const dataOf = ({ action, targetType, data }: PlatformEventRow): Record<string, unknown> =>
  action === 'platform.read' && Array.isArray(data.ids)
    ? { ...data, ids: data.ids.map((id) => globalId(targetType, String(id))) }
    : data;
