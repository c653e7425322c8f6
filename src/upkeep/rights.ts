import type postgres from 'postgres';
import { Refused } from './command.ts';

/**
 * Row security is forced on the owner too, who would silently see no rows: from here on such a statement fails. Throws Refused when this
 * session is bound by it.
 */
export const refuseFilteredRows = async (sql: postgres.ISql): Promise<void> => {
  const [login] = await sql<{ name: string; bound: boolean }[]>`
    select rolname as name, not (rolsuper or rolbypassrls) as bound from pg_roles where rolname = current_user`;
  if (login?.bound !== false)
    throw new Refused(
      `${login?.name} is bound by row security and sees no rows. Let an administrator run: ALTER ROLE ${login?.name} BYPASSRLS`,
    );
  await sql`set row_security = off`;
};
