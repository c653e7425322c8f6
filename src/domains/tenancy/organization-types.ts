import { eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { NotFound } from '../../errors.ts';
import { organizations, type OrganizationRow } from './tables.ts';

/** Gives the unit's organization another type, in the running transaction, whoever asks. Throws NotFound. */
export const changeType = (unit: UnitOfWork, type: OrganizationRow['type']): Promise<OrganizationRow> =>
  unit.transact(async ({ organizationId }) => {
    const [changed] = await database
      .update(organizations)
      .set({ type })
      .where(eq(organizations.id, organizationId))
      .returning();
    if (changed === undefined) throw new NotFound('Organization', organizationId);
    unit.record({ action: 'organization.type_changed', type: 'Organization', id: organizationId, data: { type } });
    return changed;
  });
