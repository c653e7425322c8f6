import { and, eq, inArray } from 'drizzle-orm';
import { v5 } from 'uuid';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { trainingExamples } from './tables.ts';
import { fingerprintOf } from './training-rules.ts';

/** What an answer gives for training. */
export interface AnswerExample {
  readonly messageId: string;
  readonly conversationId: string;
  readonly input: string;
  readonly expectedOutput: string;
  readonly confidence: number | null;
}

/** The work that makes examples: whose they are, and for whom. */
export interface MakingRun {
  readonly runId: string;
  readonly userId: string;
  readonly groupId: string | null;
}

/**
 * Makes an example of each answer that has none yet and of which there is not the same; gives how many of them this run has made, also those of an earlier try: an
 * example's id follows from run and answer (UUIDv5, https://www.rfc-editor.org/rfc/rfc9562#section-5.5). The unit sees the whole bank.
 */
export const addEach = (
  bank: UnitOfWork,
  { runId, userId, groupId }: MakingRun,
  examples: readonly AnswerExample[],
): Promise<number> =>
  bank.transact(async ({ organizationId }) => {
    const rows = examples.map(({ messageId, conversationId, input, expectedOutput, confidence }) => ({
      organizationId,
      id: v5(messageId, runId),
      type: 'CONVERSATION' as const,
      input,
      expectedOutput,
      confidence,
      groupId,
      createdById: userId,
      messageId,
      conversationId,
      fingerprint: fingerprintOf({ type: 'CONVERSATION', input, expectedOutput }),
    }));
    const messageIds = rows.map(({ messageId }) => messageId);
    const isOfThese = and(
      eq(trainingExamples.organizationId, organizationId),
      inArray(trainingExamples.messageId, messageIds),
    );
    const before = await database
      .select({ id: trainingExamples.id, messageId: trainingExamples.messageId })
      .from(trainingExamples)
      .where(isOfThese);
    const ids = new Set(rows.map(({ id }) => id));
    const taken = new Set(before.map(({ messageId }) => messageId));
    const madeBefore = before.filter(({ id }) => ids.has(id)).length;
    // In one order everywhere, so that two who write the same at a time do not wait for each other.
    const fresh = rows
      .filter(({ messageId }) => !taken.has(messageId))
      .sort((one, other) => (one.fingerprint < other.fingerprint ? -1 : 1));
    if (fresh.length === 0) return madeBefore;
    const made = await database
      .insert(trainingExamples)
      .values(fresh)
      .onConflictDoNothing()
      .returning({ id: trainingExamples.id });
    for (const { id } of made)
      bank.record({ action: 'training_example.created', type: 'TrainingExample', id, data: { type: 'CONVERSATION' } });
    return madeBefore + made.length;
  });
