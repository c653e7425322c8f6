import { z } from 'zod';
import { agentInstructions, fittingStep } from '../../ai/agent-prompt.ts';
import { stepTokens, streamStep, type OfferedTool, type StepRequest, type StepResult } from '../../ai/agent-step.ts';
import { maxOutputTokensOf } from '../../ai/deployment.ts';
import { ModelFailure } from '../../ai/failure.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Services } from '../services.ts';
import { settingsByWorkspace } from '../tenancy/workspace-loaders.ts';
import { actorOf, type Actor } from './agent-actor.ts';
import { RunStopped } from './agent-failure.ts';
import {
  endRunOf,
  recordStep,
  reserveStep,
  RunOver,
  setAside,
  settleCall,
  storedSteps,
  takeCall,
  type RunEnd,
  type StoredCall,
  type StoredStep,
} from './agent-records.ts';
import type { AgentInvocationRow } from './agent-tables.ts';
import { useTool } from './agent-use.ts';
import { clean, endingOf, writeAnswer, type Author } from './answering.ts';
import { withoutPrefix } from './agent-words.ts';
import { streamCall, type ModelCall } from '../modelhub/model-call.ts';
import type { Asked, Means } from './asking.ts';
import type { DeltaPublisher } from '../../events/deltas.ts';
import { groundOfTool, type Ground } from './grounds.ts';
import { historyBefore } from './history.ts';
import { settle, type Ending } from './settling.ts';
import { systemPromptFor } from './system-prompt.ts';
import { instructedBy, templateOf } from './template-instructions.ts';

/** How long a run may go without waiting for a person, in milliseconds. */
const longestMs = 10 * 60_000;

/** A run that goes on in this process, for an answer that is awaited. */
export interface Going {
  readonly asked: Asked;
  readonly run: AgentInvocationRow;
  /** Whether it begins now, or goes on after it was set aside. */
  readonly begins: boolean;
}

/** Works on a run until it ends or waits for a person. Resolves then, and never rejects. The unit is one of its own. */
export const workOnRun = (services: Services, unit: UnitOfWork, going: Going): Promise<void> =>
  writeAnswer(services, unit, going.asked, authorOf(services, unit, going));

const authorOf = (services: Services, unit: UnitOfWork, { asked, run, begins }: Going): Author => {
  const work: Work = { services, run, asked, unit, reserved: true };
  let why: RunStopped | undefined;
  let interrupted = false;
  return {
    begins,
    write: async (deltas, signal) => {
      const began = performance.now();
      const late = AbortSignal.timeout(longestMs);
      try {
        return await goOn(work, deltas, AbortSignal.any([signal, late]));
      } catch (error) {
        const latencyMs = performance.now() - began;
        if (error instanceof RunOver)
          return { kind: 'cancelled', text: clean(deltas.text), latencyMs, material: null, prompt: null };
        const cause = late.aborted && !signal.aborted ? tooLate() : error;
        if (cause instanceof RunStopped) why = cause;
        interrupted = !(cause instanceof ModelFailure) || signal.aborted;
        return endingOf(services, cause, deltas, signal, latencyMs);
      } finally {
        await work.unit.rest();
      }
    },
    settle: (ending) =>
      work.unit.transact(async () => {
        const first = await settle({ unit: work.unit, services }, asked, ending);
        if (first) await endRunOf(work.unit, services, run.messageId, endOf(ending, why, interrupted));
        return first;
      }),
  };
};

/** What a run works with; what it sees is looked up anew before each step and each use of a tool. */
interface Work {
  readonly services: Services;
  readonly run: AgentInvocationRow;
  readonly asked: Asked;
  /** Of whom it acts for, as they were seen last. */
  unit: UnitOfWork;
  /** Whether the call of the model that was reserved last is still to be made. */
  reserved: boolean;
}

const tooLate = () => new RunStopped('MAX_TIME', `The run took longer than ${longestMs / 60_000} minutes.`);

const endOf = (ending: Ending, why: RunStopped | undefined, interrupted: boolean): RunEnd => {
  if (ending.kind === 'cancelled') return { status: 'CANCELLED' };
  if (ending.kind !== 'failed') return { status: 'COMPLETED' };
  const reason = why?.reason ?? (interrupted ? 'INTERRUPTED' : 'MODEL');
  return { status: 'FAILED', reason, message: ending.error.message };
};

/** Stands in an answer between what two steps wrote. */
const betweenSteps = '\n\n';
/** What the steps so far wrote, as it stands in the answer. */
const writtenBy = (steps: readonly StoredStep[]): string =>
  steps
    .map(({ text }) => text)
    .filter((text) => text !== '')
    .join(betweenSteps);

/** Step by step: what is stored decides what comes next, so that it is the same after a wait and in another process. */
const goOn = async (work: Work, deltas: DeltaPublisher, signal: AbortSignal): Promise<Ending | null> => {
  for (;;) {
    const actor = await nowActing(work, signal);
    const steps = await storedSteps(actor.unit, work.run);
    if (deltas.text === '') deltas.resume(writtenBy(steps));
    const next = steps.at(-1)?.calls.find(({ status }) => status === 'APPROVED' || status === 'WAITING_FOR_APPROVAL');
    if (next?.status === 'WAITING_FOR_APPROVAL') {
      if (await setAside(work.services, actor, work.run, clean(deltas.text))) return null;
    } else if (next !== undefined) {
      await use(work, actor, next, groundsOf(steps).length, signal);
    } else {
      const ending = await step(work, actor, steps, deltas, signal);
      if (ending !== null) return ending;
    }
  }
};

const nowActing = async (work: Work, signal: AbortSignal): Promise<Actor> => {
  signal.throwIfAborted();
  await work.unit.rest();
  const actor = await actorOf(work.services, work.unit, work.run);
  work.unit = actor.unit;
  return actor;
};

/** Passages that the tools of a run gave, in the order of their numbers. */
const groundsOf = (steps: readonly StoredStep[]): Ground[] =>
  steps.flatMap(({ calls }) => calls.flatMap(({ passages }) => passages.map(groundOfTool)));

const use = async (work: Work, actor: Actor, call: StoredCall, before: number, signal: AbortSignal): Promise<void> => {
  const { services, run } = work;
  if (!(await takeCall(services, actor, run, call))) return;
  const outcome = await useTool(services, actor, { run, call, before, signal });
  await settleCall(services, actor, run, call, outcome);
};

/** Calls the model once; the ending when it wants no tool used. */
const step = async (
  work: Work,
  actor: Actor,
  steps: readonly StoredStep[],
  deltas: DeltaPublisher,
  signal: AbortSignal,
): Promise<Ending | null> => {
  const { services, run, asked } = work;
  const { call } = asked;
  const position = steps.length + 1;
  if (position > run.maxSteps) throw new RunStopped('MAX_STEPS', `The run has had its ${run.maxSteps} steps.`);
  const material = await materialOf(work, actor);
  const request = await fittingStep({ ...requestOf(work, steps), ...material.told, signal });
  await requireMeans(work, steps, request);
  if (!work.reserved) await reserveStep(actor, run, call);
  work.reserved = true;
  const result = await streamed({ unit: actor.unit, services }, call, request, deltas);
  await recordStep(services, actor, run, { position, call, request, result });
  work.reserved = false;
  if (result.calls.length > 0) return null;
  const grounds = groundsOf(steps);
  const all = [...steps, result.usage];
  const total = (tokens: 'inputTokens' | 'outputTokens') => all.reduce((sum, each) => sum + (each[tokens] ?? 0), 0);
  return {
    kind: 'answered',
    material: { ...material.kept, grounds },
    result: {
      ...result,
      text: clean(deltas.text),
      finishReason: 'stop',
      usage: { ...result.usage, inputTokens: total('inputTokens'), outputTokens: total('outputTokens') },
      passagesUsed: grounds.length,
      turnsUsed: request.history.length,
    },
  };
};

/** What the model is told besides the steps; the unit holds no connection afterwards. */
const materialOf = async ({ services, asked }: Work, { unit, rules }: Actor) => {
  const { question, workspace, asker } = asked;
  const means = { unit, services };
  const template = await templateOf(means, rules.promptTemplateId === null ? workspace : rules);
  const [{ text: system, ofTemplate }, settings, history] = await Promise.all([
    instructedBy(means, template, { userId: asker.userId, workspace }, () => systemPromptFor(means, asked)),
    settingsByWorkspace(unit).load(workspace.id),
    historyBefore(unit, question, workspace.historyLength),
  ]);
  await unit.rest();
  const tone = settings?.tone ?? null;
  const text = withoutPrefix(question.prompt ?? question.content);
  return {
    told: { system: agentInstructions({ system, tone, language: workspace.language }), history, question: text },
    kept: { system, ofTemplate, tone, history, searchQuery: text },
  };
};

const requestOf = ({ services, run, asked }: Work, steps: readonly StoredStep[]) => ({
  deployment: asked.call.callable.deployment,
  tools: run.tools.flatMap((name): OfferedTool[] => {
    const tool = services.tools[name];
    if (tool === undefined) return [];
    return [{ name, description: tool.description, parameters: z.toJSONSchema(tool.input, { io: 'input' }) }];
  }),
  earlier: steps.map(({ text, calls }) => ({
    text,
    calls: calls.map(({ callId: id, tool, arguments: input, result }) => ({ id, tool, input, result: result ?? '' })),
  })),
  ...(asked.workspace.temperature !== null && { temperature: asked.workspace.temperature }),
});

/** Throws RunStopped when the next call of the model could cost more than is left. */
const requireMeans = async (
  { run, asked }: Work,
  steps: readonly StoredStep[],
  request: StepRequest,
): Promise<void> => {
  const { price, deployment } = asked.call.callable;
  if (run.maxCost === null || price === null) return;
  const spent = steps.reduce((sum, { cost }) => sum + Number(cost ?? 0), 0);
  const most = (await stepTokens(request)) * Number(price.input) + maxOutputTokensOf(deployment) * Number(price.output);
  if (spent + most > Number(run.maxCost))
    throw new RunStopped(
      'MAX_COST',
      `Another step could cost more than the ${Number(run.maxCost)} US dollars of this run.`,
    );
};

/** Streams a step; what it writes stands in the answer behind what earlier ones wrote. */
const streamed = async (
  means: Means,
  call: ModelCall,
  request: StepRequest,
  deltas: DeltaPublisher,
): Promise<StepResult> => {
  let between = deltas.text === '' ? '' : betweenSteps;
  for await (const part of streamCall(means, call, (deployment) => streamStep({ ...request, deployment }))) {
    if (part.type === 'result') return { ...part.result, text: clean(part.result.text) };
    deltas.add(between + clean(part.text));
    between = '';
  }
  throw new ModelFailure('INTERRUPTED', 'The model ended without an answer.');
};
