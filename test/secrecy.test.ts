import { expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { discovery } from '../src/domains/tenancy/viewers.ts';
import { codeOf, forgetSteps, mutate, signIn, trySignIn } from './account.ts';
import { mailTo, tokenIn } from './outbox.ts';
import { unitOf, uuidOf } from './talk.ts';
import { startTestbed, type Answer, type Person, type Testbed } from './testbed.ts';

const passwords = {
  first: 'correct horse battery',
  second: 'purple monkey dishwasher',
  third: 'orbital teapot symphony',
  fourth: 'granite umbrella nocturne',
  wrong: 'mistaken lantern quarrel',
};

/** All rows that somebody sees of all tables, those of the queue too, as text by table. */
const rowsSeenBy = async (
  bed: Testbed,
  { organizationId, userId }: { organizationId: string; userId: string },
): Promise<Map<string, string>> => {
  const unit = unitOf(bed, null).as(discovery(uuidOf(organizationId), uuidOf(userId)));
  const tables = await unit.run(() =>
    database.execute<{ name: string }>(sql`select format('%I.%I', table_schema, table_name) as name
      from information_schema.tables where table_schema in ('public', 'knowledge', 'pgboss') and table_type = 'BASE TABLE'`),
  );
  const seen = new Map<string, string>();
  for (const { name } of tables) {
    const rows = await unit.run(() =>
      database.execute<{ row: string }>(sql`select t::text as row from ${sql.raw(name)} t`),
    );
    seen.set(name, rows.map(({ row }) => row).join('\n'));
  }
  await unit.rest();
  return seen;
};

test('no secret is in the log, in the database, in errors or in statements', async () => {
  const lines: string[] = [];
  const bed = await startTestbed({ LOG_LEVEL: 'trace', RATE_LIMIT: 'on' }, (line) => lines.push(line));
  const statements = new Set<string>();
  const told: string[] = [];
  const secrets = new Map<string, string>(Object.entries(passwords).map(([name, each]) => [each, `password ${name}`]));
  const codes: string[] = [];
  const heard = (answer: Answer): Answer => {
    told.push(JSON.stringify(answer.errors));
    for (const statement of answer.statements) statements.add(statement);
    return answer;
  };
  const mailed = async (to: string, subject: RegExp, count = 1): Promise<string> => {
    const token = tokenIn(await mailTo(bed, to, subject, count));
    secrets.set(token, `token of ${subject}`);
    return token;
  };
  const ask = async (person: Person, field: string, input: object | null, selection?: string) =>
    heard(await mutate(person, field, input, selection));

  const ada = await bed.signUp();
  secrets.set(ada.token ?? '', 'session');
  const { mail, keyRing } = bed.server.installation.services;

  // A mail server and a key that fail with all they know.
  const send = mail.send.bind(mail);
  mail.send = async (sealed) => {
    mail.send = send;
    throw new Error(`550 refused: ${await keyRing.decrypt(sealed)}`);
  };
  await ask(ada, 'requestEmailVerification', null);
  await ask(bed.anonymous, 'verifyEmail', { token: await mailed(ada.email, /Confirm/, 2) });
  const email = `new-${ada.email}`;
  await ask(ada, 'changeEmail', { email, password: passwords.wrong });
  await ask(ada, 'changeEmail', { email, password: passwords.first });
  await ask(bed.anonymous, 'verifyEmail', { token: await mailed(email, /Confirm/) });

  const begun = await ask(ada, 'enableTwoFactor', null, 'secret uri qrCode');
  const { enableTwoFactor }: { enableTwoFactor: { secret: string; qrCode: string } } = begun.data;
  const { secret, qrCode } = enableTwoFactor;
  secrets.set(secret, 'shared secret').set(qrCode, 'QR code');
  const shown = (recoveryCodes: readonly string[]) => {
    for (const code of recoveryCodes) secrets.set(code, 'recovery code').set(code.replaceAll('-', ''), 'recovery code');
    return recoveryCodes;
  };
  const code = async (halfMinutes: number) => {
    const made = await codeOf(secret, halfMinutes);
    codes.push(made);
    return made;
  };
  await ask(ada, 'confirmTwoFactor', { code: '000000' });
  const confirmed = await ask(ada, 'confirmTwoFactor', { code: await code(0) }, 'recoveryCodes');
  const { confirmTwoFactor }: { confirmTwoFactor: { recoveryCodes: string[] } } = confirmed.data;
  const [used = ''] = shown(confirmTwoFactor.recoveryCodes);

  heard(await trySignIn(bed, { email, password: passwords.wrong }));
  heard(await trySignIn(bed, { email: 'nobody@example.com', password: passwords.wrong }));
  heard(await trySignIn(bed, { email, password: passwords.first, code: used.slice(1) }));
  const decrypt = keyRing.decrypt.bind(keyRing);
  keyRing.decrypt = async (sealed) => {
    keyRing.decrypt = decrypt;
    throw Object.assign(new TypeError('A fault of ours.'), { secret: await decrypt(sealed) });
  };
  heard(await trySignIn(bed, { email, password: passwords.first, code: used }));
  const again = await signIn(bed, { email, password: passwords.first, code: used });
  secrets.set(again.token ?? '', 'session');
  await signIn(bed, { email, password: passwords.first, code: await code(1) });

  await ask(ada, 'changePassword', { currentPassword: passwords.first, newPassword: email });
  await ask(ada, 'changePassword', { currentPassword: passwords.first, newPassword: passwords.second });
  await ask(bed.anonymous, 'requestPasswordReset', { email });
  const token = await mailed(email, /new password/);
  await ask(bed.anonymous, 'resetPassword', { token, newPassword: 'password' });
  await ask(bed.anonymous, 'resetPassword', { token, newPassword: passwords.third });
  await ask(bed.anonymous, 'resetPassword', { token, newPassword: passwords.third });
  await forgetSteps(bed, ada.userId);
  const last = await signIn(bed, { email, password: passwords.third, code: await code(0) });
  const renewed = await ask(last, 'createRecoveryCodes', { password: passwords.third }, 'recoveryCodes');
  const { createRecoveryCodes }: { createRecoveryCodes: { recoveryCodes: string[] } } = renewed.data;
  const [a, b, c] = shown(createRecoveryCodes.recoveryCodes);
  const recover = { email, newPassword: passwords.fourth };
  await ask(bed.anonymous, 'resetPasswordWithRecoveryCodes', { ...recover, codes: [a, used] });
  await ask(bed.anonymous, 'resetPasswordWithRecoveryCodes', { ...recover, codes: [a, b] });
  await forgetSteps(bed, ada.userId);
  const end = await signIn(bed, { email, password: passwords.fourth, code: await code(0) });
  await ask(end, 'disableTwoFactor', { password: passwords.fourth, code: c });
  await ask(end, 'disableTwoFactor', { password: passwords.fourth, code: await code(1) });
  await mailTo(bed, email, /replaced/, 3);

  const seen = await rowsSeenBy(bed, ada);
  await bed.stop();
  const places = new Map([
    ...seen,
    ['log', lines.join('\n')],
    ['errors', told.join('\n')],
    ['statements', [...statements].join('\n')],
  ]);
  // It would be seen: the tables are full, the faults are in the log, and the mails hold what they should.
  for (const full of ['public.events', 'public.platform_events', 'public.jobs', 'pgboss.job', 'public.access_tokens'])
    expect(seen.get(full)?.split('\n').length).toBeGreaterThan(0);
  expect(seen.get('public.events')).toContain('two_factor.disabled');
  expect(seen.get('public.platform_events')).toContain('sign_in.failed');
  expect(lines.join('\n')).toMatch(/A job failed/);
  expect(lines.join('\n')).toMatch(/A fault of ours/);
  expect(secrets.size).toBeGreaterThan(40);
  const leaks: string[] = [];
  for (const [place, text] of places) {
    for (const [each, kind] of secrets) if (text.includes(each)) leaks.push(`${kind} in ${place}`);
    for (const each of codes) if (new RegExp(`\\b${each}\\b`).test(text)) leaks.push(`code in ${place}`);
  }
  expect(leaks).toEqual([]);
}, 60_000);
