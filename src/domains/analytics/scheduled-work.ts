import { z } from 'zod';
import { BadUserInput } from '../../errors.ts';
import { viewerOf } from '../context.ts';
import { found } from '../nodes.ts';
import { requirePermission } from '../permissions.ts';
import { daysBefore, lastDays, scheduled, type ScheduledWorks } from '../scheduled-work.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { exportAnalytics, filterIssues, terms, type Filter } from './exporting.ts';
import { eventSources, metricPeriods } from './tables.ts';

const input = z.object({
  kind: z.enum(['ACTIVITIES', 'EVENTS', 'ENGAGEMENT', 'METRICS', 'SUMMARY']),
  lastDays,
  workspaceId: z.string().optional(),
  userId: z.string().optional(),
  name: z.string().optional(),
  source: z.enum(eventSources).optional(),
  period: z.enum(metricPeriods).optional(),
});

const filterOf = ({ workspaceId, userId, name, source, period }: z.infer<typeof input>): Filter => ({
  workspaceId: workspaceId ?? null,
  userId: userId ?? null,
  name: name ?? null,
  source: source ?? null,
  period: period ?? null,
});

/** Work of this domain that members can have begun by a clock. */
export const scheduledWork: ScheduledWorks = {
  EXPORT_ANALYTICS: scheduled({
    permission: 'ACTIVITY_READ',
    input,
    ids: { workspaceId: 'Workspace', userId: 'User' },
    check: async (context, work) => {
      requirePermission(viewerOf(context), terms[work.kind].permission);
      const issues = filterIssues(work.kind, filterOf(work));
      if (issues.length > 0)
        throw new BadUserInput(
          issues.map(({ field, message }) => ({ field: field.replace('filter', 'work.exportAnalytics'), message })),
        );
      const { workspaceId } = work;
      if (workspaceId !== undefined) await found('Workspace', workspaceId, workspaceById(context.unit));
    },
    begin: ({ context, now }, work) =>
      exportAnalytics(context, { kind: work.kind, ...daysBefore(now, work.lastDays), filter: filterOf(work) }),
  }),
};
