import { sql } from 'drizzle-orm';
import { foreignKey, index, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { globalColumns, moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';

export const platformRoles = ['NONE', 'ADMIN', 'SUPERADMIN'] as const;

/** A person, known to every organization they are a member of. Read through memberships, never by itself. */
export const users = pgTable(
  'users',
  {
    ...globalColumns(),
    /** As given; unique without regard to case. */
    email: text().notNull(),
    name: text().notNull(),
    platformRole: word(platformRoles).notNull().default('NONE'),
    /** The organization that a sign-in enters when none is named. */
    defaultOrganizationId: uuid(),
    lastLoginAt: moment(),
    lastLoginAddress: text(),
    suspendedAt: moment(),
    deletedAt: moment(),
  },
  (user) => [
    uniqueIndex('users_email_key').on(sql`lower(${user.email})`),
    oneOf('users', user.platformRole, platformRoles),
  ],
);
export type UserRow = Pick<typeof users.$inferSelect, 'id' | 'email' | 'name' | 'createdAt' | 'updatedAt'>;

/** Argon2id hashes in PHC string form, apart from the user so that no list of users can carry one. */
export const passwords = pgTable(
  'passwords',
  {
    userId: uuid().primaryKey(),
    hash: text().notNull(),
    changedAt: moment().notNull().defaultNow(),
  },
  (password) => [
    foreignKey({ name: 'passwords_user_id_fkey', columns: [password.userId], foreignColumns: [users.id] }).onDelete(
      'cascade',
    ),
  ],
);

export const tokenKinds = ['SESSION', 'UPLOAD'] as const;

/** What a bearer token leads to, looked up before the tenant is known. Written only at issue and revoke. */
export const accessTokens = pgTable(
  'access_tokens',
  {
    /** SHA-256 of the token, hexadecimal. */
    hash: text().primaryKey(),
    kind: word(tokenKinds).notNull(),
    organizationId: uuid().notNull(),
    userId: uuid(),
    /** The session, or whatever the kind stands for. */
    subjectId: uuid().notNull(),
    expiresAt: moment().notNull(),
    createdAt: moment().notNull().defaultNow(),
  },
  (token) => [
    oneOf('access_tokens', token.kind, tokenKinds),
    foreignKey({ name: 'access_tokens_user_id_fkey', columns: [token.userId], foreignColumns: [users.id] }).onDelete(
      'cascade',
    ),
    index('access_tokens_user_id_index').on(token.userId),
    index('access_tokens_subject_id_index').on(token.subjectId),
  ],
);

/** A signed-in client of one user in one organization. */
export const sessions = tenantTable(
  'sessions',
  'owner',
  {
    userId: uuid().notNull(),
    userAgent: text(),
    address: text(),
    expiresAt: moment().notNull(),
    revokedAt: moment(),
  },
  (session) => [
    foreignKey({ name: 'sessions_user_id_fkey', columns: [session.userId], foreignColumns: [users.id] }).onDelete(
      'cascade',
    ),
    index('sessions_user_id_index').on(session.userId),
    index('sessions_user_id_created_at_index').on(
      session.organizationId,
      session.userId,
      session.createdAt,
      session.id,
    ),
  ],
);
export type SessionRow = typeof sessions.$inferSelect;
