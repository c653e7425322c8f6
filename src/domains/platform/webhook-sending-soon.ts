import { and, eq, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Queue } from '../../queue/queue.ts';
import { jobs } from '../../queue/tables.ts';

/** The job that sends what is due of one webhook. */
export const sendKind = 'platform.send-webhook';
/** The same at a later time, apart so that none that waits for its time is in the way of one that need not. */
export const sendLaterKind = 'platform.send-webhook-later';

/** Those of the webhooks for which no job of the kind waits. */
const withoutJob = async (
  organizationId: string,
  kind: string,
  webhookIds: readonly string[],
): Promise<readonly string[]> => {
  const waiting = await database
    .select({ id: jobs.targetId })
    .from(jobs)
    .where(
      and(
        eq(jobs.organizationId, organizationId),
        inArray(jobs.targetId, [...webhookIds]),
        eq(jobs.kind, kind),
        eq(jobs.state, 'QUEUED'),
      ),
    );
  const known = new Set(waiting.map(({ id }) => id));
  return webhookIds.filter((id) => !known.has(id));
};

/** Lets what is due of webhooks be sent, once the running transaction commits; later where a pause is given. One that runs already does not count: it may be about to end. */
export const sendSoon = async (
  unit: UnitOfWork,
  queue: Queue,
  webhookIds: readonly string[],
  startAfterSeconds = 0,
): Promise<void> => {
  if (webhookIds.length === 0) return;
  const kind = startAfterSeconds > 0 ? sendLaterKind : sendKind;
  for (const id of await withoutJob(unit.organizationId, kind, webhookIds))
    await queue.enqueue(unit, {
      kind,
      data: { webhookId: id },
      target: { type: 'Webhook', id },
      startAfterSeconds,
    });
};
