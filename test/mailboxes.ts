import { setTimeout as pause } from 'node:timers/promises';
import { eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { users } from '../src/domains/identity/tables.ts';
import { unitOf, uuidOf } from './talk.ts';
import type { Person, Testbed } from './testbed.ts';

/** An e-mail as tests ask for it. */
export interface MailedEmail {
  readonly id: string;
  readonly status: string;
  readonly version: number;
  readonly messageId: string | null;
  readonly inReplyTo: string | null;
  readonly from: { readonly name: string; readonly address: string };
  readonly to: readonly { readonly address: string }[];
  readonly cc: readonly { readonly address: string }[];
  readonly bcc: readonly { readonly address: string }[];
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
  readonly sendAt: string | null;
  readonly sentAt: string | null;
  readonly readAt: string | null;
  readonly failure: string | null;
  readonly failedAddresses: readonly string[];
  readonly attempts: number;
  readonly thread: { readonly id: string; readonly emailCount: number; readonly unreadCount: number };
  readonly attachments: readonly {
    readonly name: string;
    readonly contentId: string | null;
    readonly file: { readonly id: string; readonly size: number; readonly mimeType: string };
  }[];
}

export const emailFields = `id status version messageId inReplyTo from { name address } to { name address } cc { name address }
  bcc { name address } subject text html sendAt sentAt readAt failure failedAddresses attempts
  thread { id emailCount unreadCount } attachments { name contentId file { id size mimeType } }`;

/** Addresses as recipients. */
export const parties = (...addresses: string[]) => addresses.map((address) => ({ address }));

/** Sends an e-mail, or asks for another of the mutations that give one. */
export const emailBy = async (
  person: Person,
  mutation: 'sendEmail' | 'createEmailDraft' | 'updateEmailDraft' | 'cancelEmail' | 'retryEmail' | 'starEmail',
  input: object,
): Promise<MailedEmail> => {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`;
  const data: Record<string, { email: MailedEmail }> = await person.want(
    `mutation ($input: ${type}!) { ${mutation}(input: $input) { email { ${emailFields} } } }`,
    { input },
  );
  const email = data[mutation]?.email;
  if (email === undefined) throw new Error(`${mutation} gave no e-mail.`);
  return email;
};

/** All e-mails of somebody's mailbox, the newest first; at most 100. */
export const emailsOf = async (person: Person, filter: object = {}): Promise<MailedEmail[]> => {
  const data: { emails: { edges: { node: MailedEmail }[] } } = await person.want(
    `query ($filter: EmailFilter) { emails(first: 100, filter: $filter) { edges { node { ${emailFields} } } } }`,
    { filter },
  );
  return data.emails.edges.map(({ node }) => node);
};

/** An e-mail of somebody's mailbox by its subject, once it is there and `ready`. Throws after twenty seconds. */
export const emailOf = async (
  person: Person,
  subject: string,
  ready: (email: MailedEmail) => boolean = () => true,
): Promise<MailedEmail> => {
  let seen: MailedEmail | undefined;
  for (const deadline = Date.now() + 20_000; Date.now() < deadline;) {
    seen = (await emailsOf(person)).find((email) => email.subject === subject);
    if (seen !== undefined && ready(seen)) return seen;
    await pause(50);
  }
  throw new Error(`The mailbox holds no such “${subject}”; it is ${JSON.stringify(seen)}.`);
};

/** Has addresses be their people's own, as if they had opened the mail that proves it. */
export const verify = async (bed: Testbed, ...people: { userId: string }[]): Promise<void> => {
  for (const { userId } of people)
    await unitOf(bed, null).transact(() =>
      database
        .update(users)
        .set({ verifiedAt: sql`now()` })
        .where(eq(users.id, uuidOf(userId))),
    );
};

/** Hands an e-mail over as a mail server does. */
export const handOver = (
  bed: Testbed,
  key: string,
  message: string | Buffer,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${bed.url}/inbound/email`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'message/rfc822', ...headers },
    body: new Uint8Array(Buffer.from(message)),
  });

/** Makes a key of a mail server. */
export const sourceOf = async (admin: Person): Promise<{ id: string; secret: string; url: string }> => {
  const data: { createInboundEmailSource: { source: { id: string }; secret: string; url: string } } = await admin.want(
    'mutation { createInboundEmailSource(input: { label: "Postfix" }) { source { id lastFour } secret url } }',
  );
  const { source, secret, url } = data.createInboundEmailSource;
  return { id: source.id, secret, url };
};

/** An e-mail of somebody outside, as text of RFC 5322. */
export const letter = (headers: Readonly<Record<string, string>>, body = 'How are you?'): string =>
  [...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), '', body].join('\r\n');
