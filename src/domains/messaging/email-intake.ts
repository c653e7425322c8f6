import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { wholeOf, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Unavailable } from '../../errors.ts';
import { addressesIn, type ReadAttachment, type ReadLetter } from '../../mail/reading.ts';
import { bounded, TooBusy } from '../../secrets/bounded.ts';
import { readLetterAside } from '../content/parsing/parse.ts';
import { UnreadableDocument } from '../content/parsing/unreadable-document.ts';
import { place, takeIn, type Arrived } from '../content/stored-bytes.ts';
import type { Services } from '../services.ts';
import type { Attachable } from './attached-files.ts';
import { arrive, type ArrivingEmail } from './email-arrival.ts';
import { membersBehind } from './recipients.ts';

/** Bytes of an e-mail that a mail server hands over. */
export const maxInboundBytes = 30_000_000;
/** Addresses of one handing-over. */
const maxEnvelope = 500;

/** What became of an e-mail that was handed over. */
export interface Intake {
  /** Mailboxes that it came into. */
  readonly received: number;
  /** Mailboxes in which it was already. */
  readonly repeated: number;
}

/** Nobody of the organization is among those an e-mail is for. */
export class NobodyReached extends BadUserInput {
  constructor() {
    super('x-envelope-to', 'None of the addresses is the verified one of a member.');
  }
}

/** E-mails that are read at a time; each is in memory as a whole. */
const inTurn = bounded(2, 20);

/**
 * Takes an e-mail in for the members it is for: those of the envelope, or without one those of To and Cc. It may be handed over again: it is in each
 * mailbox once. Throws BadUserInput (it cannot be read), NobodyReached, Unavailable (too many at a time).
 */
export const takeInEmail = async (
  services: Services,
  unit: UnitOfWork,
  bytes: Buffer,
  envelope: string | null,
): Promise<Intake> => {
  const letter = await readInTurn(bytes);
  const addresses =
    envelope === null ? [...letter.to, ...letter.cc].map(({ address }) => address) : addressesIn(envelope);
  const members = await membersBehind(unit, addresses.slice(0, maxEnvelope), 'verified');
  await unit.rest();
  if (members.length === 0) throw new NobodyReached();
  const email = arriving(letter, bytes);
  const attached: Taken[] = [];
  const intake = { received: 0, repeated: 0 };
  try {
    for (const attachment of letter.attachments) attached.push(await taken(services, unit, attachment));
    for (const { userId } of members) {
      const theirs = unit.as(wholeOf(unit.organizationId, userId));
      const received = await arrive(theirs, services, email, () => placed(services, theirs, attached));
      if (received === null) intake.repeated++;
      else intake.received++;
    }
    return intake;
  } finally {
    for (const { arrived } of attached) await services.store.remove(arrived.aside);
  }
};

const readInTurn = async (bytes: Buffer): Promise<ReadLetter> => {
  try {
    return await inTurn(() => readLetterAside(bytes));
  } catch (error) {
    if (error instanceof TooBusy) throw new Unavailable('Too many e-mails come in at a time.');
    if (error instanceof UnreadableDocument) throw new BadUserInput('body', error.message.replace('file', 'e-mail'));
    throw error;
  }
};

const arriving = ({ attachments: _attachments, messageId, ...letter }: ReadLetter, bytes: Buffer): ArrivingEmail => ({
  ...letter,
  // The same bytes get the same one, so that they are taken in once, too.
  messageId: messageId ?? `<${createHash('sha256').update(bytes).digest('hex')}@without-message-id.invalid>`,
});

interface Taken {
  readonly attachment: ReadAttachment;
  readonly arrived: Arrived;
}

const taken = async ({ store }: Services, unit: UnitOfWork, attachment: ReadAttachment): Promise<Taken> => {
  const { name, mimeType } = attachment;
  const incoming = { organizationId: unit.organizationId, name, mimeType, maxBytes: maxInboundBytes };
  return { attachment, arrived: await takeIn(store, incoming, Readable.from([attachment.bytes])) };
};

/** Puts the bytes under their keys, where they stay for the running transaction. */
const placed = async ({ store }: Services, unit: UnitOfWork, attached: readonly Taken[]): Promise<Attachable[]> => {
  const files: Attachable[] = [];
  for (const { attachment, arrived } of attached) {
    await place(store, unit.organizationId, arrived);
    const { name, contentId } = attachment;
    const { mimeType, size, sha256 } = arrived;
    files.push({ name, contentId, mimeType, size, sha256 });
  }
  return files;
};
