import { and, eq, sql } from 'drizzle-orm';
import { toolResult } from '../../ai/agent-prompt.ts';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { Conflict, Forbidden, NotFound } from '../../errors.ts';
import { viewerOf, type Context } from '../context.ts';
import { beginCall } from '../modelhub/model-call.ts';
import { found } from '../nodes.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { agentTopic, type AgentNotice } from './agent-events.ts';
import { agentInvocationById, agentToolCallById, agentToolCallFields } from './agent-loaders.ts';
import { lease, lockedRun } from './agent-records.ts';
import { workOnRun, type Going } from './agent-run.ts';
import { agentInvocations, agentToolCalls, type AgentInvocationRow, type AgentToolCallRow } from './agent-tables.ts';
import { agentNeeds, leaseEnd, usualRequest } from './asking.ts';
import { cancelAnswer } from './cancelling.ts';
import { messageById } from './loaders.ts';

const noted = 'The user did not allow this use of the tool.';

/** What was decided. */
export interface Decided {
  readonly call: AgentToolCallRow;
  readonly invocation: AgentInvocationRow;
}

/**
 * Allows or refuses the use of a tool that waits for it; the run goes on, in this process, when none waits any more. Of two decisions at the same time
 * one holds. Throws Conflict (decided already, the run is over, archived, the model's key is missing), Forbidden (the run acts for another),
 * NotFound, Unavailable (the model is switched off).
 */
export const decideToolCall = async (context: Context, callId: string, approved: boolean): Promise<Decided> => {
  const { unit, services } = context;
  const viewer = viewerOf(context);
  const { invocationId } = await found('AgentToolCall', callId, agentToolCallById(unit));
  const { going, ...decided } = await unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    const run = await lockedRun({ organizationId, id: invocationId });
    if (run === null) throw new NotFound('AgentToolCall', callId);
    const { workspaceId } = run;
    if (run.userId !== viewer.userId)
      throw new Forbidden('AGENT_RUN', 'Only the person whom the run acts for decides.');
    requirePermission(viewer, 'AGENT_RUN', workspaceId);
    requireActive(viewer, workspaceId);
    if (run.endedAt !== null) throw new Conflict('callId', 'The run is over.');
    const ofRun = and(eq(agentToolCalls.organizationId, organizationId), eq(agentToolCalls.invocationId, run.id));
    const waits = eq(agentToolCalls.status, 'WAITING_FOR_APPROVAL');
    const [call] = await database
      .update(agentToolCalls)
      .set({
        ...(approved ? { status: 'APPROVED' as const } : refusal),
        decidedById: viewer.userId,
        decidedAt: sql`now()`,
      })
      .where(and(ofRun, waits, eq(agentToolCalls.id, callId)))
      .returning(agentToolCallFields);
    if (call === undefined) throw new Conflict('callId', 'This use of a tool waits for no decision.');
    const action = approved ? 'agent_tool.approved' : 'agent_tool.rejected';
    unit.record({ action, type: 'AgentInvocation', id: run.id, workspaceId, data: { tool: call.tool } });
    const notice: AgentNotice = { kind: 'ended', callId };
    if (!approved) unit.afterCommit(() => services.bus.publish(agentTopic(run.id), notice));
    const left = await database
      .select({ id: agentToolCalls.id })
      .from(agentToolCalls)
      .where(and(ofRun, waits))
      .limit(1);
    // One that is not set aside finds the decision by itself.
    if (run.status !== 'WAITING_FOR_APPROVAL' || left.length > 0) return { call, invocation: run, going: null };
    const resumed = await resume(context, run);
    return { call, invocation: resumed.run, going: resumed };
  });
  if (going !== null) void workOnRun(services, unit.as(unit.scope), going);
  return decided;
};

const refusal = {
  status: 'REJECTED' as const,
  result: toolResult('approval', { text: noted, passages: [] }, 0).text,
  endedAt: sql`now()`,
};

/** Takes up a run that was set aside, in the running transaction, which holds its lock. */
const resume = async (
  { unit, services }: Context,
  { organizationId, id, messageId, workspaceId }: AgentInvocationRow,
): Promise<Going> => {
  const answer = await found('Message', messageId, messageById(unit));
  const question = await found('Message', answer.parentId ?? '', messageById(unit));
  const own = await found('Workspace', workspaceId, workspaceById(unit));
  const workspace = { ...own, chatModelId: answer.modelId };
  const going = await database
    .update(agentInvocations)
    .set({ status: 'RUNNING' })
    .where(and(eq(agentInvocations.organizationId, organizationId), eq(agentInvocations.id, id)))
    .returning();
  const run = sole(going);
  await lease(run, leaseEnd);
  const call = await beginCall(
    { unit, services },
    {
      ...usualRequest,
      ...agentNeeds,
      workspaceId,
      targetId: messageId,
      modelId: answer.modelId,
      stickyTo: answer.conversationId,
    },
  );
  const asker = { userId: run.userId, visitorId: null };
  return {
    asked: { asker, question, answer, workspace, choices: {}, call, claimed: true },
    run,
    begins: false,
  };
};

/** Stops a run, wherever it goes on or waits. Throws Conflict (it is over, archived), Forbidden, NotFound. */
export const cancelAgentRun = async (context: Context, id: string): Promise<AgentInvocationRow> => {
  const { unit } = context;
  const run = await found('AgentInvocation', id, agentInvocationById(unit));
  requireActive(viewerOf(context), run.workspaceId);
  if (run.endedAt !== null) throw new Conflict('invocationId', 'The run is over.');
  await cancelAnswer(context, run.messageId);
  return found('AgentInvocation', id, agentInvocationById(unit).clear(id));
};
