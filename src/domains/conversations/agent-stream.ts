import type { ResolversTypes } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { renewSubscriber } from '../tenancy/subscribers.ts';
import { agentTopic, type AgentNotice } from './agent-events.ts';
import { agentInvocationById, agentStepsByInvocation, agentToolCallById } from './agent-loaders.ts';

/** How old the knowledge of a listener's rights may be at a delivery. */
const recheckMs = 3000;

type Event = Awaited<ResolversTypes['AgentEvent']>;

/**
 * What happens in a run from now on, until it is over or the listener may no longer see it. Between events no connection is held.
 * Throws NotFound.
 */
export const agentEvents = async (
  context: Context,
  invocationId: string,
): Promise<AsyncIterableIterator<{ agentEvents: Event }>> => {
  const source = context.services.bus.subscribe(agentTopic(invocationId));
  const finish = async (): Promise<IteratorReturnResult<undefined>> => {
    await source.return?.();
    await context.unit.rest();
    return { done: true, value: undefined };
  };
  // Looked up after listening has begun, so that an end in between is not missed.
  const run = await found('AgentInvocation', invocationId, agentInvocationById(context.unit)).catch(
    async (error: unknown) => {
      await finish();
      throw error;
    },
  );
  await context.unit.rest();
  const waiting: AgentNotice[] = run.endedAt === null ? [] : [{ kind: 'over' }];
  let over = false;
  let checkedAt = Date.now();

  const stillVisible = async (): Promise<boolean> => {
    if (Date.now() - checkedAt < recheckMs) return true;
    checkedAt = Date.now();
    if (!(await renewSubscriber(context, 'CONVERSATION_READ'))) return false;
    return (await agentInvocationById(context.unit).load(invocationId)) !== null;
  };
  const heard = async (): Promise<AgentNotice | null> => {
    const first = waiting.shift();
    if (first !== undefined) return first;
    const { done, value } = await source.next();
    // The cast is safe: only this domain publishes on the topic.
    return done ? null : (value as AgentNotice);
  };
  const events: AsyncIterableIterator<{ agentEvents: Event }> = {
    [Symbol.asyncIterator]: () => events,
    next: async () => {
      for (;;) {
        await context.unit.rest();
        const notice = over ? null : await heard();
        if (notice === null || !(await stillVisible())) return finish();
        over = notice.kind === 'over';
        const event = await eventOf(context, invocationId, notice);
        if (event !== undefined) return { done: false, value: { agentEvents: event } };
      }
    },
    return: finish,
  };
  return events;
};

/** The event as clients see it; undefined for what the listener does not see. */
const eventOf = async (context: Context, invocationId: string, notice: AgentNotice): Promise<Event | undefined> => {
  // A fresh unit, whose loaders know nothing from before.
  context.unit = context.unit.as(context.unit.scope);
  const { unit } = context;
  if (notice.kind === 'over') {
    const invocation = await agentInvocationById(unit).load(invocationId);
    return invocation === null ? undefined : { __typename: 'AgentRunEnded', invocation };
  }
  if (notice.kind === 'step') {
    const steps = await agentStepsByInvocation(unit).load(invocationId);
    const step = steps.find(({ position }) => position === notice.position);
    return step === undefined ? undefined : { __typename: 'AgentStepTaken', step };
  }
  const call = await agentToolCallById(unit).load(notice.callId);
  if (call === null) return undefined;
  if (notice.kind === 'started') return { __typename: 'AgentToolStarted', call };
  return { __typename: notice.kind === 'waiting' ? 'AgentApprovalAsked' : 'AgentToolEnded', call };
};
