import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict } from '../../errors.ts';
import type { CreateEmailDraftInput, UpdateEmailDraftInput } from '../../generated/resolvers.ts';
import { globalId, newId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { memberUserById } from '../tenancy/loaders.ts';
import { attachedFiles, discard, replaceAttachments } from './attached-files.ts';
import { emailBodyById, emailFields } from './email-loaders.ts';
import { emailLimits, tooManyRecipients, writtenEmail, type EmailContent, type WrittenEmail } from './email-rules.ts';
import { emails, type EmailParty, type EmailRow } from './email-tables.ts';
import { emailIn, isEmail, lockMailbox, settleThread, threadFor } from './mailbox.ts';

/** Message-IDs that an answer refers to, as mail programs bound them. */
const maxReferences = 50;

/** Makes a draft. Throws BadUserInput, NotFound (a file, or the e-mail answered), Conflict (a file's bytes have not arrived). */
export const createEmailDraft = async (context: Context, input: CreateEmailDraftInput): Promise<EmailRow> => {
  const written = writtenEmail(input);
  return context.unit.transact(async () => {
    await lockMailbox(context.unit);
    const draft = await writeDraft(context, written, input);
    context.unit.record({ action: 'email.drafted', type: 'Email', id: draft.id });
    return draft;
  });
};

/** Writes a new draft into the mailbox, which is locked. Throws as `createEmailDraft` does. */
export const writeDraft = async (
  context: Context,
  written: WrittenEmail,
  { attachmentIds, replyToEmailId }: EmailContent & { readonly replyToEmailId?: string | null | undefined },
): Promise<EmailRow> => {
  const { unit } = context;
  const { organizationId, userId } = viewerOf(context);
  const answered = typeof replyToEmailId === 'string' ? await emailIn(unit, replyToEmailId) : null;
  const inReplyTo = answered?.messageId ?? null;
  const references = inReplyTo === null ? [] : [...(answered?.references ?? []), inReplyTo].slice(-maxReferences);
  const threadId =
    answered?.threadId ?? (await threadFor(unit, { inReplyTo, references, subject: written.subject ?? '' }));
  const row = { organizationId, id: newId(), userId, threadId, inReplyTo, references, from: await selfOf(context) };
  const draft = sole(
    await database
      .insert(emails)
      .values({ ...row, ...written, readAt: sql`now()` })
      .returning(emailFields),
  );
  if (attachmentIds && attachmentIds.length > 0) await replaceAttachments(unit, draft, attachmentIds);
  return draft;
};

/** The viewer as a sender: nobody chooses another's name or address. */
const selfOf = async (context: Context): Promise<EmailParty> => {
  const { name, email } = await found('User', viewerOf(context).userId, memberUserById(context.unit));
  return { name, address: email };
};

/**
 * Changes a draft. Throws BadUserInput, NotFound, Conflict (another has changed it since, with its current state; it is no draft any more; a
 * file's bytes have not arrived).
 */
export const updateEmailDraft = async (
  context: Context,
  { id, version, ...input }: UpdateEmailDraftInput,
): Promise<EmailRow> => {
  const { unit } = context;
  const written = writtenEmail(input);
  const { draft, dropped } = await unit.transact(async () => {
    await lockMailbox(unit);
    const current = await draftIn(unit, id, version);
    const { to, cc, bcc } = { ...current, ...written };
    if (to.length + cc.length + bcc.length > emailLimits.recipients) throw tooManyRecipients();
    const { attachmentIds } = input;
    const changed = sole(
      await database
        .update(emails)
        .set({ ...written, version: version + 1 })
        .where(isEmail(unit, id))
        .returning(emailFields),
    );
    const files = attachmentIds === undefined ? [] : await replaceAttachments(unit, changed, attachmentIds ?? []);
    unit.record({ action: 'email.draft_changed', type: 'Email', id, data: { version: changed.version } });
    return { draft: changed, dropped: files };
  });
  await discard(context.services, unit, dropped);
  return draft;
};

/** A draft of the locked mailbox as it was at a version; at any when that is absent. Throws NotFound, Conflict. */
export const draftIn = async (unit: UnitOfWork, id: string, version: number | undefined): Promise<EmailRow> => {
  const email = await emailIn(unit, id);
  if (email.status !== 'DRAFT') throw new Conflict('id', 'This e-mail is no draft any more.', { status: email.status });
  if (version !== undefined && email.version !== version) throw await outdated(unit, email);
  return email;
};

/** The state that has been written meanwhile, for the client to merge with or to show. */
const outdated = async (unit: UnitOfWork, { id, version, subject, to, cc, bcc }: EmailRow): Promise<Conflict> => {
  const body = await emailBodyById(unit).load(id);
  const current = { id: globalId('Email', id), version, subject, text: body?.text, html: body?.html, to, cc, bcc };
  return new Conflict('version', `The draft has been changed since: its version is ${version} now.`, { current });
};

/** Deletes an e-mail of the viewer's own mailbox for good, with its attachments there. Throws NotFound, Conflict (it is QUEUED). */
export const deleteEmail = async (context: Context, id: string): Promise<string> => {
  const { unit } = context;
  const dropped = await unit.transact(async () => {
    await lockMailbox(unit);
    const { status, threadId } = await emailIn(unit, id);
    if (status === 'QUEUED') throw new Conflict('id', 'This e-mail is on its way; take it back first.', { status });
    const files = await attachedFiles(unit, id);
    await database.delete(emails).where(isEmail(unit, id));
    await settleThread(unit, threadId);
    unit.record({ action: 'email.deleted', type: 'Email', id, data: { status } });
    return files.map(({ fileId }) => fileId);
  });
  await discard(context.services, unit, dropped);
  return id;
};
