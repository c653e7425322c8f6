import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A message as a mail server took it. */
export interface Taken {
  readonly from: string;
  readonly recipients: readonly string[];
  /** The message as it came, headers and all. */
  readonly raw: string;
}

/** A refusal with a code of SMTP. */
export const refusal = (responseCode: number, message: string): Error =>
  Object.assign(new Error(message), { responseCode });

/** A mail server on this machine that keeps what it takes. `onRcpt` may refuse a recipient, `onMessage` a message. */
export class MailServer {
  readonly taken: Taken[] = [];
  onRcpt: (address: string) => Error | null = () => null;
  onMessage: () => Error | null = () => null;
  readonly #server: SMTPServer;

  private constructor(options: SMTPServerOptions) {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      ...options,
      onRcptTo: ({ address }, _session, done) => done(this.onRcpt(address)),
      onData: (stream, { envelope }, done) => {
        const parts: Buffer[] = [];
        stream.on('data', (part: Buffer) => parts.push(part));
        stream.on('end', () => {
          const fault = this.onMessage();
          if (fault !== null) return done(fault);
          const raw = Buffer.concat(parts).toString('latin1');
          const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
          this.taken.push({ from, recipients: envelope.rcptTo.map(({ address }) => address), raw });
          done();
        });
      },
    });
    // A client that goes away is none of its business.
    this.#server.on('error', () => undefined);
  }

  static async start(options: SMTPServerOptions = {}): Promise<MailServer> {
    const server = new MailServer(options);
    await new Promise<void>((ready) => server.#server.listen(0, '127.0.0.1', ready));
    return server;
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.#server.server.address() as AddressInfo).port}`;
  }

  /** What was taken of a subject. */
  of(subject: string): Taken[] {
    return this.taken.filter(({ raw }) => raw.includes(`Subject: ${subject}\r\n`));
  }

  async stop(): Promise<void> {
    await new Promise<void>((closed) => this.#server.close(closed));
  }
}
