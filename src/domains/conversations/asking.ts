import { eq, and, sql, type SQLWrapper } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction, UnitOfWork } from '../../database/unit-of-work.ts';
import { Unavailable } from '../../errors.ts';
import { newId } from '../../ids.ts';
import type { Context } from '../context.ts';
import type { ModelRequest } from '../modelhub/calls.ts';
import { beginCall, type ModelCall } from '../modelhub/model-call.ts';
import { renewQuota, reserveQuota, type QuotaClaim } from '../modelhub/quotas.ts';
import { found } from '../nodes.ts';
import { archived } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import type { WorkspaceRow } from '../tenancy/tables.ts';
import { claimsOn } from './allowance.ts';
import { announce } from './conversation-events.ts';
import { lockActiveConversation, nextPlace } from './conversation-lock.ts';
import { messageById } from './loaders.ts';
import { goOnAtNewest, placeIn, type Going } from './placing.ts';
import { messages, runningAnswers, type MessageRow } from './tables.ts';
import { writtenOut } from './slash-commands.ts';
import { writtenText } from './written-text.ts';

/** How long an answer may go without a word of the process that writes it. */
export const leaseSeconds = 30;
/** How long what is promised to it stays promised; longer, so that it is settled before. */
const promiseSeconds = 2 * leaseSeconds;
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

/** A question as it comes in. */
export interface Question {
  readonly conversationId: string;
  readonly text: string;
  /** The message that it follows; null begins anew, absent goes on where the conversation is. */
  readonly parentId?: string | null | undefined;
  readonly choices?: Choices;
  /** Bounds that hold for it beside those of its asker. */
  readonly claims?: readonly QuotaClaim[];
  /** What it asks of the model beside what every question does. */
  readonly request?: Partial<Pick<ModelRequest, 'purpose' | 'needs' | 'tags'>>;
}

/** A question that is stored, and what is needed to answer it. */
export interface Asked {
  readonly asker: Asker;
  readonly question: MessageRow;
  readonly answer: MessageRow;
  /** With the question's own choices in place of the workspace's. */
  readonly workspace: WorkspaceRow;
  /** The question's own. */
  readonly choices: Choices;
  /** The call of the model that writes it. */
  readonly call: ModelCall;
  /** Whether something was promised to it of a bound. */
  readonly claimed: boolean;
}

/** What an operation works with, whoever it is for. */
export type Means = Pick<Context, 'unit' | 'services'>;

/**
 * Stores a question with its empty answer and the reservation of a model call, in one transaction. The unit sees as the asker does.
 * Throws BadUserInput, Conflict (conversation not ACTIVE, workspace archived, key missing, no room below the parent), NotFound,
 * QuotaExceeded, Unavailable (model switched off).
 */
export const storeQuestion = (means: Means, asker: Asker, asked: Question): Promise<Asked> => {
  const { unit } = means;
  const { conversationId, parentId, choices = {}, claims = [], request } = asked;
  const content = writtenText('text', asked.text);
  return unit.transact(async (transaction) => {
    const conversation = await lockActiveConversation(unit, conversationId);
    const workspace = await workspaceFor(unit, conversation.workspaceId, choices);
    const question = await writeQuestion(means, asker, conversation, { content, parentId });
    const begun = await beginAnswer(means, transaction, workspace, question, claims, request);
    return { asker, workspace, choices, question, ...begun };
  });
};

/** The workspace of a question, with the question's own choices in place of its own. Throws Conflict (archived), NotFound. */
export const workspaceFor = async (unit: UnitOfWork, id: string, choices: Choices): Promise<WorkspaceRow> => {
  const workspace = await found('Workspace', id, workspaceById(unit));
  if (workspace.archivedAt !== null) throw archived();
  return { ...workspace, ...choices };
};

/** A question's words and its place: the message that it follows as {@link Question} says, and the one that it words anew. */
interface Wording {
  readonly content: string;
  readonly parentId: string | null | undefined;
  readonly editedFromId?: string;
}

/** Writes a question into a conversation that is locked, which goes on there. Throws NotFound and Conflict as `placeIn` does. */
export const writeQuestion = async (
  means: Means,
  asker: Asker,
  conversation: Going & Pick<MessageRow, 'workspaceId'>,
  { content, parentId: behind, editedFromId }: Wording,
): Promise<MessageRow> => {
  const { unit } = means;
  const { organizationId } = unit;
  const { id: conversationId, workspaceId } = conversation;
  const prompt = await writtenOut(unit, content);
  const { newest, parentId, createdAt } = await placeIn(unit, conversation, behind);
  const questions = await database
    .with(newest)
    .insert(messages)
    .values({
      organizationId,
      workspaceId,
      conversationId,
      createdAt,
      parentId,
      editedFromId,
      role: 'USER',
      senderId: asker.userId,
      content,
      prompt: prompt === content ? null : prompt,
    })
    .returning();
  const question = sole(questions);
  await goOnAtNewest(organizationId, conversation);
  unit.record({ action: 'message.asked', type: 'Message', id: question.id, workspaceId });
  announce(means, conversationId, { kind: 'message', messageId: question.id });
  return question;
};

/** What a model is asked for by whoever asks a question. How long the prompt gets is known only when the documents were searched. */
export const usualRequest = {
  purpose: 'answer',
  type: 'TEXT',
  needs: [],
  inputTokens: null,
  maxOutputTokens: null,
  tags: [],
} as const satisfies Partial<ModelRequest>;

/** What an agent asks of it besides. */
export const agentNeeds = { purpose: 'agent', needs: ['TOOLS'] } as const satisfies Partial<ModelRequest>;

/**
 * Begins an answer to a question in the running transaction, which holds the conversation's lock: the empty message, its lease and the
 * reservation of a model call and of what bounds hold. Throws Conflict (key missing), QuotaExceeded, Unavailable (model switched off).
 */
export const beginAnswer = async (
  { unit, services }: Means,
  transaction: Transaction,
  workspace: WorkspaceRow,
  { organizationId, workspaceId, conversationId, id: questionId }: MessageRow,
  claims: readonly QuotaClaim[] = [],
  request: Question['request'] = {},
): Promise<Pick<Asked, 'answer' | 'call' | 'claimed'>> => {
  const answerId = newId();
  const call = await beginCall(
    { unit, services },
    {
      ...usualRequest,
      ...request,
      workspaceId,
      targetId: answerId,
      modelId: workspace.chatModelId,
      stickyTo: conversationId,
    },
  );
  const { callable } = call;
  const { newest, createdAt } = nextPlace(organizationId, conversationId);
  const answers = await database
    .with(newest)
    .insert(messages)
    .values({
      organizationId,
      id: answerId,
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
  const all = [...claims, ...(await claimsOn(unit))];
  await reserveQuota(transaction, { targetId: answer.id, leaseSeconds: promiseSeconds }, all);
  return { answer, call, claimed: all.length > 0 };
};

/** An answer that was written. Throws NotFound when its conversation was deleted meanwhile, Unavailable when it could not be stored. */
export const answerNow = async (context: Context, id: string): Promise<MessageRow> => {
  const answer = await found('Message', id, messageById(context.unit).clear(id));
  if (answer.status === 'STREAMING') throw new Unavailable('The answer could not be stored.');
  return answer;
};

/** A promise is not taken back by one that was made before it, as when an answer is set aside for long. */
const atLeast = (leaseUntil: SQLWrapper) => sql`greatest(${leaseUntil}, ${leaseEnd})`;

/** Promises for another lease's time that the answer is being written; false when it is no longer awaited. */
export const renewLease = async ({ question, answer, claimed }: Asked, unit: Context['unit']): Promise<boolean> =>
  unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    const renewed = await database
      .update(messages)
      .set({ leaseUntil: atLeast(messages.leaseUntil) })
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
    await database
      .update(runningAnswers)
      .set({ leaseUntil: atLeast(runningAnswers.leaseUntil) })
      .where(eq(runningAnswers.messageId, answer.id));
    if (claimed) await renewQuota(transaction, { targetId: answer.id, leaseSeconds: promiseSeconds });
    return true;
  });
