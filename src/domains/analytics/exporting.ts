import { z } from 'zod';
import { BadUserInput, type InputIssue } from '../../errors.ts';
import type { ExportAnalyticsInput, Permission } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { requirePermission } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { eventSources, metricPeriods } from './tables.ts';

/** The job that writes analytics into a file; `export-run.ts` handles it. */
export const exportKind = 'analytics.export-analytics';

const kinds = ['ACTIVITIES', 'EVENTS', 'ENGAGEMENT', 'METRICS', 'SUMMARY'] as const;
/** What can be exported. */
export type AnalyticsKind = (typeof kinds)[number];

/** What the job is given: what of which time, and what its requester showed, whose limits hold for it. */
export const exportWork = z.object({
  kind: z.enum(kinds),
  from: z.string(),
  to: z.string(),
  filter: z.object({
    workspaceId: z.string().nullable(),
    userId: z.string().nullable(),
    name: z.string().nullable(),
    source: z.enum(eventSources).nullable(),
    period: z.enum(metricPeriods).nullable(),
  }),
  credential: z.object({ kind: z.enum(['SESSION', 'API_KEY', 'DEVICE', 'EXTENSION_KEY']), id: z.string() }),
});
/** See {@link exportWork}. */
export type ExportWork = z.infer<typeof exportWork>;
export type Filter = ExportWork['filter'];

interface Terms {
  readonly permission: Permission;
  readonly filters: readonly (keyof Filter)[];
}

/** What each kind takes: the permission, beside the field's own, and what it can be filtered by. */
export const terms: Readonly<Record<AnalyticsKind, Terms>> = {
  ACTIVITIES: { permission: 'ACTIVITY_READ', filters: ['workspaceId', 'userId'] },
  EVENTS: { permission: 'ANALYTICS_READ', filters: ['workspaceId', 'userId', 'name', 'source'] },
  ENGAGEMENT: { permission: 'ACTIVITY_READ', filters: ['userId'] },
  METRICS: { permission: 'ANALYTICS_READ', filters: ['workspaceId', 'name', 'period'] },
  SUMMARY: { permission: 'ACTIVITY_READ', filters: ['userId'] },
};

const maxDays = 3660;
const dayMs = 86_400_000;

/** Begins to write analytics into a file of the viewer's own; gives the job's id. Throws BadUserInput, Forbidden, NotFound (workspace). */
export const exportAnalytics = (context: Context, input: ExportAnalyticsInput): Promise<string> => {
  const { unit, services } = context;
  const viewer = viewerOf(context);
  const { kind } = input;
  requirePermission(viewer, terms[kind].permission);
  // The types say text; the server hands over what the scalar made of it.
  const [from, to] = [new Date(input.from), new Date(input.to)];
  const filter = filterOf(input);
  const issues = [...timeIssues(from, to), ...filterIssues(kind, filter)];
  if (issues.length > 0) throw new BadUserInput(issues);
  const { kind: shown, id } = viewer.credential;
  const credential = { kind: shown, id };
  const work: ExportWork = { kind, from: from.toISOString(), to: to.toISOString(), filter, credential };
  return unit.transact(async ({ organizationId }) => {
    const { workspaceId } = filter;
    if (workspaceId !== null) await found('Workspace', workspaceId, workspaceById(unit));
    const target =
      workspaceId === null ? { type: 'Organization', id: organizationId } : { type: 'Workspace', id: workspaceId };
    unit.record({ action: 'analytics.export_requested', ...target, workspaceId, data: { kind } });
    return services.queue.enqueue(unit, { kind: exportKind, data: work, target, readers: [viewer.self] });
  });
};

const filterOf = ({ filter }: ExportAnalyticsInput): Filter => ({
  workspaceId: filter?.workspaceId ?? null,
  userId: filter?.userId ?? null,
  name: filter?.name ?? null,
  source: filter?.source ?? null,
  period: filter?.period ?? null,
});

const timeIssues = (from: Date, to: Date): InputIssue[] => {
  const days = (to.getTime() - from.getTime()) / dayMs;
  if (days <= 0) return [{ field: 'to', message: 'A time ends after it began.' }];
  return days <= maxDays ? [] : [{ field: 'to', message: `A time has at most ${maxDays.toLocaleString('en')} days.` }];
};

/** What a kind is not filtered by. */
export const filterIssues = (kind: AnalyticsKind, filter: Filter): InputIssue[] =>
  Object.entries(filter)
    .filter(([name, value]) => value !== null && !terms[kind].filters.some((each) => each === name))
    .map(([name]) => ({ field: `filter.${name}`, message: `${kind} are not filtered by this.` }));
