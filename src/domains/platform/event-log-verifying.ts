import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { database } from '../../database/client.ts';
import { wholeOf, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import type { VerifyEventLogInput } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import type { JobHandler } from '../../queue/queue.ts';
import { viewerOf, type Context } from '../context.ts';
import type { Work } from '../services.ts';
import { eventSeals } from './event-tables.ts';
import { verified, type ChainHead, type Verification } from './event-verification.ts';

/** The job that verifies a long log. */
export const verifyKind = 'platform.verify-event-log';

/** Seals that are verified while the client waits. */
const soon = 20;

const headShape = z.object({ sequence: z.number(), digest: z.string() });
const verifyWork = z.object({ known: headShape.nullable() });

/** What a verification gave, or the job that does it. */
export type Verifying =
  | { readonly verification: Verification; readonly jobId: null }
  | { readonly verification: null; readonly jobId: string };

/**
 * Compares the log with its seals: at once where it is short, else by a job. It looks at all of the organization, whatever the viewer sees of it, and tells
 * ids alone. Throws BadUserInput.
 */
export const verifyEventLog = async (context: Context, { known }: VerifyEventLogInput): Promise<Verifying> => {
  const { unit, services } = context;
  const noted = known ?? null;
  requireHead(noted, 'known');
  const whole = unit.as(wholeOf(unit.organizationId, viewerOf(context).userId));
  if (await isLong(whole)) return { verification: null, jobId: await verifyLater(context, noted) };
  const verification = await verified(whole, noted);
  await unit.transact(async () => tell(unit, verification));
  services.log.info({ organizationId: unit.organizationId, fault: verification.fault }, 'A log was verified.');
  return { verification, jobId: null };
};

/** Throws BadUserInput for what was never told as the head of a chain. */
export const requireHead = (known: ChainHead | null, field: string): void => {
  if (known === null) return;
  if (known.sequence < 1) throw new BadUserInput(`${field}.sequence`, 'Seals are counted from 1.');
  if (!/^[0-9a-f]{64}$/.test(known.digest))
    throw new BadUserInput(`${field}.digest`, 'A digest has 64 hexadecimal digits in lower case.');
};

const isLong = async (unit: UnitOfWork): Promise<boolean> => {
  const ofOrganization = eq(eventSeals.organizationId, unit.organizationId);
  const seals = await unit.run(() =>
    database
      .select({ id: eventSeals.id })
      .from(eventSeals)
      .where(ofOrganization)
      .limit(soon + 1),
  );
  await unit.rest();
  return seals.length > soon;
};

/** Has the log verified by a job, however long it is; gives the job's id. */
export const verifyLater = (context: Context, known: ChainHead | null): Promise<string> => {
  const { unit, services } = context;
  return unit.transact(async ({ organizationId }) => {
    const target = { type: 'Organization', id: organizationId };
    unit.record({ action: 'event_log.verification_requested', ...target });
    const noted = known === null ? null : { sequence: known.sequence, digest: known.digest };
    const readers = [viewerOf(context).self];
    return services.queue.enqueue(unit, { kind: verifyKind, data: { known: noted }, target, readers });
  });
};

/** What was found, as the log tells it and a job's result. */
const told = ({ fault, head, ...counted }: Verification) => ({
  intact: fault === null,
  ...counted,
  head,
  fault: fault && {
    kind: fault.kind,
    sequence: fault.sequence,
    entryId: fault.entryId === null ? null : globalId('EventLogEntry', fault.entryId),
  },
});

const tell = (unit: UnitOfWork, verification: Verification): void => {
  const data = told(verification);
  unit.record({ action: 'event_log.verified', type: 'Organization', id: unit.organizationId, data });
};

/** Verifies a long log. Its result has the fields of an `EventLogVerification`. */
export const runVerification: JobHandler<Work>['run'] = async ({ unit }, data, run) => {
  const { known } = verifyWork.parse(data);
  const total = await unit.run(() => database.$count(eventSeals, eq(eventSeals.organizationId, unit.organizationId)));
  await unit.rest();
  const verification = await verified(unit, known, async ({ seals }) => {
    run.signal.throwIfAborted();
    if (seals % soon === 0) await run.progress(Math.min(99, (100 * seals) / Math.max(total, 1)));
  });
  await unit.transact(async () => tell(unit, verification));
  return told(verification);
};
