import { v7 } from 'uuid';
import { database } from '../database/client.ts';
import type { Change, Ledger, UnitOfWork } from '../database/unit-of-work.ts';
import type { Bus } from './bus.ts';
import { events, platformEvents } from './tables.ts';

/** What the bus carries of a change: enough to look it up. */
export interface Announcement {
  readonly organizationId: string | null;
  readonly action: string;
  readonly type: string;
  readonly id: string;
}

/** The log of changes: rows of the tenant's log, or of the platform's where there is no tenant, then a word on the bus. */
export const ledgerOn = (bus: Bus): Ledger => ({
  write: async (changes, unit) => {
    const { organizationId } = unit.scope;
    const rows = changes.map((change) => rowOf(change, unit));
    if (organizationId === null) await database.insert(platformEvents).values(rows);
    else
      await database
        .insert(events)
        .values(
          rows.map((row, index) =>
            Object.assign(row, { organizationId, workspaceId: changes[index]?.workspaceId ?? null }),
          ),
        );
  },
  announce: (changes, unit) => {
    const { organizationId } = unit.scope;
    for (const { action, type, id } of changes) {
      const announcement: Announcement = { organizationId, action, type, id };
      bus.publish(topicOf(organizationId), announcement);
    }
  },
});

/** Where the changes of an organization are announced. */
export const topicOf = (organizationId: string | null): string => `changes:${organizationId ?? 'platform'}`;

const rowOf = ({ action, type, id, data = {} }: Change, { scope, options: { origin } }: UnitOfWork) => ({
  id: v7(),
  action,
  targetType: type,
  targetId: id,
  actorId: scope.userId,
  requestId: origin.requestId,
  address: origin.address,
  userAgent: origin.userAgent,
  data,
});
