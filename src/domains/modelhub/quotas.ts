import { and, eq, lt, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Transaction } from '../../database/unit-of-work.ts';
import { QuotaExceeded } from '../../errors.ts';
import { newId } from '../../ids.ts';
import { platformKeyCounters, quotaCounters, quotaReservations, type QuotaCounterRow } from './quota-tables.ts';

/** How long a bound lasts before it begins anew: a day or a month of UTC. */
export type QuotaWindow = 'DAY' | 'MONTH';

/** What something under way may use up of one bound. */
export interface QuotaClaim extends Pick<QuotaCounterRow, 'subject' | 'subjectKey'> {
  /** What is counted beside the calls of models, whose own counters the ledger keeps. */
  readonly measure: 'MESSAGES';
  readonly window: QuotaWindow;
  /** The most that it will use. */
  readonly amount: number;
  /** How much may be used in a window, with what is promised to others. */
  readonly limit: number;
}

/** How much was used in the end, by measure. */
export type Used = Readonly<Record<QuotaClaim['measure'], number>>;
export const nothingUsed: Used = { MESSAGES: 0 };

/** What a bound's subject is called to a person. */
export const holders: Readonly<Record<QuotaCounterRow['subject'], string>> = {
  ORGANIZATION: 'the organization',
  WORKSPACE: 'the workspace',
  GROUP: 'a group',
  USER: 'you',
  API_KEY: 'this API key',
  PROVIDER_KEY: 'the key of the provider',
  WIDGET: 'this chat',
  VISITOR: 'you',
  ADDRESS: 'your network address',
};

/** When the window of this moment began, and when it ends. */
export const windowAt = (window: QuotaWindow, now = new Date()): { startsAt: string; endsAt: string } => {
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  const [start, end] =
    window === 'DAY'
      ? [Date.UTC(year, month, day), Date.UTC(year, month, day + 1)]
      : [Date.UTC(year, month), Date.UTC(year, month + 1)];
  return { startsAt: new Date(start).toISOString(), endsAt: new Date(end).toISOString() };
};

/** Whoever claims or settles several takes their counters in the order of this. */
const keyOf = ({ subject, subjectKey, measure, window }: QuotaClaim): string =>
  [subject, subjectKey, measure, windowAt(window).endsAt].join(' ');

/** The refusal of a claim; says whose bound it is and until when it holds. */
const exceeded = ({ subject, measure, limit, window }: QuotaClaim, endsAt: string): QuotaExceeded => {
  const what = `${limit.toLocaleString('en')} ${measure.toLowerCase()} a ${window.toLowerCase()}`;
  return new QuotaExceeded(
    subject,
    limit,
    endsAt,
    `The bound of ${what} for ${holders[subject]} is reached; it begins anew at ${endsAt}.`,
  );
};

/**
 * Promises to `targetId` what it may use, or throws QuotaExceeded and leaves the transaction to be undone. A counter takes the promise in
 * one statement that also compares it with the limit, so that of parallel claims none passes it; what was promised to work that
 * died is taken back when it stands in the way. All take their counters in one order, so that none waits for another in a circle.
 */
export const reserveQuota = async (
  { organizationId }: Pick<Transaction, 'organizationId'>,
  { targetId, leaseSeconds }: { readonly targetId: string; readonly leaseSeconds: number },
  claims: readonly QuotaClaim[],
): Promise<void> => {
  const inOrder = claims.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
  for (const claim of inOrder) {
    const place = { organizationId, targetId, leaseSeconds, ...windowAt(claim.window) };
    if (claim.amount > claim.limit) throw exceeded(claim, place.endsAt);
    if (await taken(place, claim)) continue;
    await takeBackExpired(organizationId, ofCounter(place, claim));
    if (!(await taken(place, claim))) throw exceeded(claim, place.endsAt);
  }
};

interface Place {
  readonly organizationId: string;
  readonly targetId: string;
  readonly leaseSeconds: number;
  readonly startsAt: string;
  readonly endsAt: string;
}

const ofCounter = ({ organizationId, startsAt, endsAt }: Place, claim: QuotaClaim): SQL | undefined =>
  and(
    eq(quotaCounters.organizationId, organizationId),
    eq(quotaCounters.subject, claim.subject),
    eq(quotaCounters.subjectKey, claim.subjectKey),
    eq(quotaCounters.measure, claim.measure),
    eq(quotaCounters.startsAt, startsAt),
    eq(quotaCounters.endsAt, endsAt),
  );

const taken = async (
  { organizationId, targetId, leaseSeconds, startsAt, endsAt }: Place,
  { subject, subjectKey, measure, amount, limit }: QuotaClaim,
): Promise<boolean> => {
  const counter = database.$with('counter').as(
    database
      .insert(quotaCounters)
      .values({ organizationId, subject, subjectKey, measure, startsAt, endsAt, reserved: String(amount) })
      .onConflictDoUpdate({
        target: [
          quotaCounters.organizationId,
          quotaCounters.subject,
          quotaCounters.subjectKey,
          quotaCounters.measure,
          quotaCounters.startsAt,
          quotaCounters.endsAt,
        ],
        set: { reserved: sql`${quotaCounters.reserved} + excluded.reserved` },
        setWhere: sql`${quotaCounters.used} + ${quotaCounters.reserved} + excluded.reserved <= ${limit}`,
      })
      .returning({ id: quotaCounters.id }),
  );
  const rows = await database
    .with(counter)
    .insert(quotaReservations)
    .select(
      database
        .select({
          organizationId: sql`${organizationId}::uuid`.as('organizationId'),
          id: sql`${newId()}::uuid`.as('id'),
          createdAt: sql`now()`.as('createdAt'),
          updatedAt: sql`now()`.as('updatedAt'),
          counterId: sql`${counter.id}`.as('counterId'),
          targetId: sql`${targetId}::uuid`.as('targetId'),
          amount: sql`${amount}::numeric`.as('amount'),
          leaseUntil: sql`now() + make_interval(secs => ${leaseSeconds})`.as('leaseUntil'),
        })
        .from(counter),
    )
    .returning({ id: quotaReservations.id });
  return rows.length > 0;
};

/** Takes back what was promised to work that has not reported in time. The counter is locked first, as whoever settles does. */
const takeBackExpired = async (organizationId: string, which: SQL | undefined): Promise<void> => {
  await database.execute(sql`
    with counter as (select id from ${quotaCounters} where ${which} for update),
    gone as (
      delete from ${quotaReservations} using counter
      where quota_reservations.organization_id = ${organizationId} and counter_id = counter.id and lease_until < now()
      returning counter_id, amount
    )
    update ${quotaCounters} set reserved = reserved - lost.amount
    from (select counter_id, sum(amount) as amount from gone group by counter_id) lost
    where quota_counters.organization_id = ${organizationId} and quota_counters.id = lost.counter_id
  `);
};

/** Lengthens the lease of what is promised to something under way. */
export const renewQuota = async (
  { organizationId }: Pick<Transaction, 'organizationId'>,
  { targetId, leaseSeconds }: { readonly targetId: string; readonly leaseSeconds: number },
): Promise<void> => {
  await database
    .update(quotaReservations)
    .set({ leaseUntil: sql`now() + make_interval(secs => ${leaseSeconds})` })
    .where(and(eq(quotaReservations.organizationId, organizationId), eq(quotaReservations.targetId, targetId)));
};

/** Puts what was used in place of what was promised to something that ended; `nothingUsed` gives all of it back. */
export const settleQuota = async (
  { organizationId }: Pick<Transaction, 'organizationId'>,
  targetId: string,
  used: Used,
): Promise<void> => {
  await database.execute(sql`
    with ended as (
      select counter_id, amount from ${quotaReservations}
      where organization_id = ${organizationId} and target_id = ${targetId}
    ),
    counter as (
      select id from ${quotaCounters} where organization_id = ${organizationId} and id in (select counter_id from ended)
      order by subject collate "C", subject_key collate "C", measure collate "C", ends_at for update
    ),
    gone as (
      delete from ${quotaReservations} using counter
      where quota_reservations.organization_id = ${organizationId} and target_id = ${targetId} and counter_id = counter.id
      returning counter_id, amount
    )
    update ${quotaCounters} set reserved = reserved - gone.amount,
      used = used + ${used.MESSAGES}::numeric
    from gone where quota_counters.organization_id = ${organizationId} and quota_counters.id = gone.counter_id
  `);
};

/** How long counters of past windows are kept, in days. */
const keptDays = 90;

const past = sql`now() - make_interval(days => ${keptDays})`;

/** Removes an organization's counters whose windows are long over. */
export const removePastCounters = async ({ organizationId }: Pick<Transaction, 'organizationId'>): Promise<void> => {
  await database
    .delete(quotaCounters)
    .where(and(eq(quotaCounters.organizationId, organizationId), lt(quotaCounters.endsAt, past)));
};

/** Removes those of the platform's keys. */
export const removePastPlatformCounters = async (): Promise<void> => {
  await database.delete(platformKeyCounters).where(lt(platformKeyCounters.endsAt, past));
};
