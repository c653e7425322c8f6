import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { and, eq } from 'drizzle-orm';
import PostalMime from 'postal-mime';
import { database } from '../src/database/client.ts';
import { wholeOf } from '../src/database/unit-of-work.ts';
import { collectOrphans } from '../src/domains/content/orphans.ts';
import { files } from '../src/domains/content/tables.ts';
import { Undelivered, type Letter } from '../src/mail/letter.ts';
import { cleanHtml } from '../src/mail/clean-html.ts';
import { openTransport } from '../src/mail/transport.ts';
import { joined, quiet } from './access/cast.ts';
import { emailBy, emailOf, emailsOf, handOver, letter, parties, sourceOf, verify } from './mailboxes.ts';
import { outboxOf } from './outbox.ts';
import { unitOf, uuidOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

type SignedUp = Awaited<ReturnType<Testbed['signUp']>>;

let bed: Testbed & { ownerUrl: string | undefined };
let ada: SignedUp;
let bob: SignedUp;
let unverified: SignedUp;
let stranger: SignedUp;
let key: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  bob = await joined(bed, ada.organizationId, 'Bob', 'MEMBER', null, 'VIEWER');
  unverified = await joined(bed, ada.organizationId, 'Una', 'MEMBER', null, 'VIEWER');
  stranger = await bed.signUp('Stranger');
  await verify(bed, ada, bob, stranger);
  key = (await sourceOf(ada)).secret;
});
afterAll(() => bed.stop());

const from = 'Eve <eve@outside.example>';
const told = async (answer: Response) => ({ status: answer.status, body: await answer.json() });

describe('an e-mail that a mail server hands over', () => {
  test('comes into the mailboxes of members that it is for, once, with its attachments', async () => {
    const picture = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');
    const message = [
      `From: =?utf-8?Q?Eve_=C3=9C?= <eve@outside.example>`,
      `To: ${ada.email}, ${stranger.email}`,
      `Cc: "Bob" <${bob.email.toUpperCase()}>`,
      'Bcc: leaked@outside.example',
      'Subject: =?iso-8859-1?Q?Gr=FC=DFe?=',
      'Message-ID: <one@outside.example>',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      'Content-Type: text/html; charset=utf-8',
      '',
      '<p onclick="x()">Hello<script>steal()</script><img src="https://spy.example/x.gif"><img src="cid:pic"></p>',
      '--b',
      'Content-Type: image/png; name="../../etc/p\u202eng.png"',
      'Content-Disposition: inline; filename="../../etc/pic.png"',
      'Content-ID: <pic>',
      'Content-Transfer-Encoding: base64',
      '',
      picture.toString('base64'),
      '--b--',
    ].join('\r\n');
    expect(await told(await handOver(bed, key, message))).toEqual({ status: 200, body: { received: 2, repeated: 0 } });
    for (const person of [ada, bob]) {
      const email = await emailOf(person, 'Grüße');
      expect(email).toMatchObject({
        status: 'RECEIVED',
        messageId: '<one@outside.example>',
        from: { name: 'Eve Ü', address: 'eve@outside.example' },
        bcc: [],
        html: '<p>Hello<img /><img src="cid:pic" /></p>',
        attachments: [{ name: 'pic.png', contentId: 'pic', file: { size: picture.length, mimeType: 'image/png' } }],
      });
      expect(email.text.trim()).toBe('Hello');
      expect(JSON.stringify(email)).not.toContain('leaked');
      const id = email.attachments[0]?.file.id;
      const { createFileLink }: { createFileLink: { url: string } } = await person.want(
        `mutation { createFileLink(input: { id: "${id}" }) { url } }`,
      );
      const bytes = await fetch(new URL(createFileLink.url, bed.url));
      expect(Buffer.from(await bytes.arrayBuffer()).equals(picture)).toBe(true);
      // Neither another member nor the owner of the organization finds it.
      const other = person === ada ? bob : ada;
      expect(await other.codes(`{ node(id: "${id}") { id } }`)).toEqual(['NOT_FOUND']);
    }
    expect((await emailsOf(stranger)).length).toBe(0);
    expect(await told(await handOver(bed, key, message))).toEqual({ status: 200, body: { received: 0, repeated: 2 } });
    expect((await emailsOf(ada)).filter(({ subject }) => subject === 'Grüße')).toHaveLength(1);
  });

  test('is refused with what is wrong, and then nothing has changed', async () => {
    const good = letter({ From: from, To: bob.email, Subject: 'Refused', 'Message-ID': '<r@outside.example>' });
    const cases: [string, Promise<Response>, number, string][] = [
      ['no key', handOver(bed, 'nonsense', good), 401, 'UNAUTHENTICATED'],
      ['a session', handOver(bed, ada.token ?? '', good), 401, 'UNAUTHENTICATED'],
      ['another type', handOver(bed, key, good, { 'content-type': 'text/plain' }), 400, 'BAD_USER_INPUT'],
      ['nothing', handOver(bed, key, ''), 400, 'BAD_USER_INPUT'],
      ['no e-mail', handOver(bed, key, '\r\n\r\nwords', { 'x-envelope-to': bob.email }), 400, 'BAD_USER_INPUT'],
      ['nobody', handOver(bed, key, good, { 'x-envelope-to': 'nobody@tessera.example' }), 422, 'BAD_USER_INPUT'],
      ['an unproven address', handOver(bed, key, good, { 'x-envelope-to': unverified.email }), 422, 'BAD_USER_INPUT'],
      ['a stranger', handOver(bed, key, good, { 'x-envelope-to': stranger.email }), 422, 'BAD_USER_INPUT'],
      [
        'too long',
        handOver(bed, key, Buffer.concat([Buffer.from(good), Buffer.alloc(30_000_000, 'x')])),
        413,
        'BAD_USER_INPUT',
      ],
      ['deep', handOver(bed, key, nested(200), { 'x-envelope-to': bob.email }), 400, 'BAD_USER_INPUT'],
      [
        'headers',
        handOver(bed, key, letter({ From: from, To: bob.email, 'X-Long': 'x'.repeat(2_000_000) })),
        400,
        'BAD_USER_INPUT',
      ],
    ];
    for (const [what, answer, status, code] of cases) {
      const { status: seen, body } = await told(await answer);
      expect([what, seen, body]).toMatchObject([what, status, { errors: [{ extensions: { code } }] }]);
    }
    expect((await emailsOf(bob)).map(({ subject }) => subject)).not.toContain('Refused');
    const other = await fetch(`${bed.url}/inbound/email`);
    expect(other.status).toBe(405);
  });

  test('may be as odd as it likes: it is a clean row', async () => {
    const odd = [
      letter({ From: 'x\0y', Subject: 'Odd \0 one', To: bob.email }, 'NUL \0 here'),
      letter({
        Subject: '=?no-such-charset?B?AAAA?= Odd two',
        To: bob.email,
        'Content-Type': 'text/plain; charset=nonsense',
      }),
      letter({
        From: from,
        Subject: 'Odd three',
        To: bob.email,
        'Message-ID': 'no brackets',
        References: '<'.repeat(5000),
      }),
      letter({ From: from, Subject: 'Odd four', To: bob.email, 'Content-Type': 'multipart/mixed; boundary=never' }),
      letter({ From: from, Subject: 'Odd five', To: bob.email, 'Content-Type': 'text/html' }, '<div>'.repeat(100_000)),
      Buffer.concat([
        Buffer.from(letter({ From: from, To: bob.email, Subject: 'Odd six' }, '')),
        Buffer.alloc(1000, 0xff),
      ]),
    ];
    for (const message of odd) {
      const first = await told(await handOver(bed, key, message, { 'x-envelope-to': `<${bob.email}>` }));
      expect(first).toEqual({ status: 200, body: { received: 1, repeated: 0 } });
      // Without a Message-ID of its own it is known by its bytes.
      const again = await told(await handOver(bed, key, message, { 'x-envelope-to': bob.email }));
      expect(again).toEqual({ status: 200, body: { received: 0, repeated: 1 } });
    }
    const seen = (await emailsOf(bob)).filter(({ subject }) => subject.includes('Odd'));
    expect(seen).toHaveLength(odd.length);
    expect(JSON.stringify(seen)).not.toContain('\\u0000');
  });

  test('joins the thread of what it answers, though fifty come at a time', async () => {
    await emailBy(ada, 'sendEmail', { to: parties('eve@outside.example'), subject: 'Poll', text: 'Yes or no?' });
    const asked = await emailOf(ada, 'Poll', ({ status }) => status === 'SENT');
    const answers = Array.from({ length: 50 }, (_, index) =>
      letter({
        From: from,
        To: ada.email,
        Subject: 'Re: Poll',
        'Message-ID': `<poll-${index}@outside.example>`,
        ...(index % 2 === 0
          ? { 'In-Reply-To': asked.messageId ?? '' }
          : { References: `<unknown@outside.example> ${asked.messageId}` }),
      }),
    );
    // Each comes twice, as from a mail server that lost the answer.
    const statuses = await Promise.all(
      [...answers, ...answers].map(async (message) => {
        for (;;) {
          const { status } = await handOver(bed, key, message);
          // It is told to come again where too many come at a time.
          if (status !== 503) return status;
        }
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    const data: { emailThread: object } = await ada.want(
      `{ emailThread(id: "${asked.thread.id}") { emailCount unreadCount emails { totalCount } } }`,
    );
    expect(data.emailThread).toEqual({ emailCount: 51, unreadCount: 50, emails: { totalCount: 51 } });
  });
});

test('keys are shown once, listed for administrators, and end at once', async () => {
  const source = await sourceOf(ada);
  expect(source.url).toBe(`${bed.url}/inbound/email`);
  const list =
    '{ inboundEmailSources { edges { node { id label lastFour lastUsedAt revokedAt createdBy { name } } } } }';
  const listed = await ada.want(list);
  expect(JSON.stringify(listed)).not.toContain(source.secret);
  expect(JSON.stringify(listed)).toContain(source.secret.slice(-4));
  expect(await bob.codes(list)).toEqual(['FORBIDDEN']);
  const message = letter({ From: from, To: bob.email, Subject: 'By key', 'Message-ID': '<k@outside.example>' });
  expect((await handOver(bed, source.secret, message)).status).toBe(200);
  const revoke = `mutation { revokeInboundEmailSource(input: { id: "${source.id}" }) { source { lastUsedAt revokedAt } } }`;
  expect(await stranger.codes(revoke)).toEqual(['NOT_FOUND']);
  const revoked: { revokeInboundEmailSource: { source: object } } = await ada.want(revoke);
  expect(revoked.revokeInboundEmailSource.source).toEqual({
    lastUsedAt: expect.any(String),
    revokedAt: expect.any(String),
  });
  expect((await handOver(bed, source.secret, message)).status).toBe(401);
});

test('in the folder of mails nothing of a blind copy is found', async () => {
  await emailBy(ada, 'sendEmail', {
    to: parties('eve@outside.example'),
    bcc: parties('hidden@outside.example'),
    subject: 'Folder',
    text: 'x',
  });
  await emailOf(ada, 'Folder', ({ status }) => status === 'SENT');
  const folder = outboxOf(bed);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.eml'));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'latin1')));
  const [own, ...more] = texts.filter((text) => text.includes('Subject: Folder\r\n'));
  expect(more).toEqual([]);
  expect(own).not.toMatch(/bcc|hidden@/i);
});

test('a member who leaves takes their mailbox with them; its files go at night', async () => {
  const message = [
    `From: ${from}`,
    `To: ${ada.email}, ${bob.email}`,
    'Subject: Left',
    'Message-ID: <left@outside.example>',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'x',
    '--b',
    'Content-Type: text/plain; name=a.txt',
    'Content-Disposition: attachment; filename=a.txt',
    '',
    'shared bytes',
    '--b--',
  ].join('\r\n');
  const leaving = await joined(bed, ada.organizationId, 'Lea', 'MEMBER', null, 'VIEWER');
  await verify(bed, leaving);
  const { services } = bed.server.installation;
  expect((await handOver(bed, key, message, { 'x-envelope-to': `${leaving.email}, ${ada.email}` })).status).toBe(200);
  const left = (await emailOf(leaving, 'Left')).attachments[0]?.file.id ?? '';
  const stays = (await emailOf(ada, 'Left')).attachments[0]?.file.id ?? '';
  await ada.want(`mutation { removeMember(input: { userId: "${leaving.userId}" }) { deletedId } }`);
  const whole = unitOf(bed, ada.organizationId).as(wholeOf(uuidOf(ada.organizationId)));
  const isFile = (id: string) => and(eq(files.organizationId, whole.organizationId), eq(files.id, uuidOf(id)));
  const yesterday = new Date(Date.now() - 2 * 86_400_000).toISOString();
  await whole.transact(() => database.update(files).set({ createdAt: yesterday }));
  const collected = await collectOrphans({ unit: whole, services }, new AbortController().signal);
  expect(collected).toMatchObject({ departed: 1, missing: 0 });
  const there = await whole.run(() => database.select({ id: files.id }).from(files).where(isFile(left)));
  await whole.rest();
  expect(there).toEqual([]);
  // The same bytes are another's still.
  const { createFileLink }: { createFileLink: { url: string } } = await ada.want(
    `mutation { createFileLink(input: { id: "${stays}" }) { url } }`,
  );
  expect(await (await fetch(new URL(createFileLink.url, bed.url))).text()).toContain('shared bytes');
  await quiet(bed, ada.organizationId);
});

describe('the transport', () => {
  const sent = (fields: Partial<Letter> = {}): Letter => ({
    messageId: '<one@tessera.example>',
    date: new Date(),
    sender: { name: 'Ada', address: 'ada@example.com' },
    answersToSender: true,
    to: [{ name: '', address: 'eve@outside.example' }],
    cc: [],
    subject: 'x',
    text: 'x',
    html: null,
    inReplyTo: null,
    references: [],
    enclosures: [],
    recipients: ['eve@outside.example'],
    ...fields,
  });
  const fault = (act: Promise<unknown>): Promise<unknown> => act.then(() => null).catch((error: unknown) => error);

  test('gives up on a server that hangs or is not there, for a later try', async () => {
    const hanging = createServer(() => undefined);
    await new Promise<void>((ready) => hanging.listen(0, '127.0.0.1', ready));
    const { port } = hanging.address() as AddressInfo;
    const options = { from: 'Tessera <no-reply@tessera.example>', outbox: '', timeoutMs: 300 };
    const transport = openTransport({ ...options, url: `smtp://127.0.0.1:${port}` });
    const first = await fault(transport.deliver(sent()));
    expect(first).toBeInstanceOf(Undelivered);
    expect(first).toMatchObject({ temporary: true });
    transport.close();
    await new Promise((closed) => hanging.close(closed));
    const second = await fault(transport.deliver(sent()));
    expect(second).toMatchObject({ temporary: true });
  });

  test('writes no header that a name or a subject begins', async () => {
    const outbox = await mkdtemp(join(tmpdir(), 'tessera-letters-'));
    const transport = openTransport({ url: undefined, from: 'Tessera <no-reply@tessera.example>', outbox });
    const evil = 'Eve\r\nBcc: evil@outside.example';
    await transport.deliver(
      sent({
        subject: evil,
        sender: { name: evil, address: 'ada@example.com' },
        to: [{ name: evil, address: 'eve@outside.example' }],
      }),
    );
    const [name = ''] = await readdir(outbox);
    const { headers, to } = await PostalMime.parse(await readFile(join(outbox, name)));
    expect(headers.map(({ key: header }) => header)).not.toContain('bcc');
    expect(to).toHaveLength(1);
    await rm(outbox, { recursive: true });
  });
});

test.each([
  ['<a href="javascript:alert(1)">x</a>', '<a rel="noopener noreferrer">x</a>'],
  ['<img src=x onerror=alert(1)><svg/onload=alert(1)>', '<img />'],
  ['<p style="background:url(https://spy.example);color:red">x</p>', '<p style="color:red">x</p>'],
  ['<form action="https://evil.example"><input name=p></form><iframe src=x></iframe>', ''],
])('HTML is cleaned: %s', (html, clean) => {
  expect(cleanHtml(html)).toBe(clean);
});

/** Parts within parts. */
const nested = (depth: number): string => {
  const parts: string[] = ['From: eve@outside.example', 'Subject: Deep', 'MIME-Version: 1.0'];
  for (let level = 0; level < depth; level++)
    parts.push(`Content-Type: multipart/mixed; boundary=b${level}`, '', `--b${level}`);
  return [...parts, 'Content-Type: text/plain', '', 'x'].join('\r\n');
};
