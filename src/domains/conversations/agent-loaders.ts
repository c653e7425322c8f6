import { and, asc, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadMany, loadOne } from '../../database/loader.ts';
import { agentInvocations, agentSteps, agentToolCalls } from './agent-tables.ts';

export const agentInvocationById = loadOne(
  () =>
    database
      .select()
      .from(agentInvocations)
      .where(
        and(
          eq(agentInvocations.organizationId, bound.organizationId),
          sql`${agentInvocations.id} = any(${bound.keys})`,
        ),
      ),
  (run) => run.id,
);

/** The run that writes an answer. */
export const agentInvocationByMessage = loadOne(
  () =>
    database
      .select()
      .from(agentInvocations)
      .where(
        and(
          eq(agentInvocations.organizationId, bound.organizationId),
          sql`${agentInvocations.messageId} = any(${bound.keys})`,
        ),
      ),
  (run) => run.messageId,
);

/** Runs of a conversation. */
export const agentInvocationsByConversation = listOf({
  from: agentInvocations,
  parent: agentInvocations.conversationId,
  columns: getTableColumns(agentInvocations),
  orders: { CREATED_AT: agentInvocations.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
});

/** Steps of a run in order; at most 50, as many as a run may have. */
export const agentStepsByInvocation = loadMany(
  () =>
    database
      .select()
      .from(agentSteps)
      .where(
        and(eq(agentSteps.organizationId, bound.organizationId), sql`${agentSteps.invocationId} = any(${bound.keys})`),
      )
      .orderBy(asc(agentSteps.position)),
  (step) => step.invocationId,
);

const { result: _result, passages: _passages, ...lightCall } = getTableColumns(agentToolCalls);
/** All of a call but what the tool gave, which is long. */
export const agentToolCallFields = lightCall;

export const agentToolCallById = loadOne(
  () =>
    database
      .select(lightCall)
      .from(agentToolCalls)
      .where(
        and(eq(agentToolCalls.organizationId, bound.organizationId), sql`${agentToolCalls.id} = any(${bound.keys})`),
      ),
  (call) => call.id,
);

/** What tools gave. */
export const agentToolResultById = loadOne(
  () =>
    database
      .select({ id: agentToolCalls.id, result: agentToolCalls.result })
      .from(agentToolCalls)
      .where(
        and(eq(agentToolCalls.organizationId, bound.organizationId), sql`${agentToolCalls.id} = any(${bound.keys})`),
      ),
  (call) => call.id,
);

/** Calls of a step, by the step's id, in order; their number is bounded when they are recorded. */
export const agentToolCallsByStep = loadMany(
  () =>
    database
      .select({ ...lightCall, stepId: agentSteps.id })
      .from(agentToolCalls)
      .innerJoin(
        agentSteps,
        and(
          eq(agentSteps.organizationId, bound.organizationId),
          eq(agentSteps.invocationId, agentToolCalls.invocationId),
          eq(agentSteps.position, agentToolCalls.step),
        ),
      )
      .where(and(eq(agentToolCalls.organizationId, bound.organizationId), sql`${agentSteps.id} = any(${bound.keys})`))
      .orderBy(asc(agentToolCalls.position)),
  (call) => call.stepId,
);
