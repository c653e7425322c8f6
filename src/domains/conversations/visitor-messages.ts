import { and, eq, inArray, isNotNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { bound, loadOne } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import { globalId } from '../../ids.ts';
import { documentById } from '../content/loaders.ts';
import type { AnswerFailure } from './events.ts';
import { citationsByMessage, messageById, messagesByConversation } from './loaders.ts';
import { feedback, messages, type MessageRow } from './tables.ts';
import type { Visitor } from './visits.ts';
import { writtenText } from './written-text.ts';

/** What an answer rests on, as a visitor is told. */
export interface VisitorSource {
  /** The number that the answer calls it by, `[1]`. */
  readonly marker: number;
  readonly title: string;
  readonly quote: string;
}

/** A message as a visitor is told. */
export interface VisitorMessage {
  readonly id: string;
  /** USER is the visitor, AGENT a person who answers. */
  readonly role: MessageRow['role'];
  readonly text: string;
  readonly status: MessageRow['status'];
  readonly createdAt: string;
  readonly error?: AnswerFailure;
  /** There where the widget shows sources and the answer is complete. */
  readonly sources?: readonly VisitorSource[];
  /** What the visitor said of it: 1 or -1. */
  readonly score?: number;
}

/** Messages of one page, oldest first. */
export const visitorPage = 30;

const scoreByMessage = loadOne(
  () =>
    database
      .select({ messageId: feedback.messageId, score: feedback.score })
      .from(feedback)
      .where(
        and(
          eq(feedback.organizationId, bound.organizationId),
          sql`${feedback.messageId} = any(${bound.keys})`,
          isNotNull(feedback.visitorId),
        ),
      ),
  (row) => row.messageId,
);

/** Strangers are not told what is wrong inside. */
export const publicFailure = ({ code }: Pick<AnswerFailure, 'code'>): AnswerFailure => {
  if (code === 'RATE_LIMITED') return { code, message: 'Too many are asking at the moment; try again in a minute.' };
  if (code === 'BAD_USER_INPUT') return { code, message: 'This question is too long.' };
  return { code: 'UNAVAILABLE', message: 'The answer could not be given; try again.' };
};

const sourcesOf = async (unit: UnitOfWork, messageId: string): Promise<readonly VisitorSource[]> => {
  const cited = await citationsByMessage(unit).load(messageId);
  const sources = await Promise.all(
    cited.map(async ({ marker, quote, documentId }) => {
      const document = documentId === null ? null : await documentById(unit).load(documentId);
      return document === null ? [] : [{ marker, title: document.title, quote }];
    }),
  );
  return sources.flat();
};

/** A message as its visitor is told. Reads what goes with it in the same batches as other messages of the unit. */
export const told = async ({ unit, widget }: Visitor, message: MessageRow): Promise<VisitorMessage> => {
  const { id, role, status, createdAt, content, errorCode } = message;
  const answered = role === 'ASSISTANT' && status === 'COMPLETED';
  const [sources, given] = await Promise.all([
    answered && widget.showSources ? sourcesOf(unit, id) : undefined,
    answered || role === 'AGENT' ? scoreByMessage(unit).load(id) : null,
  ]);
  return {
    id: globalId('Message', id),
    role,
    text: content,
    status,
    createdAt: new Date(createdAt).toISOString(),
    // The cast is safe: the column holds codes of the family alone.
    ...(errorCode !== null && { error: publicFailure({ code: errorCode as AnswerFailure['code'] }) }),
    ...(sources !== undefined && { sources }),
    ...(given !== null && { score: given.score }),
  };
};

/** A message of the visitor's conversation; null when it is gone. */
export const messageNow = async (visitor: Visitor, id: string): Promise<VisitorMessage | null> => {
  // A fresh unit, whose loaders know nothing from before.
  const unit = visitor.unit.as(visitor.unit.scope);
  const row = await messageById(unit).load(id);
  const message = row === null ? null : await told({ ...visitor, unit }, row);
  await unit.rest();
  return message;
};

/** Messages of a conversation, and where those before them are found. */
export interface VisitorHistory {
  readonly messages: readonly VisitorMessage[];
  /** Null: there are none before. */
  readonly before: string | null;
}

/** The newest messages of the visitor's conversation before a place, oldest first. Throws BadUserInput. */
export const visitorHistory = async (visitor: Visitor, before: string | null): Promise<VisitorHistory> => {
  const unit = visitor.unit.as(visitor.unit.scope);
  const args = { last: visitorPage, ...(before !== null && { before }) };
  const page = await messagesByConversation<MessageRow>(unit, args, visitor.visit.conversationId);
  const rows = page.edges.map(({ node }) => node).filter(({ role }) => role !== 'SYSTEM');
  const list = await Promise.all(rows.map((row) => told({ ...visitor, unit }, row)));
  await unit.rest();
  return { messages: list, before: page.pageInfo.hasPreviousPage ? page.pageInfo.startCursor : null };
};

const maxComment = 2000;

/** Takes what a visitor thinks of an answer, in place of what they thought before. Throws BadUserInput. */
export const giveVisitorFeedback = (
  { unit, visit }: Visitor,
  messageId: string | null,
  { score, comment }: { readonly score: unknown; readonly comment: string | null },
): Promise<void> => {
  if (score !== 1 && score !== -1) throw new BadUserInput('score', 'A score is 1 or -1.');
  const words = comment?.trim() ? writtenText('comment', comment, maxComment) : null;
  const { organizationId, conversationId, workspaceId, visitorId } = visit;
  return unit.transact(async () => {
    const [message] = await database
      .select({ id: messages.id })
      .from(messages)
      .where(
        and(
          eq(messages.organizationId, organizationId),
          eq(messages.id, messageId ?? visit.id),
          eq(messages.conversationId, conversationId),
          inArray(messages.role, ['ASSISTANT', 'AGENT']),
        ),
      );
    if (message === undefined) throw new BadUserInput('messageId', 'There is no such answer in this conversation.');
    await database
      .insert(feedback)
      .values({ organizationId, workspaceId, messageId: message.id, visitorId, score, comment: words })
      .onConflictDoUpdate({
        target: [feedback.organizationId, feedback.messageId, feedback.visitorId],
        set: { score, comment: words },
      });
    const data = { score };
    unit.record({ action: 'feedback.given', type: 'Message', id: message.id, workspaceId, data });
  });
};
