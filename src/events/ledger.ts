import { getTableColumns, sql, type Placeholder, type SQLWrapper } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { database } from '../database/client.ts';
import { lazily } from '../database/loader.ts';
import { Statement, type Built } from '../database/statement.ts';
import type { Change, Ledger, LoggedStatement, UnitOfWork } from '../database/unit-of-work.ts';
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
/** Named apart from the values of a statement that writes the entry of its own row. */
const placeholders = Object.fromEntries(columns.map((name) => [name, sql.placeholder(`entry.${name}`)])) as Record<
  (typeof columns)[number],
  Placeholder
>;
const { organizationId, workspaceId } = {
  organizationId: sql.placeholder('entry.organizationId'),
  workspaceId: sql.placeholder('entry.workspaceId'),
};

/** Writes what is told of a tenant's changes as rows of a table that has the columns of `events`. */
export const entriesIn = (table: PgTable): Ledger['entry'] => {
  const statement = lazily(() =>
    Statement.returning(
      // The cast is safe: the table has these columns.
      database.insert(table as typeof events).values({ ...placeholders, organizationId, workspaceId }),
      {},
    ),
  );
  return (change, unit) => ({ statement: statement(), values: rowOf(change, unit) });
};

const tenantEntry = entriesIn(events);
const platformEntry = lazily(() => Statement.returning(database.insert(platformEvents).values(placeholders), {}));

const given = (name: keyof typeof placeholders) => sql`${sql.param(placeholders[name], events[name])}`.as(name);

/** A tenant's table whose rows belong to workspaces. */
type WorkspaceTable = PgTable & Record<'organizationId' | 'id' | 'workspaceId', PgColumn>;

/**
 * An insert that returns whole rows of `table`, with the entry of each in the same statement: an entry names the workspace of its row, which is
 * not known before where the row takes it from another.
 */
export const logged = <Row>(
  { action, type }: Pick<Change, 'action' | 'type'>,
  table: WorkspaceTable,
  insert: SQLWrapper & PromiseLike<Row[]>,
): LoggedStatement<Row> => {
  const columns = getTableColumns(table);
  const written = database.$with('written', columns).as(insert.getSQL());
  const entry = database.insert(events).select(
    database
      .select({
        organizationId: sql`${written.organizationId}`.as('organizationId'),
        id: given('id'),
        createdAt: sql`now()`.as('createdAt'),
        updatedAt: sql`now()`.as('updatedAt'),
        workspaceId: sql`${written.workspaceId}`.as('workspaceId'),
        action: given('action'),
        targetType: given('targetType'),
        targetId: sql`${written.id}`.as('targetId'),
        actorId: given('actorId'),
        requestId: given('requestId'),
        address: given('address'),
        userAgent: given('userAgent'),
        data: given('data'),
      })
      .from(written),
  );
  const both = database.with(written, database.$with('entry', {}).as(entry.getSQL()));
  // The cast is safe: what is written has the columns of the insert.
  const rows = both.select().from(written) as unknown as Built<Row>;
  return { action, type, statement: Statement.returning(rows, columns) };
};

/**
 * The log of changes: a row of the tenant's log, or of the platform's where there is no tenant, then a word on the bus. `heed` hears of each change of
 * this process as soon as that is committed.
 */
export const ledgerOn = (bus: Bus, heed: (announcement: Announcement) => void = () => undefined): Ledger => ({
  entry: (change, unit) =>
    unit.scope.organizationId === null
      ? { statement: platformEntry(), values: rowOf(change, unit) }
      : tenantEntry(change, unit),
  announce: (changes, unit) => {
    const { organizationId } = unit.scope;
    for (const { action, type, id } of changes) {
      const announcement: Announcement = { organizationId, action, type, id };
      heed(announcement);
      bus.publish(topicOf(organizationId), announcement);
    }
  },
});

/** Where the changes of an organization are announced. */
export const topicOf = (organizationId: string | null): string => `changes:${organizationId ?? 'platform'}`;

const rowOf = (
  { action, type, id, workspaceId = null, data = {} }: Change,
  { scope, options: { origin } }: UnitOfWork,
) => ({
  'entry.organizationId': scope.organizationId,
  'entry.id': newId(),
  'entry.workspaceId': workspaceId,
  'entry.action': action,
  'entry.targetType': type,
  'entry.targetId': id,
  'entry.actorId': scope.userId,
  'entry.requestId': origin.requestId,
  'entry.address': origin.address,
  'entry.userAgent': origin.userAgent,
  'entry.data': data,
});
