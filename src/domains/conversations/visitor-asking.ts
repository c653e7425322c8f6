import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, DomainError, Unavailable } from '../../errors.ts';
import { parseGlobalId } from '../../ids.ts';
import { modelById } from '../modelhub/loaders.ts';
import { found } from '../nodes.ts';
import type { Services } from '../services.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { storeQuestion, type Asked, type Choices } from './asking.ts';
import { lockConversation, nextPlace } from './conversation-lock.ts';
import { conversationById } from './loaders.ts';
import { conversations, messages, type ConversationRow, type MessageRow } from './tables.ts';
import { claimsOf } from './visitor-limits.ts';
import { seen, type Visitor } from './visits.ts';
import { writtenText } from './written-text.ts';

const maxText = 4000;
const maxPrompt = 4000;
const maxReason = 500;

/** What a page chooses for a question; null: nothing. */
export interface Overrides {
  readonly model: unknown;
  readonly temperature: unknown;
  readonly prompt: unknown;
}

/** What became of a visitor's message: a question with its answer to be written, or a message to the person who answers. */
export type Said =
  { readonly to: 'MODEL'; readonly asked: Asked } | { readonly to: 'PERSON'; readonly message: MessageRow };

const absent = (value: unknown): value is null | undefined => value === null || value === undefined;

/** What the page chooses, as far as the widget lets it. Throws BadUserInput. */
const overriding = async ({ widget, unit }: Visitor, overrides: Overrides): Promise<Choices> => {
  const { model, temperature, prompt } = overrides;
  const allowed = {
    model: widget.allowModelOverride,
    temperature: widget.allowTemperatureOverride,
    prompt: widget.allowPromptOverride,
  };
  for (const name of ['model', 'temperature', 'prompt'] as const)
    if (!absent(overrides[name]) && !allowed[name])
      throw new BadUserInput(`overrides.${name}`, `This widget lets pages choose no ${name}.`);
  if (!absent(temperature) && !(typeof temperature === 'number' && temperature >= 0 && temperature <= 2))
    throw new BadUserInput('overrides.temperature', 'A temperature is 0 to 2.');
  if (!absent(prompt) && typeof prompt !== 'string')
    throw new BadUserInput('overrides.prompt', 'A system prompt is text.');
  return {
    ...(!absent(model) && { chatModelId: await modelNamed(unit, model) }),
    ...(!absent(temperature) && { temperature }),
    ...(!absent(prompt) && { systemPrompt: writtenText('overrides.prompt', prompt, maxPrompt) }),
  };
};

const modelNamed = async (unit: Visitor['unit'], id: unknown): Promise<string> => {
  const named = typeof id === 'string' ? parseGlobalId(id) : null;
  const model = named?.prefix === 'model' ? await modelById(unit).load(named.uuid) : null;
  if (model === null || (model.type !== 'TEXT' && model.type !== 'CODE'))
    throw new BadUserInput('overrides.model', 'There is no such model that writes text.');
  return model.id;
};

/** What stands in the way of an answer inside is nothing that strangers are told. */
const outwardly = (error: unknown): unknown => {
  if (!(error instanceof DomainError)) return error;
  const telling = ['BAD_USER_INPUT', 'RATE_LIMITED', 'QUOTA_EXCEEDED'];
  if (telling.includes(String(error.extensions.code))) return error;
  return new Unavailable('This chat cannot answer at the moment.', 60);
};

const requireOpenConversation = ({ status }: Pick<ConversationRow, 'status'>): void => {
  if (status === 'ENDED')
    throw new Conflict('conversation', 'This conversation has ended; begin a new one.', { reason: 'ENDED' });
};

/**
 * Stores what a visitor says, counted against the widget's limits: with an answer that is about to be written, or once the conversation is
 * handed over for a person to read. A refusal leaves nothing. Throws BadUserInput, Conflict (the conversation has ended), RateLimited,
 * QuotaExceeded, Unavailable.
 */
export const say = async (services: Services, visitor: Visitor, text: string, overrides: Overrides): Promise<Said> => {
  const { unit, widget, visit } = visitor;
  const { address } = unit.options.origin;
  const content = writtenText('text', text, maxText);
  const { conversationId, workspaceId, visitorId } = visit;
  await services.throttles.visitorMessage.spend([`address ${address ?? ''}`, `conversation ${conversationId}`]);
  return unit.transact(async () => {
    const choices = await overriding(visitor, overrides);
    const conversation = await lockConversation(unit, conversationId);
    requireOpenConversation(conversation);
    await seen(visitor);
    if (conversation.status === 'TRANSFERRED') return { to: 'PERSON', message: await added(visitor, content) };
    const { chatMode } = await found('Workspace', workspaceId, workspaceById(unit));
    // Nobody answers for what a stranger's question would make tools do.
    const ownMode = chatMode === 'AUTOMATIC' ? 'CHAT' : chatMode;
    const question = {
      conversationId,
      text: content,
      choices: {
        chatMode: widget.chatMode ?? ownMode,
        ...(widget.historyLength !== null && { historyLength: widget.historyLength }),
        ...choices,
      },
      claims: claimsOf(widget, visitorId, address),
    };
    const asker = { userId: null, visitorId };
    const asked = await storeQuestion({ unit, services }, asker, question).catch((error: unknown) => {
      throw outwardly(error);
    });
    return { to: 'MODEL', asked };
  });
};

/** Adds a message that no model answers; the conversation is locked. */
const added = async ({ unit, visit }: Visitor, content: string): Promise<MessageRow> => {
  const { organizationId, conversationId, workspaceId } = visit;
  const { newest, parentId, createdAt } = nextPlace(organizationId, conversationId);
  const rows = await database
    .with(newest)
    .insert(messages)
    .values({ organizationId, workspaceId, conversationId, createdAt, parentId, role: 'USER', content })
    .returning();
  const message = sole(rows);
  unit.record({ action: 'message.added', type: 'Message', id: message.id, workspaceId });
  return message;
};

/** How a conversation stands, as its visitor is told. */
export interface VisitStatus {
  readonly status: ConversationRow['status'];
  /** Since when nobody has taken it. */
  readonly waitingSince: string | null;
}

/** How the visitor's conversation stands. */
export const visitStatus = async ({ unit, visit }: Visitor): Promise<VisitStatus> => {
  const fresh = unit.as(unit.scope);
  const { status, waitingSince } = await found('Conversation', visit.conversationId, conversationById(fresh));
  await fresh.rest();
  return { status, waitingSince };
};

/**
 * Asks for a person to answer; asked again, it stays as it is. Throws BadUserInput, Conflict (ended), Forbidden (`reason`
 * HANDOVER_NOT_ALLOWED).
 */
export const handOverVisit = ({ unit, widget, visit }: Visitor, reason: string | null): Promise<VisitStatus> => {
  if (!widget.allowHandover) throw new NoHandover();
  const why = reason?.trim() ? writtenText('reason', reason, maxReason) : null;
  const { organizationId, conversationId: id, workspaceId } = visit;
  return unit.transact(async () => {
    const current = await lockConversation(unit, id);
    requireOpenConversation(current);
    if (current.status === 'TRANSFERRED') return { status: current.status, waitingSince: current.waitingSince };
    const rows = await database
      .update(conversations)
      .set({ status: 'TRANSFERRED', waitingSince: sql`now()`, transferReason: why })
      .where(and(eq(conversations.organizationId, organizationId), eq(conversations.id, id)))
      .returning({ status: conversations.status, waitingSince: conversations.waitingSince });
    unit.record({ action: 'conversation.transferred', type: 'Conversation', id, workspaceId });
    return sole(rows);
  });
};

/** The widget hands nothing over. */
class NoHandover extends DomainError {
  constructor() {
    super('FORBIDDEN', 'In this chat nobody answers in person.', { reason: 'HANDOVER_NOT_ALLOWED', until: null });
  }
}
