import { and, eq, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict } from '../../errors.ts';
import type { SendEmailInput } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { jobs } from '../../queue/tables.ts';
import { viewerOf, type Context } from '../context.ts';
import { draftIn, writeDraft } from './email-drafts.ts';
import { tellMailbox } from './email-events.ts';
import { emailBodyById, emailFields } from './email-loaders.ts';
import { writtenEmail } from './email-rules.ts';
import { emails, type EmailRow } from './email-tables.ts';
import { emailIn, indexEmail, isEmail, lockMailbox, settleThread, unarchive, unindexEmail } from './mailbox.ts';

/** The job that hands an e-mail over; `email-delivery.ts` does it. */
export const deliverKind = 'messaging.deliver-email';

const maxDelayMs = 30 * 86_400_000;

/**
 * Puts an e-mail on its way: it is QUEUED exactly when this commits, and a job hands it over. Throws BadUserInput, NotFound, Conflict (no draft any
 * more, or of another version), RateLimited.
 */
export const sendEmail = async (context: Context, input: SendEmailInput): Promise<EmailRow> => {
  const { unit, services } = context;
  const { draftId, version, sendAt, ...content } = input;
  const given = Object.entries(content).filter(([, value]) => value !== undefined && value !== null);
  if (typeof draftId === 'string' && given.length > 0)
    throw new BadUserInput(given.map(([field]) => ({ field, message: 'A draft is sent as it is; change it first.' })));
  const leavesAt = timeOf(sendAt);
  const written = writtenEmail(content);
  await spend(context);
  return unit.transact(async () => {
    await lockMailbox(unit);
    const draft =
      typeof draftId === 'string'
        ? await draftIn(unit, draftId, version ?? undefined)
        : await writeDraft(context, written, content);
    if (draft.to.length + draft.cc.length + draft.bcc.length === 0)
      throw new BadUserInput('to', 'An e-mail needs a recipient, in to, cc or bcc.');
    const messageId = `<${newId()}@${services.letters.domain}>`;
    const queued = sole(
      await database
        .update(emails)
        .set({
          status: 'QUEUED',
          messageId,
          sentAt: leavesAt?.toISOString() ?? null,
          version: draft.version + 1,
        })
        .where(isEmail(unit, draft.id))
        .returning(emailFields),
    );
    const body = await emailBodyById(unit).load(draft.id);
    await indexEmail(unit, draft.id, { ...queued, text: body?.text ?? '' });
    await settleThread(unit, queued.threadId);
    await unarchive(unit, queued.threadId);
    await enqueue(context, queued, leavesAt === null ? 0 : leavesAt.getTime() - Date.now());
    record(context, 'queued', queued, { recipients: queued.to.length + queued.cc.length + queued.bcc.length });
    return queued;
  });
};

/** When an e-mail is to leave; null for at once. */
const timeOf = (sendAt: string | null | undefined): Date | null => {
  if (sendAt === null || sendAt === undefined) return null;
  // The gateway hands a `Date` over, whatever the generated type says.
  const time = new Date(sendAt);
  if (time.getTime() > Date.now() + maxDelayMs)
    throw new BadUserInput('sendAt', 'An e-mail waits for at most 30 days.');
  return time.getTime() > Date.now() ? time : null;
};

/** Each e-mail counts, whatever becomes of it. */
const spend = async (context: Context): Promise<void> => {
  await context.unit.rest();
  await context.services.throttles.email.spend([`member ${viewerOf(context).userId}`]);
};

const enqueue = ({ unit, services }: Context, { id, messageId }: EmailRow, delayMs: number): Promise<string> =>
  services.queue.enqueue(unit, {
    kind: deliverKind,
    data: { emailId: id, messageId },
    target: { type: 'Email', id },
    startAfterSeconds: Math.max(0, Math.ceil(delayMs / 1000)),
  });

/** Takes an e-mail back before it is handed over: it is a draft again. Throws NotFound, Conflict (too late, or it is not QUEUED). */
export const cancelEmail = (context: Context, id: string): Promise<EmailRow> => {
  const { unit } = context;
  return unit.transact(async () => {
    await lockMailbox(unit);
    const email = await emailIn(unit, id);
    const { status } = email;
    if (status !== 'QUEUED') throw new Conflict('id', 'This e-mail is not on its way.', { status });
    if (email.attempts > 0) throw new Conflict('id', 'It has been begun to hand this e-mail over.', { status });
    await endJob(context, id);
    const draft = sole(
      await database
        .update(emails)
        .set({ status: 'DRAFT', messageId: null, sentAt: null, version: email.version + 1 })
        .where(isEmail(unit, id))
        .returning(emailFields),
    );
    await unindexEmail(unit, id);
    await settleThread(unit, email.threadId);
    record(context, 'taken_back', draft);
    return draft;
  });
};

/** Ends the job of an e-mail; one that was begun meanwhile finds that the e-mail is not QUEUED under its Message-ID any more. */
const endJob = async ({ unit, services }: Context, id: string): Promise<void> => {
  const waiting = await database
    .select({ id: jobs.id, kind: jobs.kind, queueId: jobs.queueId })
    .from(jobs)
    .where(
      and(
        eq(jobs.organizationId, unit.organizationId),
        eq(jobs.targetId, id),
        eq(jobs.kind, deliverKind),
        inArray(jobs.state, ['QUEUED', 'RUNNING']),
      ),
    );
  for (const job of waiting) await services.queue.cancel(unit, job);
};

/** Sends a FAILED e-mail again, under the same Message-ID. Throws NotFound, Conflict (it is not FAILED), RateLimited. */
export const retryEmail = async (context: Context, id: string): Promise<EmailRow> => {
  const { unit } = context;
  await spend(context);
  return unit.transact(async () => {
    await lockMailbox(unit);
    const { status, threadId } = await emailIn(unit, id);
    if (status !== 'FAILED') throw new Conflict('id', 'Only an e-mail that failed is sent again.', { status });
    const queued = sole(
      await database
        .update(emails)
        .set({ status: 'QUEUED', failure: null, failedAddresses: [], sentAt: null })
        .where(isEmail(unit, id))
        .returning(emailFields),
    );
    await settleThread(unit, threadId);
    await enqueue(context, queued, 0);
    record(context, 'queued', queued, { again: true });
    return queued;
  });
};

/** The log is read by others than the mailbox: it holds neither addresses nor words of the e-mail. */
const record = (
  { unit, services }: { unit: UnitOfWork; services: Context['services'] },
  what: string,
  { id }: EmailRow,
  data: Record<string, unknown> = {},
): void => {
  unit.record({ action: `email.${what}`, type: 'Email', id, data });
  tellMailbox(unit, services, { kind: 'STATUS_CHANGED', ids: [id] });
};
