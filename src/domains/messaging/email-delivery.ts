import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { wholeOf, type UnitOfWork } from '../../database/unit-of-work.ts';
import { Undelivered, type Letter, type Refused } from '../../mail/letter.ts';
import type { Run } from '../../queue/queue.ts';
import { fileKey } from '../content/stored-bytes.ts';
import { users } from '../identity/tables.ts';
import type { Services, Work } from '../services.ts';
import { attachedFiles, holdFiles } from './attached-files.ts';
import { arrive } from './email-arrival.ts';
import { tellMailbox } from './email-events.ts';
import { emailBodyById, emailFields } from './email-loaders.ts';
import { emails, type EmailRow } from './email-tables.ts';
import { isEmail, lockMailbox, ownerOf, settleThread } from './mailbox.ts';
import { membersBehind, type Reached } from './recipients.ts';

/** With back-off these go on for some four hours, in which a mail server may be away. */
export const deliveryRetries = 13;

/**
 * Hands an e-mail over: into the mailboxes of members, each in a transaction of its own, and then once by SMTP for all others. What was done before
 * a crash is found done by its Message-ID; only when the process ends between the server's word and ours is it handed over twice.
 */
export const deliverEmail = async (
  { unit, services }: Work,
  data: Readonly<Record<string, unknown>>,
  { attempt }: Pick<Run, 'attempt'>,
): Promise<undefined> => {
  const email = await begun(unit, String(data.emailId), String(data.messageId));
  if (email === null) return undefined;
  const addresses = [...email.to, ...email.cc, ...email.bcc].map(({ address }) => address);
  const members = await membersBehind(unit, addresses, 'all');
  const letter = await letterOf(unit, services, email, outsideOf(addresses, members));
  const files = await unit.run(() => attachedFiles(unit, email.id));
  await unit.rest();
  for (const { userId } of members) {
    const theirs = unit.as(wholeOf(unit.organizationId, userId));
    await arrive(theirs, services, arrivingOf(email, letter), async () => {
      const held = await holdFiles(
        theirs,
        files.map(({ fileId }) => fileId),
      );
      return files.filter(({ fileId }) => held.has(fileId)).map(({ fileId: _fileId, ...file }) => file);
    });
  }
  const outcome = await handOver(services, letter, attempt);
  await settle(unit, services, email.id, outcome);
  return undefined;
};

/** Leaves an e-mail in a final state whose job never came to an end. */
export const giveUpDelivery = async (
  { unit, services }: Work,
  data: Readonly<Record<string, unknown>>,
): Promise<void> =>
  settle(unit, services, String(data.emailId), { failure: 'It could not be handed over.', refused: [] });

/** Counts the try from which on an e-mail cannot be taken back; null for one that is not QUEUED under this Message-ID any more. */
const begun = (unit: UnitOfWork, id: string, messageId: string): Promise<EmailRow | null> =>
  unit.transact(async () => {
    await lockMailbox(unit);
    const [email] = await database
      .update(emails)
      .set({ attempts: sql`${emails.attempts} + 1` })
      .where(and(isEmail(unit, id), eq(emails.status, 'QUEUED'), eq(emails.messageId, messageId)))
      .returning(emailFields);
    return email ?? null;
  });

const outsideOf = (addresses: readonly string[], members: readonly Reached[]): string[] => {
  const inside = new Set(members.map(({ address }) => address));
  const outside = new Map(addresses.map((address) => [address.toLowerCase(), address]));
  return [...outside].filter(([lower]) => !inside.has(lower)).map(([, address]) => address);
};

const letterOf = async (
  unit: UnitOfWork,
  { store }: Services,
  email: EmailRow,
  recipients: readonly string[],
): Promise<Letter> => {
  const body = await emailBodyById(unit).load(email.id);
  const files = await unit.run(() => attachedFiles(unit, email.id));
  const { organizationId } = unit;
  return {
    messageId: email.messageId ?? '',
    date: new Date(),
    sender: email.from,
    answersToSender: await isProven(unit),
    to: email.to,
    cc: email.cc,
    subject: email.subject,
    text: body?.text ?? '',
    html: body?.html ?? null,
    inReplyTo: email.inReplyTo,
    references: email.references,
    enclosures: files.map(({ name, mimeType, contentId, sha256 }) => ({
      name,
      mimeType,
      contentId,
      open: () => store.read(fileKey(organizationId, sha256 ?? '')),
    })),
    recipients,
  };
};

/** Whether the sender's address is known to be theirs: answers go to nobody else's. */
const isProven = async (unit: UnitOfWork): Promise<boolean> => {
  const [user] = await unit.run(() =>
    database
      .select({ verifiedAt: users.verifiedAt })
      .from(users)
      .where(eq(users.id, ownerOf(unit))),
  );
  return user !== undefined && user.verifiedAt !== null;
};

const arrivingOf = ({ from, to, cc, subject, inReplyTo, references }: EmailRow, { messageId, text, html }: Letter) => ({
  messageId,
  inReplyTo,
  references,
  from,
  to,
  cc,
  subject,
  text,
  html,
});

/** What became of an e-mail; without a failure it is sent. */
interface Outcome {
  readonly failure: string | null;
  readonly refused: readonly Refused[];
}

/** Throws what asks for another try. */
const handOver = async (services: Services, letter: Letter, attempt: number): Promise<Outcome> => {
  if (letter.recipients.length === 0) return { failure: null, refused: [] };
  try {
    return { failure: null, refused: await services.letters.deliver(letter) };
  } catch (error) {
    if (!(error instanceof Undelivered) || (error.temporary && attempt <= deliveryRetries)) throw error;
    const all = letter.recipients.map((address) => ({ address, reason: error.message }));
    return {
      failure: error.message || 'The mail server refused it.',
      refused: error.refused.length > 0 ? error.refused : all,
    };
  }
};

const settle = (unit: UnitOfWork, services: Services, id: string, { failure, refused }: Outcome): Promise<void> =>
  unit.transact(async () => {
    await lockMailbox(unit);
    const [email] = await database
      .update(emails)
      .set({
        status: failure === null ? 'SENT' : 'FAILED',
        failure,
        failedAddresses: refused.map(({ address }) => address),
        sentAt: sql`now()`,
      })
      .where(and(isEmail(unit, id), eq(emails.status, 'QUEUED')))
      .returning(emailFields);
    if (email === undefined) return;
    await settleThread(unit, email.threadId);
    const data = { refused: refused.length, attempts: email.attempts };
    unit.record({ action: failure === null ? 'email.sent' : 'email.failed', type: 'Email', id, data });
    tellMailbox(unit, services, { kind: 'STATUS_CHANGED', ids: [id] });
  });
