import { desc, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import type { Mail } from '../../mail/mail.ts';
import { users } from '../identity/tables.ts';
import type { Services } from '../services.ts';
import { postLetter } from './letters.ts';
import { userOrganizations } from './tables.ts';
import { discovery } from './viewers.ts';

/** The organizations of a person, the default one first, then the oldest. */
export const organizationsOf = async (unit: UnitOfWork, userId: string): Promise<string[]> => {
  const reading = unit.as(nowhere);
  const rows = await reading.run(() =>
    database
      .select({ organizationId: userOrganizations.organizationId })
      .from(userOrganizations)
      .innerJoin(users, eq(users.id, userOrganizations.userId))
      .where(eq(userOrganizations.userId, userId))
      .orderBy(
        desc(sql`${users.defaultOrganizationId} is not distinct from ${userOrganizations.organizationId}`),
        userOrganizations.createdAt,
        userOrganizations.organizationId,
      ),
  );
  await reading.rest();
  return rows.map(({ organizationId }) => organizationId);
};

/** Acts in a person's name without their being signed in: in their organization, or in none when they have none left. */
export interface InTheirName {
  readonly unit: UnitOfWork;
  /** Mails them in the running transaction. Without an organization nobody is left to send for. */
  notify(mail: Mail): Promise<void>;
}

export const inTheNameOf = async (unit: UnitOfWork, services: Services, userId: string): Promise<InTheirName> => {
  const [home] = await organizationsOf(unit, userId);
  const acting = unit.as(home === undefined ? { ...nowhere, userId } : discovery(home, userId));
  return {
    unit: acting,
    notify: async (mail) => {
      if (home !== undefined) await postLetter(acting, services, mail);
    },
  };
};
