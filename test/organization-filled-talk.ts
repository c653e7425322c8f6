import { database } from '../src/database/client.ts';
import type { UnitOfWork } from '../src/database/unit-of-work.ts';
import {
  agentInvocations,
  agentSettings,
  agentSteps,
  agentToolCalls,
} from '../src/domains/conversations/agent-tables.ts';
import { answerPassages, answerRecords } from '../src/domains/conversations/answer-tables.ts';
import { embedWidgetKeys, embedWidgets, visitorTokens } from '../src/domains/conversations/embed-tables.ts';
import {
  promptHistory,
  promptVariables,
  slashCommands,
  suggestedMessages,
  welcomeMessages,
} from '../src/domains/conversations/prompt-tables.ts';
import { conversations, messages } from '../src/domains/conversations/tables.ts';
import { conversationShares, embedConversations, shareTokens } from '../src/domains/conversations/visit-tables.ts';
import {
  emailAttachments,
  emails,
  emailTerms,
  emailThreads,
  inboundEmailKeys,
  inboundEmailSources,
} from '../src/domains/messaging/email-tables.ts';
import {
  roomAttachments,
  roomMemberships,
  roomMentions,
  roomMessages,
  roomMessageTerms,
  roomReactions,
  rooms,
} from '../src/domains/messaging/room-tables.ts';
import { quotaCounters, quotaReservations } from '../src/domains/modelhub/quota-tables.ts';
import { newId } from '../src/ids.ts';

/** What the rows refer to, as UUIDs. */
export interface Places {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly documentId: string;
  readonly fileId: string;
  readonly memberId: string;
  /** Stands in all texts. */
  readonly secret: string;
}

/** Fills the tables of conversations and messaging, of an organization that the unit sees whole. */
export const fillTalk = async (
  whole: UnitOfWork,
  { organizationId, workspaceId, documentId, fileId, memberId, secret }: Places,
): Promise<void> => {
  const text = (what: string) => `${secret} ${what}`;
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  const inWorkspace = { organizationId, workspaceId };
  const [widgetId, shareId, invocationId, counterId, keyId] = [newId(), newId(), newId(), newId(), newId()];
  const [conversationId, messageId] = [newId(), newId()];
  const [roomId, roomMessageId, threadId, emailId] = [newId(), newId(), newId(), newId()];
  await whole.transact(async () => {
    await database.insert(conversations).values({ ...inWorkspace, id: conversationId, title: text('talk') });
    const said = { id: messageId, role: 'ASSISTANT' as const, content: text('answer') };
    await database.insert(messages).values({ ...inWorkspace, ...said, conversationId });
    const about = { ...inWorkspace, messageId };
    await database.insert(answerRecords).values({
      ...about,
      promptVersion: 1,
      systemPrompt: text('instructions'),
      chatMode: 'CHAT',
      providerName: 'Tessera',
      modelName: 'builtin',
    });
    const passage = { position: 0, origin: 'SEARCH' as const, documentId, documentVersion: 1, title: text('passage') };
    await database.insert(answerPassages).values({ ...about, ...passage, start: 0, end: 4, score: 0.5, used: true });
    await database.insert(promptHistory).values({ ...inWorkspace, version: 900, prompt: text('prompt') });
    await database
      .insert(suggestedMessages)
      .values({ ...inWorkspace, heading: text('heading'), message: text('suggestion') });
    await database
      .insert(welcomeMessages)
      .values({ organizationId, question: text('question'), answer: text('answer') });
    await database.insert(slashCommands).values({ organizationId, command: 'brief', prompt: text('command') });
    await database
      .insert(promptVariables)
      .values({ organizationId, type: 'STATIC', key: 'company', value: text('variable') });
    const widget = { ...inWorkspace, id: widgetId, publicId: newId(), name: text('widget') };
    await database.insert(embedWidgets).values({ ...widget, allowedOrigins: ['https://example.com'] });
    await database.insert(embedWidgetKeys).values({ publicId: widget.publicId, organizationId, widgetId });
    const visit = { widgetId, visitorId: newId(), origin: 'https://example.com', visitorName: text('visitor') };
    await database.insert(embedConversations).values({ ...inWorkspace, conversationId, ...visit });
    await database.insert(visitorTokens).values({ tokenHash: newId(), organizationId, conversationId, expiresAt });
    await database.insert(conversationShares).values({ ...inWorkspace, id: shareId, conversationId });
    await database.insert(shareTokens).values({ tokenHash: newId(), organizationId, conversationId, shareId });
    await database
      .insert(agentSettings)
      .values({ ...inWorkspace, allowedHosts: ['example.com'] })
      .onConflictDoNothing();
    const run = { ...about, conversationId, userId: memberId, credentialKind: 'SESSION', credentialId: newId() };
    await database
      .insert(agentInvocations)
      .values({ ...run, id: invocationId, maxSteps: 10, status: 'COMPLETED', tools: ['search_workspace'] });
    const ofRun = { ...inWorkspace, invocationId, readers: [memberId, organizationId] };
    await database.insert(agentSteps).values({ ...ofRun, position: 1, text: text('thought') });
    const call = { step: 1, position: 0, callId: 'call', tool: 'search_workspace', arguments: { text: secret } };
    await database
      .insert(agentToolCalls)
      .values({ ...ofRun, ...call, status: 'COMPLETED', changes: false, result: text('result') });
    const startsAt = new Date().toISOString();
    const counter = { subject: 'USER' as const, subjectKey: memberId, measure: 'MESSAGES' as const };
    await database
      .insert(quotaCounters)
      .values({ organizationId, id: counterId, ...counter, startsAt, endsAt: expiresAt, reserved: '1' });
    await database
      .insert(quotaReservations)
      .values({ organizationId, counterId, targetId: messageId, amount: '1', leaseUntil: expiresAt });
    await database
      .insert(rooms)
      .values({ organizationId, id: roomId, kind: 'CHANNEL', name: text('room'), createdById: memberId });
    const inRoom = { organizationId, roomId };
    await database.insert(roomMemberships).values({ ...inRoom, userId: memberId, role: 'OWNER' });
    await database
      .insert(roomMessages)
      .values({ ...inRoom, id: roomMessageId, senderId: memberId, content: text('message') });
    const ofMessage = { ...inRoom, messageId: roomMessageId };
    await database.insert(roomReactions).values({ ...ofMessage, userId: memberId, emoji: '🌹' });
    await database.insert(roomMentions).values({ ...ofMessage, userId: memberId });
    await database.insert(roomAttachments).values({ ...ofMessage, fileId, position: 0 });
    await database.insert(roomMessageTerms).values({ ...ofMessage, term: secret });
    await database
      .insert(inboundEmailSources)
      .values({ organizationId, id: keyId, label: text('server'), lastFour: 'abcd' });
    await database.insert(inboundEmailKeys).values({ tokenHash: newId(), organizationId, keyId });
  });
  const own = whole.as({ ...whole.scope, userId: memberId });
  await own.transact(async () => {
    const named = { organizationId, userId: memberId };
    await database.insert(emailThreads).values({ ...named, id: threadId, subject: text('thread') });
    const party = { name: secret, address: 'ada@example.com' };
    await database
      .insert(emails)
      .values({ ...named, id: emailId, threadId, from: party, to: [party], subject: text('mail'), text: text('body') });
    await database.insert(emailAttachments).values({ ...named, emailId, fileId, position: 0, name: text('file') });
    await database.insert(emailTerms).values({ ...named, emailId, term: secret });
  });
};
