import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres from 'postgres';
import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { UnitOfWork } from '../src/database/unit-of-work.ts';
import { clientLink } from '../src/domains/links.ts';
import { newId } from '../src/ids.ts';
import { systemOrigin } from '../src/installation.ts';
import { openTransport } from '../src/mail/transport.ts';
import { mailsTo, mailTo, outboxOf } from './outbox.ts';
import { uuidOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

const from = 'Tessera <no-reply@tessera.example>';

describe('the folder', () => {
  let outbox: string;
  beforeAll(async () => {
    outbox = join(await mkdtemp(join(tmpdir(), 'tessera-mail-')), 'outbox');
  });
  afterAll(() => rm(join(outbox, '..'), { recursive: true }));

  test('holds a mail once, however often it is sent', async () => {
    const transport = openTransport({ url: undefined, from, outbox });
    const id = newId();
    const mail = { to: 'ada@example.com', subject: 'Grüße', text: `Ein Verweis: https://x.example/${'a'.repeat(90)}` };
    await Promise.all([transport.send(mail, id), transport.send(mail, id)]);
    const names = await readdir(outbox);
    expect(names).toHaveLength(1);
    expect(names[0]).toMatch(new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\d\\d-\\d\\d-\\d\\d\\.\\d{3}Z-${id}\\.eml$`));
  });

  test('takes an address for one, whatever it holds', async () => {
    const transport = openTransport({ url: undefined, from, outbox });
    await rm(outbox, { recursive: true });
    const to = 'ada@example.com, eve@example.com\r\nBcc: eve@example.com';
    await transport.send({ to, subject: 'Hello\r\nBcc: eve@example.com', text: 'Hello' }, newId());
    const [name = ''] = await readdir(outbox);
    const { headers, to: recipients } = await PostalMime.parse(await readFile(join(outbox, name)));
    expect(recipients).toHaveLength(1);
    expect(headers.map(({ key }) => key)).not.toContain('bcc');
  });
});

test('SMTP gets the mail with a Message-ID of its own, and a refusal is an error', async () => {
  const received: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo: ({ address }, _session, done) =>
      done(address.startsWith('nobody') ? new Error('There is no such mailbox.') : null),
    onData: (stream, _session, done) => {
      let message = '';
      stream.setEncoding('utf8').on('data', (part: string) => (message += part));
      stream.on('end', () => {
        received.push(message);
        done();
      });
    },
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.server.address() as AddressInfo;
  const transport = openTransport({ url: `smtp://127.0.0.1:${port}`, from, outbox: '' });
  const id = newId();

  await transport.send({ to: 'ada@example.com', subject: 'Hello', text: 'How are you?' }, id);
  await expect(transport.send({ to: 'nobody@example.com', subject: 'Hello', text: '?' }, newId())).rejects.toThrow();

  transport.close();
  await new Promise<void>((closed) => server.close(closed));
  const [message] = await Promise.all(received.map((each) => PostalMime.parse(each)));
  expect(received).toHaveLength(1);
  expect(message).toMatchObject({
    messageId: `<${id}@tessera.example>`,
    from: { name: 'Tessera', address: 'no-reply@tessera.example' },
    to: [{ address: 'ada@example.com' }],
    subject: 'Hello',
    text: 'How are you?\n',
  });
});

describe('a posted mail', () => {
  let bed: Testbed & { ownerUrl: string | undefined };
  let unit: UnitOfWork;
  beforeAll(async () => {
    bed = await startTestbed({ APP_URL: 'https://app.example/base/' });
    const ada = await bed.signUp();
    const organizationId = uuidOf(ada.organizationId);
    const scope = {
      organizationId,
      userId: uuidOf(ada.userId),
      principals: [organizationId],
      workspaces: '*' as const,
    };
    unit = new UnitOfWork(scope, { ...bed.server.installation.services, origin: systemOrigin });
  });
  afterAll(() => bed.stop());

  test('is sent when its transaction commits, and not when it is undone', async () => {
    const { mail } = bed.server.installation.services;
    const undone = unit.transact(async () => {
      await mail.post(unit, { to: 'undone@example.com', subject: 'Undone', text: 'No' });
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    await unit.transact(() => mail.post(unit, { to: 'done@example.com', subject: 'Done', text: 'Yes' }));

    expect((await mailTo(bed, 'done@example.com', /Done/)).text?.trim()).toBe('Yes');
    expect(await mailsTo(bed, 'undone@example.com')).toEqual([]);
  });

  test('is tried again while it cannot be sent', async () => {
    const { mail } = bed.server.installation.services;
    const send = mail.send.bind(mail);
    let failures = 0;
    mail.send = (...posted) => (failures++ === 0 ? Promise.reject(new Error('away')) : send(...posted));
    await unit.transact(() => mail.post(unit, { to: 'again@example.com', subject: 'Again', text: 'Yes' }));
    await mailTo(bed, 'again@example.com', /Again/);
    mail.send = send;
    expect(failures).toBe(2);
    await pause(100);
    expect(await mailsTo(bed, 'again@example.com')).toHaveLength(1);
  });

  const onPostgres = process.env.TEST_POSTGRES_URL === undefined ? test.skip : test;
  onPostgres('waits unreadable in the queue', async () => {
    const owner = postgres(bed.ownerUrl ?? '', { max: 1 });
    const { mail } = bed.server.installation.services;
    await unit.transact(() =>
      mail.post(unit, { to: 'sealed@example.com', subject: 'Sealed', text: 'tsr_verify_secret' }),
    );
    const rows = await owner`select data::text || coalesce(output::text, '') as row from pgboss.job
      union all select row_to_json(j)::text from jobs j`;
    await owner.end();
    expect(rows.length).toBeGreaterThan(1);
    expect(rows.filter(({ row }) => /sealed@example\.com|tsr_verify_/.test(String(row)))).toEqual([]);
  });

  test('has links into the client', () => {
    const { services } = bed.server.installation;
    expect(clientLink(services, '/verify-email', { token: 'a&b' })).toBe(
      'https://app.example/base/verify-email?token=a%26b',
    );
    expect(outboxOf(bed)).toContain(services.settings.dataDirectory);
  });
});
