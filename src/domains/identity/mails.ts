import type { Mail } from '../../mail/mail.ts';
import { clientLink } from '../links.ts';
import type { Services } from '../services.ts';

/** Whom a mail is for. */
interface Recipient {
  readonly email: string;
  readonly name: string;
}

type Links = Pick<Services, 'settings' | 'address'>;

const mail = ({ email, name }: Recipient, subject: string, ...paragraphs: string[]): Mail => ({
  to: email,
  subject,
  text: [`Hello ${name},`, ...paragraphs].join('\n\n') + '\n',
});

const withToken = (links: Links, path: string, token: string): string =>
  `${clientLink(links, path, { token })}\n\nOr give this token to your client:\n\n${token}`;

/** Asks to prove an address, new or changed. */
export const verificationMail = (links: Links, recipient: Recipient, token: string): Mail =>
  mail(
    recipient,
    'Confirm your e-mail address',
    'Please confirm that this address is yours. The link works once, within 24 hours:',
    withToken(links, '/verify-email', token),
    'If you did not ask for this, do nothing.',
  );

/** Lets somebody choose a new password. */
export const resetMail = (links: Links, recipient: Recipient, token: string, minutes: number): Mail =>
  mail(
    recipient,
    'Choose a new password',
    `Somebody, probably you, wants to replace the password of your account. The link works once, within ${minutes} minutes:`,
    withToken(links, '/reset-password', token),
    'If it was not you, do nothing: your password stays as it is.',
  );

/** Tells the owner of an account what was done with it. */
export const noticeMail = (recipient: Recipient, subject: string, what: string): Mail =>
  mail(recipient, subject, what, 'If it was not you, reset your password at once and tell your administrator.');

/** What an invite's mail tells. */
interface InviteLetter {
  readonly email: string;
  /** Name of the organization. */
  readonly organization: string;
  /** The secret by which it is claimed. */
  readonly code: string;
  /** RFC 3339. */
  readonly expiresAt: string;
}

/** Invites somebody, whose name nobody knows yet, into an organization. */
export const inviteMail = (links: Links, { email, organization, code, expiresAt }: InviteLetter): Mail => {
  // A name is somebody's free text: in a subject it stays on one line.
  const name = organization.replace(/\s+/g, ' ');
  return {
    to: email,
    subject: `You are invited to ${name}`,
    text:
      [
        'Hello,',
        `you are invited to join ${name}. The invite is for this address alone, and open until ${expiresAt}:`,
        withToken(links, '/join', code),
        'If you do not know the organization, do nothing.',
      ].join('\n\n') + '\n',
  };
};
