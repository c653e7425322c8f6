import { and, eq, isNull, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import { users } from './tables.ts';

/** What an account is named by at the door. */
export type Login =
  { readonly by: 'email'; readonly email: string } | { readonly by: 'username'; readonly username: string };

/** Exactly one of both. Throws BadUserInput. */
export const loginOf = ({
  email,
  username,
}: {
  readonly email?: string | null | undefined;
  readonly username?: string | null | undefined;
}): Login => {
  const [isEmail, isUsername] = [typeof email === 'string', typeof username === 'string'];
  if (typeof email === 'string' && !isUsername) return { by: 'email', email };
  if (typeof username === 'string' && !isEmail) return { by: 'username', username };
  throw new BadUserInput('email', 'Give either the e-mail address or the username.');
};

/** The same for all ways of writing it. */
export const loginText = (login: Login): string =>
  login.by === 'email' ? `e-mail ${login.email.toLowerCase()}` : `username ${login.username.toLowerCase()}`;

/** The condition that finds the account. */
export const named = (login: Login): SQL =>
  login.by === 'email'
    ? eq(sql`lower(${users.email})`, login.email.toLowerCase())
    : eq(users.username, login.username.toLowerCase());

/** A person as mails address them. */
export interface Addressee {
  readonly userId: string;
  readonly email: string;
  readonly name: string;
  readonly verifiedAt: string | null;
}

const addressee = { userId: users.id, email: users.email, name: users.name, verifiedAt: users.verifiedAt };

const ableWhere = async (unit: UnitOfWork, condition: SQL): Promise<Addressee | null> => {
  const reading = unit.as(nowhere);
  const able = and(condition, isNull(users.suspendedAt), isNull(users.deletedAt));
  const [found] = await reading.run(() => database.select(addressee).from(users).where(able));
  await reading.rest();
  return found ?? null;
};

/** Whoever is named so, if they may sign in. The unit is at rest. */
export const ableByLogin = (unit: UnitOfWork, login: Login): Promise<Addressee | null> => ableWhere(unit, named(login));

/** The person of this id, if they may sign in. The unit is at rest. */
export const ableById = (unit: UnitOfWork, userId: string): Promise<Addressee | null> =>
  ableWhere(unit, eq(users.id, userId));

/** Whether a user's address was proven. */
export const isVerified = async (unit: UnitOfWork, userId: string): Promise<boolean> => {
  const [user] = await unit.run(() =>
    database.select({ verifiedAt: users.verifiedAt }).from(users).where(eq(users.id, userId)),
  );
  return user !== undefined && user.verifiedAt !== null;
};
