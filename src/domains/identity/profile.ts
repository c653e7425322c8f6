import { eq, sql } from 'drizzle-orm';
import { parsePhoneNumberFromString } from 'libphonenumber-js/min';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, type InputIssue } from '../../errors.ts';
import type { UpdateProfileInput, WebPushSubscriptionInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { users } from './tables.ts';

type Values = Partial<typeof users.$inferInsert>;

/** A field's value as it is stored, or what is wrong with it. */
type Reading = { readonly value: unknown } | { readonly fault: string };

const text =
  (max: number) =>
  (given: string): Reading => {
    const value = given.trim();
    return value.length >= 1 && value.length <= max ? { value } : { fault: `This takes 1 to ${max} characters.` };
  };

const readUsername = (given: string): Reading => {
  const value = given.toLowerCase();
  return /^[a-z][a-z0-9._@-]{1,63}$/.test(value)
    ? { value }
    : { fault: 'A username has 2 to 64 characters: a letter first, then letters, digits and . _ @ -' };
};

const readPhone = (given: string): Reading => {
  const phone = given.length <= 40 ? parsePhoneNumberFromString(given) : undefined;
  return phone?.isValid() === true
    ? { value: phone.number }
    : { fault: 'This is no telephone number with a country’s code, such as +49 30 123456.' };
};

const maxPreferences = 16_000;
const readPreferences = (given: unknown): Reading => {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return { fault: 'This is no JSON object.' };
  return JSON.stringify(given).length <= maxPreferences
    ? { value: given }
    : { fault: `Preferences take at most ${maxPreferences} characters as JSON.` };
};

interface Rule {
  readonly read: (given: never) => Reading;
  /** What null makes of it; it may not be null without. */
  readonly cleared?: unknown;
}

const rules: Readonly<Record<keyof UpdateProfileInput, Rule>> = {
  name: { read: text(200) },
  firstName: { read: text(100), cleared: null },
  lastName: { read: text(100), cleared: null },
  username: { read: readUsername, cleared: null },
  phone: { read: readPhone, cleared: null },
  bio: { read: text(1000), cleared: null },
  preferences: { read: readPreferences, cleared: {} },
};

const readField = ({ read, cleared }: Rule, given: unknown): Reading => {
  if (given !== null) return read(given as never);
  return cleared === undefined ? { fault: 'This cannot be null.' } : { value: cleared };
};

const readProfile = (input: UpdateProfileInput): Values => {
  const issues: InputIssue[] = [];
  const values: Record<string, unknown> = {};
  for (const [field, rule] of Object.entries(rules)) {
    const given: unknown = input[field as keyof UpdateProfileInput];
    if (given === undefined) continue;
    const reading = readField(rule, given);
    if ('fault' in reading) issues.push({ field, message: reading.fault });
    else values[field] = reading.value;
  }
  if (issues.length > 0) throw new BadUserInput(issues);
  return values;
};

/** Who signs in by somebody's e-mail address must be that person. */
const requireOwnAddress = async (userId: string, username: string): Promise<void> => {
  if (!/^[^@]+@[^@]+\.[^@]+$/.test(username)) return;
  const { email } = sole(await database.select({ email: users.email }).from(users).where(eq(users.id, userId)));
  if (email.toLowerCase() !== username)
    throw new BadUserInput('username', 'A username in the form of an e-mail address must be one’s own.');
};

/** Changes the viewer's profile; absent fields stay. Throws BadUserInput, Conflict (username taken). */
export const updateProfile = (context: Context, input: UpdateProfileInput): Promise<void> => {
  const { userId } = viewerOf(context);
  const values = readProfile(input);
  return changeAccount(context, async () => {
    if (typeof values.username === 'string') await requireOwnAddress(userId, values.username);
    return values;
  });
};

/** Writes a change of the viewer's account with its event, which names the fields and none of the values. */
const changeAccount = async ({ unit, ...context }: Context, change: () => Promise<Values>): Promise<void> => {
  const { userId } = viewerOf(context);
  await unit.transact(async () => {
    const values = await change();
    const fields = Object.keys(values);
    if (fields.length === 0) return;
    await writeAccount(userId, values);
    unit.record({ action: 'user.updated', type: 'User', id: userId, data: { fields } });
  });
};

const writeAccount = async (userId: string, values: Values): Promise<void> => {
  try {
    await database.update(users).set(values).where(eq(users.id, userId));
  } catch (error) {
    if (violates(error, 'users_username_key')) throw new Conflict('username', 'This username is taken.');
    throw error;
  }
};

const base64url = /^[A-Za-z0-9_-]+={0,2}$/;
const hasBytes = (given: string, count: number): boolean =>
  given.length <= 200 && base64url.test(given) && Buffer.from(given, 'base64url').length === count;

const at = (field: string, holds: boolean, message: string): InputIssue[] =>
  holds ? [] : [{ field: `subscription.${field}`, message }];

const subscriptionIssues = ({ endpoint, keys }: WebPushSubscriptionInput): InputIssue[] => {
  const reachable = endpoint.protocol === 'https:' && endpoint.username === '' && endpoint.href.length <= 2000;
  return [
    ...at('endpoint', reachable, 'A push service has an https address of at most 2,000 characters.'),
    ...at('keys.p256dh', hasBytes(keys.p256dh, 65), 'The key p256dh has 65 bytes in base64url.'),
    ...at('keys.auth', hasBytes(keys.auth, 16), 'The secret auth has 16 bytes in base64url.'),
  ];
};

/** Keeps a browser's push subscription, encrypted, in place of an earlier one; null clears it. Throws BadUserInput. */
export const setWebPushSubscription = async (
  context: Context,
  subscription: WebPushSubscriptionInput | null,
): Promise<void> => {
  const issues = subscription === null ? [] : subscriptionIssues(subscription);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { keyRing } = context.services;
  const text = subscription && JSON.stringify({ ...subscription, endpoint: subscription.endpoint.href });
  const webPushSubscription = text && (await keyRing.encrypt(text));
  await changeAccount(context, async () => ({ webPushSubscription }));
};

/** Notes that the viewer has kept their recovery codes; the first time counts. */
export const markRecoveryCodesSeen = ({ unit, ...context }: Context): Promise<void> => {
  const { userId } = viewerOf(context);
  return unit.transact(async () => {
    const [seen] = await database
      .update(users)
      .set({ recoveryCodesSeenAt: sql`now()` })
      .where(sql`${users.id} = ${userId} and ${users.recoveryCodesSeenAt} is null`)
      .returning({ id: users.id });
    if (seen !== undefined) unit.record({ action: 'recovery_codes.seen', type: 'User', id: userId });
  });
};

/** Where the address of somebody's picture is changed: `null` takes it away. Gives the address of before. */
export const replaceAvatarKey = (unit: UnitOfWork, userId: string, avatarKey: string | null): Promise<string | null> =>
  unit.transact(async () => {
    const ofUser = eq(users.id, userId);
    const [before] = await database.select({ avatarKey: users.avatarKey }).from(users).where(ofUser).for('update');
    await database.update(users).set({ avatarKey }).where(ofUser);
    unit.record({ action: 'user.updated', type: 'User', id: userId, data: { fields: ['avatar'] } });
    return before?.avatarKey ?? null;
  });
