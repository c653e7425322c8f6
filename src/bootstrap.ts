import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eq, sql } from 'drizzle-orm';
import { database } from './database/client.ts';
import { nowhere, UnitOfWork } from './database/unit-of-work.ts';
import { users } from './domains/identity/tables.ts';
import { foundOrganization } from './domains/tenancy/entrance.ts';
import { hashPassword } from './secrets/passwords.ts';
import { systemOrigin, type Installation } from './installation.ts';

/** The first account of an embedded database. */
export interface Credentials {
  readonly email: string;
  readonly password: string;
}

const developmentAdmin: Credentials = { email: 'admin@example.com', password: 'ChangeMe123!' };

/**
 * Gives a new embedded database its first super admin, once. In development the password is the well-known one; in
 * production it is random and returned only here.
 */
export const bootstrapAdmin = async ({ services }: Installation): Promise<Credentials | null> => {
  const unit = new UnitOfWork(nowhere, { ...services, origin: systemOrigin });
  const { email } = developmentAdmin;
  const [known] = await unit.run(() =>
    database
      .select({ id: users.id })
      .from(users)
      .where(eq(sql`lower(${users.email})`, email)),
  );
  await unit.rest();
  if (known !== undefined) return null;
  const password =
    services.settings.mode === 'production' ? randomBytes(18).toString('base64url') : developmentAdmin.password;
  await createSuperAdmin(unit, { email, password }, 'Admin');
  return { email, password };
};

/** Makes a super admin with an organization of their own. Throws Conflict when the e-mail is taken. */
export const createSuperAdmin = async (unit: UnitOfWork, { email, password }: Credentials, name: string) =>
  foundOrganization(unit, 'Tessera', {
    email,
    name,
    passwordHash: await hashPassword(password),
    platformRole: 'SUPERADMIN',
  });

/** Does something once in the life of a data directory: the mark is written when it is complete, so it must bear repeating. */
export const onceIn = async (dataDirectory: string, mark: string, act: () => Promise<void>): Promise<void> => {
  const path = join(dataDirectory, mark);
  if (existsSync(path)) return;
  await act();
  await writeFile(path, '', { flush: true });
};
