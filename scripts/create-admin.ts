import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { createSuperAdmin } from '../src/bootstrap.ts';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import { openInstallation, systemOrigin } from '../src/installation.ts';
import { readSettings } from '../src/settings.ts';
import { runCommand, WrongUsage } from '../src/upkeep/command.ts';

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

await runCommand({
  name: 'admin:create',
  what: 'Makes a super admin with an organization of their own. The password is made here and shown once.',
  options: {
    email: { type: 'string', value: 'ADDRESS', what: 'Who signs in by it. Nobody may have it yet.', required: true },
    name: { type: 'string', value: '"SOME ONE"', what: 'What they are called; Admin when absent.' },
  },
  run: async ({ email, name = 'Admin' }, terminal) => {
    if (!/^[^\s@]+@[^\s@]+$/.test(String(email))) throw new WrongUsage('--email must be an e-mail address.');
    const password = await create(String(email), String(name));
    terminal.say(`${String(email)} signs in with the password ${password} - it is shown only now.`);
    return true;
  },
});
