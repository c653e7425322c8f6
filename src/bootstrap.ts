import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eq, sql } from 'drizzle-orm';
import { database } from './database/client.ts';
import { nowhere, UnitOfWork } from './database/unit-of-work.ts';
import { replacePassword } from './domains/identity/passwords.ts';
import { users } from './domains/identity/tables.ts';
import { foundOrganization } from './domains/tenancy/entrance.ts';
import { hashPassword } from './secrets/passwords.ts';
import { fillDemo } from './demo.ts';
import { systemOrigin, type Installation } from './installation.ts';

/** The first account of an embedded database. */
export interface Credentials {
  readonly email: string;
  readonly password: string;
}

const developmentAdmin: Credentials = { email: 'admin@example.com', password: 'ChangeMe123!' };

/**
 * Gives a new embedded database its first super admin and the demo workspace, once: each step looks whether it is done, and the
 * mark is written last. In development the password is the well-known one; in production it is random and returned only here.
 */
export const bootstrap = async (installation: Installation): Promise<Credentials | null> => {
  const { services } = installation;
  const mark = join(services.settings.dataDirectory, 'bootstrapped');
  if (existsSync(mark)) return null;
  const unit = new UnitOfWork(nowhere, { ...services, origin: systemOrigin });
  const { email } = developmentAdmin;
  const [known] = await unit.run(() =>
    database
      .select({ userId: users.id, organizationId: users.defaultOrganizationId })
      .from(users)
      .where(eq(sql`lower(${users.email})`, email)),
  );
  await unit.rest();
  const password =
    services.settings.mode === 'production' ? randomBytes(18).toString('base64url') : developmentAdmin.password;
  const account = known?.organizationId
    ? { userId: known.userId, organizationId: known.organizationId }
    : await createSuperAdmin(unit, { email, password }, 'Admin');
  // A start that was cut off before the password could be shown leaves an account that nobody can enter.
  if (known !== undefined) await replacePassword(unit, account.userId, password);
  await fillDemo(installation, account);
  return { email, password };
};

/** Says that the bootstrap's outcome has been told. */
export const bootstrapped = ({ services }: Installation): Promise<void> =>
  writeFile(join(services.settings.dataDirectory, 'bootstrapped'), '', { flush: true });

/** Makes a super admin with an organization of their own. Throws Conflict when the e-mail is taken. */
export const createSuperAdmin = async (unit: UnitOfWork, { email, password }: Credentials, name: string) =>
  foundOrganization(unit, 'Tessera', {
    email,
    name,
    passwordHash: await hashPassword(password),
    platformRole: 'SUPERADMIN',
  });
