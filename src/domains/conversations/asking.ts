import { eq, and, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction } from '../../database/unit-of-work.ts';
import { Unavailable } from '../../errors.ts';
import type { Context } from '../context.ts';
import { deploymentFor, type Callable } from '../modelhub/deployments.ts';
import { reserveExecution } from '../modelhub/executions.ts';
import { found } from '../nodes.ts';
import { archived } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import type { WorkspaceRow } from '../tenancy/tables.ts';
import { lockActiveConversation, nextPlace } from './conversation-lock.ts';
import { messageById } from './loaders.ts';
import { messages, runningAnswers, type MessageRow } from './tables.ts';
import { writtenOut } from './slash-commands.ts';
import { writtenText } from './written-text.ts';

/** How long an answer may go without a word of the process that writes it. */
export const leaseSeconds = 30;
export const leaseEnd = sql`now() + make_interval(secs => ${leaseSeconds})`;

/** Who asks: a member, or the visitor of a widget, who has no user. */
export interface Asker {
  readonly userId: string | null;
  readonly visitorId: string | null;
}

/** What a question may choose in place of what its workspace has chosen. */
export type Choices = Partial<
  Pick<WorkspaceRow, 'chatModelId' | 'chatMode' | 'temperature' | 'systemPrompt' | 'historyLength'>
>;

/** A bound that a question counts against, besides those of its asker, workspace and organization. */
export interface QuotaClaim {
  readonly subject: 'WIDGET' | 'VISITOR' | 'ADDRESS';
  /** Whose bound it is: an id, or for an address the hash of it. */
  readonly subjectKey: string;
  readonly measure: 'MESSAGES';
  readonly amount: number;
  readonly limit: number;
  readonly window: 'DAY';
}

/** A question as it comes in. */
export interface Question {
  readonly conversationId: string;
  readonly text: string;
  readonly choices?: Choices;
  readonly claims?: readonly QuotaClaim[];
}

/** A question that is stored, and what is needed to answer it. */
export interface Asked {
  readonly asker: Asker;
  readonly question: MessageRow;
  readonly answer: MessageRow;
  /** With the question's own choices in place of the workspace's. */
  readonly workspace: WorkspaceRow;
  readonly callable: Callable;
  readonly executionId: string;
}

/** What an operation works with, whoever it is for. */
export type Means = Pick<Context, 'unit' | 'services'>;

/**
 * Stores a question with its empty answer and the reservation of a model call, in one transaction. The unit sees as the asker does.
 * Throws BadUserInput, Conflict (conversation not ACTIVE, workspace archived, key missing), NotFound, Unavailable (model switched off).
 */
export const storeQuestion = (means: Means, asker: Asker, asked: Question): Promise<Asked> => {
  const { unit } = means;
  const { conversationId, choices = {} } = asked;
  const content = writtenText('text', asked.text);
  return unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    const { workspaceId } = await lockActiveConversation(unit, conversationId);
    const workspace = { ...(await found('Workspace', workspaceId, workspaceById(unit))), ...choices };
    if (workspace.archivedAt !== null) throw archived();
    const prompt = await writtenOut(unit, content);
    const { newest, parentId, createdAt } = nextPlace(organizationId, conversationId);
    const questions = await database
      .with(newest)
      .insert(messages)
      .values({
        organizationId,
        workspaceId,
        conversationId,
        createdAt,
        parentId,
        role: 'USER',
        senderId: asker.userId,
        content,
        prompt: prompt === content ? null : prompt,
      })
      .returning();
    const question = sole(questions);
    unit.record({ action: 'message.asked', type: 'Message', id: question.id, workspaceId });
    return { asker, workspace, question, ...(await beginAnswer(means, transaction, workspace, question)) };
  });
};

/**
 * Begins an answer to a question in the running transaction, which holds the conversation's lock: the empty message, its lease and the
 * reservation of a model call. Throws Conflict (key missing), Unavailable (model switched off).
 */
export const beginAnswer = async (
  { unit, services }: Means,
  transaction: Transaction,
  workspace: WorkspaceRow,
  { organizationId, workspaceId, conversationId, id: questionId }: MessageRow,
): Promise<Pick<Asked, 'answer' | 'callable' | 'executionId'>> => {
  const callable = await deploymentFor(unit, services, workspace);
  const { newest, createdAt } = nextPlace(organizationId, conversationId);
  const answers = await database
    .with(newest)
    .insert(messages)
    .values({
      organizationId,
      workspaceId,
      conversationId,
      createdAt,
      parentId: questionId,
      role: 'ASSISTANT',
      content: '',
      status: 'STREAMING',
      model: callable.model.name,
      modelId: callable.model.id,
      leaseUntil: leaseEnd,
    })
    .returning();
  const answer = sole(answers);
  await database.insert(runningAnswers).values({ messageId: answer.id, organizationId, leaseUntil: leaseEnd });
  const executionId = await reserveExecution(transaction, callable, {
    workspaceId,
    purpose: 'answer',
    targetId: answer.id,
  });
  return { answer, callable, executionId };
};

/** An answer that was written. Throws NotFound when its conversation was deleted meanwhile, Unavailable when it could not be stored. */
export const answerNow = async (context: Context, id: string): Promise<MessageRow> => {
  const answer = await found('Message', id, messageById(context.unit).clear(id));
  if (answer.status === 'STREAMING') throw new Unavailable('The answer could not be stored.');
  return answer;
};

/** Promises for another lease's time that the answer is being written; false when it is no longer awaited. */
export const renewLease = async ({ question, answer }: Asked, unit: Context['unit']): Promise<boolean> =>
  unit.transact(async ({ organizationId }) => {
    const renewed = await database
      .update(messages)
      .set({ leaseUntil: leaseEnd })
      .where(
        and(
          eq(messages.organizationId, organizationId),
          eq(messages.id, answer.id),
          eq(messages.conversationId, question.conversationId),
          eq(messages.status, 'STREAMING'),
        ),
      )
      .returning({ id: messages.id });
    if (renewed.length === 0) return false;
    await database.update(runningAnswers).set({ leaseUntil: leaseEnd }).where(eq(runningAnswers.messageId, answer.id));
    return true;
  });
