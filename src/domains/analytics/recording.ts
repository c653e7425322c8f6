import { inArray, and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { BadUserInput, NotFound } from '../../errors.ts';
import type { RecordEventsInput } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { workspaces } from '../tenancy/tables.ts';
import { clientIdOf, eventIssues, maxBatch } from './event-rules.ts';
import { analyticsEvents } from './tables.ts';

/** What became of a batch. */
export interface RecordedEvents {
  readonly recorded: number;
  /** Recorded before, or twice in the batch. */
  readonly duplicates: number;
}

/**
 * Records what happened in a client, in one insert: all events or none. Those that were recorded before under the same id are passed over, also when they
 * come at the same time. Nothing goes to the log of changes, for events are a log themselves. Throws BadUserInput with all faults, NotFound (a workspace),
 * RateLimited.
 */
export const recordEvents = async (context: Context, { events }: RecordEventsInput): Promise<RecordedEvents> => {
  const { unit, services } = context;
  const { userId } = viewerOf(context);
  const now = new Date();
  if (events.length < 1 || events.length > maxBatch)
    throw new BadUserInput('events', `A batch holds 1 to ${maxBatch} events.`);
  const issues = events.flatMap((event, at) => eventIssues(event, `events.${at}`, now));
  if (issues.length > 0) throw new BadUserInput(issues);
  await unit.rest();
  await services.throttles.eventBatch.spend([`user ${userId}`]);
  return unit.transact(async ({ organizationId }) => {
    await requireWorkspaces(organizationId, events);
    const rows = events.map((event) => ({
      id: newId(),
      organizationId,
      workspaceId: event.workspaceId ?? null,
      userId,
      name: event.name,
      source: 'CLIENT' as const,
      clientId: clientIdOf(event),
      session: event.session ?? null,
      occurredAt: new Date(event.occurredAt ?? now).toISOString(),
      // The cast is safe: the rules let objects pass alone.
      properties: (event.properties ?? {}) as Record<string, unknown>,
    }));
    const written = await database
      .insert(analyticsEvents)
      .values(rows)
      .onConflictDoNothing({
        target: [analyticsEvents.organizationId, analyticsEvents.userId, analyticsEvents.clientId],
      })
      .returning({ id: analyticsEvents.id });
    return { recorded: written.length, duplicates: events.length - written.length };
  });
};

/** Throws NotFound with the path of the first workspace that the viewer does not see. They stay until the running transaction ends. */
const requireWorkspaces = async (organizationId: string, events: RecordEventsInput['events']): Promise<void> => {
  const named = new Set(events.flatMap(({ workspaceId }) => workspaceId ?? []));
  if (named.size === 0) return;
  const rows = await database
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(eq(workspaces.organizationId, organizationId), inArray(workspaces.id, [...named])))
    .for('key share');
  const seen = new Set(rows.map(({ id }) => id));
  const at = events.findIndex(({ workspaceId }) => typeof workspaceId === 'string' && !seen.has(workspaceId));
  if (at !== -1) throw new NotFound('Workspace', events[at]?.workspaceId ?? '', `events.${at}.workspaceId`);
};
