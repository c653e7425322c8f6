import { z } from 'zod';
import { daysBefore, lastDays, scheduled, type ScheduledWorks } from '../scheduled-work.ts';
import { exportEventLog } from './event-log-export.ts';
import { requireHead, verifyLater } from './event-log-verifying.ts';

/** Work of this domain that members can have begun by a clock. */
export const scheduledWork: ScheduledWorks = {
  VERIFY_EVENT_LOG: scheduled({
    permission: 'EVENT_LOG_READ',
    input: z.object({ known: z.object({ sequence: z.number(), digest: z.string() }).optional() }),
    ids: {},
    check: async (_context, { known = null }) => requireHead(known, 'work.verifyEventLog.known'),
    begin: ({ context }, { known = null }) => verifyLater(context, known),
  }),
  EXPORT_EVENT_LOG: scheduled({
    permission: 'EVENT_LOG_READ',
    input: z.object({
      lastDays,
      format: z.enum(['CSV', 'JSONL']),
      action: z.string().optional(),
      targetType: z.string().optional(),
      actorId: z.string().optional(),
      workspaceId: z.string().optional(),
    }),
    ids: { actorId: 'User', workspaceId: 'Workspace' },
    check: async () => undefined,
    begin: ({ context, now }, { lastDays: days, format, action, targetType, actorId, workspaceId }) =>
      exportEventLog(context, {
        format,
        ...daysBefore(now, days),
        filter: {
          action: action ?? null,
          targetType: targetType ?? null,
          actorId: actorId ?? null,
          workspaceId: workspaceId ?? null,
        },
      }),
  }),
};
