import { getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf, type Connection, type ListArguments } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { users } from '../identity/tables.ts';
import { found } from '../nodes.ts';
import { placesByUser } from '../tenancy/own-organizations.ts';
import { organizations } from '../tenancy/tables.ts';
import { loadAcross, readAcross, readingOf, recordReading, uuids } from './readings.ts';
import {
  platformUserColumns,
  type PlatformOrganizationRow,
  type PlatformUserOrganizationRow,
  type PlatformUserRow,
} from './rows.ts';

const userList = listOf({
  from: users,
  columns: platformUserColumns,
  orders: { CREATED_AT: users.createdAt, EMAIL: users.email },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    email: { folded: users.email },
    username: users.username,
    platformRole: users.platformRole,
    suspendedAt: users.suspendedAt,
    deletedAt: users.deletedAt,
    createdAt: users.createdAt,
  },
});

const organizationList = listOf({
  from: organizations,
  columns: getTableColumns(organizations),
  orders: { CREATED_AT: organizations.createdAt, SLUG: organizations.slug },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    slug: organizations.slug,
    type: organizations.type,
    suspendedAt: organizations.suspendedAt,
    deletedAt: organizations.deletedAt,
    createdAt: organizations.createdAt,
  },
});

const userById = loadOne(
  () =>
    database
      .select(platformUserColumns)
      .from(users)
      .where(sql`${users.id} = any(${bound.keys})`),
  (user) => user.id,
);

const organizationById = loadOne(
  () =>
    database
      .select()
      .from(organizations)
      .where(sql`${organizations.id} = any(${bound.keys})`),
  (organization) => organization.id,
);

const idsOf = ({ edges }: Connection<{ id: string }>) => edges.map(({ node }) => node.id);

/** Accounts of the installation. Throws BadUserInput, Forbidden. */
export const platformUsers = async (unit: UnitOfWork, args: ListArguments): Promise<Connection<PlatformUserRow>> => {
  unit.recordReads();
  const page = await userList<PlatformUserRow>(unit, args);
  await recordReading(unit, 'platformUsers', 'User', idsOf(page));
  return page;
};

/** An account. Throws Forbidden, NotFound. */
export const platformUser = async (unit: UnitOfWork, id: string): Promise<PlatformUserRow> => {
  unit.recordReads();
  const user = await found('User', id, userById(unit));
  await recordReading(unit, 'platformUser', 'User', [id]);
  return user;
};

/** Those who made accounts for others, by their ids. */
export const makerById = loadAcross<PlatformUserRow>(async (unit, ids) => {
  unit.recordReads();
  const makers = await userById.all(unit, ids);
  await recordReading(unit, 'PlatformUser.createdBy', 'User', ids);
  return makers;
});

/** Organizations of the installation. Throws BadUserInput, Forbidden. */
export const platformOrganizations = async (
  unit: UnitOfWork,
  args: ListArguments,
): Promise<Connection<PlatformOrganizationRow>> => {
  unit.recordReads();
  const page = await organizationList<PlatformOrganizationRow>(unit, args);
  await recordReading(unit, 'platformOrganizations', 'Organization', idsOf(page));
  return page;
};

/** An organization. Throws Forbidden, NotFound. */
export const platformOrganization = async (unit: UnitOfWork, id: string): Promise<PlatformOrganizationRow> => {
  unit.recordReads();
  const organization = await found('Organization', id, organizationById(unit));
  await recordReading(unit, 'platformOrganization', 'Organization', [id]);
  return organization;
};

/** The organizations that a person belongs to, in the order in which those were made. Throws BadUserInput. */
export const organizationsOfPerson = (
  unit: UnitOfWork,
  args: ListArguments,
  userId: string,
): Promise<Connection<PlatformUserOrganizationRow>> => {
  unit.recordReads();
  return placesByUser<PlatformUserOrganizationRow>(unit, args, userId);
};

/** The organization of a person's place. */
export const organizationOfPlace = ({ id }: PlatformUserOrganizationRow, unit: UnitOfWork) =>
  found('Organization', id, organizationById(unit));

interface Membership {
  readonly organization_id: string;
  readonly user_id: string;
  readonly role: PlatformMembership['role'];
  readonly suspended_at: string | null;
  readonly created_at: string;
}

/** A person's place in an organization. */
export interface PlatformMembership {
  readonly role: 'OWNER' | 'ADMIN' | 'MANAGER' | 'MEMBER' | 'GUEST';
  readonly suspendedAt: string | null;
  readonly createdAt: string;
}

const keyOf = (organizationId: string, userId: string) => `${organizationId} ${userId}`;

const membershipByPlace = loadAcross<PlatformMembership>(async (unit, keys) => {
  const pairs = keys.map((key) => key.split(' '));
  const [places, people] = [0, 1].map((part) => uuids(pairs.map((pair) => pair[part] ?? '')));
  const reading = readingOf(unit, 'PlatformUser.organizations');
  const rows = await readAcross<Membership>(
    unit,
    sql`select * from app_platform_memberships(${reading}::jsonb, ${places}, ${people})`,
  );
  return new Map(
    rows.map(({ organization_id, user_id, role, suspended_at, created_at }) => [
      keyOf(organization_id, user_id),
      { role, suspendedAt: suspended_at, createdAt: created_at },
    ]),
  );
});

/** What a person is in an organization. Throws Forbidden, NotFound when they left it meanwhile. */
export const membershipOfPlace = ({ id, userId }: PlatformUserOrganizationRow, unit: UnitOfWork) =>
  found('Membership', keyOf(id, userId), membershipByPlace(unit));
