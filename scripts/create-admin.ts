import { parseArgs } from 'node:util';
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { createSuperAdmin } from '../src/bootstrap.ts';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import { openInstallation, systemOrigin } from '../src/installation.ts';
import { readSettings } from '../src/settings.ts';

const usage =
  'npm run admin:create -- --email someone@example.org [--name "Some One"]\nThe password is made here and shown once.\n';

/** Makes a super admin with an organization of their own on whatever database the settings name. */
const create = async (email: string, name: string): Promise<string> => {
  const installation = await openInstallation(readSettings(), pino({ level: 'warn' }));
  const password = randomBytes(18).toString('base64url');
  try {
    await createSuperAdmin(
      new UnitOfWork(nowhere, { ...installation.services, origin: systemOrigin }),
      { email, password },
      name,
    );
    return password;
  } finally {
    await installation.close(5000);
  }
};

const { values } = parseArgs({
  options: { email: { type: 'string' }, name: { type: 'string', default: 'Admin' }, help: { type: 'boolean' } },
});
if (values.email === undefined || !/^[^\s@]+@[^\s@]+$/.test(values.email)) {
  process.stderr.write(usage);
  process.exit(values.help === true ? 0 : 2);
}
try {
  const password = await create(values.email, values.name);
  process.stdout.write(`${values.email} signs in with the password ${password} - it is shown only now.\n`);
  process.exit(0);
} catch (error) {
  process.stderr.write(`${Error.isError(error) ? error.message : 'The account was not made.'}\n`);
  process.exit(1);
}
