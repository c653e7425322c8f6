import { and, eq, inArray } from 'drizzle-orm';
import { z } from 'zod';
import { database } from '../../database/client.ts';
import { wholeOf } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict } from '../../errors.ts';
import type { ExportTrainingDataInput } from '../../generated/resolvers.ts';
import { jobs } from '../../queue/tables.ts';
import { viewerOf, type Context } from '../context.ts';
import { selected } from '../knowledge/training-selection.ts';
import { lockedOrganization } from '../tenancy/organization-types.ts';

/** The job that writes training examples into a file; `training-export-run.ts` handles it. */
export const trainingExportKind = 'conversations.export-training';

const maxPrompt = 8_000;

/** What the job is given: which examples, how, and what its requester showed, whose limits hold for it. */
export const trainingExportWork = z.object({
  format: z.enum(['JSONL', 'CSV']),
  filter: z.json(),
  includeUsed: z.boolean(),
  markUsed: z.boolean(),
  systemPrompt: z.string().nullable(),
  credential: z.object({ kind: z.enum(['SESSION', 'API_KEY', 'DEVICE', 'EXTENSION_KEY']), id: z.string() }),
});
export type TrainingExportWork = z.infer<typeof trainingExportWork>;

/**
 * Begins to write training examples into a file of the viewer's own; gives the job's id. One at a time in an organization: two would take the same examples, and
 * each is meant to be used once. Throws BadUserInput, Conflict (one is being made).
 */
export const exportTrainingData = async (context: Context, input: ExportTrainingDataInput): Promise<string> => {
  const { format, filter, systemPrompt, includeUsed = false, markUsed = true } = input;
  const { unit, services } = context;
  const { self, credential } = viewerOf(context);
  if (typeof systemPrompt === 'string' && (systemPrompt.trim() === '' || systemPrompt.length > maxPrompt))
    throw new BadUserInput('systemPrompt', `This takes 1 to ${maxPrompt.toLocaleString('en')} characters.`);
  // Checked as that of the list, and kept as it was given.
  selected(unit.organizationId, { format, filter, includeUsed });
  const work: TrainingExportWork = {
    format,
    filter: z.json().parse(JSON.parse(JSON.stringify(filter ?? null))),
    includeUsed,
    markUsed,
    systemPrompt: systemPrompt?.trim() ?? null,
    credential: { kind: credential.kind, id: credential.id },
  };
  return unit.transact(async ({ organizationId, userId }) => {
    const running = await unit.nested(wholeOf(organizationId, userId), async (whole) => {
      await lockedOrganization(whole);
      const ofKind = and(eq(jobs.organizationId, organizationId), eq(jobs.kind, trainingExportKind));
      const open = inArray(jobs.state, ['QUEUED', 'RUNNING']);
      return database.select({ id: jobs.id }).from(jobs).where(and(ofKind, open)).limit(1);
    });
    if (running.length > 0) throw new Conflict('organization', 'An export of training data is being made.');
    const target = { type: 'Organization', id: organizationId };
    unit.record({ action: 'training_example.export_requested', ...target, data: { format } });
    return services.queue.enqueue(unit, { kind: trainingExportKind, data: work, target, readers: [self] });
  });
};
