import { database } from '../src/database/client.ts';
import { UnitOfWork } from '../src/database/unit-of-work.ts';
import { startSession } from '../src/domains/identity/operations.ts';
import type { OrganizationRole, WorkspaceRole } from '../src/domains/context.ts';
import { memberships, userOrganizations, workspaceMemberships } from '../src/domains/tenancy/tables.ts';
import { discovery } from '../src/domains/tenancy/viewers.ts';
import { unitOf, uuidOf } from './talk.ts';
import { Person, type Testbed } from './testbed.ts';

/** Somebody who works in another's organization, signed in there. */
export type Colleague = Person & { readonly userId: string };

/** Makes a new person a member of an organization, with roles in workspaces by their ids, and signs them in there. */
export const colleagueOf = async (
  bed: Testbed,
  organization: string,
  name: string,
  role: OrganizationRole,
  places: Readonly<Record<string, WorkspaceRole>> = {},
): Promise<Colleague> => {
  const { userId: user } = await bed.signUp(name);
  const [organizationId, userId] = [uuidOf(organization), uuidOf(user)];
  await unitOf(bed, organization).transact(async () => {
    await database.insert(memberships).values({ organizationId, userId, role });
    await database.insert(userOrganizations).values({ organizationId, userId });
    const rows = Object.entries(places).map(([id, own]) => ({
      organizationId,
      userId,
      workspaceId: uuidOf(id),
      role: own,
    }));
    if (rows.length > 0) await database.insert(workspaceMemberships).values(rows);
  });
  const { services } = bed.server.installation;
  const origin = { requestId: 'test', address: null, userAgent: null };
  const unit = new UnitOfWork(discovery(organizationId, userId), { ...services, origin });
  const { token } = await startSession(unit, services.settings.sessions);
  return Object.assign(new Person(bed, token), { userId: user });
};
