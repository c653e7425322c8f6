import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, type InputIssue } from '../../errors.ts';
import type { UpdateAgentSettingsInput } from '../../generated/resolvers.ts';
import type { AgentTools } from '../agent-tool.ts';
import type { Context, Viewer } from '../context.ts';
import { decisionIn } from '../permissions.ts';
import { lockActiveWorkspace } from '../tenancy/workspace-lock.ts';
import { agentSettings, type AgentSettingsRow } from './agent-tables.ts';
import { isHostPattern } from './allowed-hosts.ts';
import { chosenTemplate } from './template-use.ts';

const maxHosts = 100;

/** The rules of a workspace that has said nothing. */
export const usualRules = (workspaceId: string): AgentSettingsRow => ({
  workspaceId,
  tools: null,
  allowedHosts: [],
  maxSteps: 10,
  maxCost: null,
  promptTemplateId: null,
  promptTemplateLabel: null,
});

const ruleColumns = {
  workspaceId: agentSettings.workspaceId,
  tools: agentSettings.tools,
  allowedHosts: agentSettings.allowedHosts,
  maxSteps: agentSettings.maxSteps,
  maxCost: agentSettings.maxCost,
  promptTemplateId: agentSettings.promptTemplateId,
  promptTemplateLabel: agentSettings.promptTemplateLabel,
};

/** What workspaces have said of agents. */
export const agentRulesByWorkspace = loadOne(
  () =>
    database
      .select(ruleColumns)
      .from(agentSettings)
      .where(
        and(
          eq(agentSettings.organizationId, bound.organizationId),
          sql`${agentSettings.workspaceId} = any(${bound.keys})`,
        ),
      ),
  (settings) => settings.workspaceId,
);

/** Why a tool is not offered. */
export type Withheld = 'NOT_ALLOWED' | 'NO_PERMISSION' | 'NO_HOSTS';

/** A tool by its name, and whether agents may use it here for this viewer. */
export interface Offer {
  readonly name: string;
  readonly withheld: Withheld | null;
}

/** Which tools agents may use in a workspace on behalf of a viewer, who sees it. */
export const offersOf = (tools: AgentTools, rules: AgentSettingsRow, viewer: Viewer): Offer[] =>
  Object.entries(tools).map(([name, tool]) => {
    const usual = !tool.changes && tool.optIn !== true;
    const allowed = rules.tools === null ? usual : rules.tools.includes(name);
    if (!allowed) return { name, withheld: 'NOT_ALLOWED' };
    if (!decisionIn(viewer, tool.permission, rules.workspaceId).allowed) return { name, withheld: 'NO_PERMISSION' };
    return { name, withheld: tool.reachesOut === true && rules.allowedHosts.length === 0 ? 'NO_HOSTS' : null };
  });

const faultsOf = ({ tools, allowedHosts, maxSteps, maxCost }: UpdateAgentSettingsInput, known: AgentTools) => {
  const issues: InputIssue[] = [];
  for (const [place, name] of (tools ?? []).entries())
    if (!Object.hasOwn(known, name))
      issues.push({ field: `tools.${place}`, message: 'There is no tool of this name.' });
  if ((allowedHosts?.length ?? 0) > maxHosts)
    issues.push({ field: 'allowedHosts', message: `At most ${maxHosts} hosts can be named.` });
  for (const [place, host] of (allowedHosts ?? []).slice(0, maxHosts).entries())
    if (!isHostPattern(host))
      issues.push({ field: `allowedHosts.${place}`, message: 'Name a host such as example.com or *.example.com.' });
  if (maxSteps === null || (maxSteps !== undefined && (maxSteps < 1 || maxSteps > 50)))
    issues.push({ field: 'maxSteps', message: 'A run has 1 to 50 steps.' });
  if (typeof maxCost === 'string' && !isCost(maxCost))
    issues.push({ field: 'maxCost', message: 'A cost is 0 or more, with at most 12 decimals.' });
  return issues;
};

/** Whether a text is an amount of US dollars that a run may be bounded by. */
export const isCost = (cost: string): boolean => /^\d{1,5}(\.\d{1,12})?$/.test(cost);

/**
 * Changes what agents may do in a workspace: absent leaves as it is. Throws BadUserInput, Conflict (archived, unfit template), Forbidden (needs ADMIN in it, and
 * for a template to see templates), NotFound (workspace, template, label).
 */
export const updateAgentSettings = (context: Context, input: UpdateAgentSettingsInput): Promise<AgentSettingsRow> => {
  const { unit, services } = context;
  const { workspaceId, tools, allowedHosts, maxSteps, maxCost, promptTemplate } = input;
  return unit.transact(async ({ organizationId }) => {
    const workspace = await lockActiveWorkspace(context, workspaceId);
    const issues = faultsOf(input, services.tools);
    if (issues.length > 0) throw new BadUserInput(issues);
    const fields = {
      ...(tools !== undefined && { tools: tools === null ? null : [...new Set(tools)].sort() }),
      ...(allowedHosts !== undefined && {
        allowedHosts: [...new Set((allowedHosts ?? []).map((host) => host.toLowerCase()))].sort(),
      }),
      ...(typeof maxSteps === 'number' && { maxSteps }),
      ...(maxCost !== undefined && { maxCost }),
      ...(promptTemplate !== undefined && (await chosenTemplate(context, workspace, promptTemplate))),
    };
    if (Object.keys(fields).length === 0)
      return (await agentRulesByWorkspace(unit).load(workspaceId)) ?? usualRules(workspaceId);
    const written = sole(
      await database
        .insert(agentSettings)
        .values({ organizationId, workspaceId, ...fields })
        .onConflictDoUpdate({ target: [agentSettings.organizationId, agentSettings.workspaceId], set: fields })
        .returning(ruleColumns),
    );
    const data = { fields: Object.keys(fields) };
    unit.record({ action: 'agent_settings.updated', type: 'Workspace', id: workspaceId, workspaceId, data });
    return written;
  });
};
