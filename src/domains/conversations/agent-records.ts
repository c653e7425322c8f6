import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Scope, UnitOfWork } from '../../database/unit-of-work.ts';
import type { StepRequest, StepResult, WantedCall } from '../../ai/agent-step.ts';
import type { AgentTools, ToolPassage } from '../agent-tool.ts';
import { keepContent, type CallContent } from '../modelhub/call-contents.ts';
import { costOf, settleCall as settleModelCall, succeeded } from '../modelhub/calls.ts';
import { reserveAgain, type ModelCall } from '../modelhub/model-call.ts';
import { renewQuota } from '../modelhub/quotas.ts';
import type { Services } from '../services.ts';
import type { Actor } from './agent-actor.ts';
import { agentTopic, type AgentNotice } from './agent-events.ts';
import {
  agentInvocations,
  agentSteps,
  agentToolCalls,
  type AgentFailure,
  type AgentInvocationRow,
  type AgentStepRow,
} from './agent-tables.ts';
import { messages, runningAnswers } from './tables.ts';

/** Calls of one step that are used; as many again are recorded as refused, and more than that are not. */
export const maxCalls = 16;
/** Hours that a run waits for a person's word. */
export const patienceHours = 24;

/** A call with what the tool gave. */
export type StoredCall = typeof agentToolCalls.$inferSelect;
export type StoredStep = AgentStepRow & { readonly calls: readonly StoredCall[] };
/** What ends a run or a call that is not over. */
const open = ['RUNNING', 'WAITING_FOR_APPROVAL'] as const;
const unfinished = ['WAITING_FOR_APPROVAL', 'APPROVED', 'RUNNING'] as const;

/** The run is over: somebody has stopped it, or another process has ended it. */
export class RunOver extends Error {}

const isRun = ({ organizationId, id }: Pick<AgentInvocationRow, 'organizationId' | 'id'>) =>
  and(eq(agentInvocations.organizationId, organizationId), eq(agentInvocations.id, id));
const ofRun = ({ organizationId, id }: Pick<AgentInvocationRow, 'organizationId' | 'id'>) =>
  and(eq(agentToolCalls.organizationId, organizationId), eq(agentToolCalls.invocationId, id));

/** The run as it is, locked until the end of the transaction; null when it is gone. */
export const lockedRun = async (run: Pick<AgentInvocationRow, 'organizationId' | 'id'>) => {
  const [row] = await database.select().from(agentInvocations).where(isRun(run)).for('update');
  return row ?? null;
};

/** Locks a run that goes on. Throws RunOver. */
const lockGoing = async (run: AgentInvocationRow): Promise<AgentInvocationRow> => {
  const row = await lockedRun(run);
  if (row?.status !== 'RUNNING') throw new RunOver();
  return row;
};

const tell = (services: Services, unit: UnitOfWork, run: Pick<AgentInvocationRow, 'id'>, notice: AgentNotice): void =>
  unit.afterCommit(() => services.bus.publish(agentTopic(run.id), notice));

/** Steps of a run with their calls, in order, as whom it acts for sees them. */
export const storedSteps = async (unit: UnitOfWork, run: AgentInvocationRow): Promise<StoredStep[]> => {
  const [steps, calls] = await unit.run(() =>
    Promise.all([
      database
        .select()
        .from(agentSteps)
        .where(and(eq(agentSteps.organizationId, run.organizationId), eq(agentSteps.invocationId, run.id)))
        .orderBy(asc(agentSteps.position)),
      database
        .select()
        .from(agentToolCalls)
        .where(ofRun(run))
        .orderBy(asc(agentToolCalls.step), asc(agentToolCalls.position)),
    ]),
  );
  await unit.rest();
  return steps.map((step) => Object.assign(step, { calls: calls.filter((call) => call.step === step.position) }));
};

/** Writes another call of the model down before it is made. Throws QuotaExceeded, RunOver. */
export const reserveStep = (actor: Actor, run: AgentInvocationRow, call: ModelCall): Promise<void> =>
  actor.unit.transact(async () => {
    await lockGoing(run);
    await reserveAgain(actor.unit, call);
  });

/** What is known of a step that was taken. */
export interface Taken {
  readonly position: number;
  readonly call: ModelCall;
  readonly request: StepRequest;
  readonly result: StepResult;
}

const contentOf = ({ system, history, question, earlier }: StepRequest, { text, calls }: StepResult): CallContent => ({
  input: { system, turns: history, question, steps: earlier },
  output: calls.length === 0 ? text : { text, calls },
});

/** Stores a step with the tools it wants used, and settles its call of the model. Throws RunOver. */
export const recordStep = (services: Services, actor: Actor, run: AgentInvocationRow, taken: Taken): Promise<void> => {
  const { unit, viewer } = actor;
  const { position, call, request, result } = taken;
  const { usage, latencyMs, timeToFirstTokenMs } = result;
  const { inputTokens, outputTokens } = usage;
  const cost = costOf(call.callable.price, usage);
  return unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    const outcome = succeeded(usage, latencyMs, timeToFirstTokenMs);
    // In the order in which whoever stops the run locks both.
    await lockGoing(run);
    await settleModelCall(unit, call.executionId, outcome);
    await keepContent(unit, call, () => contentOf(request, result));
    const place = { organizationId, workspaceId: run.workspaceId, readers: [viewer.self], invocationId: run.id };
    await database.insert(agentSteps).values({
      ...place,
      position,
      text: result.text,
      inputTokens,
      outputTokens,
      cost,
      latencyMs: Math.round(latencyMs),
    });
    const calls = result.calls
      .slice(0, 2 * maxCalls)
      .map((call, at) =>
        Object.assign(
          { step: position, position: at },
          place,
          wanted(call, `call_${position}_${at}`),
          fateOf(services.tools, run, call, at),
        ),
      );
    if (calls.length > 0) await database.insert(agentToolCalls).values(calls);
    await database
      .update(agentInvocations)
      .set({
        steps: position,
        inputTokens: sql`${agentInvocations.inputTokens} + ${inputTokens}`,
        outputTokens: sql`${agentInvocations.outputTokens} + ${outputTokens}`,
        cost: cost === null ? null : sql`coalesce(${agentInvocations.cost}, 0) + ${cost}`,
      })
      .where(isRun(run));
    tell(services, unit, run, { kind: 'step', position });
  });
};

/** How a call is stored. Ids are ours, because those of some providers repeat themselves. */
const wanted = ({ tool, input }: WantedCall, callId: string) => ({
  callId,
  tool: withoutNul(tool).slice(0, 64),
  arguments: cleaned(input),
});

/** What becomes of a call before anything is done: one that nobody may make fails at once, and one that changes something waits. */
const fateOf = (tools: AgentTools, run: AgentInvocationRow, { tool: name }: WantedCall, at: number) => {
  const tool = run.tools.includes(name) && Object.hasOwn(tools, name) ? tools[name] : undefined;
  if (at >= maxCalls) return refused(`At most ${maxCalls} tools are used in one step.`);
  if (tool === undefined) return refused('There is no such tool here.');
  return { status: tool.changes ? ('WAITING_FOR_APPROVAL' as const) : ('APPROVED' as const), changes: tool.changes };
};

const refused = (failure: string) => ({
  status: 'FAILED' as const,
  changes: false,
  failure,
  result: failure,
  endedAt: sql`now()`,
});

const withoutNul = (text: string): string => text.replaceAll('\0', '');

/** JSON without NUL, which Postgres keeps in none. */
const cleaned = (value: unknown): unknown => {
  if (typeof value === 'string') return withoutNul(value);
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== 'object' || value === null) return value ?? {};
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [withoutNul(name), cleaned(each)]));
};

/** Takes up a call that may be made; false when it may not any more. Throws RunOver. */
export const takeCall = (
  services: Services,
  { unit }: Actor,
  run: AgentInvocationRow,
  call: StoredCall,
): Promise<boolean> =>
  unit.transact(async () => {
    await lockGoing(run);
    const taken = await database
      .update(agentToolCalls)
      .set({ status: 'RUNNING' })
      .where(and(ofRun(run), eq(agentToolCalls.id, call.id), eq(agentToolCalls.status, 'APPROVED')))
      .returning({ id: agentToolCalls.id });
    if (taken.length > 0) tell(services, unit, run, { kind: 'started', callId: call.id });
    return taken.length > 0;
  });

/** What came of a call. */
export interface CallOutcome {
  readonly status: 'COMPLETED' | 'FAILED';
  readonly result: string;
  readonly passages: readonly ToolPassage[];
  readonly failure: string | null;
}

/** Stores what came of a call. */
export const settleCall = (
  services: Services,
  { unit }: Actor,
  run: AgentInvocationRow,
  call: StoredCall,
  outcome: CallOutcome,
): Promise<void> =>
  unit.transact(async () => {
    const { workspaceId } = run;
    const settled = await database
      .update(agentToolCalls)
      .set({ ...outcome, endedAt: sql`now()` })
      .where(and(ofRun(run), eq(agentToolCalls.id, call.id), eq(agentToolCalls.status, 'RUNNING')))
      .returning({ id: agentToolCalls.id });
    if (settled.length === 0) return;
    const data = { tool: call.tool, status: outcome.status };
    unit.record({ action: 'agent_tool.used', type: 'AgentInvocation', id: run.id, workspaceId, data });
    tell(services, unit, run, { kind: 'ended', callId: call.id });
  });

/**
 * Sets a run aside until a person has decided, for 24 hours at most; false when nothing waits for that any more. It survives the process: whichever
 * hears the decision goes on. Throws RunOver.
 */
export const setAside = (
  services: Services,
  { unit }: Actor,
  run: AgentInvocationRow,
  written: string,
): Promise<boolean> =>
  unit.transact(async (transaction) => {
    await lockGoing(run);
    const waiting = await database
      .select({ id: agentToolCalls.id })
      .from(agentToolCalls)
      .where(and(ofRun(run), eq(agentToolCalls.status, 'WAITING_FOR_APPROVAL')));
    if (waiting.length === 0) return false;
    await database.update(agentInvocations).set({ status: 'WAITING_FOR_APPROVAL' }).where(isRun(run));
    await lease(run, sql`now() + make_interval(hours => ${patienceHours})`);
    // What was promised to it stays promised, and what it has written is read meanwhile.
    await renewQuota(transaction, { targetId: run.messageId, leaseSeconds: patienceHours * 3600 });
    await database
      .update(messages)
      .set({ content: written })
      .where(and(eq(messages.organizationId, run.organizationId), eq(messages.id, run.messageId)));
    for (const { id: callId } of waiting) tell(services, unit, run, { kind: 'waiting', callId });
    return true;
  });

/** Promises that the answer of a run is worked on until then. */
export const lease = async (
  { organizationId, messageId }: AgentInvocationRow,
  leaseUntil: ReturnType<typeof sql>,
): Promise<void> => {
  await database
    .update(messages)
    .set({ leaseUntil })
    .where(and(eq(messages.organizationId, organizationId), eq(messages.id, messageId)));
  await database.update(runningAnswers).set({ leaseUntil }).where(eq(runningAnswers.messageId, messageId));
};

/** How a run ends. */
export interface RunEnd {
  readonly status: 'COMPLETED' | 'FAILED' | 'CANCELLED';
  /** Why it FAILED. */
  readonly reason?: AgentFailure;
  readonly message?: string;
}

const actions = { COMPLETED: 'agent_run.completed', FAILED: 'agent_run.failed', CANCELLED: 'agent_run.cancelled' };

/** What whom a run acts for sees of it. */
const readersScope = ({ organizationId, userId, credentialId }: AgentInvocationRow): Scope => ({
  organizationId,
  userId,
  principals: userId === null ? [credentialId] : [userId, credentialId],
  workspaces: '*',
});

/** Ends the run that writes an answer, in the running transaction, with the calls that are not over. Nothing where no run goes on. */
export const endRunOf = async (
  unit: UnitOfWork,
  services: Pick<Services, 'bus'>,
  messageId: string,
  { status, reason, message }: RunEnd,
): Promise<void> => {
  const { organizationId } = unit;
  const rows = await database
    .update(agentInvocations)
    .set({ status, errorCode: reason ?? null, errorMessage: message ?? null, endedAt: sql`now()` })
    .where(
      and(
        eq(agentInvocations.organizationId, organizationId),
        eq(agentInvocations.messageId, messageId),
        inArray(agentInvocations.status, [...open]),
      ),
    )
    .returning();
  if (rows.length === 0) return;
  const run = sole(rows);
  // Whoever ends it may be somebody else, who does not see the calls.
  await unit.nested(readersScope(run), async () => {
    await database
      .update(agentToolCalls)
      .set({ status: 'CANCELLED', endedAt: sql`now()` })
      .where(and(ofRun(run), inArray(agentToolCalls.status, [...unfinished])));
  });
  const { workspaceId } = run;
  const data = reason === undefined ? {} : { reason };
  unit.record({ action: actions[status], type: 'AgentInvocation', id: run.id, workspaceId, data });
  unit.afterCommit(() => services.bus.publish(agentTopic(run.id), { kind: 'over' } satisfies AgentNotice));
};
