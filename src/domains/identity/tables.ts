import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
  type PgColumn,
} from 'drizzle-orm/pg-core';
import { globalColumns, moment, oneOf, personalTable, word } from '../../database/tenant-table.ts';

export const platformRoles = ['NONE', 'ADMIN', 'SUPERADMIN'] as const;

/** A person, known to every organization they are a member of. Read through memberships, never by itself. */
export const users = pgTable(
  'users',
  {
    ...globalColumns(),
    /** As given; unique without regard to case, also while softly deleted. */
    email: text().notNull(),
    /** In lower case, unique; another way to sign in. */
    username: text(),
    name: text().notNull(),
    firstName: text(),
    lastName: text(),
    phone: text(),
    bio: text(),
    /** Where the picture is stored; null without one. */
    avatarKey: text(),
    platformRole: word(platformRoles).notNull().default('NONE'),
    /** When the address was proven by a mailed token; null before. */
    verifiedAt: moment(),
    /** What clients keep for the person, at most 16,000 characters as JSON. */
    preferences: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    /** Questions in any 24 hours; null: no limit. */
    dailyMessageLimit: integer(),
    /** The organization that a sign-in enters when none is named. */
    defaultOrganizationId: uuid(),
    /** Who made the account for them; null for who signed up. */
    createdById: uuid(),
    /** A browser's push subscription, encrypted; written by its owner and read by the sender of notices alone. */
    webPushSubscription: text(),
    /** When the person was shown their recovery codes; null: they are due at the next sign-in. */
    recoveryCodesSeenAt: moment(),
    lastLoginAt: moment(),
    lastLoginAddress: text(),
    suspendedAt: moment(),
    deletedAt: moment(),
    metadata: jsonb().$type<Record<string, unknown>>().notNull().default({}),
  },
  (user) => [
    uniqueIndex('users_email_key').on(sql`lower(${user.email})`),
    unique('users_username_key').on(user.username),
    oneOf('users', user.platformRole, platformRoles),
    check('users_username_check', sql`${user.username} ~ '^[a-z][a-z0-9._@-]{1,63}$'`),
    check('users_daily_message_limit_check', sql`${user.dailyMessageLimit} >= 0`),
    foreignKey({ name: 'users_created_by_id_fkey', columns: [user.createdById], foreignColumns: [user.id] }).onDelete(
      'set null',
    ),
    index('users_created_by_id_index').on(user.createdById),
    index('users_created_at_index').on(user.createdAt, user.id),
    index('users_email_index').on(user.email, user.id),
    index('users_platform_role_index')
      .on(user.platformRole, user.createdAt, user.id)
      .where(sql`${user.platformRole} <> 'NONE'`),
    index('users_suspended_at_index')
      .on(user.suspendedAt, user.id)
      .where(sql`${user.suspendedAt} is not null`),
    index('users_deleted_at_index')
      .on(user.deletedAt, user.id)
      .where(sql`${user.deletedAt} is not null`),
  ],
);
/** What members of an organization see of each other. */
export type UserRow = Pick<
  typeof users.$inferSelect,
  'id' | 'email' | 'username' | 'name' | 'bio' | 'avatarKey' | 'createdAt' | 'updatedAt'
> & {
  /** Neither suspended nor deleted. */
  readonly active: boolean;
};
/** What a person sees of themselves; what is only written is left out. */
export type AccountRow = Omit<typeof users.$inferSelect, 'webPushSubscription' | 'metadata'>;

const toUser = (table: string, column: PgColumn) =>
  foreignKey({ name: `${table}_user_id_fkey`, columns: [column], foreignColumns: [users.id] }).onDelete('cascade');

/** Argon2id hashes in PHC string form, apart from the user so that no list of users can carry one. */
export const passwords = pgTable(
  'passwords',
  {
    userId: uuid().primaryKey(),
    hash: text().notNull(),
    changedAt: moment().notNull().defaultNow(),
  },
  (password) => [toUser('passwords', password.userId)],
);

/** The second factor of a sign-in: time-based one-time passwords (RFC 6238). It counts from `confirmedAt` on. */
export const twoFactors = personalTable(
  'two_factors',
  {
    /** The shared secret, encrypted. */
    secret: text().notNull(),
    confirmedAt: moment(),
    /** Time step of the newest code accepted, which no code may repeat. */
    lastStep: bigint({ mode: 'number' }).notNull().default(0),
  },
  (factor) => [unique('two_factors_user_id_key').on(factor.userId), toUser('two_factors', factor.userId)],
);

/** A code that stands in once for a lost second factor, or with another one for a lost password. */
export const recoveryCodes = personalTable(
  'recovery_codes',
  {
    /** SHA-256 of the code, hexadecimal: nobody guesses 140 random bits, so a slow hash would protect nothing. */
    hash: text().notNull(),
    usedAt: moment(),
  },
  (code) => [index('recovery_codes_user_id_index').on(code.userId), toUser('recovery_codes', code.userId)],
);

export const tokenKinds = [
  'SESSION',
  'UPLOAD',
  'API_KEY',
  'DEVICE',
  'EXTENSION_KEY',
  'PAIRING',
  'LOGIN_LINK',
  'INVITE',
  'EMAIL_VERIFICATION',
  'PASSWORD_RESET',
  'DOWNLOAD',
  'FILE',
] as const;

/**
 * What a bearer token leads to, looked up before the tenant is known. Written only at issue and revoke: a token that works once is used
 * up by deleting its row, which of two at a time one alone succeeds in.
 */
export const accessTokens = pgTable(
  'access_tokens',
  {
    /** SHA-256 of the token, hexadecimal. */
    hash: text().primaryKey(),
    kind: word(tokenKinds).notNull(),
    /** Null for what concerns a person wherever they are, such as a password reset. */
    organizationId: uuid(),
    userId: uuid(),
    /** The session, key, device, invite or whatever the kind stands for; the user where there is nothing else. */
    subjectId: uuid().notNull(),
    expiresAt: moment().notNull(),
    createdAt: moment().notNull().defaultNow(),
  },
  (token) => [
    oneOf('access_tokens', token.kind, tokenKinds),
    toUser('access_tokens', token.userId),
    index('access_tokens_user_id_index').on(token.userId),
    index('access_tokens_subject_id_index').on(token.subjectId),
    index('access_tokens_organization_id_index').on(token.organizationId),
    index('access_tokens_expires_at_index').on(token.expiresAt),
  ],
);

/** A signed-in client of one user, bound to one organization. */
export const sessions = personalTable(
  'sessions',
  {
    organizationId: uuid().notNull(),
    userAgent: text(),
    address: text(),
    /** Written in batches, about a minute late. */
    lastActivityAt: moment().notNull().defaultNow(),
    expiresAt: moment().notNull(),
    revokedAt: moment(),
    /** Begun by a login link. It holds no personal permissions: who issued the link may sit in it. */
    handedOver: boolean().notNull().default(false),
  },
  (session) => [
    toUser('sessions', session.userId),
    index('sessions_user_id_created_at_index').on(session.userId, session.createdAt, session.id),
    index('sessions_organization_id_index').on(session.organizationId),
  ],
);
export type SessionRow = typeof sessions.$inferSelect;

export const deviceSystems = ['ANDROID', 'IOS', 'WINDOWS', 'MACOS', 'LINUX', 'OTHER'] as const;

/** A phone or computer that a person has paired with their account in one organization; it may do nothing until they approve it. */
export const devices = personalTable(
  'devices',
  {
    organizationId: uuid().notNull(),
    name: text().notNull(),
    system: word(deviceSystems).notNull(),
    approvedAt: moment(),
    /** Written in batches, about a minute late. */
    lastSeenAt: moment(),
    lastSeenAddress: text(),
  },
  (device) => [
    oneOf('devices', device.system, deviceSystems),
    toUser('devices', device.userId),
    index('devices_user_id_created_at_index').on(device.userId, device.createdAt, device.id),
    index('devices_organization_id_index').on(device.organizationId),
  ],
);
export type DeviceRow = typeof devices.$inferSelect;

/** A key for a browser's extension, which saves pages and text into a workspace of its owner and nothing else. */
export const extensionKeys = personalTable(
  'extension_keys',
  {
    organizationId: uuid().notNull(),
    label: text().notNull(),
    /** The token's first characters, by which its owner knows it again. */
    prefix: text().notNull(),
    lastUsedAt: moment(),
  },
  (key) => [
    toUser('extension_keys', key.userId),
    index('extension_keys_user_id_created_at_index').on(key.userId, key.createdAt, key.id),
    index('extension_keys_organization_id_index').on(key.organizationId),
  ],
);
export type BrowserExtensionKeyRow = typeof extensionKeys.$inferSelect;

/** Tries counted by the throttles of all processes; the shape is that of rate-limiter-flexible's Drizzle store. */
export const throttleCounters = pgTable('throttle_counters', {
  key: text().primaryKey(),
  points: integer().notNull(),
  expire: timestamp({ precision: 3, withTimezone: true }),
});
