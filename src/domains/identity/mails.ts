import type { Mail } from '../../mail/mail.ts';
import { clientLink } from '../links.ts';
import type { Services } from '../services.ts';

/** Whom a mail is for. */
interface Recipient {
  readonly email: string;
  readonly name: string;
}

type Links = Pick<Services, 'settings' | 'address'>;

const mail = (to: string, subject: string, ...paragraphs: string[]): Mail => ({
  to,
  subject,
  text: `${paragraphs.join('\n\n')}\n`,
});

const withToken = (links: Links, path: string, token: string): string =>
  `${clientLink(links, path, { token })}\n\nOr give this token to your client:\n\n${token}`;

/** Asks to prove an address, new or changed. Says nothing that whoever gave the address has chosen: it may be a stranger's. */
export const verificationMail = (links: Links, email: string, token: string): Mail =>
  mail(
    email,
    'Confirm your e-mail address',
    'Hello,',
    'Please confirm that this address is yours. The link works once, within 24 hours:',
    withToken(links, '/verify-email', token),
    'If you did not ask for this, do nothing.',
  );

/** Lets somebody choose a new password. */
export const resetMail = (links: Links, { email, name }: Recipient, token: string, minutes: number): Mail =>
  mail(
    email,
    'Choose a new password',
    `Hello ${name},`,
    `Somebody, probably you, wants to replace the password of your account. The link works once, within ${minutes} minutes:`,
    withToken(links, '/reset-password', token),
    'If it was not you, do nothing: your password stays as it is.',
  );

/** Tells the owner of an account what was done with it. */
export const noticeMail = ({ email, name }: Recipient, subject: string, what: string): Mail =>
  mail(
    email,
    subject,
    `Hello ${name},`,
    what,
    'If it was not you, reset your password at once and tell your administrator.',
  );
