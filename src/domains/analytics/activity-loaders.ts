import { and, eq, getTableColumns, isNotNull, isNull, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { userActivities, userEngagements } from './tables.ts';

export const userActivityById = loadOne(
  () =>
    database
      .select()
      .from(userActivities)
      .where(
        and(eq(userActivities.organizationId, bound.organizationId), sql`${userActivities.id} = any(${bound.keys})`),
      ),
  (activity) => activity.id,
);

export const userEngagementById = loadOne(
  () =>
    database
      .select()
      .from(userEngagements)
      .where(
        and(eq(userEngagements.organizationId, bound.organizationId), sql`${userEngagements.id} = any(${bound.keys})`),
      ),
  (engagement) => engagement.id,
);

const failed = (comparator: string, value: unknown): SQL =>
  (comparator === 'eq') === (value === true) ? isNotNull(userActivities.error) : isNull(userActivities.error);

const activities = {
  from: userActivities,
  columns: getTableColumns(userActivities),
  orders: { CREATED_AT: userActivities.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    userId: userActivities.userId,
    action: userActivities.action,
    mutation: userActivities.mutation,
    workspaceId: userActivities.workspaceId,
    failed,
    createdAt: userActivities.createdAt,
  },
} as const;

/** Requests of all members, for who sees them all. */
export const userActivityList = listOf(activities);
/** Requests of one member. Whoever sees their own alone asks for these: among those of all they would be looked for one by one. */
export const activitiesByUser = listOf({ ...activities, parent: userActivities.userId });

const engagements = {
  from: userEngagements,
  columns: getTableColumns(userEngagements),
  orders: { DATE: userEngagements.date },
  defaultOrder: { field: 'DATE', direction: 'DESC' },
  filters: { userId: userEngagements.userId, date: userEngagements.date },
} as const;

/** Days of all members, for who sees them all. */
export const userEngagementList = listOf(engagements);
/** Days of one member. */
export const engagementsByUser = listOf({ ...engagements, parent: userEngagements.userId });
