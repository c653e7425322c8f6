import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import type { CreateTrainingExampleInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import type { TrainingExampleRow } from '../knowledge/tables.ts';
import { addTrainingExample } from '../knowledge/training.ts';
import { found } from '../nodes.ts';
import { requirePermission } from '../permissions.ts';
import { messageById } from './loaders.ts';
import type { MessageRow } from './tables.ts';

/**
 * Makes a training example, by hand or from a completed answer of a model. Throws BadUserInput, Conflict (there is the same), Forbidden (another's group; needs
 * FEEDBACK_REVIEW where the answer is), NotFound (message, group).
 */
export const createTrainingExample = async (
  context: Context,
  { messageId, ...given }: CreateTrainingExampleInput,
): Promise<TrainingExampleRow> => {
  if (!messageId) return addTrainingExample(context, given);
  const { unit } = context;
  const answer = await found('Message', messageId, messageById(unit));
  requirePermission(viewerOf(context), 'FEEDBACK_REVIEW', answer.workspaceId);
  if (answer.role !== 'ASSISTANT' || answer.status !== 'COMPLETED')
    throw new BadUserInput('messageId', 'This is no completed answer of a model.');
  const input = given.input ?? (await questionAbove(unit, answer));
  if (input === null) throw new BadUserInput('input', 'No question stands above this answer; give the input.');
  const { expectedOutput = answer.content, confidence = answer.confidence } = given;
  const content = { ...given, input, expectedOutput, confidence };
  return addTrainingExample(context, content, { messageId, conversationId: answer.conversationId });
};

/** What a person asked for an answer; null where that is no text. */
const questionAbove = async (unit: UnitOfWork, { parentId }: MessageRow): Promise<string | null> => {
  const question = parentId === null ? null : await messageById(unit).load(parentId);
  return question?.role === 'USER' && question.content.trim() !== '' ? question.content : null;
};
