import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { database } from '../src/database/client.ts';
import { jobsAlone, nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import type { OrganizationRole } from '../src/domains/context.ts';
import { startSession } from '../src/domains/identity/operations.ts';
import { twoFactors } from '../src/domains/identity/tables.ts';
import { changeType, type OrganizationType } from '../src/domains/tenancy/organization-types.ts';
import { memberships, userOrganizations } from '../src/domains/tenancy/tables.ts';
import { discovery } from '../src/domains/tenancy/viewers.ts';
import { unitOf, uuidOf } from './talk.ts';
import { Person, type Testbed } from './testbed.ts';

const origin = { requestId: 'test', address: null, userAgent: null };

/** A testbed with the address of its database's owner, where there is one. */
export type OwnedBed = Testbed & { readonly ownerUrl: string | undefined };

/** Runs statements past row security and gives the rows of the last. */
export const asOwner = async (bed: OwnedBed, ...statements: string[]): Promise<Record<string, unknown>[]> => {
  let rows: Record<string, unknown>[] = [];
  if (bed.ownerUrl === undefined) {
    // The embedded database's one session belongs to a superuser, who acts as the server's role.
    await unitOf(bed, null).transact(async () => {
      await database.execute(sql`set local role postgres`);
      for (const statement of statements) rows = [...(await database.execute(sql.raw(statement)))];
    });
    return rows;
  }
  const owner = postgres(bed.ownerUrl, { max: 1, onnotice: () => undefined });
  for (const statement of statements) rows = [...(await owner.unsafe(statement))];
  await owner.end();
  return rows;
};

/** A unit that sees all of an organization as its administrators and jobs do. */
export const wholeOf = (bed: Testbed, organization: string): UnitOfWork => {
  const organizationId = uuidOf(organization);
  const scope = {
    ...nowhere,
    organizationId,
    principals: [organizationId, jobsAlone],
    workspaces: '*' as const,
    rooms: '*' as const,
    projects: '*' as const,
  };
  return new UnitOfWork(scope, { ...bed.server.installation.services, origin });
};

/** A session of somebody in an organization they belong to. */
export const sessionIn = async (bed: Testbed, organization: string, user: string): Promise<Person> => {
  const scope = discovery(uuidOf(organization), uuidOf(user));
  const { token } = await startSession(
    new UnitOfWork(scope, { ...bed.server.installation.services, origin }),
    bed.server.installation.services.settings.sessions,
  );
  return new Person(bed, token);
};

/** Makes somebody a member, with a session. */
export const joinAs = async (
  bed: Testbed,
  organization: string,
  user: string,
  role: OrganizationRole,
): Promise<Person> => {
  const [organizationId, userId] = [uuidOf(organization), uuidOf(user)];
  await unitOf(bed, organization).transact(async () => {
    await database.insert(memberships).values({ organizationId, userId, role });
    await database.insert(userOrganizations).values({ organizationId, userId });
  });
  return sessionIn(bed, organization, user);
};

/** Gives an organization another type, as the installation's administrators may. */
export const retype = async (bed: Testbed, organization: string, type: OrganizationType): Promise<void> => {
  await changeType(wholeOf(bed, organization), type);
};

/** Gives somebody a confirmed second factor, or one that is not confirmed yet. */
export const enrol = async (bed: Testbed, user: string, confirmed = true): Promise<void> => {
  const userId = uuidOf(user);
  const unit = new UnitOfWork({ ...nowhere, userId }, { ...bed.server.installation.services, origin });
  const confirmedAt = confirmed ? new Date().toISOString() : null;
  await unit.transact(() => database.insert(twoFactors).values({ userId, secret: 'sealed', confirmedAt }));
  bed.server.installation.services.viewers.forgetUser(userId);
};
