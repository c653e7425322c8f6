import { database } from '../src/database/client.ts';
import type { UnitOfWork } from '../src/database/unit-of-work.ts';
import { apiConfigurations, apiOperations } from '../src/domains/modelhub/api-tables.ts';
import { builtinAnswererId } from '../src/domains/modelhub/deployments.ts';
import { executionContents, executionLogs } from '../src/domains/modelhub/execution-tables.ts';
import { promptRuns, prompts, promptSessions } from '../src/domains/modelhub/prompt-tables.ts';
import { budgets } from '../src/domains/modelhub/quota-tables.ts';
import { routingRuleModels, routingRules } from '../src/domains/modelhub/routing-tables.ts';
import { modelUsageDays } from '../src/domains/modelhub/usage-tables.ts';
import { newId } from '../src/ids.ts';

/** What the rows refer to, as UUIDs. */
export interface HubPlaces {
  readonly organizationId: string;
  readonly memberId: string;
  readonly groupId: string;
  /** Stands in all texts. */
  readonly secret: string;
  /** Stands in the column that nobody is shown. */
  readonly sealed: string;
}

/** Fills the tables of the model hub, of an organization that the unit sees whole. */
export const fillHub = async (
  whole: UnitOfWork,
  { organizationId, memberId, groupId, secret, sealed }: HubPlaces,
): Promise<void> => {
  const text = (what: string) => `${secret} ${what}`;
  const [executionId, ruleId, sessionId, promptId, configurationId] = [newId(), newId(), newId(), newId(), newId()];
  const readers = [memberId, organizationId];
  const names = { providerName: secret, modelName: secret };
  await whole.transact(async () => {
    await database
      .insert(executionLogs)
      .values({ organizationId, id: executionId, userId: memberId, ...names, purpose: 'answer' });
    await database
      .insert(executionContents)
      .values({ organizationId, readers, executionId, input: { text: secret }, output: { text: secret } });
    await database.insert(modelUsageDays).values({
      organizationId,
      userId: memberId,
      day: '2025-01-31',
      ...names,
      purpose: 'answer',
      status: 'SUCCESS',
      keySource: 'NONE',
      calls: 1,
      unratedCalls: 0,
      estimatedCalls: 0,
      inputTokens: 1n,
      cachedInputTokens: 0n,
      outputTokens: 1n,
      cost: '0',
      timedCalls: 0,
      latencyMs: 0n,
    });
    await database
      .insert(budgets)
      .values({ organizationId, subject: 'USER', subjectId: memberId, measure: 'COST', window: 'MONTH', limit: '5' });
    await database
      .insert(routingRules)
      .values({ organizationId, id: ruleId, name: text('second rule'), priority: 10, modelType: 'TEXT' });
    await database
      .insert(routingRuleModels)
      .values({ organizationId, ruleId, modelId: builtinAnswererId, position: 0, notes: text('note') });
    await database
      .insert(promptSessions)
      .values({ organizationId, readers, id: sessionId, creatorId: memberId, title: text('second session') });
    await database
      .insert(prompts)
      .values({ organizationId, readers, id: promptId, sessionId, userId: memberId, input: text('prompt') });
    await database
      .insert(promptRuns)
      .values({ organizationId, readers, sessionId, promptId, position: 0, ...names, text: text('answer') });
    const ofGroup = { organizationId, groupId, readers: [groupId, organizationId] };
    await database.insert(apiConfigurations).values({
      ...ofGroup,
      id: configurationId,
      name: text('second api'),
      kind: 'CRM',
      endpoint: 'https://crm.example.com',
      authentication: 'BEARER',
      encryptedKey: sealed,
      lastFour: 'abcd',
    });
    await database.insert(apiOperations).values({
      ...ofGroup,
      configurationId,
      name: 'read_customer',
      description: text('operation'),
      method: 'GET',
      path: '/customers/{id}',
      parameters: { type: 'object' },
      changes: false,
    });
  });
};
