import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { storeRun, type RunInput } from './agent-asking.ts';
import { agentInvocationById } from './agent-loaders.ts';
import { workOnRun } from './agent-run.ts';
import type { AgentInvocationRow } from './agent-tables.ts';
import { messageById } from './loaders.ts';
import type { MessageRow } from './tables.ts';

/** A run that was started, as far as it went. */
export interface Started {
  readonly question: MessageRow;
  readonly answer: MessageRow;
  readonly invocation: AgentInvocationRow;
}

/**
 * Starts a run; returns at once, or with `wait` when it is over or waits for a person. Throws as `storeRun` does before anything is stored, and
 * NotFound when the conversation was deleted meanwhile.
 */
export const runAgent = async (context: Context, input: RunInput, wait: boolean): Promise<Started> => {
  const { unit, services } = context;
  const going = await storeRun(context, input);
  const { asked, run } = going;
  const done = workOnRun(services, unit.as(unit.scope), going);
  if (!wait) return { question: asked.question, answer: asked.answer, invocation: run };
  await done;
  const [answer, invocation] = await Promise.all([
    found('Message', asked.answer.id, messageById(unit).clear(asked.answer.id)),
    found('AgentInvocation', run.id, agentInvocationById(unit).clear(run.id)),
  ]);
  return { question: asked.question, answer, invocation };
};
