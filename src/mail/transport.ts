import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createTransport } from 'nodemailer';
import addressparser from 'nodemailer/lib/addressparser';
import { Undelivered, type Enclosure, type Letter, type Party, type Refused } from './letter.ts';
import type { Mail } from './mail.ts';

/** Brings mails on their way. */
export interface Transport {
  /**
   * Hands a mail over. `id` is a UUIDv7 of the mail's own: the Message-ID is made of it, so that a mail handed over twice, as after a
   * crash, is recognised as one.
   */
  send(mail: Mail, id: string): Promise<void>;
  /**
   * Hands a letter over once for all its recipients, and gives those whom the server refused while it took others. Its From is the address of the
   * settings with the sender's name, because servers refuse letters in the name of domains that they do not answer for; answers go to the sender by
   * Reply-To. Throws Undelivered.
   */
  deliver(letter: Letter): Promise<readonly Refused[]>;
  /** What Message-IDs are of. */
  readonly domain: string;
  close(): void;
}

export interface TransportSettings {
  /** `smtp://` or `smtps://` with user and password; without it mails are left in the folder `outbox`. */
  readonly url: string | undefined;
  /** The sender, `Tessera <no-reply@example.com>`. */
  readonly from: string;
  readonly outbox: string;
  /** How long the server may be silent; 20 s when absent. */
  readonly timeoutMs?: number;
}

/** Nothing in a mail is taken from files or addresses that its text names. */
const contained = { disableFileAccess: true, disableUrlAccess: true };

/** Sends by SMTP, or leaves each mail as a file `<time>-<id>.eml` (RFC 5322) that is whole from the moment it is there. */
export const openTransport = ({ url, from, outbox, timeoutMs = 20_000 }: TransportSettings): Transport =>
  url === undefined ? toFolder(outbox, from) : bySmtp(url, from, timeoutMs);

const bySmtp = (url: string, from: string, timeoutMs: number): Transport => {
  const smtp = createTransport(
    {
      url,
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      dnsTimeout: timeoutMs,
    },
    { from, ...contained },
  );
  return {
    domain: domainOf(from),
    send: async (mail, id) => {
      await smtp.sendMail(messageOf(mail, id, from));
    },
    deliver: async (letter) => {
      try {
        const { rejectedErrors = [] } = await smtp.sendMail(letterOf(letter, from));
        return rejectedErrors.map(refusalOf);
      } catch (error) {
        throw undelivered(error);
      }
    },
    close: () => smtp.close(),
  };
};

const toFolder = (outbox: string, from: string): Transport => {
  const composer = createTransport({ streamTransport: true, buffer: true, newline: 'windows' }, { from, ...contained });
  const leave = async (composed: Parameters<typeof composer.sendMail>[0], name: string): Promise<void> => {
    const { message } = await composer.sendMail(composed);
    if (!Buffer.isBuffer(message)) throw new Error('The mail was composed as a stream.');
    await mkdir(outbox, { recursive: true, mode: 0o700 });
    const aside = join(outbox, `.${randomUUID()}`);
    try {
      await writeFile(aside, message, { mode: 0o600, flush: true });
      await rename(aside, join(outbox, `${name}.eml`));
    } catch (error) {
      await rm(aside, { force: true });
      throw error;
    }
  };
  return {
    domain: domainOf(from),
    send: (mail, id) => leave(messageOf(mail, id, from), nameOf(timeOf(id), id)),
    deliver: async (letter) => {
      const id = letter.messageId.replace(/^<|@.*$/g, '').replaceAll(/[^\w-]/g, '_');
      await leave(letterOf(letter, from), nameOf(letter.date, id));
      return [];
    },
    close: () => composer.close(),
  };
};

const nameOf = (time: Date, id: string): string => `${time.toISOString().replaceAll(':', '-')}-${id}`;

const domainOf = (from: string): string => /@([^\s>]+)>?\s*$/.exec(from)?.[1] ?? 'localhost';

const messageOf = ({ to, ...content }: Mail, id: string, from: string) => ({
  ...content,
  // As an object it stays one address, whatever characters it holds.
  to: { name: '', address: to },
  messageId: `<${id}@${domainOf(from)}>`,
  date: timeOf(id),
});

const letterOf = (letter: Letter, from: string) => {
  const own = addressparser(from, { flatten: true })[0]?.address ?? from;
  const { sender, inReplyTo, references } = letter;
  return {
    messageId: letter.messageId,
    date: letter.date,
    from: { name: sender.name, address: own },
    ...(letter.answersToSender && { replyTo: { name: sender.name, address: sender.address } }),
    to: letter.to.map(addressOf),
    cc: letter.cc.map(addressOf),
    subject: letter.subject,
    text: letter.text,
    ...(letter.html !== null && { html: letter.html }),
    ...(inReplyTo !== null && { inReplyTo }),
    ...(references.length > 0 && { references: [...references] }),
    attachments: letter.enclosures.map(attachmentOf),
    // What the server is told besides the message: nobody else gets it, and no header names those of the blind copy.
    envelope: { from: own, to: [...letter.recipients] },
  };
};

const addressOf = ({ name, address }: Party) => ({ name, address });

const attachmentOf = ({ name, mimeType, contentId, open }: Enclosure) => ({
  filename: name,
  contentType: mimeType,
  ...(contentId !== null && { cid: contentId }),
  content: Readable.from(bytesOf(open)),
});

/** Opened when the first byte is asked for, so that a letter that is refused has opened nothing. */
const bytesOf = async function* (open: () => Promise<Readable>): AsyncGenerator<Buffer> {
  yield* await open();
};

interface SmtpFault {
  readonly message?: string | undefined;
  readonly code?: string | undefined;
  readonly responseCode?: number | undefined;
  readonly response?: string | undefined;
  readonly recipient?: string | undefined;
  readonly rejectedErrors?: readonly SmtpFault[] | undefined;
}

const refusalOf = ({ recipient = '', response, message = '' }: SmtpFault): Refused => ({
  address: recipient,
  reason: plain(response ?? message),
});

/** What servers say is of any length and of any characters. */
const plain = (text: string): string =>
  text
    .replaceAll(/\p{Cc}+/gu, ' ')
    .toWellFormed()
    .slice(0, 500);

/** Faults that no later try mends, though the server gave no code for them: what was to be sent, or the settings. */
const permanentCodes: ReadonlySet<unknown> = new Set([
  'EENVELOPE',
  'EMESSAGE',
  'EAUTH',
  'ECONFIG',
  'EFILEACCESS',
  'EURLACCESS',
]);

const undelivered = (error: unknown): Undelivered => {
  // The cast is safe: each of the properties may be missing.
  const fault = (Error.isError(error) ? error : {}) as SmtpFault;
  const { rejectedErrors = [], response, message = 'The mail server failed.' } = fault;
  const faults = rejectedErrors.length > 0 ? rejectedErrors : [fault];
  return new Undelivered(plain(response ?? message), faults.some(isTemporary), rejectedErrors.map(refusalOf));
};

const isTemporary = ({ responseCode, code }: SmtpFault): boolean =>
  responseCode === undefined ? !permanentCodes.has(code) : responseCode < 500;

/** When a UUIDv7 was made: its first 48 bits are milliseconds (RFC 9562, section 5.7). */
const timeOf = (id: string): Date => new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16));
