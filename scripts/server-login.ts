/**
 * Makes the login that DATABASE_URL names, as DATABASE_OWNER_URL, and a member of the role that the server acts as; one that is there gets the password
 * that is named now. Harmless when repeated.
 */
import postgres from 'postgres';
import { serverRole } from '../src/database/migrations.ts';
import { readSettings } from '../src/settings.ts';

const { url, ownerUrl } = readSettings().database;
if (url === undefined || ownerUrl === undefined) {
  process.stderr.write('Set DATABASE_URL to the login to be made, and DATABASE_OWNER_URL to who may make it.\n');
  process.exit(2);
}
const [name, password] = [new URL(url).username, new URL(url).password].map(decodeURIComponent);
const owner = postgres(ownerUrl, { max: 1, onnotice: () => undefined });
try {
  const [known] = await owner`select from pg_roles where rolname = ${name ?? ''}`;
  const verb = known === undefined ? 'create' : 'alter';
  const [{ made } = { made: '' }] = await owner<{ made: string }[]>`
    select format('%s role %I login password %L', ${verb}::text, ${name ?? ''}::text, ${password ?? ''}::text) as made`;
  await owner.unsafe(made);
  await owner`grant ${owner(serverRole)} to ${owner(name ?? '')}`;
  process.stdout.write(`The login ${name} can be used.\n`);
} catch (error) {
  // The message of a failed statement could hold the password.
  const code = Error.isError(error) && 'code' in error ? String(error.code) : 'unknown';
  process.stderr.write(`The login ${name} could not be made (${code}).\n`);
  process.exitCode = 1;
} finally {
  await owner.end();
}
