import { and, eq, isNotNull, isNull, ne, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { users } from '../identity/tables.ts';
import { memberships } from '../tenancy/tables.ts';

/** A member whose address an e-mail is for. */
export interface Reached {
  readonly userId: string;
  /** In lower case. */
  readonly address: string;
}

/**
 * The members behind addresses, each once, in the order of their ids. Guests have no mailbox: they are reached by SMTP. `verified` leaves out whose
 * address was never proven to be theirs.
 */
export const membersBehind = async (
  unit: UnitOfWork,
  addresses: readonly string[],
  which: 'all' | 'verified',
): Promise<Reached[]> => {
  if (addresses.length === 0) return [];
  const wanted = JSON.stringify(addresses.map((address) => address.toLowerCase()));
  const address = sql<string>`lower(${users.email})`.as('address');
  return unit.run(() =>
    database
      .select({ userId: users.id, address })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .where(
        and(
          eq(memberships.organizationId, unit.organizationId),
          ne(memberships.role, 'GUEST'),
          isNull(users.deletedAt),
          which === 'verified' ? isNotNull(users.verifiedAt) : undefined,
          sql`lower(${users.email}) in (select jsonb_array_elements_text(${wanted}::jsonb))`,
        ),
      )
      .orderBy(users.id),
  );
};
