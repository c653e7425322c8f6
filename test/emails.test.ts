import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import PostalMime from 'postal-mime';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { joined, quiet } from './access/cast.ts';
import { emailBy, emailOf, emailsOf, parties, verify } from './mailboxes.ts';
import { MailServer, refusal } from './smtp.ts';
import { unitOf, uuidOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';
import { uploaded } from './uploading.ts';

type SignedUp = Awaited<ReturnType<Testbed['signUp']>>;

let bed: Testbed & { ownerUrl: string | undefined };
let smtp: MailServer;
let ada: SignedUp;
let bob: SignedUp;
let cyd: SignedUp;
let stranger: SignedUp;

beforeAll(async () => {
  smtp = await MailServer.start();
  bed = await startTestbed({ MAIL_URL: smtp.url, MAIL_FROM: 'Tessera <no-reply@tessera.example>' });
  ada = await bed.signUp('Ada');
  bob = await joined(bed, ada.organizationId, 'Bob', 'MEMBER', null, 'VIEWER');
  cyd = await joined(bed, ada.organizationId, 'Cyd', 'MEMBER', null, 'VIEWER');
  stranger = await bed.signUp('Stranger');
  await verify(bed, ada);
});
afterAll(async () => {
  await bed.stop();
  await smtp.stop();
});
beforeEach(() => {
  smtp.onRcpt = () => null;
  smtp.onMessage = () => null;
});

const outside = 'eve@outside.example';
const isSettled = ({ status }: { status: string }) => status === 'SENT' || status === 'FAILED';

describe('an e-mail on its way', () => {
  test('goes into the mailboxes of members and by SMTP to all others, once, from the installation in the sender’s name', async () => {
    const picture = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7919) % 256));
    const fileId = await uploaded(bed, ada, 'report ü.bin', picture, 'application/octet-stream');
    await emailBy(ada, 'sendEmail', {
      to: [{ name: 'Bob B.', address: bob.email }, { address: outside }],
      cc: parties('fay@outside.example'),
      subject: 'Report',
      text: 'Grüße\n.\nEnd',
      html: '<p onclick="x()">Grüße<script>1</script></p>',
      attachmentIds: [fileId],
    });
    const sent = await emailOf(ada, 'Report', isSettled);
    expect(sent).toMatchObject({ status: 'SENT', failedAddresses: [], attempts: 1, html: '<p>Grüße</p>' });
    const [message, ...more] = smtp.of('Report');
    expect(more).toEqual([]);
    expect(message).toMatchObject({ from: 'no-reply@tessera.example', recipients: [outside, 'fay@outside.example'] });
    const read = await PostalMime.parse(Buffer.from(message?.raw ?? '', 'latin1'));
    expect(read).toMatchObject({
      messageId: sent.messageId,
      from: { name: 'Ada', address: 'no-reply@tessera.example' },
      replyTo: [{ name: 'Ada', address: ada.email }],
      to: [{ name: 'Bob B.', address: bob.email }, { address: outside }],
      cc: [{ address: 'fay@outside.example' }],
      subject: 'Report',
    });
    expect(read.text?.trimEnd()).toBe('Grüße\n.\nEnd');
    expect(read.html).not.toContain('script');
    expect(read.attachments).toHaveLength(1);
    expect(read.attachments[0]?.filename).toBe('report ü.bin');
    expect(Buffer.from(read.attachments[0]?.content as ArrayBuffer).equals(picture)).toBe(true);

    const received = await emailOf(bob, 'Report');
    expect(received).toMatchObject({
      status: 'RECEIVED',
      from: { name: 'Ada', address: ada.email },
      messageId: sent.messageId,
      readAt: null,
      thread: { emailCount: 1, unreadCount: 1 },
      attachments: [{ name: 'report ü.bin', file: { size: picture.length } }],
    });
    // The file is Bob's own: neither the one that Ada uploaded nor that of her mailbox.
    const [attached] = received.attachments;
    expect(attached?.file.id).not.toBe(fileId);
    const link: { createFileLink: { url: string } } = await bob.want(
      `mutation { createFileLink(input: { id: "${attached?.file.id}" }) { url } }`,
    );
    const bytes = await fetch(new URL(link.createFileLink.url, bed.url));
    expect(Buffer.from(await bytes.arrayBuffer()).equals(picture)).toBe(true);
    expect(await cyd.codes(`{ node(id: "${attached?.file.id}") { id } }`)).toEqual(['NOT_FOUND']);
  });

  test('does not give answers to an address that nobody has proven', async () => {
    await emailBy(bob, 'sendEmail', { to: parties(outside), subject: 'Unproven', text: 'x' });
    await emailOf(bob, 'Unproven', isSettled);
    expect(smtp.of('Unproven')[0]?.raw).not.toMatch(/reply-to/i);
  });

  test('shows a blind copy to nobody: not by the API, in no row, and in no byte that leaves', async () => {
    const hidden = 'hidden-recipient@outside.example';
    await emailBy(ada, 'sendEmail', {
      to: parties(bob.email, outside),
      bcc: parties(cyd.email, hidden),
      subject: 'Blind',
      text: 'x',
    });
    expect(await emailOf(ada, 'Blind', isSettled)).toMatchObject({
      status: 'SENT',
      bcc: [{ address: cyd.email }, { address: hidden }],
    });
    const [message, ...more] = smtp.of('Blind');
    expect(more).toEqual([]);
    expect(message?.recipients).toEqual([outside, hidden]);
    // A header of this name: the letters alone may stand in an id.
    expect(message?.raw).not.toMatch(new RegExp(`^bcc\\s*:|${hidden}|${cyd.email}`, 'im'));
    for (const person of [bob, cyd]) {
      const email = await emailOf(person, 'Blind');
      expect(email.bcc).toEqual([]);
      expect(JSON.stringify({ ...email, id: '' })).not.toMatch(new RegExp(`${hidden}|${cyd.email}`));
      const rows = await mailboxRows(person);
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.filter((row) => row.includes('Blind')).join()).not.toMatch(new RegExp(`${hidden}|${cyd.email}`));
    }
    const found: { searchEmails: { edges: unknown[] } } = await bob.want(
      `{ searchEmails(query: "hidden-recipient") { edges { node { id } } } }`,
    );
    expect(found.searchEmails.edges).toEqual([]);
  });

  test('takes no header from what a member writes', async () => {
    const input = (fields: object) => ({ input: { to: parties(outside), subject: 'x', text: 'x', ...fields } });
    const send = 'mutation ($input: SendEmailInput!) { sendEmail(input: $input) { email { id } } }';
    for (const fields of [
      { subject: 'Hello\r\nBcc: evil@outside.example' },
      { to: [{ name: 'Eve\r\nBcc: evil@outside.example', address: outside }] },
      { to: [{ address: 'eve@outside.example\r\nBcc: evil@outside.example' }] },
      { to: [{ address: 'eve@outside.example, evil@outside.example' }] },
      { to: Array.from({ length: 101 }, (_, index) => ({ address: `e${index}@outside.example` })) },
      { to: [] },
      { subject: 'x'.repeat(999) },
      { text: 'a\0b' },
      { html: '<div>'.repeat(201) },
      { attachmentIds: Array.from({ length: 21 }, () => ada.organizationId.replace('organization', 'file')) },
      { sendAt: new Date(Date.now() + 31 * 86_400_000).toISOString() },
    ])
      expect([fields, (await ada.codes(send, input(fields)))[0]]).toEqual([fields, 'BAD_USER_INPUT']);
    await quiet(bed, ada.organizationId);
    expect(JSON.stringify(smtp.taken)).not.toContain('evil@');
  });

  test('is tried again after a fault that passes, and once it is taken, taken once', async () => {
    let faults = 0;
    smtp.onMessage = () => (faults++ === 0 ? refusal(451, 'Greylisted, come back later') : null);
    await emailBy(ada, 'sendEmail', { to: parties(outside, bob.email), subject: 'Again', text: 'x' });
    expect(await emailOf(ada, 'Again', isSettled)).toMatchObject({ status: 'SENT', attempts: 2, failure: null });
    expect(smtp.of('Again')).toHaveLength(1);
    expect((await emailsOf(bob)).filter(({ subject }) => subject === 'Again')).toHaveLength(1);
  });

  test('fails for good where the server says so, and can be sent again', async () => {
    smtp.onRcpt = () => refusal(550, 'No such mailbox');
    await emailBy(ada, 'sendEmail', { to: parties(outside, bob.email), subject: 'Refused', text: 'x' });
    const failed = await emailOf(ada, 'Refused', isSettled);
    expect(failed).toMatchObject({ status: 'FAILED', attempts: 1, failedAddresses: [outside] });
    expect(failed.failure).toContain('No such mailbox');
    expect((await emailOf(bob, 'Refused')).status).toBe('RECEIVED');
    smtp.onRcpt = () => null;
    await emailBy(ada, 'retryEmail', { id: failed.id });
    const sent = await emailOf(ada, 'Refused', isSettled);
    expect(sent).toMatchObject({ status: 'SENT', messageId: failed.messageId, failure: null, failedAddresses: [] });
    expect((await emailsOf(bob)).filter(({ subject }) => subject === 'Refused')).toHaveLength(1);
    expect(await ada.codes(`mutation { retryEmail(input: { id: "${sent.id}" }) { email { id } } }`)).toEqual([
      'CONFLICT',
    ]);
  });

  test('is sent where a part of the recipients was taken, and tells the others', async () => {
    smtp.onRcpt = (address) => (address.startsWith('nobody') ? refusal(550, 'No such mailbox') : null);
    await emailBy(ada, 'sendEmail', { to: parties(outside, 'nobody@outside.example'), subject: 'Partly', text: 'x' });
    expect(await emailOf(ada, 'Partly', isSettled)).toMatchObject({
      status: 'SENT',
      failedAddresses: ['nobody@outside.example'],
    });
    expect(smtp.of('Partly')).toHaveLength(1);
  });

  test('is taken back until it is begun', async () => {
    const sendAt = new Date(Date.now() + 3_600_000).toISOString();
    const queued = await emailBy(ada, 'sendEmail', {
      to: parties(outside, bob.email),
      subject: 'Later',
      text: 'x',
      sendAt,
    });
    expect(queued).toMatchObject({ status: 'QUEUED', sendAt, sentAt: null, thread: { emailCount: 1 } });
    expect(await ada.codes(`mutation { deleteEmail(input: { id: "${queued.id}" }) { deletedId } }`)).toEqual([
      'CONFLICT',
    ]);
    const draft = await emailBy(ada, 'cancelEmail', { id: queued.id });
    expect(draft).toMatchObject({ status: 'DRAFT', messageId: null, sendAt: null, thread: { emailCount: 0 } });
    expect(await ada.codes(`mutation { cancelEmail(input: { id: "${queued.id}" }) { email { id } } }`)).toEqual([
      'CONFLICT',
    ]);
    await quiet(bed, ada.organizationId);
    expect(smtp.of('Later')).toEqual([]);
    expect((await emailsOf(bob)).map(({ subject }) => subject)).not.toContain('Later');
    // The draft can go out after all, now.
    await emailBy(ada, 'sendEmail', { draftId: draft.id, version: draft.version });
    await emailOf(ada, 'Later', isSettled);
    expect(smtp.of('Later')).toHaveLength(1);
    expect(await ada.codes(`mutation { cancelEmail(input: { id: "${queued.id}" }) { email { id } } }`)).toEqual([
      'CONFLICT',
    ]);
  });
});

describe('a draft', () => {
  const update =
    'mutation ($input: UpdateEmailDraftInput!) { updateEmailDraft(input: $input) { email { version subject } } }';

  test('is changed by the first of several who change one version; the others get its state', async () => {
    const draft = await emailBy(ada, 'createEmailDraft', { subject: 'Draft', text: 'One' });
    expect(draft).toMatchObject({ status: 'DRAFT', version: 1, thread: { emailCount: 0 } });
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        ada.ask(update, { input: { id: draft.id, version: 1, subject: `Draft ${index}` } }),
      ),
    );
    const won = answers.filter(({ errors }) => errors.length === 0);
    expect(won).toHaveLength(1);
    const data = won[0]?.data as { updateEmailDraft: { email: { subject: string } } } | undefined;
    for (const { errors } of answers.filter((answer) => answer.errors.length > 0))
      expect(errors[0]?.extensions).toMatchObject({
        code: 'CONFLICT',
        current: { id: draft.id, version: 2, subject: data?.updateEmailDraft.email.subject, text: 'One' },
      });
  });

  test('keeps, takes and gives away attachments, within their bounds', async () => {
    const [one, two] = [await uploaded(bed, ada, 'one.txt', 'one'), await uploaded(bed, ada, 'two.txt', 'two')];
    const draft = await emailBy(ada, 'createEmailDraft', { subject: 'Files', attachmentIds: [one] });
    const [kept] = draft.attachments;
    const changed = await emailBy(ada, 'updateEmailDraft', {
      id: draft.id,
      version: 1,
      attachmentIds: [two, kept?.file.id],
    });
    expect(changed.attachments.map(({ name }) => name)).toEqual(['two.txt', 'one.txt']);
    expect(changed.attachments[1]?.file.id).toBe(kept?.file.id);
    const emptied = await emailBy(ada, 'updateEmailDraft', { id: draft.id, version: 2, attachmentIds: [] });
    expect(emptied.attachments).toEqual([]);
    expect(await ada.codes(`{ node(id: "${kept?.file.id}") { id } }`)).toEqual(['NOT_FOUND']);
    // What was uploaded is as it was.
    await ada.want(`{ node(id: "${one}") { id } }`);

    const large = await uploaded(bed, ada, 'large.bin', Buffer.alloc(13_000_000, 1), 'application/octet-stream');
    const larger = await uploaded(bed, ada, 'larger.bin', Buffer.alloc(13_000_001, 2), 'application/octet-stream');
    const before = await mailboxRows(ada);
    const input = { id: draft.id, version: 3, subject: 'Changed', attachmentIds: [large, larger] };
    const { errors } = await ada.ask(update, { input });
    expect(errors[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT', field: 'attachmentIds' } });
    expect(errors[0]?.message).toContain('25000000');
    const secret = await uploaded(bed, bob, 'secret.txt', 'Bob’s own');
    expect(await cyd.codes(update.replace('updateEmailDraft(', 'updateEmailDraft('), { input })).toEqual(['NOT_FOUND']);
    const create = 'mutation ($input: CreateEmailDraftInput!) { createEmailDraft(input: $input) { email { id } } }';
    expect(await cyd.codes(create, { input: { attachmentIds: [secret] } })).toEqual(['NOT_FOUND']);
    expect(await mailboxRows(ada)).toEqual(before);
    expect(await emailsOf(cyd, { status: { eq: 'DRAFT' } })).toEqual([]);
  });

  test('is sent as it is, once', async () => {
    const draft = await emailBy(ada, 'createEmailDraft', { to: parties(bob.email), subject: 'Once', text: 'x' });
    const send = 'mutation ($input: SendEmailInput!) { sendEmail(input: $input) { email { status } } }';
    expect(await ada.codes(send, { input: { draftId: draft.id, subject: 'Other' } })).toEqual(['BAD_USER_INPUT']);
    expect(await ada.codes(send, { input: { draftId: draft.id, version: 7 } })).toEqual(['CONFLICT']);
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => ada.codes(send, { input: { draftId: draft.id, version: 1 } })),
    );
    expect(answers.filter((codes) => codes.length === 0)).toHaveLength(1);
    await quiet(bed, ada.organizationId);
    expect((await emailsOf(bob)).filter(({ subject }) => subject === 'Once')).toHaveLength(1);
    expect(await ada.codes(update, { input: { id: draft.id, version: 2, subject: 'Late' } })).toEqual(['CONFLICT']);
  });
});

describe('a mailbox', () => {
  test('is shown to nobody else, administrators of the organization and others', async () => {
    await emailBy(bob, 'sendEmail', { to: parties(cyd.email), subject: 'Between', text: 'Confidential words' });
    const email = await emailOf(bob, 'Between', isSettled);
    // Ada owns the organization.
    for (const person of [ada, cyd, stranger]) {
      for (const query of [
        `{ email(id: "${email.id}") { id } }`,
        `{ node(id: "${email.id}") { id } }`,
        `{ emailThread(id: "${email.thread.id}") { id } }`,
        `mutation { deleteEmail(input: { id: "${email.id}" }) { deletedId } }`,
        `mutation { starEmail(input: { id: "${email.id}" }) { email { id } } }`,
        `mutation { markEmailsRead(input: { ids: ["${email.id}"] }) { emails { id } } }`,
        `mutation { archiveEmailThread(input: { id: "${email.thread.id}" }) { emailThread { id } } }`,
        `mutation { cancelEmail(input: { id: "${email.id}" }) { email { id } } }`,
        `mutation { retryEmail(input: { id: "${email.id}" }) { email { id } } }`,
        `mutation { sendEmail(input: { draftId: "${email.id}" }) { email { id } } }`,
        `mutation { createEmailDraft(input: { replyToEmailId: "${email.id}" }) { email { id } } }`,
      ])
        expect([query, (await person.codes(query))[0]]).toEqual([query, 'NOT_FOUND']);
      const found: { searchEmails: { edges: { node: { id: string } }[] } } = await person.want(
        '{ searchEmails(query: "confidential words") { edges { node { id subject } } } }',
      );
      expect(found.searchEmails.edges).toHaveLength(person === cyd ? 1 : 0);
      expect((await emailsOf(person)).map(({ id }) => id)).not.toContain(email.id);
    }
    const unit = unitOf(bed, ada.organizationId);
    const log = await unit.run(() =>
      database.execute<{ row: string }>(sql`select row_to_json(e)::text as row from events e`),
    );
    await unit.rest();
    const told = log.map(({ row }) => row).filter((row) => row.includes('email.'));
    expect(told.length).toBeGreaterThan(0);
    expect(told.join()).not.toMatch(/Between|Confidential|outside\.example/);
  });

  test('puts answers into the thread of what they answer, and counts', async () => {
    await emailBy(ada, 'sendEmail', { to: parties(bob.email), subject: 'Question', text: 'Lunch at noon?' });
    const question = await emailOf(bob, 'Question');
    await emailBy(bob, 'sendEmail', {
      to: parties(ada.email),
      subject: 'Re: Question',
      text: 'Gladly.',
      replyToEmailId: question.id,
    });
    const answer = await emailOf(ada, 'Re: Question');
    const asked = await emailOf(ada, 'Question', isSettled);
    expect(answer).toMatchObject({
      inReplyTo: asked.messageId,
      thread: { id: asked.thread.id, emailCount: 2, unreadCount: 1 },
    });
    // The same subject alone joins nothing.
    await emailBy(bob, 'sendEmail', { to: parties(ada.email), subject: 'Question', text: 'Another' });
    await quiet(bed, ada.organizationId);
    const same = (await emailsOf(ada)).filter(({ subject }) => subject === 'Question');
    expect(new Set(same.map(({ thread }) => thread.id)).size).toBe(2);

    const archive = `mutation { archiveEmailThread(input: { id: "${asked.thread.id}" }) { emailThread { archivedAt } } }`;
    await ada.want(archive);
    const threads = async (filter: string) => {
      const data: { emailThreads: { totalCount: number; edges: { node: { id: string } }[] } } = await ada.want(
        `{ emailThreads(first: 100${filter}) { totalCount edges { node { id subject emails { totalCount edges { node { subject } } } } } } }`,
      );
      expect(data.emailThreads.totalCount).toBe(data.emailThreads.edges.length);
      return data.emailThreads.edges.map(({ node }) => node.id);
    };
    expect(await threads('')).not.toContain(asked.thread.id);
    expect(await threads(', filter: { archived: { eq: true } }')).toEqual([asked.thread.id]);
    expect(await threads(', filter: { unread: { eq: true }, archived: { eq: true } }')).toEqual([asked.thread.id]);
    const marked: { markEmailsRead: { emails: { readAt: string; thread: { unreadCount: number } }[] } } =
      await ada.want(
        `mutation { markEmailsRead(input: { ids: ["${answer.id}"] }) { emails { readAt thread { unreadCount } } } }`,
      );
    expect(marked.markEmailsRead.emails).toEqual([{ readAt: expect.any(String), thread: { unreadCount: 0 } }]);
    // A new answer brings it out of the archive.
    await emailBy(bob, 'sendEmail', {
      to: parties(ada.email),
      subject: 'Re: Re: Question',
      text: 'Or at one?',
      replyToEmailId: (await emailOf(bob, 'Re: Question')).id,
    });
    await emailOf(ada, 'Re: Re: Question');
    expect(await threads('')).toContain(asked.thread.id);
    await ada.want(`mutation { deleteEmail(input: { id: "${answer.id}" }) { deletedId } }`);
    expect((await emailOf(ada, 'Re: Re: Question')).thread).toMatchObject({ id: asked.thread.id, emailCount: 2 });
  });

  test('is searched by all words, newest first, by pages', async () => {
    for (const number of [1, 2, 3]) {
      await emailBy(ada, 'sendEmail', {
        to: parties(bob.email),
        subject: `Tulip ${number}`,
        text: `Crème brûlée and bulbs ${number}`,
      });
      await quiet(bed, ada.organizationId);
    }
    const search = async (query: string, rest = '') => {
      const data: {
        searchEmails: {
          edges: {
            cursor: string;
            node: { subject: string };
            snippet: { text: string; matches: { start: number; end: number }[] };
          }[];
          pageInfo: { hasNextPage: boolean; endCursor: string };
        };
      } = await bob.want(
        `query ($query: String!) { searchEmails(query: $query${rest}) { edges { cursor node { subject } snippet { text matches { start end } } } pageInfo { hasNextPage endCursor } } }`,
        { query },
      );
      return data.searchEmails;
    };
    const all = await search('CREME tulip');
    expect(all.edges.map(({ node }) => node.subject)).toEqual(['Tulip 3', 'Tulip 2', 'Tulip 1']);
    const [first] = all.edges;
    expect(first?.snippet.matches.map(({ start, end }) => first.snippet.text.slice(start, end))).toEqual(['Crème']);
    const page = await search('bulbs', ', first: 2');
    expect(page.pageInfo.hasNextPage).toBe(true);
    const rest = await search('bulbs', `, first: 2, after: "${page.pageInfo.endCursor}"`);
    expect(rest.edges.map(({ node }) => node.subject)).toEqual(['Tulip 1']);
    expect((await search('bulbs 2')).edges.map(({ node }) => node.subject)).toEqual(['Tulip 2']);
    expect(await bob.codes('{ searchEmails(query: "…") { edges { cursor } } }')).toEqual(['BAD_USER_INPUT']);
  });

  test('tells its owner what happens in it, and nobody else', async () => {
    const own = bob.subscribe('subscription { emailEvents { kind emails { subject status } } }');
    const others = cyd.subscribe('subscription { emailEvents { kind emails { subject } } }');
    const heard = own.results.next();
    const foreign = others.results.next();
    // Subscriptions begin a moment after they were asked for.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await emailBy(ada, 'sendEmail', { to: parties(bob.email), subject: 'Heard', text: 'x' });
    expect((await heard).value).toMatchObject({
      data: { emailEvents: { kind: 'RECEIVED', emails: [{ subject: 'Heard', status: 'RECEIVED' }] } },
    });
    await emailBy(ada, 'sendEmail', { to: parties(cyd.email), subject: 'For Cyd', text: 'x' });
    expect((await foreign).value).toMatchObject({ data: { emailEvents: { emails: [{ subject: 'For Cyd' }] } } });
    await Promise.all([own.stop(), others.stop()]);
  });
});

/** All rows of somebody's mailbox as text, as the database shows them. */
const mailboxRows = async (person: SignedUp): Promise<string[]> => {
  const organizationId = uuidOf(person.organizationId);
  const unit = unitOf(bed, person.organizationId).as({
    organizationId,
    userId: uuidOf(person.userId),
    principals: [organizationId],
    workspaces: '*',
  });
  const rows: string[] = [];
  for (const table of ['emails', 'email_threads', 'email_attachments', 'email_terms'])
    rows.push(
      ...(
        await unit.run(() =>
          database.execute<{ row: string }>(
            sql.raw(`select row_to_json(t)::text as row from ${table} t order by t.id`),
          ),
        )
      ).map(({ row }) => row),
    );
  await unit.rest();
  return rows;
};
