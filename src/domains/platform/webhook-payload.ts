import type { EventRow } from '../../events/tables.ts';
import { globalId } from '../../ids.ts';
import type { WebhookPayload } from './webhook-tables.ts';

/** What changed is left out where it would take more characters than this as JSON. */
const maxChanges = 32_000;

type Told = Pick<
  EventRow,
  'organizationId' | 'workspaceId' | 'action' | 'targetType' | 'targetId' | 'actorId' | 'createdAt' | 'data'
>;

/** What a webhook is told of an entry in the log: neither where it was done from nor by what program. */
export const payloadOf = (entry: Told): WebhookPayload => {
  const { organizationId, workspaceId, action, targetType, targetId, actorId, createdAt, data } = entry;
  return {
    type: action,
    timestamp: new Date(createdAt).toISOString(),
    data: {
      type: targetType,
      id: globalId(targetType, targetId),
      organizationId: globalId('Organization', organizationId),
      workspaceId: workspaceId === null ? null : globalId('Workspace', workspaceId),
      actorId: actorId === null ? null : globalId('User', actorId),
      changes: JSON.stringify(data).length > maxChanges ? null : data,
    },
  };
};
