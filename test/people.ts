import { eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import type { OrganizationRole } from '../src/domains/context.ts';
import { startSession } from '../src/domains/identity/operations.ts';
import { sessions, type SessionRow } from '../src/domains/identity/tables.ts';
import { memberships, userOrganizations } from '../src/domains/tenancy/tables.ts';
import { discovery } from '../src/domains/tenancy/viewers.ts';
import { unitOf, uuidOf } from './talk.ts';
import { Person, type Testbed } from './testbed.ts';

export type SignedUp = Awaited<ReturnType<Testbed['signUp']>>;

const origin = { requestId: 'test', address: null, userAgent: null };

/** The password of everybody who signs up in a test. */
export const password = 'correct horse battery';

/** Makes somebody a member of an organization. */
export const join = async (
  bed: Testbed,
  organization: string,
  person: { readonly userId: string },
  role: OrganizationRole = 'MEMBER',
): Promise<void> => {
  const [organizationId, userId] = [uuidOf(organization), uuidOf(person.userId)];
  await unitOf(bed, organization).transact(async () => {
    await database.insert(memberships).values({ organizationId, userId, role });
    await database.insert(userOrganizations).values({ organizationId, userId });
  });
};

/** Signs somebody in to an organization, as if by a browser of this name. */
export const signInTo = async (
  bed: Testbed,
  organization: string,
  person: { readonly userId: string },
  userAgent: string | null = null,
): Promise<Person> => {
  const { services } = bed.server.installation;
  const scope = discovery(uuidOf(organization), uuidOf(person.userId));
  const unit = new UnitOfWork(scope, { ...services, origin: { ...origin, userAgent } });
  const { token } = await startSession(unit, services.settings.sessions);
  return new Person(bed, token);
};

/** A unit of what is one person's own. */
export const personalUnit = (bed: Testbed, person: { readonly userId: string }): UnitOfWork =>
  new UnitOfWork({ ...nowhere, userId: uuidOf(person.userId) }, { ...bed.server.installation.services, origin });

/** All sessions of a person, oldest first. */
export const sessionsOf = async (bed: Testbed, person: { readonly userId: string }): Promise<SessionRow[]> => {
  const unit = personalUnit(bed, person);
  const rows = await unit.run(() => database.select().from(sessions).orderBy(sessions.createdAt, sessions.id));
  await unit.rest();
  return rows;
};

/** Changes rows of a person's sessions as time would. */
export const ageSession = async (
  bed: Testbed,
  person: { readonly userId: string },
  id: string,
  values: Partial<SessionRow>,
): Promise<void> => {
  await personalUnit(bed, person).transact(() => database.update(sessions).set(values).where(eq(sessions.id, id)));
  bed.server.installation.services.viewers.forgetAll();
};
