import { and, eq } from 'drizzle-orm';
import { database } from '../../../database/client.ts';
import { sole } from '../../../database/rows.ts';
import type { UnitOfWork } from '../../../database/unit-of-work.ts';
import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { jobs, type JobRow } from '../../../queue/tables.ts';
import { found } from '../../nodes.ts';
import { organizationById, workspaceList } from '../loaders.ts';
import { eraseOrganization } from '../organization-erasure.ts';
import { createExportDownload, exportOrganization } from '../organization-export.ts';
import { settingsOf } from '../organization-settings.ts';
import { allowances } from '../organization-types.ts';
import { createOrganization, deleteOrganization, restoreOrganization, updateOrganization } from '../organizations.ts';

/** A job that was just added. */
const jobOf = async (unit: UnitOfWork, id: string): Promise<JobRow> => {
  const ofJob = and(eq(jobs.organizationId, unit.organizationId), eq(jobs.id, id));
  return sole(await unit.run(() => database.select().from(jobs).where(ofJob)));
};

export const resolvers: Resolvers = {
  Query: {
    organization: (_root, { id }, { unit }) => found('Organization', id, organizationById(unit)),
  },
  Mutation: {
    updateOrganization: async (_root, { input }, context) => ({
      organization: await updateOrganization(context, input),
    }),
    createOrganization: async (_root, { input }, context) => {
      const { id, name, slug } = await createOrganization(context, input);
      return { id: globalId('Organization', id), name, slug };
    },
    deleteOrganization: async (_root, { input }, context) => ({
      organization: await deleteOrganization(context, input),
    }),
    restoreOrganization: async (_root, _args, context) => ({ organization: await restoreOrganization(context) }),
    exportOrganization: async (_root, _args, context) => ({
      job: await jobOf(context.unit, await exportOrganization(context)),
    }),
    createExportDownload: async (_root, { input }, context) => ({
      organizationExport: await createExportDownload(context, input.jobId),
    }),
    eraseOrganization: async (_root, { input }, context) => ({
      job: await jobOf(context.unit, await eraseOrganization(context, input)),
    }),
  },
  Organization: {
    settings: (organization) => settingsOf(organization),
    limits: ({ type }) => {
      const { apiKeyStrategies, settings, ...bounds } = allowances[type];
      return { ...bounds, apiKeyStrategies: [...apiKeyStrategies], settings: [...settings] };
    },
    workspaces: (_organization, args, { unit }) => workspaceList(unit, args),
  },
};

/** Organizations are found by the domain's own resolvers. */
export const nodes = {};
