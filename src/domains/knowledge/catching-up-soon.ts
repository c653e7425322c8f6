import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { UnitOfWork, wholeOf } from '../../database/unit-of-work.ts';
import { jobs } from '../../queue/tables.ts';
import type { Services } from '../services.ts';

/** The job that brings the passages of a bank to what its settings ask for; `jobs.ts` handles it. */
export const catchUpKind = 'knowledge.catch-up';

const origin = { requestId: 'knowledge', address: null, userAgent: null };

/** Has the passages of a bank brought to what its settings ask for, unless that waits to be done already. */
export const enqueueCatchUp = async (
  services: Pick<Services, 'pool' | 'ledger' | 'queue'>,
  organizationId: string,
): Promise<void> => {
  const unit = new UnitOfWork(wholeOf(organizationId), { ...services, origin });
  await unit.transact(async () => {
    const waiting = await database
      .select({ id: jobs.id })
      .from(jobs)
      .where(
        and(
          eq(jobs.organizationId, organizationId),
          eq(jobs.targetId, organizationId),
          eq(jobs.kind, catchUpKind),
          eq(jobs.state, 'QUEUED'),
        ),
      )
      .limit(1);
    if (waiting.length > 0) return;
    const target = { type: 'Organization', id: organizationId };
    await services.queue.enqueue(unit, { kind: catchUpKind, data: {}, target });
  });
};

/** The same once a change of the bank is committed. Nobody waits for it: where it fails, the schedule finds the same bank within a minute. */
export const catchUpSoon = (
  services: Pick<Services, 'pool' | 'ledger' | 'queue' | 'log'>,
  organizationId: string,
): void => {
  enqueueCatchUp(services, organizationId).catch((error: unknown) =>
    services.log.warn({ err: error, organizationId }, 'The passages of a bank wait for the schedule.'),
  );
};
