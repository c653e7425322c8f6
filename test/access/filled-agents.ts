import { database } from '../../src/database/client.ts';
import { sole } from '../../src/database/rows.ts';
import { UnitOfWork } from '../../src/database/unit-of-work.ts';
import { agentInvocations, agentSteps, agentToolCalls } from '../../src/domains/conversations/agent-tables.ts';
import { messages } from '../../src/domains/conversations/tables.ts';
import { discovery } from '../../src/domains/tenancy/viewers.ts';
import { globalId } from '../../src/ids.ts';
import { uuidOf } from '../talk.ts';
import type { Testbed } from '../testbed.ts';

const origin = { requestId: 'test', address: null, userAgent: null };

/** Where a run is, and whom it acts for. */
export interface AgentPlace {
  readonly organizationId: string;
  readonly userId: string;
  readonly workspaceId: string;
  readonly conversationId: string;
}

/**
 * A run with one step, as it is stored: over, or waiting for two decisions. Gives the ids of run, answer and the first call.
 */
export const filledAgents = async (
  bed: Testbed,
  place: AgentPlace,
  waits: boolean,
): Promise<{ AgentInvocation: string; AgentToolCall: string }> => {
  const [organizationId, userId] = [uuidOf(place.organizationId), uuidOf(place.userId)];
  const within = { organizationId, workspaceId: uuidOf(place.workspaceId) };
  const conversationId = uuidOf(place.conversationId);
  const unit = new UnitOfWork(discovery(organizationId, userId), { ...bed.server.installation.services, origin });
  const now = new Date().toISOString();
  return unit.transact(async () => {
    const said = { ...within, conversationId };
    const question = sole(
      await database
        .insert(messages)
        .values({ ...said, role: 'USER', senderId: userId, content: '@agent Roses?' })
        .returning(),
    );
    const answer = sole(
      await database
        .insert(messages)
        .values({
          ...said,
          parentId: question.id,
          role: 'ASSISTANT',
          content: '',
          status: waits ? 'STREAMING' : 'COMPLETED',
        })
        .returning(),
    );
    const run = sole(
      await database
        .insert(agentInvocations)
        .values({
          ...said,
          messageId: answer.id,
          userId,
          credentialKind: 'SESSION',
          credentialId: userId,
          status: waits ? 'WAITING_FOR_APPROVAL' : 'COMPLETED',
          tools: ['add_document'],
          maxSteps: 10,
          steps: 1,
          endedAt: waits ? null : now,
        })
        .returning(),
    );
    const seen = { ...within, readers: [userId], invocationId: run.id };
    await database.insert(agentSteps).values({ ...seen, position: 1, text: '' });
    const call = (position: number) => ({
      ...seen,
      step: 1,
      position,
      callId: `call_1_${position}`,
      tool: 'add_document',
      arguments: { title: 'Quagmirian' },
      changes: true,
      status: waits ? ('WAITING_FOR_APPROVAL' as const) : ('COMPLETED' as const),
      endedAt: waits ? null : now,
    });
    const [first] = await database
      .insert(agentToolCalls)
      .values([call(0), call(1)])
      .returning();
    return {
      AgentInvocation: globalId('AgentInvocation', run.id),
      AgentToolCall: globalId('AgentToolCall', first?.id ?? ''),
    };
  });
};
