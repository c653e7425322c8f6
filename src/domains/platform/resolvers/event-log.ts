import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import { eventLog, eventLogEntryById } from '../event-log.ts';
import { exportEventLog } from '../event-log-export.ts';
import { verifyEventLog } from '../event-log-verifying.ts';
import { targetOf } from '../events.ts';
import { jobById } from '../loaders.ts';

export const resolvers: Resolvers = {
  Query: { eventLog: (_root, args, { unit }) => eventLog(unit, args) },
  Mutation: {
    exportEventLog: async (_root, { input }, context) => {
      const id = await exportEventLog(context, input);
      return { job: await found('Job', id, jobById(context.unit)) };
    },
    verifyEventLog: async (_root, { input }, context) => {
      const { verification, jobId } = await verifyEventLog(context, input);
      return { verification, job: jobId === null ? null : await found('Job', jobId, jobById(context.unit)) };
    },
  },
  EventLogEntry: {
    actor: ({ actorId }, _args, { unit }) => (actorId === null ? null : memberUserById(unit).load(actorId)),
    actorId: ({ actorId }) => (actorId === null ? null : globalId('User', actorId)),
    targetId: targetOf,
    workspace: ({ workspaceId }, _args, { unit }) =>
      workspaceId === null ? null : workspaceById(unit).load(workspaceId),
  },
  EventLogVerification: { intact: ({ fault }) => fault === null },
  EventLogFault: {
    entryId: ({ entryId }) => (entryId === null ? null : globalId('EventLogEntry', entryId)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { EventLogEntry: eventLogEntryById };
