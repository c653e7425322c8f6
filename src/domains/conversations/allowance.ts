import { and, eq, inArray, or, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { users } from '../identity/tables.ts';
import { nothingUsed, windowAt, type QuotaClaim, type Used } from '../modelhub/quotas.ts';
import { quotaCounters } from '../modelhub/quota-tables.ts';
import { settingsOf } from '../tenancy/organization-settings.ts';
import { organizations } from '../tenancy/tables.ts';
import type { Ending } from './settling.ts';

/** A bound on questions that holds for somebody, without what one question takes of it. */
type Bound = Omit<QuotaClaim, 'amount' | 'measure'> & { readonly measure: 'MESSAGES' | 'TOKENS' };

/** The bounds that hold for a member, or for a visitor, who has none of their own (null). One statement. */
const boundsOf = async (unit: UnitOfWork, userId: string | null): Promise<Bound[]> => {
  const { organizationId } = unit;
  const [found] = await unit.run(() =>
    database
      .select({ settings: organizations.settings, own: users.dailyMessageLimit })
      .from(organizations)
      .leftJoin(users, sql`${users.id} = ${userId}::uuid`)
      .where(eq(organizations.id, organizationId)),
  );
  if (found === undefined) return [];
  const { dailyMessages, monthlyTokens } = settingsOf(found);
  const ofMember = [dailyMessages, found.own].filter((limit) => limit !== null);
  return [
    ...(userId === null || ofMember.length === 0
      ? []
      : [
          {
            subject: 'USER',
            subjectKey: userId,
            measure: 'MESSAGES',
            window: 'DAY',
            limit: Math.min(...ofMember),
          } as const,
        ]),
    ...(monthlyTokens === null
      ? []
      : ([
          {
            subject: 'ORGANIZATION',
            subjectKey: organizationId,
            measure: 'TOKENS',
            window: 'MONTH',
            limit: monthlyTokens,
          },
        ] as const)),
  ];
};

/** What an answer may use up of the bounds that hold for the unit's user: one message. What its model uses is promised to the call of it. */
export const claimsOn = async (unit: UnitOfWork): Promise<QuotaClaim[]> => {
  const bounds = await boundsOf(unit, unit.scope.userId);
  return bounds.flatMap((bound) => {
    const { measure } = bound;
    return measure === 'MESSAGES' ? [{ ...bound, measure, amount: 1 }] : [];
  });
};

/** What an answer has used in the end: one that failed counts as no message. */
export const usedBy = ({ kind }: Ending): Used => (kind === 'failed' ? nothingUsed : { MESSAGES: 1 });

/** How much of a bound is used and how much is left. */
export interface QuotaState extends Bound {
  readonly used: number;
  readonly reserved: number;
  readonly resetsAt: string;
}

/** What GraphQL's Int holds: a bound is less, and what passes it by a hair is shown as this. */
const mostShown = 2_147_483_647;

/** The bounds that hold for the unit's user, as they stand in their windows of this moment. Two statements. */
export const quotasOf = async (unit: UnitOfWork): Promise<QuotaState[]> => {
  const bounds = await boundsOf(unit, unit.scope.userId);
  if (bounds.length === 0) return [];
  const windows = bounds.map(({ window }) => windowAt(window));
  const counters = await unit.run(() =>
    database
      .select()
      .from(quotaCounters)
      .where(
        and(
          eq(quotaCounters.organizationId, unit.organizationId),
          or(
            ...bounds.map((bound, index) =>
              and(
                eq(quotaCounters.subject, bound.subject),
                eq(quotaCounters.subjectKey, bound.subjectKey),
                eq(quotaCounters.measure, bound.measure),
                eq(quotaCounters.startsAt, windows[index]?.startsAt ?? ''),
              ),
            ),
          ),
          inArray(
            quotaCounters.endsAt,
            windows.map(({ endsAt }) => endsAt),
          ),
        ),
      ),
  );
  return bounds.map((bound, index) => {
    const counter = counters.find((each) => each.subject === bound.subject && each.measure === bound.measure);
    const { subject, subjectKey, measure, window, limit } = bound;
    return {
      subject,
      subjectKey,
      measure,
      window,
      limit,
      used: Math.min(Number(counter?.used ?? 0), mostShown),
      reserved: Math.min(Number(counter?.reserved ?? 0), mostShown),
      resetsAt: windows[index]?.endsAt ?? '',
    };
  });
};
