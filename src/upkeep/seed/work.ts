import { analyticsEvents, userActivities } from '../../domains/analytics/tables.ts';
import { builtinAnswererId } from '../../domains/modelhub/deployments.ts';
import { executionContents, executionLogs } from '../../domains/modelhub/execution-tables.ts';
import { promptRuns, prompts, promptSessions } from '../../domains/modelhub/prompt-tables.ts';
import { budgets } from '../../domains/modelhub/quota-tables.ts';
import { routingRuleModels, routingRules } from '../../domains/modelhub/routing-tables.ts';
import {
  orderEvents,
  orderNotes,
  orderPriorities,
  orders,
  orderStatuses,
  orderTypes,
} from '../../domains/orders/tables.ts';
import { Chance, madeAt, momentOf, rows, sampleId } from './chance.ts';
import { groupOf, organizationId, userOf } from './company.ts';
import type { Fill } from './fill.ts';
import { messageIdOf, settingOf } from './talk.ts';

const orderIdOf = (number: number): string => sampleId('order', number);

/** Orders of all states with their history and remarks. */
export const fillOrders = async ({ size, put }: Fill): Promise<void> => {
  const chance = new Chance('orders');
  const count = size.orders;
  const partiesOf = (number: number) => {
    const [customerId, assignedToId] = [userOf(number % size.users), userOf((number * 7 + 1) % size.users)];
    return { customerId, assignedToId, groupId: groupOf(number % size.groups) };
  };
  const readersOf = (number: number) => [...new Set([...Object.values(partiesOf(number)), organizationId])];
  await put(
    orders,
    rows(count, (number) => {
      const status = chance.of(orderStatuses);
      const moment = momentOf(number, count);
      return {
        ...partiesOf(number),
        ...madeAt(number, count),
        organizationId,
        id: orderIdOf(number),
        readers: readersOf(number),
        number: number + 1,
        type: chance.of(orderTypes),
        status,
        priority: chance.of(orderPriorities),
        createdById: userOf(number % size.users),
        completedAt: status === 'COMPLETED' ? moment : null,
        cancelledAt: status === 'CANCELLED' ? moment : null,
        cancellationReason: status === 'CANCELLED' ? 'No longer needed.' : null,
        metadata: { amount: chance.below(100_000) },
      };
    }),
  );
  const ofOrder = (number: number) => ({
    ...madeAt(number, count),
    organizationId,
    readers: readersOf(number),
    orderId: orderIdOf(number),
  });
  await put(
    orderEvents,
    rows(count, (number) => ({
      ...ofOrder(number),
      id: sampleId('order event', number),
      kind: 'CREATED' as const,
      actorId: userOf(number % size.users),
      version: 1,
    })),
  );
  await put(
    orderNotes,
    rows(count, (number) => ({
      ...ofOrder(number),
      id: sampleId('order note', number),
      authorId: partiesOf(number).assignedToId,
      internal: number % 2 === 0,
      text: chance.text(1),
    })),
  );
};

/** What answers cost in calls of models, and what people tried in the prompt studio. */
export const fillModelHub = async ({ size, put }: Fill): Promise<void> => {
  const chance = new Chance('model hub');
  const count = size.conversations;
  const names = { providerName: 'Tessera', modelName: 'builtin' };
  await put(
    executionLogs,
    rows(count, (number) => ({
      ...settingOf(number, size),
      ...madeAt(number, count),
      ...names,
      organizationId,
      id: sampleId('execution', number),
      modelId: builtinAnswererId,
      purpose: 'answer',
      targetId: messageIdOf(number),
      status: 'SUCCESS' as const,
      inputTokens: 100 + chance.below(2000),
      outputTokens: 10 + chance.below(500),
      latencyMs: 50 + chance.below(3000),
      endedAt: momentOf(number, count),
    })),
  );
  await put(
    executionContents,
    rows(count, (number) => ({
      ...madeAt(number, count),
      organizationId,
      id: sampleId('execution content', number),
      readers: [settingOf(number, size).userId, organizationId],
      executionId: sampleId('execution', number),
      input: { text: chance.text(1) },
      output: { text: chance.text(2) },
    })),
  );
  await fillRules({ put });
  const sessions = Math.ceil(count / 20);
  const creatorOf = (number: number) => userOf(number % size.users);
  const ownOf = (number: number) => ({
    ...madeAt(number, sessions),
    organizationId,
    readers: [creatorOf(number), organizationId],
  });
  await put(
    promptSessions,
    rows(sessions, (number) => ({
      ...ownOf(number),
      id: sampleId('prompt session', number),
      creatorId: creatorOf(number),
      title: chance.title(),
    })),
  );
  const ofSession = (number: number) => ({ ...ownOf(number), sessionId: sampleId('prompt session', number) });
  await put(
    prompts,
    rows(sessions, (number) => ({
      ...ofSession(number),
      id: sampleId('prompt', number),
      userId: creatorOf(number),
      input: chance.text(1),
    })),
  );
  await put(
    promptRuns,
    rows(sessions, (number) => ({
      ...ofSession(number),
      ...names,
      id: sampleId('prompt run', number),
      promptId: sampleId('prompt', number),
      position: 0,
      text: chance.text(2),
    })),
  );
};

/** A rule of which model answers, and what the organization and its owner may spend. */
const fillRules = async ({ put }: Pick<Fill, 'put'>): Promise<void> => {
  const base = { ...madeAt(0, 1), organizationId };
  const ruleId = sampleId('routing rule', 0);
  await put(routingRules, [
    { ...base, id: ruleId, name: 'Answers', priority: 50, modelType: 'TEXT', createdById: userOf(0) },
  ]);
  await put(routingRuleModels, [
    { ...base, id: sampleId('routing rule model', 0), ruleId, modelId: builtinAnswererId, position: 0 },
  ]);
  const budget = { ...base, measure: 'COST' as const, window: 'MONTH' as const, createdById: userOf(0) };
  await put(budgets, [
    { ...budget, id: sampleId('budget', 0), subject: 'ORGANIZATION', subjectId: organizationId, limit: '500' },
    { ...budget, id: sampleId('budget', 1), subject: 'USER', subjectId: userOf(0), limit: '50' },
  ]);
};

const actions = ['conversations', 'documents', 'orders', 'rooms', 'search', 'viewer'];
const eventNames = ['page_viewed', 'document_opened', 'answer_copied', 'order_opened'];

/** What people did, hour by hour: requests and the events of clients. Roll-ups are a schedule's. */
export const fillAnalytics = async ({ size, put }: Fill): Promise<void> => {
  const chance = new Chance('analytics');
  const count = size.activities;
  await put(
    userActivities,
    rows(count, (number) => ({
      ...madeAt(number, count),
      organizationId,
      id: sampleId('activity', number),
      userId: userOf(chance.below(size.users)),
      action: chance.of(actions),
      mutation: false,
      durationMs: 1 + chance.below(200),
      requestId: `sample-${number}`,
    })),
  );
  await put(
    analyticsEvents,
    rows(count, (number) => ({
      ...settingOf(chance.below(size.users), size),
      ...madeAt(number, count),
      organizationId,
      id: sampleId('analytics event', number),
      name: chance.of(eventNames),
      source: 'CLIENT' as const,
      occurredAt: momentOf(number, count),
      properties: { page: `/page-${chance.below(50)}` },
    })),
  );
};
