import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { NotFound } from '../../errors.ts';
import { newId } from '../../ids.ts';
import { termFrequencies } from '../../search/analysis.ts';
import { emailFields } from './email-loaders.ts';
import { emails, emailTerms, emailThreads, type EmailParty, type EmailRow } from './email-tables.ts';

/** Different words of an e-mail by which it is found. */
const maxTerms = 2000;
/** Characters of a text that are looked at for words. */
const maxIndexedLength = 200_000;

/** The member whose mailbox the unit sees. */
export const ownerOf = ({ scope }: UnitOfWork): string => {
  if (scope.userId === null) throw new Error('This unit of work has no user, and so no mailbox.');
  return scope.userId;
};

/**
 * Until the running transaction ends nothing else changes the mailbox of the unit's user, so that threads are found and counted right whatever
 * comes in at a time. A transaction changes one mailbox alone, and so never waits for another in a circle.
 */
export const lockMailbox = async (unit: UnitOfWork): Promise<void> => {
  const key = `mailbox ${unit.organizationId} ${ownerOf(unit)}`;
  await database.execute(sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`);
};

/** The condition for one e-mail of the unit's mailbox. */
export const isEmail = (unit: UnitOfWork, id: string) =>
  and(eq(emails.organizationId, unit.organizationId), eq(emails.userId, ownerOf(unit)), eq(emails.id, id));

/** An e-mail of the mailbox, which is locked. Throws NotFound. */
export const emailIn = async (unit: UnitOfWork, id: string): Promise<EmailRow> => {
  const [email] = await database.select(emailFields).from(emails).where(isEmail(unit, id));
  if (email === undefined) throw new NotFound('Email', id);
  return email;
};

/** The thread of the e-mail that is answered, or the last one of those it refers to that is in the mailbox; else a new one. */
export const threadFor = async (
  unit: UnitOfWork,
  { inReplyTo, references, subject }: { inReplyTo: string | null; references: readonly string[]; subject: string },
): Promise<string> => {
  const { organizationId } = unit;
  const userId = ownerOf(unit);
  const known = [...references, ...(inReplyTo === null ? [] : [inReplyTo])];
  if (known.length > 0) {
    const ids = sql`array[${sql.join(
      known.map((id) => sql`${id}`),
      sql`, `,
    )}]::text[]`;
    const [answered] = await database
      .select({ threadId: emails.threadId })
      .from(emails)
      .where(
        and(
          eq(emails.organizationId, organizationId),
          eq(emails.userId, userId),
          sql`${emails.messageId} = any(${ids})`,
        ),
      )
      .orderBy(sql`array_position(${ids}, ${emails.messageId}) desc`)
      .limit(1);
    if (answered !== undefined) return answered.threadId;
  }
  const row = { organizationId, id: newId(), userId, subject };
  const thread = sole(await database.insert(emailThreads).values(row).returning({ id: emailThreads.id }));
  return thread.id;
};

/** Counts a thread's e-mails anew after a change of them; one without any goes. */
export const settleThread = async (unit: UnitOfWork, threadId: string): Promise<void> => {
  const { organizationId } = unit;
  const ofThread = sql`from ${emails} where ${emails.organizationId} = ${organizationId} and ${emails.threadId} = ${threadId}`;
  const isThread = and(eq(emailThreads.organizationId, organizationId), eq(emailThreads.id, threadId));
  const [left] = await database
    .select({ id: emails.id })
    .from(emails)
    .where(and(eq(emails.organizationId, organizationId), eq(emails.threadId, threadId)))
    .limit(1);
  if (left === undefined) {
    await database.delete(emailThreads).where(isThread);
    return;
  }
  await database
    .update(emailThreads)
    .set({
      emailCount: sql`(select count(*) ${ofThread} and ${emails.status} <> 'DRAFT')`,
      unreadCount: sql`(select count(*) ${ofThread} and ${emails.status} = 'RECEIVED' and ${emails.readAt} is null)`,
      // One that waits has no time of its own yet: there stands when it is to leave.
      lastEmailAt: sql`coalesce((select max(case when ${emails.status} = 'QUEUED' then ${emails.createdAt}
        else coalesce(${emails.sentAt}, ${emails.createdAt}) end) ${ofThread} and ${emails.status} <> 'DRAFT'), ${emailThreads.createdAt})`,
    })
    .where(isThread);
};

/** Lets a thread that was archived be seen again, because something new is in it. */
export const unarchive = async (unit: UnitOfWork, threadId: string): Promise<void> => {
  await database
    .update(emailThreads)
    .set({ archivedAt: null })
    .where(and(eq(emailThreads.organizationId, unit.organizationId), eq(emailThreads.id, threadId)));
};

/** What an e-mail is found by. */
export interface Findable {
  readonly subject: string;
  readonly text: string;
  readonly from: EmailParty;
  readonly to: readonly EmailParty[];
  readonly cc: readonly EmailParty[];
  readonly bcc: readonly EmailParty[];
}

/** Words of a text by which e-mails are found; nothing is known of their language. */
export const termsIn = (text: string): string[] => [...termFrequencies(text, null).keys()];

/** Has an e-mail be found by its words. */
export const indexEmail = async (unit: UnitOfWork, emailId: string, findable: Findable): Promise<void> => {
  const { subject, text, from, to, cc, bcc } = findable;
  const people = [from, ...to, ...cc, ...bcc].map(({ name, address }) => `${name} ${address}`);
  const terms = termsIn([subject, ...people, text.slice(0, maxIndexedLength)].join('\n')).slice(0, maxTerms);
  if (terms.length === 0) return;
  await database.execute(sql`
    insert into ${emailTerms} (organization_id, id, user_id, email_id, term)
    select ${unit.organizationId}::uuid, app_new_id(), ${ownerOf(unit)}::uuid, ${emailId}::uuid, term
    from jsonb_array_elements_text(${JSON.stringify(terms)}::jsonb) as term
    on conflict do nothing`);
};

/** Has an e-mail be found no more. */
export const unindexEmail = async (unit: UnitOfWork, emailId: string): Promise<void> => {
  await database
    .delete(emailTerms)
    .where(and(eq(emailTerms.organizationId, unit.organizationId), eq(emailTerms.emailId, emailId)));
};
