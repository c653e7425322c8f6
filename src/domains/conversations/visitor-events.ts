import { setTimeout as pause } from 'node:timers/promises';
import { and, asc, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { globalId } from '../../ids.ts';
import type { Services } from '../services.ts';
import { writeAnswer } from './answering.ts';
import type { Asked } from './asking.ts';
import type { AnswerFailure, AnswerNotice } from './events.ts';
import { followAnswers } from './following.ts';
import { conversations, messages, type MessageRow } from './tables.ts';
import type { VisitStatus } from './visitor-asking.ts';
import { messageNow, publicFailure, told, type VisitorMessage } from './visitor-messages.ts';
import type { Visitor } from './visits.ts';

/** What happens in a visitor's conversation. Ids of messages are global. */
export type VisitorEvent =
  | { readonly kind: 'message'; readonly message: VisitorMessage }
  | { readonly kind: 'started'; readonly messageId: string }
  /** More of an answer; `position` is where the text begins in it, in UTF-16 code units. */
  | { readonly kind: 'delta'; readonly messageId: string; readonly text: string; readonly position: number }
  | { readonly kind: 'completed'; readonly message: VisitorMessage }
  | { readonly kind: 'failed'; readonly messageId: string; readonly error: AnswerFailure }
  | { readonly kind: 'cancelled'; readonly messageId: string }
  | ({ readonly kind: 'status' } & VisitStatus);

/** How far somebody has come: a message (its UUID), and of an answer being written how much of it they have. */
export interface Place {
  readonly messageId: string;
  /** Infinity: all, and its end. */
  readonly characters: number;
}

/** What ended an answer, or what it was from the beginning. */
const ending = async (visitor: Visitor, messageId: string): Promise<VisitorEvent | undefined> => {
  const message = await messageNow(visitor, messageId);
  if (message === null || message.status === 'STREAMING') return undefined;
  return asEvent(message);
};

const asEvent = (message: VisitorMessage): VisitorEvent => {
  const { id: messageId, role, status, error } = message;
  if (role !== 'ASSISTANT') return { kind: 'message', message };
  if (status === 'STREAMING') return { kind: 'started', messageId };
  if (status === 'CANCELLED') return { kind: 'cancelled', messageId };
  if (status === 'FAILED') return { kind: 'failed', messageId, error: error ?? publicFailure({ code: 'UNAVAILABLE' }) };
  return { kind: 'completed', message };
};

/** How much of each answer a listener has; what they have is not told again, and what would leave a gap waits for the whole. */
class Heard {
  readonly #characters = new Map<string, number>();

  constructor(places: readonly Place[] = []) {
    for (const { messageId, characters } of places) this.#characters.set(messageId, characters);
  }

  rest({ messageId, text, position }: Extract<AnswerNotice, { kind: 'delta' }>): VisitorEvent | undefined {
    const known = this.#characters.get(messageId) ?? 0;
    if (position > known || position + text.length <= known) return undefined;
    this.#characters.set(messageId, position + text.length);
    return {
      kind: 'delta',
      messageId: globalId('Message', messageId),
      text: text.slice(known - position),
      position: known,
    };
  }
}

const eventOf = async (visitor: Visitor, heard: Heard, notice: AnswerNotice): Promise<VisitorEvent | undefined> => {
  if (notice.kind === 'delta') return heard.rest(notice);
  if (notice.kind === 'started') return { kind: 'started', messageId: globalId('Message', notice.messageId) };
  return ending(visitor, notice.messageId);
};

/**
 * Writes the answer to a visitor's question and tells how it grows, until it ends; whoever stops listening does not stop it. The first event
 * is the question as it is stored.
 */
export const answerVisitor = async function* (
  services: Services,
  visitor: Visitor,
  asked: Asked,
): AsyncGenerator<VisitorEvent, void> {
  const { answer, question } = asked;
  const notices = followAnswers(services, question.conversationId);
  const done = writeAnswer(services, visitor.unit.as(visitor.unit.scope), asked);
  try {
    yield { kind: 'message', message: await told(visitor, question) };
    await visitor.unit.rest();
    const heard = new Heard();
    for await (const notice of notices) {
      if (notice.messageId !== answer.id) continue;
      const event = await eventOf(visitor, heard, notice);
      if (event !== undefined) yield event;
      if (notice.kind !== 'started' && notice.kind !== 'delta') return;
    }
    // The bus has closed, because the server stops.
    await done;
    const last = await ending(visitor, answer.id);
    if (last !== undefined) yield last;
  } finally {
    await notices.return?.();
  }
};

const pollMs = 3000;
/** Messages told at once. */
const atOnce = 100;

interface Standing extends VisitStatus {
  readonly rows: readonly MessageRow[];
}

/** A conversation's messages from one of them on, oldest first; from its beginning without one. A message of another conversation gives none. */
export const messagesFrom = (unit: UnitOfWork, conversationId: string, from: string | null): Promise<MessageRow[]> => {
  const { organizationId } = unit;
  // Their times differ within a conversation, and those that do not are told apart by whoever has been told.
  const since = sql`${messages.createdAt} >= (select m.created_at from ${messages} m
    where m.organization_id = ${organizationId} and m.id = ${from} and m.conversation_id = ${conversationId})`;
  const ofConversation = and(eq(messages.organizationId, organizationId), eq(messages.conversationId, conversationId));
  return unit.run(() =>
    database
      .select()
      .from(messages)
      .where(from === null ? ofConversation : and(ofConversation, since))
      .orderBy(asc(messages.createdAt), asc(messages.id))
      .limit(atOnce),
  );
};

/** How the conversation stands, with its messages from a place on; null once it is gone. */
const standing = async ({ unit, visit }: Visitor, from: string | null): Promise<Standing | null> => {
  const { organizationId, conversationId } = visit;
  const [conversation] = await unit.run(() =>
    database
      .select({ status: conversations.status, waitingSince: conversations.waitingSince })
      .from(conversations)
      .where(and(eq(conversations.organizationId, organizationId), eq(conversations.id, conversationId))),
  );
  return conversation === undefined ? null : { ...conversation, rows: await messagesFrom(unit, conversationId, from) };
};

/** What listeners have been told last of each message. */
type Told = Map<string, VisitorEvent['kind']>;

const over: ReadonlySet<VisitorEvent['kind'] | undefined> = new Set(['message', 'completed', 'failed', 'cancelled']);

/**
 * What happens in a visitor's conversation from a place on, or from its beginning: answers as they grow, what people write, and how it stands.
 * The database is asked every three seconds, so that nothing is missed that another process has written. Ends when the conversation is gone,
 * `stillAdmitted` says no, the signal aborts or the server stops.
 */
export const followVisit = async function* (
  services: Services,
  visitor: Visitor,
  after: Place | null,
  stillAdmitted: () => Promise<boolean>,
  signal: AbortSignal,
): AsyncGenerator<VisitorEvent, void> {
  const notices = followAnswers(services, visitor.visit.conversationId);
  const heard = new Heard(after === null ? [] : [after]);
  const toldLast: Told = new Map();
  let place = after;
  let stood = '';
  let next = notices.next();
  const aborted = new Promise<'aborted'>((resolve) => signal.addEventListener('abort', () => resolve('aborted')));
  try {
    while (!signal.aborted) {
      const fresh: Visitor = { ...visitor, unit: visitor.unit.as(visitor.unit.scope) };
      const now = await standing(fresh, place?.messageId ?? null);
      const news = now === null ? [] : await newsOf(fresh, now.rows, toldLast, place);
      await fresh.unit.rest();
      if (now === null) return;
      const { status, waitingSince } = now;
      if (stood !== `${status} ${waitingSince}`) yield { kind: 'status', status, waitingSince };
      stood = `${status} ${waitingSince}`;
      yield* news;
      const last = now.rows.at(-1);
      if (last !== undefined && last.id !== place?.messageId) place = { messageId: last.id, characters: 0 };
      const timer = new AbortController();
      const tick = pause(pollMs, 'tick' as const, { signal: timer.signal, ref: false }).catch(() => 'tick' as const);
      for (;;) {
        const happened = await Promise.race([next, tick, aborted]);
        if (happened === 'aborted' || happened === 'tick') break;
        if (happened.done === true) return;
        next = notices.next();
        const { messageId } = happened.value;
        if (over.has(toldLast.get(messageId))) continue;
        const event = await eventOf(visitor, heard, happened.value);
        if (event === undefined || (event.kind === 'started' && toldLast.has(messageId))) continue;
        toldLast.set(messageId, event.kind);
        yield event;
      }
      timer.abort();
      if (!signal.aborted && !(await stillAdmitted())) return;
    }
  } finally {
    await notices.return?.();
  }
};

/** What is new of messages: those that were not told yet, and answers that have ended since. */
const newsOf = async (
  visitor: Visitor,
  rows: readonly MessageRow[],
  toldLast: Told,
  place: Place | null,
): Promise<readonly VisitorEvent[]> => {
  const fresh = rows.filter(({ id, role, status }) => {
    if (role === 'SYSTEM' || over.has(toldLast.get(id))) return false;
    // Whoever names a message as their place has it; of an answer they may have a part.
    if (id === place?.messageId && (role !== 'ASSISTANT' || place.characters === Infinity)) return false;
    return status !== 'STREAMING' || (!toldLast.has(id) && id !== place?.messageId);
  });
  return Promise.all(
    fresh.map(async (row) => {
      const event = asEvent(await told(visitor, row));
      toldLast.set(row.id, event.kind);
      return event;
    }),
  );
};
