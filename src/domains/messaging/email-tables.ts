import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  unique,
  uuid,
  type AnyPgColumn,
} from 'drizzle-orm/pg-core';
import { moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { files } from '../content/tables.ts';
import { memberships, organizations } from '../tenancy/tables.ts';

export const emailStatuses = ['DRAFT', 'QUEUED', 'SENT', 'RECEIVED', 'FAILED'] as const;

/** An address with the name that stands before it; the name may be empty. */
export interface EmailParty {
  readonly name: string;
  readonly address: string;
}

/** Whose mailbox it is in, and goes with. */
const toMailbox = (table: string, row: { organizationId: AnyPgColumn; userId: AnyPgColumn }) =>
  foreignKey({
    name: `${table}_user_id_fkey`,
    columns: [row.organizationId, row.userId],
    foreignColumns: [memberships.organizationId, memberships.userId],
  }).onDelete('cascade');

/** E-mails of one mailbox that answer each other (RFC 5322, section 3.6.4). */
export const emailThreads = tenantTable(
  'email_threads',
  'owner',
  {
    userId: uuid().notNull(),
    /** Of the first e-mail. */
    subject: text().notNull(),
    lastEmailAt: moment().notNull().defaultNow(),
    emailCount: integer().notNull().default(0),
    unreadCount: integer().notNull().default(0),
    archivedAt: moment(),
  },
  (thread) => [
    toMailbox('email_threads', thread),
    index('email_threads_last_email_at_index').on(thread.organizationId, thread.userId, thread.lastEmailAt, thread.id),
  ],
);
export type EmailThreadRow = typeof emailThreads.$inferSelect;

/** An e-mail as it lies in one mailbox: sender and recipients each have a row of their own, so that bcc cannot leak. */
export const emails = tenantTable(
  'emails',
  'owner',
  {
    /** Whose mailbox it is. */
    userId: uuid().notNull(),
    threadId: uuid().notNull(),
    status: word(emailStatuses).notNull().default('DRAFT'),
    /** Message-ID with its angle brackets; null for a draft. */
    messageId: text(),
    inReplyTo: text(),
    /** Message-IDs from the first of the thread to the one that is answered. */
    references: text().array().notNull().default([]),
    from: jsonb().$type<EmailParty>().notNull(),
    to: jsonb().$type<readonly EmailParty[]>().notNull().default([]),
    cc: jsonb().$type<readonly EmailParty[]>().notNull().default([]),
    /** In the sender's mailbox alone. */
    bcc: jsonb().$type<readonly EmailParty[]>().notNull().default([]),
    subject: text().notNull().default(''),
    text: text().notNull().default(''),
    /** Cleaned of all that acts; null without. */
    html: text(),
    /** Counts the changes of a draft, from 1. */
    version: integer().notNull().default(1),
    /** When it was sent or came in; null for a draft. */
    sentAt: moment(),
    readAt: moment(),
    starred: boolean().notNull().default(false),
    /** Why it FAILED, for a person, and which addresses did not take it. */
    failure: text(),
    failedAddresses: text().array().notNull().default([]),
    /** How often it was tried to hand it over. */
    attempts: integer().notNull().default(0),
  },
  (email) => [
    oneOf('emails', email.status, emailStatuses),
    check('emails_failure_check', sql`(${email.status} = 'FAILED') = (${email.failure} is not null)`),
    unique('emails_message_id_key').on(email.organizationId, email.userId, email.messageId),
    toMailbox('emails', email),
    foreignKey({
      name: 'emails_thread_id_fkey',
      columns: [email.organizationId, email.threadId],
      foreignColumns: [emailThreads.organizationId, emailThreads.id],
    }).onDelete('cascade'),
    index('emails_thread_id_index').on(email.organizationId, email.threadId, email.createdAt, email.id),
    index('emails_created_at_index').on(email.organizationId, email.userId, email.createdAt, email.id),
    index('emails_status_index').on(email.organizationId, email.userId, email.status, email.createdAt, email.id),
  ],
);
/** The bodies are read apart, because they are long. */
export type EmailRow = Omit<typeof emails.$inferSelect, 'text' | 'html'>;

const toEmail = (table: string, part: { organizationId: AnyPgColumn; emailId: AnyPgColumn }) =>
  foreignKey({
    name: `${table}_email_id_fkey`,
    columns: [part.organizationId, part.emailId],
    foreignColumns: [emails.organizationId, emails.id],
  }).onDelete('cascade');

/** A file that goes with an e-mail. */
export const emailAttachments = tenantTable(
  'email_attachments',
  'owner',
  {
    userId: uuid().notNull(),
    emailId: uuid().notNull(),
    fileId: uuid().notNull(),
    /** Order in the e-mail, from 0. */
    position: integer().notNull(),
    name: text().notNull(),
    /** Content-ID of a picture that the text shows; null for all else. */
    contentId: text(),
  },
  (attachment) => [
    unique('email_attachments_position_key').on(attachment.organizationId, attachment.emailId, attachment.position),
    toEmail('email_attachments', attachment),
    foreignKey({
      name: 'email_attachments_file_id_fkey',
      columns: [attachment.organizationId, attachment.fileId],
      foreignColumns: [files.organizationId, files.id],
    }),
    index('email_attachments_file_id_index').on(attachment.organizationId, attachment.fileId),
  ],
);
export type EmailAttachmentRow = typeof emailAttachments.$inferSelect;

/** A stem that an e-mail holds, in its subject, text or addresses. */
export const emailTerms = tenantTable(
  'email_terms',
  'owner',
  { userId: uuid().notNull(), emailId: uuid().notNull(), term: text().notNull() },
  (entry) => [
    unique('email_terms_term_key').on(entry.organizationId, entry.userId, entry.term, entry.emailId),
    toEmail('email_terms', entry),
    index('email_terms_email_id_index').on(entry.organizationId, entry.emailId),
  ],
);

/** What a mail server shows to hand over e-mails to an organization, as a hash; asked before the tenant is known. */
export const inboundEmailKeys = pgTable(
  'inbound_email_keys',
  {
    tokenHash: text().primaryKey(),
    organizationId: uuid().notNull(),
    keyId: uuid().notNull(),
  },
  (key) => [
    foreignKey({
      name: 'inbound_email_keys_organization_id_fkey',
      columns: [key.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('inbound_email_keys_organization_id_index').on(key.organizationId, key.keyId),
  ],
);

/** A key by which a mail server hands over e-mails to an organization. */
export const inboundEmailSources = tenantTable(
  'inbound_email_sources',
  'organization',
  {
    label: text().notNull(),
    /** The last four characters of the key. */
    lastFour: text().notNull(),
    createdById: uuid(),
    lastUsedAt: moment(),
    revokedAt: moment(),
  },
  (source) => [
    foreignKey({
      name: 'inbound_email_sources_organization_id_fkey',
      columns: [source.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('inbound_email_sources_created_at_index').on(source.organizationId, source.createdAt, source.id),
  ],
);
export type InboundEmailSourceRow = typeof inboundEmailSources.$inferSelect;
