import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, type InputIssue } from '../../errors.ts';
import type { StartAgentRunInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { SwitchedOff } from '../modelhub/deployments.ts';
import { modelById, priceByModel } from '../modelhub/loaders.ts';
import { routeFor } from '../modelhub/routing.ts';
import type { ModelRow } from '../modelhub/tables.ts';
import { found } from '../nodes.ts';
import { decisionIn, requireActive, requirePermission } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import type { WorkspaceRow } from '../tenancy/tables.ts';
import type { Going } from './agent-run.ts';
import { agentRulesByWorkspace, isCost, offersOf, usualRules } from './agent-settings.ts';
import { agentInvocations, type AgentSettingsRow } from './agent-tables.ts';
import { agentNeeds, storeQuestion, usualRequest, type Question } from './asking.ts';
import { isForAgent } from './agent-words.ts';
import { conversationById } from './loaders.ts';

/** What a run is started with; what is left out is as the workspace has it. */
export type RunInput = Omit<StartAgentRunInput, 'wait'> & Pick<Question, 'parentId'>;

/** The model that was chosen for work with tools in a workspace; null: the routing rules decide. */
const chosenModelOf = ({ agentModelId, chatModelId }: WorkspaceRow): string | null => agentModelId ?? chatModelId;

/** The model that works with tools in a conversation; null when it is gone, or nothing can be called. */
const agentModelOf = async (
  { unit, services }: Context,
  workspace: WorkspaceRow,
  conversationId: string,
): Promise<ModelRow | null> => {
  const chosen = chosenModelOf(workspace);
  if (chosen !== null) return modelById(unit).load(chosen);
  const place = { workspaceId: workspace.id, targetId: null, stickyTo: conversationId };
  const request = { ...usualRequest, ...agentNeeds, ...place, modelId: null };
  try {
    return (await routeFor(unit, services, request)).callables[0].model;
  } catch (error) {
    if (error instanceof Conflict || error instanceof SwitchedOff) return null;
    throw error;
  }
};

const usesTools = (model: ModelRow | null): model is ModelRow => model?.capabilities.includes('TOOLS') === true;
const hasPrice = async ({ unit }: Context, { id }: ModelRow): Promise<boolean> => {
  const price = await priceByModel(unit).load(id);
  return price !== null && price.inputPrice !== null && price.outputPrice !== null;
};

/**
 * Whether a question starts a run: when it begins with `@agent`, or in AUTOMATIC mode where the model works with tools and the asker may run
 * agents. Throws NotFound.
 */
export const startsRun = async (context: Context, conversationId: string, text: string): Promise<boolean> => {
  if (isForAgent(text)) return true;
  const { unit } = context;
  const { workspaceId } = await found('Conversation', conversationId, conversationById(unit));
  const workspace = await found('Workspace', workspaceId, workspaceById(unit));
  if (workspace.chatMode !== 'AUTOMATIC' || !decisionIn(viewerOf(context), 'AGENT_RUN', workspaceId).allowed)
    return false;
  const [model, rules] = await Promise.all([
    agentModelOf(context, workspace, conversationId),
    rulesOf(context, workspaceId),
  ]);
  return usesTools(model) && (rules.maxCost === null || (await hasPrice(context, model)));
};

const rulesOf = async ({ unit }: Context, workspaceId: string): Promise<AgentSettingsRow> =>
  (await agentRulesByWorkspace(unit).load(workspaceId)) ?? usualRules(workspaceId);

/**
 * Stores a question with its empty answer and the run that is to write it, in one transaction. Throws BadUserInput, Conflict (the model cannot
 * use tools, the price of a bounded run is unknown, and what `storeQuestion` throws), Forbidden, NotFound.
 */
export const storeRun = (context: Context, input: RunInput): Promise<Going> => {
  const { unit, services } = context;
  const { conversationId, text, parentId } = input;
  const viewer = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const { workspaceId } = await found('Conversation', conversationId, conversationById(unit));
    requirePermission(viewer, 'AGENT_RUN', workspaceId);
    requireActive(viewer, workspaceId);
    const workspace = await found('Workspace', workspaceId, workspaceById(unit));
    const [model, rules] = await Promise.all([
      agentModelOf(context, workspace, conversationId),
      rulesOf(context, workspaceId),
    ]);
    if (!usesTools(model))
      throw new Conflict(
        'agentModel',
        'The model of this workspace cannot use tools; choose one that can by setWorkspaceModel for AGENT.',
      );
    const offered = offersOf(services.tools, rules, viewer).flatMap(({ name, withheld }) =>
      withheld === null ? [name] : [],
    );
    const issues = faultsOf(input, rules, offered);
    if (issues.length > 0) throw new BadUserInput(issues);
    const maxCost = input.maxCost ?? rules.maxCost;
    if (maxCost !== null && !(await hasPrice(context, model)))
      throw new Conflict('maxCost', 'The price of this model is unknown, so that no bound on cost can be held.');
    const asker = { userId: viewer.userId, visitorId: null };
    const asked = await storeQuestion(context, asker, {
      conversationId,
      text,
      parentId,
      choices: { chatModelId: chosenModelOf(workspace) },
      request: agentNeeds,
    });
    const row = {
      organizationId,
      workspaceId,
      conversationId,
      messageId: asked.answer.id,
      userId: viewer.userId,
      credentialKind: viewer.credential.kind,
      credentialId: viewer.credential.id,
      tools: input.tools ? [...new Set(input.tools)] : offered,
      maxSteps: input.maxSteps ?? rules.maxSteps,
      maxCost,
    };
    const run = sole(await database.insert(agentInvocations).values(row).returning());
    const data = { tools: run.tools };
    unit.record({ action: 'agent_run.started', type: 'AgentInvocation', id: run.id, workspaceId, data });
    return { asked, run, begins: true };
  });
};

const faultsOf = (
  { tools, maxSteps, maxCost }: RunInput,
  rules: AgentSettingsRow,
  offered: readonly string[],
): InputIssue[] => {
  const issues: InputIssue[] = [];
  for (const [place, name] of (tools ?? []).entries())
    if (!offered.includes(name)) issues.push({ field: `tools.${place}`, message: 'This tool is not offered here.' });
  if (typeof maxSteps === 'number' && (maxSteps < 1 || maxSteps > rules.maxSteps))
    issues.push({ field: 'maxSteps', message: `A run here has 1 to ${rules.maxSteps} steps.` });
  if (typeof maxCost === 'string' && (!isCost(maxCost) || Number(maxCost) > Number(rules.maxCost ?? Infinity)))
    issues.push({
      field: 'maxCost',
      message:
        rules.maxCost === null
          ? 'A cost is 0 or more.'
          : `A run here costs at most ${Number(rules.maxCost)} US dollars.`,
    });
  return issues;
};
