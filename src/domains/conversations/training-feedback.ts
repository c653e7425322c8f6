import { z } from 'zod';
import { BadUserInput, type InputIssue } from '../../errors.ts';
import type { CreateTrainingExamplesFromFeedbackInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { requireOwnGroup } from '../knowledge/own-group.ts';
import { found } from '../nodes.ts';
import { requirePermission } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';

/** The job that makes training examples from answers that were found good; `training-feedback-run.ts` handles it. */
export const trainingFeedbackKind = 'conversations.make-training-examples';

/** What the job is given: which answers, for whom the examples are, and what its requester showed, whose limits hold for it. */
export const trainingFeedbackWork = z.object({
  workspaceId: z.string(),
  minimumScore: z.number(),
  from: z.string().nullable(),
  to: z.string(),
  groupId: z.string().nullable(),
  credential: z.object({ kind: z.enum(['SESSION', 'API_KEY', 'DEVICE', 'EXTENSION_KEY']), id: z.string() }),
});
export type TrainingFeedbackWork = z.infer<typeof trainingFeedbackWork>;

/**
 * Begins to make training examples from the answers of a workspace that were found good; gives the job's id. Throws BadUserInput, Forbidden (needs
 * FEEDBACK_REVIEW there; another's group), NotFound (workspace, group).
 */
export const createTrainingExamplesFromFeedback = async (
  context: Context,
  { workspaceId, minimumScore = 4, from, to, groupId = null }: CreateTrainingExamplesFromFeedbackInput,
): Promise<string> => {
  const { unit, services } = context;
  const viewer = viewerOf(context);
  // What is said later does not lengthen the work.
  const until = new Date(Math.min(Date.now(), to ? Date.parse(to) : Infinity)).toISOString();
  const since = from ? new Date(from).toISOString() : null;
  const issues: InputIssue[] = [];
  if (minimumScore < 1 || minimumScore > 5) issues.push({ field: 'minimumScore', message: 'This is 1 to 5.' });
  if (since !== null && since >= until)
    issues.push({ field: 'from', message: 'This lies before `to`, and not ahead.' });
  if (issues.length > 0) throw new BadUserInput(issues);
  await found('Workspace', workspaceId, workspaceById(unit));
  requirePermission(viewer, 'FEEDBACK_REVIEW', workspaceId);
  await requireOwnGroup(context, groupId, 'TRAINING_MANAGE');
  const { kind, id } = viewer.credential;
  const work: TrainingFeedbackWork = {
    workspaceId,
    minimumScore,
    from: since,
    to: until,
    groupId,
    credential: { kind, id },
  };
  return unit.transact(async () => {
    const target = { type: 'Workspace', id: workspaceId };
    unit.record({ action: 'training_example.creation_requested', ...target, workspaceId });
    return services.queue.enqueue(unit, { kind: trainingFeedbackKind, data: work, target, readers: [viewer.self] });
  });
};
