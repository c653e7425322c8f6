import { BadUserInput, type InputIssue } from '../../errors.ts';
import type { EmailPartyInput } from '../../generated/resolvers.ts';
import { cleanHtml, TooDeep } from '../../mail/clean-html.ts';
import type { EmailParty } from './email-tables.ts';

/** Bounds on what a member writes. */
export const emailLimits = {
  recipients: 100,
  /** Characters, those of a line (RFC 5322, section 2.1.1). */
  subject: 998,
  textBytes: 1_000_000,
  /** UTF-16 code units. */
  html: 500_000,
  name: 200,
  attachments: 20,
  attachedBytes: 25_000_000,
} as const;

/** What a member writes; absent fields are not written. */
export interface EmailContent {
  readonly to?: readonly EmailPartyInput[] | null | undefined;
  readonly cc?: readonly EmailPartyInput[] | null | undefined;
  readonly bcc?: readonly EmailPartyInput[] | null | undefined;
  readonly subject?: string | null | undefined;
  readonly text?: string | null | undefined;
  readonly html?: string | null | undefined;
  readonly attachmentIds?: readonly string[] | null | undefined;
}

/** The columns of a content that was checked; what is absent stays as it is. */
export interface WrittenEmail {
  readonly to?: EmailParty[];
  readonly cc?: EmailParty[];
  readonly bcc?: EmailParty[];
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string | null;
}

const lists = ['to', 'cc', 'bcc'] as const;
/** Line breaks and other controls would begin another header. */
const control = /[\p{Cc}\u2028\u2029]/u;

const partyIssues = (list: string, parties: readonly EmailPartyInput[]): InputIssue[] =>
  parties.flatMap(({ name = '', address }, index) => {
    const issues: InputIssue[] = [];
    if (name.length > emailLimits.name || control.test(name) || !name.isWellFormed())
      issues.push({
        field: `${list}.${index}.name`,
        message: `A name has at most ${emailLimits.name} characters on one line.`,
      });
    // The scalar has looked at its form; an SMTP server takes no longer one (RFC 5321, section 4.5.3.1).
    if (address.length > 254 || control.test(address))
      issues.push({ field: `${list}.${index}.address`, message: 'An address has at most 254 characters.' });
    return issues;
  });

const textIssues = ({ subject, text, html, attachmentIds }: EmailContent): InputIssue[] => {
  const issues: InputIssue[] = [];
  const refuse = (field: string, message: string) => issues.push({ field, message });
  if (
    typeof subject === 'string' &&
    (subject.length > emailLimits.subject || control.test(subject) || !subject.isWellFormed())
  )
    refuse('subject', `A subject has at most ${emailLimits.subject} characters on one line.`);
  if (typeof text === 'string' && Buffer.byteLength(text) > emailLimits.textBytes)
    refuse('text', `A text has at most ${emailLimits.textBytes} bytes.`);
  if (typeof text === 'string' && (text.includes('\0') || !text.isWellFormed()))
    refuse('text', 'A text holds whole characters, and no NUL.');
  if (typeof html === 'string' && html.length > emailLimits.html)
    refuse('html', `HTML has at most ${emailLimits.html} characters.`);
  if (typeof html === 'string' && (html.includes('\0') || !html.isWellFormed()))
    refuse('html', 'HTML holds whole characters, and no NUL.');
  if ((attachmentIds?.length ?? 0) > emailLimits.attachments)
    refuse('attachmentIds', `An e-mail has at most ${emailLimits.attachments} attachments.`);
  return issues;
};

/** Checks what a member has written, and cleans its HTML. Throws BadUserInput. */
export const writtenEmail = (content: EmailContent): WrittenEmail => {
  const recipients = lists.reduce((count, list) => count + (content[list]?.length ?? 0), 0);
  if (recipients > emailLimits.recipients) throw tooManyRecipients();
  const issues = [...lists.flatMap((list) => partyIssues(list, content[list] ?? [])), ...textIssues(content)];
  if (issues.length > 0) throw new BadUserInput(issues);
  const { subject, text, html } = content;
  return {
    ...Object.fromEntries(
      lists.flatMap((list) => (content[list] === undefined ? [] : [[list, (content[list] ?? []).map(partyOf)]])),
    ),
    ...(subject !== undefined && { subject: (subject ?? '').trim() }),
    ...(text !== undefined && { text: text ?? '' }),
    ...(html !== undefined && { html: html === null ? null : cleaned(html) }),
  };
};

/** To, cc and bcc together are too many. */
export const tooManyRecipients = () =>
  new BadUserInput('to', `An e-mail has at most ${emailLimits.recipients} recipients in to, cc and bcc together.`);

const partyOf = ({ name = '', address }: EmailPartyInput): EmailParty => ({ name: name.trim(), address });

const cleaned = (html: string): string => {
  try {
    return cleanHtml(html);
  } catch (error) {
    if (error instanceof TooDeep) throw new BadUserInput('html', error.message);
    throw error;
  }
};
