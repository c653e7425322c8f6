import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import type { Mail } from './mail.ts';

/** Brings mails on their way. */
export interface Transport {
  /**
   * Hands a mail over. `id` is a UUIDv7 of the mail's own: the Message-ID is made of it, so that a mail handed over twice, as after a
   * crash, is recognised as one.
   */
  send(mail: Mail, id: string): Promise<void>;
  close(): void;
}

export interface TransportSettings {
  /** `smtp://` or `smtps://` with user and password; without it mails are left in the folder `outbox`. */
  readonly url: string | undefined;
  /** The sender, `Tessera <no-reply@example.com>`. */
  readonly from: string;
  readonly outbox: string;
}

const timeoutMs = 20_000;
/** Nothing in a mail is taken from files or addresses that its text names. */
const contained = { disableFileAccess: true, disableUrlAccess: true };

/** Sends by SMTP, or leaves each mail as a file `<time>-<id>.eml` (RFC 5322) that is whole from the moment it is there. */
export const openTransport = ({ url, from, outbox }: TransportSettings): Transport =>
  url === undefined ? toFolder(outbox, from) : bySmtp(url, from);

const bySmtp = (url: string, from: string): Transport => {
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
    send: async (mail, id) => {
      await smtp.sendMail(messageOf(mail, id, from));
    },
    close: () => smtp.close(),
  };
};

const toFolder = (outbox: string, from: string): Transport => {
  const composer = createTransport({ streamTransport: true, buffer: true, newline: 'windows' }, { from, ...contained });
  return {
    send: async (mail, id) => {
      const { message } = await composer.sendMail(messageOf(mail, id, from));
      if (!Buffer.isBuffer(message)) throw new Error('The mail was composed as a stream.');
      await mkdir(outbox, { recursive: true, mode: 0o700 });
      const aside = join(outbox, `.${randomUUID()}`);
      try {
        await writeFile(aside, message, { mode: 0o600, flush: true });
        await rename(aside, join(outbox, `${timeOf(id).toISOString().replaceAll(':', '-')}-${id}.eml`));
      } catch (error) {
        await rm(aside, { force: true });
        throw error;
      }
    },
    close: () => composer.close(),
  };
};

const messageOf = ({ to, ...content }: Mail, id: string, from: string) => ({
  ...content,
  // As an object it stays one address, whatever characters it holds.
  to: { name: '', address: to },
  messageId: `<${id}@${/@([^\s>]+)>?\s*$/.exec(from)?.[1] ?? 'localhost'}>`,
  date: timeOf(id),
});

/** When a UUIDv7 was made: its first 48 bits are milliseconds (RFC 9562, section 5.7). */
const timeOf = (id: string): Date => new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16));
