import { and, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, NotFound } from '../../errors.ts';
import type { Context } from '../context.ts';
import { tellMailbox } from './email-events.ts';
import { emailFields } from './email-loaders.ts';
import { emails, emailThreads, type EmailRow, type EmailThreadRow } from './email-tables.ts';
import { emailIn, isEmail, lockMailbox, ownerOf, settleThread } from './mailbox.ts';

const maxMarked = 100;

/** Marks e-mails of the viewer's own mailbox as read or unread, all or none. Throws BadUserInput, NotFound. */
export const markEmailsRead = (context: Context, ids: readonly string[], read: boolean): Promise<EmailRow[]> => {
  const { unit, services } = context;
  const wanted = [...new Set(ids)];
  if (wanted.length < 1 || wanted.length > maxMarked)
    throw new BadUserInput('ids', `Mark 1 to ${maxMarked} e-mails at a time.`);
  return unit.transact(async () => {
    await lockMailbox(unit);
    const ofMailbox = and(eq(emails.organizationId, unit.organizationId), eq(emails.userId, ownerOf(unit)));
    const marked = await database
      .update(emails)
      // When it was first read stays.
      .set({ readAt: read ? sql`coalesce(${emails.readAt}, now())` : null })
      .where(and(ofMailbox, inArray(emails.id, wanted)))
      .returning(emailFields);
    const byId = new Map(marked.map((email) => [email.id, email]));
    for (const threadId of new Set(marked.map((email) => email.threadId))) await settleThread(unit, threadId);
    tellMailbox(unit, services, { kind: 'READ_CHANGED', ids: wanted });
    return wanted.map((id) => {
      const email = byId.get(id);
      if (email === undefined) throw new NotFound('Email', id);
      return email;
    });
  });
};

/** Gives an e-mail a star or takes it away. Throws NotFound. */
export const starEmail = ({ unit }: Context, id: string, starred: boolean): Promise<EmailRow> =>
  unit.transact(async () => {
    await lockMailbox(unit);
    await emailIn(unit, id);
    return sole(await database.update(emails).set({ starred }).where(isEmail(unit, id)).returning(emailFields));
  });

/** Puts a thread into the archive or takes it out. Throws NotFound. */
export const archiveEmailThread = ({ unit }: Context, id: string, archived: boolean): Promise<EmailThreadRow> =>
  unit.transact(async ({ organizationId }) => {
    await lockMailbox(unit);
    const isThread = and(
      eq(emailThreads.organizationId, organizationId),
      eq(emailThreads.userId, ownerOf(unit)),
      eq(emailThreads.id, id),
    );
    const [thread] = await database
      .update(emailThreads)
      .set({ archivedAt: archived ? sql`coalesce(${emailThreads.archivedAt}, now())` : null })
      .where(isThread)
      .returning();
    if (thread === undefined) throw new NotFound('EmailThread', id);
    return thread;
  });
