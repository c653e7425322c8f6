import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import PostalMime, { type Email } from 'postal-mime';
import type { Testbed } from './testbed.ts';

/** Where a server leaves its mails. */
export const outboxOf = ({ server }: Testbed): string =>
  resolve(server.installation.services.settings.dataDirectory, 'outbox');

/** All mails to an address so far, oldest first. */
export const mailsTo = async (bed: Testbed, address: string): Promise<Email[]> => {
  const folder = outboxOf(bed);
  const names = await readdir(folder).catch(() => []);
  const mails = await Promise.all(
    names
      .filter((name) => name.endsWith('.eml'))
      .sort()
      .map(async (name) => PostalMime.parse(await readFile(join(folder, name)))),
  );
  return mails.filter(({ to }) => to?.some((recipient) => recipient.address === address));
};

/** The newest mail to an address whose subject matches, once there are `count` of them. Throws after ten seconds. */
export const mailTo = async (bed: Testbed, address: string, subject: RegExp, count = 1): Promise<Email> => {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline;) {
    const mails = (await mailsTo(bed, address)).filter((mail) => subject.test(mail.subject ?? ''));
    const newest = mails.at(-1);
    if (newest !== undefined && mails.length >= count) return newest;
    await pause(20);
  }
  throw new Error(`There are not ${count} mails to ${address} with ${subject}.`);
};

/** The token in the link of a mail. */
export const tokenIn = ({ text = '' }: Email): string => {
  const token = /[?&]token=(tsr_\w+)/.exec(text)?.[1];
  if (token === undefined) throw new Error('The mail holds no token.');
  return token;
};
