import { randomUUID } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import { database } from '../../src/database/client.ts';
import { organizations } from '../../src/domains/tenancy/tables.ts';
import { unitOf, uuidOf } from '../talk.ts';
import { byPlatform, type Fixture, type Fixtures } from './fixture.ts';
import type { Person, Testbed } from '../testbed.ts';

/** Somebody in an organization of their own. */
const stranger = async (_owner: Person, _ids: Readonly<Record<string, string>>, bed: Testbed) => {
  const { userId, organizationId } = await bed.signUp('Fresh');
  return { Fresh: userId, FreshOrganization: organizationId, Address: `new-${randomUUID()}@example.com` };
};

const onUser = (field: string, selection = 'user { name }', shows = /Fresh/): Fixture => ({
  gets: byPlatform,
  field: `${field} { ${selection} }`,
  shows,
  target: stranger,
});
const onOrganization = (field: string): Fixture => ({
  gets: byPlatform,
  field: `${field} { organization { name } }`,
  shows: /Fresh/,
  target: stranger,
});

/** What administrators of the installation see and change across organizations. */
export const fixtures: Fixtures = {
  queries: {
    platformUsers: { gets: byPlatform, field: 'platformUsers(first: 100) { totalCount edges { node { name } } }' },
    platformUser: { gets: byPlatform, field: 'platformUser(id: $User) { name email }' },
    platformOrganizations: {
      gets: byPlatform,
      field: 'platformOrganizations(first: 100) { edges { node { name usage { messageCount } } } }',
    },
    platformOrganization: {
      gets: byPlatform,
      field: 'platformOrganization(id: $Organization) { name usage { messageCount } }',
    },
    platformUsage: {
      gets: byPlatform,
      field: 'platformUsage(from: "2026-01-01", to: "2026-01-31") { messageCount }',
      shows: /"messageCount":[1-9]/,
    },
    platformEvents: {
      gets: byPlatform,
      field: 'platformEvents(first: 100) { totalCount edges { node { action } } }',
      shows: /platform\.read/,
    },
  },
  mutations: {
    createPlatformUser: onUser(
      `createPlatformUser(input: { email: $Address, name: "Fresh", organizationId: $FreshOrganization })`,
    ),
    updatePlatformUser: onUser('updatePlatformUser(input: { userId: $Fresh, dailyMessageLimit: 5 })'),
    setPlatformRole: onUser('setPlatformRole(input: { userId: $Fresh, role: ADMIN })'),
    suspendUser: onUser('suspendUser(input: { userId: $Fresh })'),
    resumeUser: onUser('resumeUser(input: { userId: $Fresh })'),
    endUserSessions: onUser('endUserSessions(input: { userId: $Fresh })', 'count', /"count":1/),
    createPlatformOrganization: {
      gets: byPlatform,
      field: `createPlatformOrganization(input: { name: "Fresh", ownerEmail: $OwnerEmail }) { organization { name } }`,
      shows: /Fresh/,
    },
    changeOrganizationType: onOrganization(
      'changeOrganizationType(input: { organizationId: $FreshOrganization, type: ENTERPRISE })',
    ),
    suspendOrganization: onOrganization('suspendOrganization(input: { organizationId: $FreshOrganization })'),
    resumeOrganization: onOrganization('resumeOrganization(input: { organizationId: $FreshOrganization })'),
    deletePlatformOrganization: onOrganization(
      'deletePlatformOrganization(input: { organizationId: $FreshOrganization })',
    ),
    restorePlatformOrganization: {
      ...onOrganization('restorePlatformOrganization(input: { organizationId: $FreshOrganization })'),
      target: async (owner, ids, bed) => {
        const fresh = await stranger(owner, ids, bed);
        await unitOf(bed, null).transact(() =>
          database
            .update(organizations)
            .set({ deletedAt: sql`now()` })
            .where(eq(organizations.id, uuidOf(fresh.FreshOrganization))),
        );
        return fresh;
      },
    },
  },
  connections: {
    'PlatformUser.organizations': {
      gets: byPlatform,
      field: 'platformUser(id: $User) { organizations { totalCount edges { role node { name } } } }',
    },
  },
};
