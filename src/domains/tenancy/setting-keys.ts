import { z } from 'zod';
import { byKey, settingKey } from '../setting-key.ts';
import { isTimeZone } from './time-zone.ts';

/** Words on one line, as they stand in subjects and signatures. */
const line = (max: number) =>
  z
    .string()
    .trim()
    .min(1, `This takes 1 to ${max} characters.`)
    .max(max, `This takes 1 to ${max} characters.`)
    .refine((text) => !/[\p{Cc}\u2028\u2029]/u.test(text), 'This is one line.');

const link = z.strictObject({
  label: line(60),
  url: z
    .url({ protocol: /^https$/, error: 'A link begins with https://.' })
    .max(500, 'A link has at most 500 characters.'),
});

export const productName = settingKey({
  key: 'product.name',
  description: 'What the product is called to people, such as in letters. At most 60 characters.',
  shape: line(60),
  scopes: ['SYSTEM', 'ORGANIZATION'],
  visibility: 'PUBLIC',
  initial: () => 'Tessera',
});

export const supportEmail = settingKey<string | null>({
  key: 'product.support_email',
  description: 'Address for questions, which letters name. Null: none.',
  shape: z.email('This is no e-mail address.').max(254, 'An address has at most 254 characters.'),
  scopes: ['SYSTEM', 'ORGANIZATION'],
  visibility: 'PUBLIC',
  initial: () => null,
});

const productNotice = settingKey<string | null>({
  key: 'product.notice',
  description:
    'What clients show to everybody, such as a time of maintenance. At most 1,000 characters; null: nothing.',
  shape: z.string().trim().min(1, 'This takes 1 to 1,000 characters.').max(1000, 'This takes 1 to 1,000 characters.'),
  scopes: ['SYSTEM', 'ORGANIZATION'],
  visibility: 'PUBLIC',
  initial: () => null,
});

const footerLinks = settingKey({
  key: 'product.footer_links',
  description:
    'Links that clients show at the foot of their pages: at most 3, each with a label and an address of https.',
  shape: z.array(link).max(3, 'There are at most 3 links.'),
  scopes: ['SYSTEM', 'ORGANIZATION'],
  visibility: 'PUBLIC',
  initial: () => [],
});

export const signUpOpen = settingKey({
  key: 'sign_up.open',
  description: 'Whether anybody may sign up; otherwise people come in by invites. SIGN_UP says it where it is not set.',
  shape: z.boolean('This is yes or no.'),
  scopes: ['SYSTEM'],
  visibility: 'PUBLIC',
  initial: ({ signUp }) => signUp === 'open',
});

export const timeZone = settingKey({
  key: 'clock.time_zone',
  description: 'Time zone of the days and times that models are told, by a name of the IANA such as Europe/Berlin.',
  shape: z.string().refine(isTimeZone, 'A time zone is a name such as Europe/Berlin or UTC.'),
  scopes: ['ORGANIZATION', 'WORKSPACE', 'USER'],
  visibility: 'PUBLIC',
  initial: () => 'UTC',
  keptElsewhere: {
    ORGANIZATION: 'The time zone of an organization is changed by updateOrganization (settings.timeZone).',
  },
});

const theme = settingKey({
  key: 'interface.theme',
  description: 'Colours that clients show: LIGHT, DARK, or what the device says (SYSTEM).',
  shape: z.enum(['LIGHT', 'DARK', 'SYSTEM'], 'This is LIGHT, DARK or SYSTEM.'),
  scopes: ['SYSTEM', 'ORGANIZATION', 'USER'],
  visibility: 'PUBLIC',
  initial: () => 'SYSTEM' as const,
});

/** Whether the text is a well-formed language tag (BCP 47). */
const isLanguage = (text: string): boolean => {
  try {
    return Intl.getCanonicalLocales(text).length === 1;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
};

const language = settingKey({
  key: 'interface.language',
  description: 'Language that clients show themselves in, a tag of BCP 47 such as de or pt-BR.',
  shape: z
    .string()
    .max(35, 'A language is a tag of BCP 47 such as de or pt-BR.')
    .refine(isLanguage, 'A language is a tag of BCP 47 such as de or pt-BR.'),
  scopes: ['SYSTEM', 'ORGANIZATION', 'USER'],
  visibility: 'PUBLIC',
  initial: () => 'en',
});

export const settingKeys = byKey(
  productName,
  supportEmail,
  productNotice,
  footerLinks,
  signUpOpen,
  timeZone,
  theme,
  language,
);
