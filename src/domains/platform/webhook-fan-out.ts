import { and, asc, eq, gt, inArray, isNull, ne, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { events, type EventRow } from '../../events/tables.ts';
import { newId } from '../../ids.ts';
import type { Services } from '../services.ts';
import { payloadOf } from './webhook-payload.ts';
import { listensTo } from './webhook-rules.ts';
import { sendSoon } from './webhook-sending-soon.ts';
import { webhookDeliveries, webhookLogs, webhookSubscriptions } from './webhook-tables.ts';

/** Entries looked at in one transaction. */
const pageSize = 1000;

/**
 * How far back from where it was last looked to the log is looked through again: ids are made before their transaction commits, and the clocks of
 * processes differ. Soon after a change that is a little; each minute it is longer than any transaction may take.
 */
export const passes = { soon: 5_000, sweep: 10 * 60_000 } as const;
export type Pass = keyof typeof passes;

/** A log that was looked at so long ago is looked at again by who sends. */
const staleMs = 2_000;

type Webhook = Pick<typeof webhookSubscriptions.$inferSelect, 'id' | 'workspaceId' | 'events' | 'listensSince'>;
type Entry = Pick<EventRow, 'id' | 'action' | 'workspaceId'>;
interface Pair {
  readonly webhook: Webhook;
  readonly entryId: string;
}

/**
 * Makes deliveries of what the log of an organization tells since it was last looked at, and lets them be sent. It goes by the committed log alone and finds
 * again what it has found, so that a crash at any time loses nothing and repeats nothing. Gives the number of deliveries.
 */
export const fanOut = async (
  unit: UnitOfWork,
  { queue }: Pick<Services, 'queue'>,
  pass: Pass,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> => {
  const began = Date.now();
  let made = 0;
  let after: string | undefined;
  for (let read = pageSize; read === pageSize && !signal.aborted;) {
    const page = await unit.transact(async ({ organizationId }) => {
      const log = await lockLog(organizationId);
      const webhooks = log === undefined ? [] : await listening(organizationId);
      if (log === undefined || webhooks.length === 0) return { entries: [], pairs: [] };
      const mark = Date.parse(pass === 'soon' ? log.lookedUntil : log.sweptUntil);
      const earliest = Math.min(...webhooks.map(({ listensSince }) => Date.parse(listensSince)));
      const entries = await entriesBeyond(organizationId, after ?? firstIdAt(Math.max(mark - passes[pass], earliest)));
      const pairs = await untold(organizationId, pairsOf(webhooks, entries));
      await tell(organizationId, pairs);
      const last = entries.at(-1);
      const until = entries.length < pageSize || last === undefined ? began : timeOf(last.id);
      await noteLooked(log, pass, until);
      await sendSoon(unit, queue, [...new Set(pairs.map(({ webhook }) => webhook.id))]);
      return { entries, pairs };
    });
    made += page.pairs.length;
    read = page.entries.length;
    after = page.entries.at(-1)?.id;
  }
  return made;
};

/** Looks at a log that nobody looks at, or has in the last seconds: others who send ask as often as they begin. */
export const fanOutStale = async (
  unit: UnitOfWork,
  services: Pick<Services, 'queue'>,
  signal: AbortSignal,
): Promise<void> => {
  const isStale = await unit.transact(async ({ organizationId }) => {
    const [log] = await database
      .select({ lookedUntil: webhookLogs.lookedUntil })
      .from(webhookLogs)
      .where(eq(webhookLogs.organizationId, organizationId))
      .for('update', { skipLocked: true });
    return log !== undefined && Date.parse(log.lookedUntil) < Date.now() - staleMs;
  });
  if (isStale) await fanOut(unit, services, 'soon', signal);
};

/** The least id that is made at a time: ids begin with their milliseconds. */
const firstIdAt = (ms: number): string => {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
};
const timeOf = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

/** Of several processes one looks through a log at a time. */
const lockLog = async (organizationId: string) => {
  const [log] = await database
    .select()
    .from(webhookLogs)
    .where(eq(webhookLogs.organizationId, organizationId))
    .for('update');
  return log;
};

const listening = (organizationId: string): Promise<Webhook[]> =>
  database
    .select({
      id: webhookSubscriptions.id,
      workspaceId: webhookSubscriptions.workspaceId,
      events: webhookSubscriptions.events,
      listensSince: webhookSubscriptions.listensSince,
    })
    .from(webhookSubscriptions)
    .where(and(eq(webhookSubscriptions.organizationId, organizationId), ne(webhookSubscriptions.state, 'DISABLED')));

const entriesBeyond = (organizationId: string, after: string): Promise<Entry[]> =>
  database
    .select({ id: events.id, action: events.action, workspaceId: events.workspaceId })
    .from(events)
    .where(and(eq(events.organizationId, organizationId), gt(events.id, after)))
    .orderBy(asc(events.id))
    .limit(pageSize);

/** Who is to be told of what: webhooks of a workspace of that one's changes alone, those of the organization of all. */
const pairsOf = (webhooks: readonly Webhook[], entries: readonly Entry[]): Pair[] =>
  webhooks.flatMap((webhook) => {
    const since = Date.parse(webhook.listensSince);
    return entries
      .filter(
        ({ id, action, workspaceId }) =>
          (webhook.workspaceId === null || webhook.workspaceId === workspaceId) &&
          timeOf(id) >= since &&
          listensTo(webhook.events, action),
      )
      .map(({ id }) => ({ webhook, entryId: id }));
  });

/** Those of the pairs that there is no delivery of. */
const untold = async (organizationId: string, pairs: readonly Pair[]): Promise<readonly Pair[]> => {
  if (pairs.length === 0) return pairs;
  const known = await database
    .select({ webhookId: webhookDeliveries.subscriptionId, entryId: webhookDeliveries.eventId })
    .from(webhookDeliveries)
    .where(
      and(
        eq(webhookDeliveries.organizationId, organizationId),
        inArray(webhookDeliveries.subscriptionId, [...new Set(pairs.map(({ webhook }) => webhook.id))]),
        sql`${webhookDeliveries.eventId} = any(${uuidArray([...new Set(pairs.map(({ entryId }) => entryId))])}::uuid[])`,
        isNull(webhookDeliveries.originalId),
      ),
    );
  const told = new Set(known.map(({ webhookId, entryId }) => `${webhookId} ${entryId}`));
  return pairs.filter(({ webhook, entryId }) => !told.has(`${webhook.id} ${entryId}`));
};

/** A delivery of each pair; two runs that should meet make it once. One bound value holds them all: a page can be thousands of rows. */
const tell = async (organizationId: string, pairs: readonly Pair[]): Promise<void> => {
  if (pairs.length === 0) return;
  const ids = uuidArray([...new Set(pairs.map(({ entryId }) => entryId))]);
  const entries = await database
    .select()
    .from(events)
    .where(and(eq(events.organizationId, organizationId), sql`${events.id} = any(${ids}::uuid[])`));
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const payloads = new Map(entries.map((entry) => [entry.id, payloadOf(entry)]));
  const rows = pairs.flatMap(({ webhook, entryId }) => {
    const entry = byId.get(entryId);
    return entry === undefined
      ? []
      : {
          id: newId(),
          subscription_id: webhook.id,
          workspace_id: webhook.workspaceId,
          event_id: entryId,
          action: entry.action,
          target_type: entry.targetType,
          target_id: entry.targetId,
          payload: payloads.get(entryId),
        };
  });
  await database.execute(sql`
    insert into webhook_deliveries (organization_id, id, subscription_id, workspace_id, event_id, action, target_type, target_id, payload, next_attempt_at)
    select ${organizationId}::uuid, id, subscription_id, workspace_id, event_id, action, target_type, target_id, payload, now()
    from json_to_recordset(${JSON.stringify(rows)}::json) as given(id uuid, subscription_id uuid, workspace_id uuid, event_id uuid,
      action text, target_type text, target_id uuid, payload jsonb)
    on conflict (organization_id, subscription_id, event_id) where original_id is null do nothing`);
};

/** Forward alone. Who looks far back has looked at what is new as well. */
const noteLooked = (log: typeof webhookLogs.$inferSelect, pass: Pass, ms: number) => {
  const later = (at: string): string => new Date(Math.max(Date.parse(at), ms)).toISOString();
  const lookedUntil = later(log.lookedUntil);
  return database
    .update(webhookLogs)
    .set(pass === 'soon' ? { lookedUntil } : { lookedUntil, sweptUntil: later(log.sweptUntil) })
    .where(eq(webhookLogs.id, log.id));
};
