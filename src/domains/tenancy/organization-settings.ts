import { z } from 'zod';
import type { InputIssue } from '../../errors.ts';
import { isTimeZone } from './time-zone.ts';

/** `image/png`, or `image/*` for all of its kind (RFC 6838, section 4.2). */
const fileType = z.string().regex(/^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/(\*|[a-z0-9][a-z0-9!#$&^_.+-]{0,126})$/);

const domain = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/);

/** How long something of the analytics is kept, in days. */
const keptDays = (days: number, message: string) => z.int(message).min(1, message).max(3650, message).default(days);

/** What an organization can set. Its defaults are in force wherever nothing else is stored. */
const shape = {
  /** Members without a confirmed second factor hold ACCOUNT_MANAGE alone until they have one. */
  requireTwoFactor: z.boolean('This is yes or no.').default(false),
  /** How old a session may become, in hours. */
  sessionHours: z
    .int('A session lasts 1 to 720 hours.')
    .min(1, 'A session lasts 1 to 720 hours.')
    .max(720, 'A session lasts 1 to 720 hours.')
    .default(720),
  /** Domains that the addresses of invited people belong to, in lower case; any when empty. */
  allowedEmailDomains: z
    .array(domain, 'Domains look like example.com, in lower case.')
    .max(100, 'There are at most 100 domains.')
    .default([]),
  /** How long deleted things can be brought back, in days. */
  retentionDays: z
    .int('Deleted things are kept for 1 to 365 days.')
    .min(1, 'Deleted things are kept for 1 to 365 days.')
    .max(365, 'Deleted things are kept for 1 to 365 days.')
    .default(30),
  /** How long deleted office documents can be brought back, in days. */
  officeRetentionDays: z
    .int('Deleted office documents are kept for 1 to 3650 days.')
    .min(1, 'Deleted office documents are kept for 1 to 3650 days.')
    .max(3650, 'Deleted office documents are kept for 1 to 3650 days.')
    .default(30),
  /** How long an API key may be valid, in days; null: for ever. */
  apiKeyMaxDays: z
    .int('An API key is valid for 1 to 3650 days.')
    .min(1, 'An API key is valid for 1 to 3650 days.')
    .max(3650, 'An API key is valid for 1 to 3650 days.')
    .nullable()
    .default(null),
  /** Language of what is made without naming one, ISO 639-1. */
  defaultLanguage: z
    .string()
    .regex(/^[a-z]{2}$/, 'A language is an ISO 639-1 code such as en.')
    .default('en'),
  /** Bytes that a file may have; null: as many as the installation takes, which is the bound in any case. */
  maxUploadBytes: z
    .int('A bound on files is at least 1 byte, and less than 2 GiB.')
    .min(1, 'A bound on files is at least 1 byte, and less than 2 GiB.')
    .max(2_147_483_647, 'A bound on files is at least 1 byte, and less than 2 GiB.')
    .nullable()
    .default(null),
  /** Types of files that are taken, in lower case, such as `image/png` or `image/*`; null: all. */
  allowedFileTypes: z
    .array(fileType, 'Types look like image/png or image/*, in lower case.')
    .min(1, 'There are 1 to 100 types; null takes all.')
    .max(100, 'There are 1 to 100 types; null takes all.')
    .nullable()
    .default(null),
  /** Messages that a member may have answered in a day; null: no bound. A member's own bound holds beside it. */
  dailyMessages: z
    .int('A bound on messages is at least 1, and less than 2^31.')
    .min(1, 'A bound on messages is at least 1, and less than 2^31.')
    .max(2_147_483_647, 'A bound on messages is at least 1, and less than 2^31.')
    .nullable()
    .default(null),
  /** Tokens that models may read and write for the organization in a month; null: no bound. */
  monthlyTokens: z
    .int('A bound on tokens is at least 1, and less than 2^31.')
    .min(1, 'A bound on tokens is at least 1, and less than 2^31.')
    .max(2_147_483_647, 'A bound on tokens is at least 1, and less than 2^31.')
    .nullable()
    .default(null),
  /** Whether it is kept what each call of a model said and what came back, for the caller and for administrators. */
  keepCallContents: z.boolean('This is yes or no.').default(false),
  /** How long calls of models are kept one by one, in days; their sums stay. */
  callRetentionDays: z
    .int('Calls of models are kept for 30 to 3650 days.')
    .min(30, 'Calls of models are kept for 30 to 3650 days.')
    .max(3650, 'Calls of models are kept for 30 to 3650 days.')
    .default(400),
  /** How long the contents of calls are kept, in days. */
  contentRetentionDays: z
    .int('Contents of calls are kept for 1 to 400 days.')
    .min(1, 'Contents of calls are kept for 1 to 400 days.')
    .max(400, 'Contents of calls are kept for 1 to 400 days.')
    .default(30),
  /** When its days begin, wherever nothing else is said: a name of the IANA's database. */
  timeZone: z.string().refine(isTimeZone, 'A time zone is a name such as Europe/Berlin or UTC.').default('UTC'),
  /** How long it is kept which requests members made, in days. */
  activityDays: keptDays(90, 'Activities are kept for 1 to 3650 days.'),
  /** How long analytics events are kept, in days. */
  eventDays: keptDays(365, 'Events are kept for 1 to 3650 days.'),
  /** How long metrics are kept, and what members did by days, in days. */
  metricDays: keptDays(1095, 'Metrics are kept for 1 to 3650 days.'),
  /** How long the log of changes is kept, in days; null: for ever. The database reads it, too, and deletes nothing younger. */
  eventLogDays: z
    .int('The log of changes is kept for 30 to 3650 days.')
    .min(30, 'The log of changes is kept for 30 to 3650 days.')
    .max(3650, 'The log of changes is kept for 30 to 3650 days.')
    .nullable()
    .default(null),
};
const settingsShape = z.object(shape);

/** The settings in force in an organization. */
export type OrganizationSettings = z.infer<typeof settingsShape>;

/** Changes of settings: absent stays, null goes back to the default. */
export type SettingsChange = {
  readonly [Name in keyof OrganizationSettings]?: OrganizationSettings[Name] | null | undefined;
};

const names = Object.keys(shape) as (keyof OrganizationSettings)[];

/** What is in force, from what is stored: only differences from the defaults are. */
export const settingsOf = ({ settings }: { readonly settings: Record<string, unknown> }): OrganizationSettings =>
  settingsShape.parse(settings);

/** Names of the settings that differ from their defaults. */
export const settingNamesIn = (stored: Record<string, unknown>): (keyof OrganizationSettings)[] =>
  names.filter((name) => name in stored);

/** Faults of a change, with paths below `settings`. */
export const settingsIssues = (change: SettingsChange): InputIssue[] => {
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== null));
  const { error } = settingsShape.safeParse(given);
  return (error?.issues ?? []).map(({ path, message }) => ({ field: ['settings', ...path].join('.'), message }));
};

/** What is to be stored after a change that has no faults. */
export const changedSettings = (stored: Record<string, unknown>, change: SettingsChange): Record<string, unknown> => {
  const defaults: Readonly<Record<string, unknown>> = settingsShape.parse({});
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  const merged = { ...stored, ...Object.fromEntries(given) };
  const differs = ([name, value]: [string, unknown]) =>
    value !== null && JSON.stringify(value) !== JSON.stringify(defaults[name]);
  return Object.fromEntries(Object.entries(merged).filter(differs));
};

/** Whether an address may be invited. */
export const allowsAddress = ({ allowedEmailDomains }: OrganizationSettings, email: string): boolean =>
  allowedEmailDomains.length === 0 ||
  allowedEmailDomains.includes(email.slice(email.lastIndexOf('@') + 1).toLowerCase());
