import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, Forbidden, NotFound } from '../../errors.ts';
import type { UpdateTrainingExampleInput, ValidateTrainingExampleInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { requireOwnGroup } from './own-group.ts';
import { knowledgeOf } from './schema.ts';
import { trainingExamples, type TrainingExampleRow } from './tables.ts';
import { contentOf, fingerprintOf, sameExists, type GivenContent, type TrainingContent } from './training-rules.ts';

const maxReason = 1_000;

/** The answer that an example is made from. */
export interface TrainingSource {
  readonly messageId: string;
  readonly conversationId: string;
}

/**
 * Makes a training example of the viewer's; `source` is an answer that they see. Throws BadUserInput, Conflict (there is the same), Forbidden (a group that is
 * not theirs), NotFound (group).
 */
export const addTrainingExample = async (
  context: Context,
  given: GivenContent,
  source: TrainingSource | null = null,
): Promise<TrainingExampleRow> => {
  const { type = 'CONVERSATION', input, expectedOutput = null, ...others } = contentOf(given);
  if (input === undefined) throw new BadUserInput('input', 'An example has an input.');
  const groupId = others.groupId ?? null;
  await requireOwnGroup(context, groupId, 'TRAINING_MANAGE');
  await context.unit.rest();
  const bank = knowledgeOf(context.unit);
  const { userId } = viewerOf(context);
  const fingerprint = fingerprintOf({ type, input, expectedOutput });
  const example = await bank.transact(async ({ organizationId }) => {
    const row = { ...others, ...source, organizationId, type, input, expectedOutput, groupId, fingerprint };
    const [made] = await database
      .insert(trainingExamples)
      .values({ ...row, createdById: userId })
      .onConflictDoNothing({ target: [trainingExamples.organizationId, trainingExamples.fingerprint] })
      .returning();
    if (made === undefined) return null;
    bank.record({ action: 'training_example.created', type: 'TrainingExample', id: made.id, data: { type } });
    return made;
  });
  if (example === null) throw await sameExists(bank, fingerprint);
  return example;
};

const isExample = (organizationId: string, id: string) =>
  and(eq(trainingExamples.organizationId, organizationId), eq(trainingExamples.id, id));

/** The example, locked until the running transaction of the bank ends. Throws NotFound. */
const lockExample = async (organizationId: string, id: string): Promise<TrainingExampleRow> => {
  const [example] = await database.select().from(trainingExamples).where(isExample(organizationId, id)).for('update');
  if (example === undefined) throw new NotFound('TrainingExample', id);
  return example;
};

const differs = (before: unknown, after: unknown): boolean => JSON.stringify(before) !== JSON.stringify(after);

/**
 * Changes an example. With another type, input or expected output it is to be looked at anew, and counts as not used. Throws BadUserInput, Conflict (there is the
 * same), Forbidden (a group that is not the viewer's), NotFound (example, group).
 */
export const updateTrainingExample = async (
  context: Context,
  { id, ...given }: UpdateTrainingExampleInput,
): Promise<TrainingExampleRow> => {
  const fields = contentOf(given);
  await requireOwnGroup(context, fields.groupId, 'TRAINING_MANAGE');
  await context.unit.rest();
  const bank = knowledgeOf(context.unit);
  const { userId } = viewerOf(context);
  let fingerprint = '';
  try {
    return await bank.transact(async ({ organizationId }) => {
      const current = await lockExample(organizationId, id);
      const next = { ...current, ...fields };
      const changed = (Object.keys(fields) as (keyof TrainingContent)[]).filter((field) =>
        differs(current[field], next[field]),
      );
      if (changed.length === 0) return current;
      const saysOther = changed.some((field) => ['type', 'input', 'expectedOutput'].includes(field));
      fingerprint = saysOther ? fingerprintOf(next) : current.fingerprint;
      const row = sole(
        await database
          .update(trainingExamples)
          .set({ ...fields, ...(saysOther && unseen), fingerprint, editedById: userId })
          .where(isExample(organizationId, id))
          .returning(),
      );
      bank.record({ action: 'training_example.updated', type: 'TrainingExample', id, data: { changed } });
      return row;
    });
  } catch (error) {
    if (violates(error, 'training_examples_fingerprint_key')) throw await sameExists(bank, fingerprint);
    throw error;
  }
};

/** Of an example that nobody has looked at, and that no file holds as it is. */
const unseen = {
  status: 'PENDING',
  validatedById: null,
  validatedAt: null,
  rejectionReason: null,
  usedAt: null,
  exportJobId: null,
} as const;

/** Deletes an example for good. Throws NotFound. */
export const deleteTrainingExample = ({ unit }: Context, id: string): Promise<string> => {
  const bank = knowledgeOf(unit);
  return bank.transact(async ({ organizationId }) => {
    await lockExample(organizationId, id);
    await database.delete(trainingExamples).where(isExample(organizationId, id));
    bank.record({ action: 'training_example.deleted', type: 'TrainingExample', id });
    return id;
  });
};

/**
 * Says whether an example is good to train with, which neither its author does nor who changed it last. Throws BadUserInput (rejected without a reason), Conflict
 * (somebody has said so), Forbidden (one's own), NotFound.
 */
export const validateTrainingExample = (
  context: Context,
  { id, approve, reason }: ValidateTrainingExampleInput,
): Promise<TrainingExampleRow> => {
  const why = reason?.trim() ?? '';
  if (why.length > maxReason || (!approve && why === ''))
    throw new BadUserInput(
      'reason',
      `What is rejected has a reason of 1 to ${maxReason.toLocaleString('en')} characters.`,
    );
  const { userId } = viewerOf(context);
  const bank = knowledgeOf(context.unit);
  return bank.transact(async ({ organizationId }) => {
    const { status, createdById, editedById } = await lockExample(organizationId, id);
    if (createdById === userId || editedById === userId)
      throw new Forbidden('TRAINING_MANAGE', 'Somebody else looks at it than who made it or changed it last.');
    if (status !== 'PENDING') throw new Conflict('id', `This training example is ${status} already.`, { status });
    const row = sole(
      await database
        .update(trainingExamples)
        .set({
          status: approve ? 'VALIDATED' : 'REJECTED',
          validatedById: userId,
          validatedAt: sql`now()`,
          rejectionReason: approve ? null : why,
        })
        .where(isExample(organizationId, id))
        .returning(),
    );
    const action = approve ? 'training_example.validated' : 'training_example.rejected';
    bank.record({ action, type: 'TrainingExample', id });
    return row;
  });
};
