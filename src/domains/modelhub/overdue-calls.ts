import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, UnitOfWork } from '../../database/unit-of-work.ts';
import type { Services } from '../services.ts';
import { unitOf } from '../tenancy/organization-purge.ts';
import { abandonOverdueCalls } from './calls.ts';

const origin = { requestId: 'overdue-calls', address: null, userAgent: null };

/**
 * Ends the calls of all organizations whose leases have ended, as INTERRUPTED and without a cost, and gives back what was promised to them, also of the
 * platform's keys; gives their number. Meant to run each minute.
 */
export const endOverdueCalls = async (services: Services, signal?: AbortSignal): Promise<number> => {
  const everywhere = new UnitOfWork(nowhere, { ...services, origin });
  const found = await everywhere.run(() =>
    database.execute<{ id: string }>(sql`select app_organizations_with_overdue_calls() as id`),
  );
  await everywhere.rest();
  let ended = 0;
  for (const { id } of found) ended += await endOverdueCallsOf(services, id, signal);
  await everywhere.transact(() => database.execute(sql`select app_take_back_platform_promises()`));
  return ended;
};

const endOverdueCallsOf = async (services: Services, id: string, signal?: AbortSignal): Promise<number> => {
  if (signal?.aborted === true) return 0;
  const some = await unitOf(services, id).transact(abandonOverdueCalls);
  return some === 0 ? 0 : some + (await endOverdueCallsOf(services, id, signal));
};
