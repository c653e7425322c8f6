import { setTimeout as pause } from 'node:timers/promises';
import type { Person } from '../testbed.ts';
import type { Fixture, Fixtures } from './fixture.ts';

/** Those of other organizations do it to their own, as its owners. */
const byOwners = { otherwise: 'FORBIDDEN', anonymous: 'UNAUTHENTICATED', owner: 'data' } as const;

/** A list of what each sees. Who belongs to it sees the organization, and a neighbour the other workspace. */
const workspacesOf = {
  otherwise: 'data',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'NOT_FOUND',
  platformAdmin: 'NOT_FOUND',
  keyWithoutScope: 'FORBIDDEN',
} as const;

const slugOf = async (owner: Person): Promise<Record<string, string>> => {
  const data: { viewer: { organization: { slug: string } } } = await owner.want('{ viewer { organization { slug } } }');
  return { slug: data.viewer.organization.slug };
};

/** One after the other in one operation, so that the organization is there for the next caller. The slug is none of a stranger's. */
const deletedAndRestored: Fixture = {
  field: `deleteOrganization(input: { confirmation: $slug }) { organization { name } }
    restoreOrganization { organization { name } }`,
  gets: { ...byOwners, stranger: 'BAD_USER_INPUT', platformAdmin: 'BAD_USER_INPUT' },
  target: slugOf,
};

const archives = new WeakMap<Person, Promise<Record<string, string>>>();

/** An archive of the owner's organization, made once. */
const archiveOf = (owner: Person): Promise<Record<string, string>> => {
  const made = archives.get(owner) ?? makeArchive(owner);
  archives.set(owner, made);
  return made;
};

const makeArchive = async (owner: Person): Promise<Record<string, string>> => {
  for (;;) {
    const { data, errors } = await owner.ask('mutation { exportOrganization { job { id } } }');
    if (errors.length === 0) {
      const { id } = (data as { exportOrganization: { job: { id: string } } }).exportOrganization.job;
      for (;;) {
        const { job }: { job: { state: string } } = await owner.want('query ($id: ID!) { job(id: $id) { state } }', {
          id,
        });
        if (job.state === 'SUCCEEDED') return { archive: id };
        await pause(50);
      }
    }
    // Another one is being made.
    await pause(50);
  }
};

export const fixtures: Fixtures = {
  queries: {
    organization: {
      field: 'organization(id: $Organization) { name }',
      gets: { otherwise: 'data', anonymous: 'UNAUTHENTICATED', stranger: 'NOT_FOUND', platformAdmin: 'NOT_FOUND' },
    },
  },
  connections: { 'Organization.workspaces': { gets: workspacesOf } },
  mutations: {
    updateOrganization: {
      field: 'updateOrganization(input: { settings: { retentionDays: 30 } }) { organization { name } }',
      gets: { ...byOwners, admin: 'data', key: 'data', stranger: 'own', platformAdmin: 'own' },
    },
    createOrganization: {
      field: 'createOrganization(input: { name: "New" }) { name }',
      gets: { otherwise: 'data', anonymous: 'UNAUTHENTICATED', key: 'FORBIDDEN', keyWithoutScope: 'FORBIDDEN' },
      // It is everybody's own, and nothing of the owner's.
      shows: /"name":"New"/,
    },
    deleteOrganization: deletedAndRestored,
    restoreOrganization: deletedAndRestored,
    exportOrganization: {
      field: 'exportOrganization { job { kind } }',
      gets: { ...byOwners, stranger: 'data', platformAdmin: 'data' },
      // Each of the three gets a job of their own organization.
      shows: /tenancy\.export-organization/,
    },
    createExportDownload: {
      field: 'createExportDownload(input: { jobId: $archive }) { organizationExport { size } }',
      gets: { ...byOwners, stranger: 'NOT_FOUND', platformAdmin: 'NOT_FOUND' },
      shows: /"size":\d+/,
      target: archiveOf,
    },
    eraseOrganization: {
      // It is asked last, and its owner asks last of all.
      field: `deleteOrganization(input: { confirmation: $slug }) { organization { name } }
        eraseOrganization(input: { confirmation: $slug, password: "correct horse battery" }) { job { kind } }`,
      gets: { ...byOwners, stranger: 'BAD_USER_INPUT', platformAdmin: 'BAD_USER_INPUT' },
      target: slugOf,
    },
  },
};
