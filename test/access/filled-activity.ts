import { database } from '../../src/database/client.ts';
import { sole } from '../../src/database/rows.ts';
import type { UnitOfWork } from '../../src/database/unit-of-work.ts';
import { userActivities, userEngagements } from '../../src/domains/analytics/tables.ts';
import { globalId } from '../../src/ids.ts';
import { uuidOf } from '../talk.ts';

/** A request and a day of the owner, written by a unit that sees the whole organization, past the API: requests are recorded when a server stops. */
export const filledActivity = (
  whole: UnitOfWork,
  owner: { readonly organizationId: string; readonly userId: string },
  secret: string,
): Promise<Record<string, string>> =>
  whole.transact(async () => {
    const own = { organizationId: uuidOf(owner.organizationId), userId: uuidOf(owner.userId) };
    const asked = {
      action: secret,
      mutation: false,
      durationMs: 1,
      requestId: secret,
      createdAt: '2026-01-10T12:00:00Z',
    };
    const done = {
      sessions: 1,
      sessionSeconds: 0,
      requests: 4242,
      pageViews: 0,
      conversations: 0,
      messages: 0,
      orders: 0,
    };
    const activity = sole(
      await database
        .insert(userActivities)
        .values({ ...own, ...asked })
        .returning(),
    );
    const day = sole(
      await database
        .insert(userEngagements)
        .values({ ...own, ...done, date: '2026-01-10' })
        .returning(),
    );
    return { UserActivity: globalId('UserActivity', activity.id), UserEngagement: globalId('UserEngagement', day.id) };
  });
