import { and, asc, eq, gt, inArray, isNull, or, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { events, type EventRow } from '../../events/tables.ts';
import { firstIdAt, globalId } from '../../ids.ts';
import type { Work } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { settingsOf } from '../tenancy/organization-settings.ts';
import { organizations, workspaces } from '../tenancy/tables.ts';
import { analyticsEvents, rollUps } from './tables.ts';

/** What becomes an analytics event of the server, by its action in the log of changes. */
const told: Readonly<Record<string, string>> = {
  'session.started': 'server.session.started',
  'member.joined': 'server.member.joined',
  'conversation.started': 'server.conversation.created',
  'conversation.branched': 'server.conversation.created',
  'message.asked': 'server.message.asked',
  'answer.completed': 'server.message.answered',
  'message.answered': 'server.message.answered',
  'answer.failed': 'server.answer.failed',
  'agent_run.started': 'server.agent_run.started',
  'document.processed': 'server.document.ready',
  'document.failed': 'server.document.failed',
  'order.created': 'server.order.created',
  'order.pending': 'server.order.transitioned',
  'order.processing': 'server.order.transitioned',
  'order.completed': 'server.order.transitioned',
  'order.cancelled': 'server.order.transitioned',
};
/** What of an entry's data goes with it: words of closed sets, never texts of people. */
const kept: Readonly<Record<string, readonly string[]>> = {
  'server.order.created': ['type'],
  'server.order.transitioned': ['from', 'to'],
};

/** Names this work among those that note up to when they have looked. */
const source = 'server_events';
const pageSize = 500;
/** A transaction writes its entries with the time at which they were made, and commits later; the clocks of processes differ, too. */
const overlapMs = 10 * 60_000;
const dayMs = 86_400_000;

/**
 * Makes analytics events of what the log of changes tells, of each organization from where it stopped the last time: nothing is written twice by requests. An
 * event has the id of its entry, so that entries can be looked at again, by several processes at a time, too. An organization that fails is logged and tried
 * again the next time.
 */
export const tellServerEvents = async ({ services }: Work, signal: AbortSignal): Promise<void> => {
  for await (const organization of organizationsWhere(services, isNull(organizations.deletedAt))) {
    if (signal.aborted) return;
    try {
      await tellOf(unitOf(services, organization.id), settingsOf(organization).eventDays, signal);
    } catch (error) {
      services.log.error({ err: error, organizationId: organization.id }, 'Events of the server could not be told.');
    }
  }
};

const tellOf = async (unit: UnitOfWork, days: number, signal: AbortSignal): Promise<void> => {
  const began = Date.now();
  let after: string | undefined;
  for (let read = pageSize; read === pageSize && !signal.aborted;) {
    const page = await unit.transact(async ({ organizationId }) => {
      const from = after ?? firstIdAt(Math.max(began - days * dayMs, (await lookedUntil(organizationId)) - overlapMs));
      const entries = await entriesBeyond(organizationId, from);
      if (entries.length > 0) await tell(entries);
      const last = entries.at(-1);
      const until = entries.length < pageSize || last === undefined ? began : Date.parse(last.createdAt);
      await noteLooked(organizationId, until);
      return entries;
    });
    read = page.length;
    after = page.at(-1)?.id;
  }
};

const ofSource = (organizationId: string) =>
  and(eq(rollUps.organizationId, organizationId), eq(rollUps.source, source));

const lookedUntil = async (organizationId: string): Promise<number> => {
  const [row] = await database.select({ at: rollUps.lookedUntil }).from(rollUps).where(ofSource(organizationId));
  return Date.parse(row?.at ?? new Date(0).toISOString());
};

/** Forward alone, for another process may have come further. */
const noteLooked = (organizationId: string, ms: number) => {
  const at = new Date(ms).toISOString();
  return database
    .insert(rollUps)
    .values({ organizationId, source, lookedUntil: at, timeZone: 'UTC' })
    .onConflictDoUpdate({
      target: [rollUps.organizationId, rollUps.source],
      set: { lookedUntil: sql`greatest(${rollUps.lookedUntil}, ${at}::timestamptz)` },
    });
};

/** Entries that are told, in the order of their ids; those of workspaces that are gone are left out. */
const entriesBeyond = (organizationId: string, after: string): Promise<EventRow[]> => {
  const place = database
    .select({ one: sql`1` })
    .from(workspaces)
    .where(and(eq(workspaces.organizationId, organizationId), eq(workspaces.id, events.workspaceId)));
  return database
    .select()
    .from(events)
    .where(
      and(
        eq(events.organizationId, organizationId),
        gt(events.id, after),
        inArray(events.action, Object.keys(told)),
        or(isNull(events.workspaceId), sql`exists (${place})`),
      ),
    )
    .orderBy(asc(events.id))
    .limit(pageSize);
};

const tell = (entries: readonly EventRow[]) =>
  database
    .insert(analyticsEvents)
    .values(
      entries.map(({ organizationId, id, workspaceId, actorId, action, targetType, targetId, createdAt, data }) => {
        const name = told[action] ?? action;
        const more = (kept[name] ?? []).flatMap((key) => (typeof data[key] === 'string' ? [[key, data[key]]] : []));
        return {
          organizationId,
          id,
          workspaceId,
          userId: actorId,
          name,
          source: 'SERVER' as const,
          occurredAt: createdAt,
          properties: { ...Object.fromEntries(more), type: targetType, id: globalId(targetType, targetId) },
        };
      }),
    )
    .onConflictDoNothing();
