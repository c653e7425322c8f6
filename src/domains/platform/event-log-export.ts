import { z } from 'zod';
import { BadUserInput, type InputIssue } from '../../errors.ts';
import type { ExportEventLogInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { targetUuid } from './event-targets.ts';

/** The job that writes the log into a file; `event-log-export-run.ts` handles it. */
export const exportKind = 'platform.export-event-log';

const formats = ['CSV', 'JSONL'] as const;

/** What the job is given: what of which time, and what its requester showed, whose limits hold for it. */
export const exportWork = z.object({
  format: z.enum(formats),
  from: z.string(),
  to: z.string(),
  filter: z.object({
    action: z.string().nullable(),
    targetType: z.string().nullable(),
    targetId: z.string().nullable(),
    actorId: z.string().nullable(),
    workspaceId: z.string().nullable(),
  }),
  credential: z.object({ kind: z.enum(['SESSION', 'API_KEY', 'DEVICE', 'EXTENSION_KEY']), id: z.string() }),
});
/** See {@link exportWork}. */
export type ExportWork = z.infer<typeof exportWork>;

const maxDays = 3660;
const dayMs = 86_400_000;

/** Begins to write the log into a file of the viewer's own; gives the job's id. Throws BadUserInput. */
export const exportEventLog = (context: Context, input: ExportEventLogInput): Promise<string> => {
  const { unit, services } = context;
  const viewer = viewerOf(context);
  // The types say text; the server hands over what the scalar made of it.
  const [from, to] = [new Date(input.from), new Date(input.to)];
  const issues = timeIssues(from, to);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { kind, id } = viewer.credential;
  const filter = filterOf(input);
  const work: ExportWork = {
    format: input.format ?? 'CSV',
    from: from.toISOString(),
    to: to.toISOString(),
    filter,
    credential: { kind, id },
  };
  return unit.transact(async ({ organizationId }) => {
    const target = { type: 'Organization', id: organizationId };
    unit.record({ action: 'event_log.export_requested', ...target, data: { format: work.format } });
    return services.queue.enqueue(unit, { kind: exportKind, data: work, target, readers: [viewer.self] });
  });
};

const filterOf = ({ filter }: ExportEventLogInput): ExportWork['filter'] => {
  const targetId = filter?.targetId ?? null;
  return {
    action: filter?.action ?? null,
    targetType: filter?.targetType ?? null,
    targetId: targetId === null ? null : targetUuid(targetId),
    actorId: filter?.actorId ?? null,
    workspaceId: filter?.workspaceId ?? null,
  };
};

const timeIssues = (from: Date, to: Date): InputIssue[] => {
  const days = (to.getTime() - from.getTime()) / dayMs;
  if (days <= 0) return [{ field: 'to', message: 'A time ends after it began.' }];
  return days <= maxDays ? [] : [{ field: 'to', message: `A time has at most ${maxDays.toLocaleString('en')} days.` }];
};
