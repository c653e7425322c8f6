import { and, asc, gt, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere } from '../../database/unit-of-work.ts';
import { restorableDays } from '../identity/accounts.ts';
import { accessTokens, throttleCounters, users } from '../identity/tables.ts';
import type { Schedules, Services, Work } from '../services.ts';
import { eraseUser } from './account-deletion.ts';
import { purgeUnapprovedDevices } from './devices.ts';
import { eraseOverdue, removeOldExports } from './organization-purge.ts';

const atOnce = 1000;

/** Erases the accounts whose time to be brought back is over. One that cannot be erased is logged, and is tried again the next time. */
export const purgeAccounts = async ({ unit, services }: Work, signal: AbortSignal): Promise<void> => {
  const overdue = sql`${users.deletedAt} < now() - make_interval(days => ${restorableDays})`;
  let last = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const found = await unit.run(() =>
      database
        .select({ id: users.id })
        .from(users)
        .where(and(overdue, gt(users.id, last)))
        .orderBy(asc(users.id))
        .limit(atOnce),
    );
    await unit.rest();
    for (const { id } of found) {
      if (signal.aborted) return;
      await eraseUser(unit.as({ ...nowhere, userId: id }), services, id).catch((error: unknown) => {
        services.log.error({ err: error, userId: id }, 'An account could not be erased.');
      });
    }
    if (found.length < atOnce) return;
    last = found.at(-1)?.id ?? last;
  }
};

/** Removes tokens and counters of tries whose time is over; nobody asks for them any more. */
export const removeExpired = async ({ unit }: Work, signal: AbortSignal): Promise<void> => {
  const parts = [
    sql`delete from ${accessTokens} where hash in
      (select hash from ${accessTokens} where expires_at < now() order by expires_at limit ${atOnce}) returning 1`,
    sql`delete from ${throttleCounters} where key in
      (select key from ${throttleCounters} where expire < now() limit ${atOnce}) returning 1`,
  ];
  for (const part of parts)
    for (let removed = atOnce; removed === atOnce && !signal.aborted;)
      removed = (await unit.transact(() => database.execute(part))).length;
};

/** Deletes devices that nobody approved. */
const purgeDevices = async ({ unit }: Work): Promise<void> => {
  await purgeUnapprovedDevices(unit);
};

const ofServices =
  (act: (services: Services) => Promise<number>) =>
  async ({ services }: Work): Promise<void> =>
    void (await act(services));

/** Each night, when few are awake where most servers are. Devices go before the tokens that say whose they are. */
export const schedules: Schedules = {
  'tenancy.purge-accounts': { cron: '17 2 * * *', expireSeconds: 3600, run: purgeAccounts },
  'tenancy.purge-devices': { cron: '32 2 * * *', expireSeconds: 900, run: purgeDevices },
  'tenancy.remove-expired': { cron: '47 2 * * *', expireSeconds: 3600, run: removeExpired },
  'tenancy.erase-overdue': { cron: '7 3 * * *', expireSeconds: 3600, run: ofServices(eraseOverdue) },
  'tenancy.remove-exports': { cron: '37 3 * * *', expireSeconds: 3600, run: ofServices(removeOldExports) },
};
