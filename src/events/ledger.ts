import { sql, type Placeholder } from 'drizzle-orm';
import { database } from '../database/client.ts';
import { lazily } from '../database/loader.ts';
import { Statement } from '../database/statement.ts';
import type { Change, Ledger, UnitOfWork } from '../database/unit-of-work.ts';
import type { Bus } from './bus.ts';
import { events, platformEvents } from './tables.ts';
import { newId } from '../ids.ts';

/** What the bus carries of a change: enough to look it up. */
export interface Announcement {
  readonly organizationId: string | null;
  readonly action: string;
  readonly type: string;
  readonly id: string;
}

const columns = [
  'id',
  'action',
  'targetType',
  'targetId',
  'actorId',
  'requestId',
  'address',
  'userAgent',
  'data',
] as const;
const placeholders = Object.fromEntries(columns.map((name) => [name, sql.placeholder(name)])) as Record<
  (typeof columns)[number],
  Placeholder
>;
const { organizationId, workspaceId } = {
  organizationId: sql.placeholder('organizationId'),
  workspaceId: sql.placeholder('workspaceId'),
};

const tenantEntry = lazily(() =>
  Statement.returning(database.insert(events).values({ ...placeholders, organizationId, workspaceId }), {}),
);
const platformEntry = lazily(() => Statement.returning(database.insert(platformEvents).values(placeholders), {}));

/** The log of changes: a row of the tenant's log, or of the platform's where there is no tenant, then a word on the bus. */
export const ledgerOn = (bus: Bus): Ledger => ({
  entry: (change, unit) => {
    const organizationId = logOf(change, unit);
    const values = rowOf(change, unit);
    return organizationId === null
      ? { statement: platformEntry(), values }
      : { statement: tenantEntry(), values: { ...values, organizationId, workspaceId: change.workspaceId ?? null } };
  },
  announce: (changes, unit) => {
    for (const change of changes) {
      const { action, type, id } = change;
      const organizationId = logOf(change, unit);
      const announcement: Announcement = { organizationId, action, type, id };
      bus.publish(topicOf(organizationId), announcement);
    }
  },
});

/** The organization whose log a change belongs to; null for the platform's. */
const logOf = ({ log }: Change, { scope }: UnitOfWork): string | null =>
  log === 'platform' ? null : scope.organizationId;

/** Where the changes of an organization are announced. */
export const topicOf = (organizationId: string | null): string => `changes:${organizationId ?? 'platform'}`;

const rowOf = ({ action, type, id, data = {} }: Change, { scope, options: { origin } }: UnitOfWork) => ({
  id: newId(),
  action,
  targetType: type,
  targetId: id,
  actorId: scope.userId,
  requestId: origin.requestId,
  address: origin.address,
  userAgent: origin.userAgent,
  data,
});
