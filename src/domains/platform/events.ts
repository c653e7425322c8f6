import { getTableColumns } from 'drizzle-orm';
import { listOf, type Connection, type ListArguments } from '../../database/list.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import { platformEvents, type PlatformEventRow } from '../../events/tables.ts';
import { globalId, parseGlobalId } from '../../ids.ts';

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

/** Targets are of any type, so the gateway leaves their ids as clients give them. */
const withTargets = (filter: unknown): unknown => {
  if (Array.isArray(filter)) return filter.map(withTargets);
  if (typeof filter !== 'object' || filter === null) return filter;
  const entries = Object.entries(filter).map(([name, value]: [string, unknown]) => {
    if (name === 'targetId') return [name, decoded(value)];
    return [name, ['and', 'or', 'not'].includes(name) ? withTargets(value) : value];
  });
  return Object.fromEntries(entries);
};

const decoded = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(decoded);
  if (typeof value === 'string') {
    const parsed = parseGlobalId(value);
    if (parsed === null) throw new BadUserInput('filter.targetId', 'This is not an id.');
    return parsed.uuid;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, operand]) => [name, decoded(operand)]));
};

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
