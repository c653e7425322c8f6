import { z } from 'zod';
import { toolResult } from '../../ai/agent-prompt.ts';
import { DomainError } from '../../errors.ts';
import type { AgentTool, ToolOutput } from '../agent-tool.ts';
import { requirePermission } from '../permissions.ts';
import type { Services } from '../services.ts';
import type { Actor } from './agent-actor.ts';
import type { CallOutcome, StoredCall } from './agent-records.ts';
import { offersOf } from './agent-settings.ts';
import type { AgentInvocationRow } from './agent-tables.ts';
import { clean } from './answering.ts';

/** Where a call stands in its run. */
export interface Place {
  readonly run: AgentInvocationRow;
  readonly call: StoredCall;
  /** Passages that the calls before it gave. */
  readonly before: number;
  readonly signal: AbortSignal;
}

/**
 * Uses a tool as the actor may at this moment. Whatever is wrong with the call becomes its outcome, for the model and for a person; throws
 * only what has aborted the run.
 */
export const useTool = async (services: Services, actor: Actor, place: Place): Promise<CallOutcome> => {
  const { call, before, signal } = place;
  try {
    const tool = toolFor(services, actor, place);
    const input = tool.input.safeParse(call.arguments);
    if (!input.success)
      return failed(call, `The tool does not take this: ${z.prettifyError(input.error).slice(0, 1000)}`);
    const { unit, viewer, rules } = actor;
    const { workspaceId, conversationId } = place.run;
    const { allowedHosts } = rules;
    const using = unit.as(unit.scope);
    const use = { viewer, unit: using, services, workspaceId, conversationId, allowedHosts, signal };
    try {
      const given = withPassages(await tool.run(use, input.data));
      const { text, passages } = toolResult(call.tool, given, before);
      return { status: 'COMPLETED', result: text, passages, failure: null };
    } finally {
      await using.rest();
    }
  } catch (error) {
    if (signal.aborted) throw error;
    if (error instanceof DomainError) return failed(call, error.message);
    services.log.error({ err: error, tool: call.tool }, 'A tool of an agent failed.');
    return failed(call, 'The tool failed for a reason inside the server.');
  }
};

/** The tool of a call, if it may be used now. Throws Forbidden, and Refused for one that is not offered or not allowed by a person. */
const toolFor = (services: Services, { viewer, rules }: Actor, { run, call }: Place): AgentTool => {
  const offer = offersOf(services.tools, rules, viewer).find(({ name }) => name === call.tool);
  const tool = services.tools[call.tool];
  if (tool === undefined || offer === undefined || !run.tools.includes(call.tool))
    throw new Refused('There is no such tool here.');
  requirePermission(viewer, tool.permission, run.workspaceId);
  if (offer.withheld !== null) throw new Refused('This tool is not allowed in the workspace any more.');
  // The row says so already; a tool that came to change something while the call waited is not used on the word of yesterday.
  if (tool.changes && call.decidedAt === null) throw new Refused('Nobody has allowed this use of the tool.');
  return tool;
};

/** A tool that may not be used. */
class Refused extends DomainError {
  constructor(message: string) {
    super('FORBIDDEN', message);
  }
}

const withPassages = (output: ToolOutput): Exclude<ToolOutput, string> => {
  const { text, passages } = typeof output === 'string' ? { text: output, passages: [] } : output;
  return { text: clean(text), passages };
};

const failed = ({ tool }: StoredCall, failure: string): CallOutcome => {
  const words = clean(failure);
  return {
    status: 'FAILED',
    result: toolResult(tool, { text: words, passages: [] }, 0).text,
    passages: [],
    failure: words,
  };
};
