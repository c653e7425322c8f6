import { and, eq, getTableColumns, gt, isNotNull, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { mentions } from '../../database/filter.ts';
import { listOf, type Connection, type ListArguments } from '../../database/list.ts';
import { bound, loadMany, loadOne } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { emailAttachments, emails, emailThreads, inboundEmailSources, type EmailThreadRow } from './email-tables.ts';

const { text: _text, html: _html, ...lightEmail } = getTableColumns(emails);

/** What an e-mail's row is read with: all but its bodies. */
export const emailFields = lightEmail;

/** E-mails of the viewer's own mailbox: the database shows no others. */
export const emailById = loadOne(
  () =>
    database
      .select(emailFields)
      .from(emails)
      .where(and(eq(emails.organizationId, bound.organizationId), sql`${emails.id} = any(${bound.keys})`)),
  (email) => email.id,
);

/** The bodies of e-mails, which are long. */
export const emailBodyById = loadOne(
  () =>
    database
      .select({ id: emails.id, text: emails.text, html: emails.html })
      .from(emails)
      .where(and(eq(emails.organizationId, bound.organizationId), sql`${emails.id} = any(${bound.keys})`)),
  (email) => email.id,
);

/** Threads of the viewer's own mailbox. */
export const emailThreadById = loadOne(
  () =>
    database
      .select()
      .from(emailThreads)
      .where(and(eq(emailThreads.organizationId, bound.organizationId), sql`${emailThreads.id} = any(${bound.keys})`)),
  (thread) => thread.id,
);

/** The attachments of e-mails in their order; an e-mail has at most 100. */
export const attachmentsByEmail = loadMany(
  () =>
    database
      .select()
      .from(emailAttachments)
      .where(
        and(
          eq(emailAttachments.organizationId, bound.organizationId),
          sql`${emailAttachments.emailId} = any(${bound.keys})`,
        ),
      )
      .orderBy(emailAttachments.emailId, emailAttachments.position),
  (attachment) => attachment.emailId,
);

const isUnread = sql`(${emails.status} = 'RECEIVED' and ${emails.readAt} is null)`;

/** E-mails of the mailbox of one member, who is the viewer. */
export const emailsByOwner = listOf({
  from: emails,
  parent: emails.userId,
  columns: emailFields,
  orders: { CREATED_AT: emails.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    status: emails.status,
    starred: emails.starred,
    unread: isUnread,
    threadId: emails.threadId,
    createdAt: emails.createdAt,
  },
});

/** E-mails of a thread, with drafts. */
export const emailsByThread = listOf({
  from: emails,
  parent: emails.threadId,
  columns: emailFields,
  orders: { CREATED_AT: emails.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});

const threads = (archived: 'with' | 'without') =>
  listOf({
    from: emailThreads,
    parent: emailThreads.userId,
    columns: getTableColumns(emailThreads),
    orders: { LAST_EMAIL_AT: emailThreads.lastEmailAt },
    defaultOrder: { field: 'LAST_EMAIL_AT', direction: 'DESC' },
    filters: {
      unread: sql`(${emailThreads.unreadCount} > 0)`,
      archived: (comparator, value) =>
        (value === true) === (comparator === 'eq')
          ? isNotNull(emailThreads.archivedAt)
          : isNull(emailThreads.archivedAt),
      lastEmailAt: emailThreads.lastEmailAt,
    },
    // What holds a draft alone is no thread yet.
    where:
      archived === 'with'
        ? gt(emailThreads.emailCount, 0)
        : sql`${emailThreads.emailCount} > 0 and ${emailThreads.archivedAt} is null`,
  });
const allThreads = threads('with');
const openThreads = threads('without');

/** Threads of a mailbox; archived ones are left out where the filter says nothing of them. */
export const emailThreadList = (
  unit: UnitOfWork,
  args: ListArguments,
  userId: string,
): Promise<Connection<EmailThreadRow>> =>
  (mentions(args.filter, 'archived') ? allThreads : openThreads)<EmailThreadRow>(unit, args, userId);

/** Keys of mail servers of the organization. */
export const inboundSourceList = listOf({
  from: inboundEmailSources,
  columns: getTableColumns(inboundEmailSources),
  orders: { CREATED_AT: inboundEmailSources.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
});

export const inboundSourceById = loadOne(
  () =>
    database
      .select()
      .from(inboundEmailSources)
      .where(
        and(
          eq(inboundEmailSources.organizationId, bound.organizationId),
          sql`${inboundEmailSources.id} = any(${bound.keys})`,
        ),
      ),
  (source) => source.id,
);
