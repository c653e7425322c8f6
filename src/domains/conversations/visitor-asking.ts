import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, DomainError, Unavailable } from '../../errors.ts';
import { parseGlobalId } from '../../ids.ts';
import { modelById } from '../modelhub/loaders.ts';
import { nothingUsed, reserveQuota, settleQuota } from '../modelhub/quotas.ts';
import { found } from '../nodes.ts';
import type { Services } from '../services.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { storeQuestion, type Asked, type Choices, type Means } from './asking.ts';
import { announce } from './conversation-events.ts';
import { lockConversation } from './conversation-lock.ts';
import { conversationById } from './loaders.ts';
import { goOnAtNewest, placeIn } from './placing.ts';
import { makeMove } from './states.ts';
import { messages, type ConversationRow, type MessageRow } from './tables.ts';
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
  const claims = claimsOf(widget, visitorId, address);
  return unit.transact(async (transaction) => {
    const choices = await overriding(visitor, overrides);
    const conversation = await lockConversation(unit, conversationId);
    requireOpenConversation(conversation);
    await seen(visitor);
    if (conversation.status === 'TRANSFERRED') {
      const message = await added({ unit, services }, conversation, content);
      await reserveQuota(transaction, { targetId: message.id, leaseSeconds: 60 }, claims);
      await settleQuota(transaction, message.id, { ...nothingUsed, MESSAGES: 1 });
      return { to: 'PERSON', message };
    }
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
      claims,
    };
    const asker = { userId: null, visitorId };
    const asked = await storeQuestion({ unit, services }, asker, question).catch((error: unknown) => {
      throw outwardly(error);
    });
    return { to: 'MODEL', asked };
  });
};

/** Adds a message that no model answers; the conversation is locked. */
const added = async (means: Means, conversation: ConversationRow, content: string): Promise<MessageRow> => {
  const { unit } = means;
  const { organizationId, id: conversationId, workspaceId } = conversation;
  const { newest, parentId, createdAt } = await placeIn(unit, conversation, undefined);
  const rows = await database
    .with(newest)
    .insert(messages)
    .values({ organizationId, workspaceId, conversationId, createdAt, parentId, role: 'USER', content })
    .returning();
  const message = sole(rows);
  await goOnAtNewest(organizationId, conversation);
  unit.record({ action: 'message.added', type: 'Message', id: message.id, workspaceId });
  announce(means, conversationId, { kind: 'message', messageId: message.id });
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
export const handOverVisit = (
  services: Services,
  { unit, widget, visit }: Visitor,
  reason: string | null,
): Promise<VisitStatus> => {
  if (!widget.allowHandover) throw new NoHandover();
  const transferReason = reason?.trim() ? writtenText('reason', reason, maxReason) : null;
  return unit.transact(async () => {
    const current = await lockConversation(unit, visit.conversationId);
    requireOpenConversation(current);
    const waits =
      current.status === 'TRANSFERRED'
        ? current
        : await makeMove({ unit, services }, current, 'transfer', { transferReason, waitingSince: sql`now()` });
    // The rest of the row is not the visitor's to know.
    return { status: waits.status, waitingSince: waits.waitingSince };
  });
};

/** The widget hands nothing over. */
class NoHandover extends DomainError {
  constructor() {
    super('FORBIDDEN', 'In this chat nobody answers in person.', { reason: 'HANDOVER_NOT_ALLOWED', until: null });
  }
}
