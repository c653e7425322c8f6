import { and, eq, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, NotFound, type InputIssue } from '../../errors.ts';
import type { RouteChargeScope, RouteDecider, RouteExplanationInput } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { groups } from '../tenancy/tables.ts';
import type { ModelRequest } from './calls.ts';
import { issue } from './catalogue-checks.ts';
import { dollarsOf, keysOf, type KeyChoice } from './candidates.ts';
import { deploymentName, deploymentOf, type Callable } from './deployments.ts';
import { chosenEntry, decidingRule, entriesOf, factsOf, orderOf, type RouteEntry } from './routing.ts';
import { knowledgeFor, type Knowledge, type KnownRule } from './routing-knowledge.ts';
import { failedConditions, type CallFacts } from './routing-matching.ts';
import type {
  DeploymentHealthRow,
  KeySource,
  RouteDeploymentRow,
  RouteModelRow,
  RouteRuleRow,
} from './routing-rows.ts';

const maxTokens = 100_000_000;

const isWord = (word: string, max: number): boolean => word.length >= 1 && word.length <= max;

const within = (value: number | null | undefined, least: number): boolean =>
  value === null || value === undefined || (value >= least && value <= maxTokens);

const issuesOf = (input: RouteExplanationInput): InputIssue[] => {
  const { purpose = 'answer', inputTokens, maxOutputTokens, tags = [], stickyTo } = input;
  return [
    ...issue('purpose', isWord(purpose, 50), 'A purpose has 1 to 50 characters.'),
    ...issue('inputTokens', within(inputTokens, 0), 'A number of tokens is 0 or more.'),
    ...issue('maxOutputTokens', within(maxOutputTokens, 1), 'An answer has 1 token or more.'),
    ...issue(
      'tags',
      tags.length <= 100 && tags.every((tag) => isWord(tag, 100)),
      'These are at most 100 tags of 1 to 100 characters.',
    ),
    ...issue(
      'stickyTo',
      stickyTo === null || stickyTo === undefined || isWord(stickyTo, 100),
      'This takes 1 to 100 characters.',
    ),
  ];
};

const requestOf = ({
  type = 'TEXT',
  purpose = 'answer',
  tags = [],
  capabilities = [],
  ...input
}: RouteExplanationInput): ModelRequest => ({
  purpose,
  workspaceId: input.workspaceId ?? null,
  targetId: null,
  type,
  modelId: input.modelId ?? null,
  needs: [...new Set(capabilities)],
  inputTokens: input.inputTokens ?? null,
  maxOutputTokens: input.maxOutputTokens ?? null,
  tags,
  stickyTo: input.stickyTo ?? null,
});

/** What becomes of a call that is only asked about. Throws BadUserInput, NotFound. */
export const routeExplanation = async (context: Context, input: RouteExplanationInput) => {
  const issues = issuesOf(input);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { unit, services } = context;
  const request = requestOf(input);
  if (request.workspaceId !== null) await found('Workspace', request.workspaceId, workspaceById(unit));
  const knowledge = await knowledgeFor(unit, services.routing);
  if (request.modelId !== null && !knowledge.models.has(request.modelId)) throw new NotFound('Model', request.modelId);
  const at = input.at ? new Date(input.at) : new Date();
  const facts = factsOf(unit, request, at);
  const rule = decidingRule(knowledge, facts);
  const entries =
    rule === undefined
      ? [await chosenEntry(services, knowledge, request, at)]
      : await entriesOf(services, knowledge, rule, request, at);
  const order = orderOf(entries, services.health, request.stickyTo);
  return {
    decidedBy: deciderOf(rule, request),
    rules: rulesOf(knowledge, facts, rule),
    models: modelsOf(context, entries),
    order: order.map((callable): RouteDeploymentRow => ({ modelId: callable.model.id, keySource: sourceOf(callable) })),
    chargedTo: order[0] === undefined ? [] : await chargesOf(unit, request, order[0]),
  };
};

const deciderOf = (rule: KnownRule | undefined, { modelId }: ModelRequest): RouteDecider => {
  if (rule !== undefined) return rule.ofPlatform ? 'PLATFORM_RULE' : 'ORGANIZATION_RULE';
  return modelId === null ? 'BUILT_IN_MODEL' : 'NAMED_MODEL';
};

/** Without the platform's rules for other organizations, which are nobody else's business. */
const rulesOf = ({ rules }: Knowledge, facts: CallFacts, decisive: KnownRule | undefined): RouteRuleRow[] =>
  rules
    .map((rule) => ({ rule, failed: failedConditions(rule, facts) }))
    .filter(({ failed }) => !failed.includes('organizationIds'))
    .map(({ rule, failed }) => ({
      id: rule.id,
      name: rule.name,
      priority: rule.priority,
      ofPlatform: rule.ofPlatform,
      failed,
      decides: rule === decisive,
    }));

const sourceOf = ({ providerKeyId, platformKeyId }: Pick<KeyChoice, 'providerKeyId' | 'platformKeyId'>): KeySource => {
  if (providerKeyId !== null) return 'ORGANIZATION';
  return platformKeyId === null ? 'NONE' : 'PLATFORM';
};

const healthOf = ({ services }: Context, modelId: string, keys: readonly KeyChoice[]): DeploymentHealthRow[] =>
  keys.map((key) => ({
    modelId,
    keySource: sourceOf(key),
    ...services.health.seen(deploymentName(modelId, key)),
  }));

const modelsOf = (context: Context, entries: readonly RouteEntry[]): RouteModelRow[] => {
  const { health } = context.services;
  const usable = entries.map(
    ({ fault, callables }) => fault === null && callables.some((each) => health.isFree(deploymentOf(each))),
  );
  const weightOf = ({ weight }: RouteEntry, index: number) => (usable[index] === true ? weight : 0);
  const whole = entries.reduce((sum, entry, index) => sum + weightOf(entry, index), 0);
  const firstUsable = usable.indexOf(true);
  return entries.map((entry, index) => {
    const { id, weight, callables, fault, candidate } = entry;
    const { known, keys, price, worstCost } = candidate;
    const alone = index === firstUsable ? 1 : 0;
    const [first = keys[0]] = callables;
    return {
      modelId: id,
      calledId: known?.model.id ?? null,
      weight,
      // Where nothing that can be called has a weight, the first in the list is called.
      share: whole === 0 ? alone : weightOf(entry, index) / whole,
      usable: usable[index] === true,
      fault: fault ?? (usable[index] === true ? null : 'COOLING'),
      keySource: first === undefined ? 'NONE' : sourceOf(first),
      health: known === null ? [] : healthOf(context, known.model.id, keys),
      inputPrice: price?.input ?? null,
      outputPrice: price?.output ?? null,
      worstCost: worstCost === null ? null : dollarsOf(worstCost),
    };
  });
};

interface Charge {
  readonly scope: RouteChargeScope;
  readonly id: string | null;
}

const charge = (of: RouteChargeScope, type: string, id: string | null | undefined): Charge[] =>
  id === null || id === undefined ? [] : [{ scope: of, id: globalId(type, id) }];

const chargesOf = async (
  unit: UnitOfWork,
  { workspaceId }: ModelRequest,
  { providerKeyId, platformKeyId }: Callable,
): Promise<Charge[]> => {
  const { organizationId, scope } = unit;
  const inGroups = await unit.run(() =>
    database
      .select({ id: groups.id })
      .from(groups)
      .where(and(eq(groups.organizationId, organizationId), inArray(groups.id, [...scope.principals, organizationId]))),
  );
  return [
    ...charge('ORGANIZATION', 'Organization', organizationId),
    ...charge('WORKSPACE', 'Workspace', workspaceId),
    ...inGroups.flatMap(({ id }) => charge('GROUP', 'Group', id)),
    ...charge('USER', 'User', scope.userId),
    ...charge('API_KEY', 'ApiKey', scope.apiKeyId),
    ...charge('PROVIDER_KEY', 'ProviderKey', providerKeyId),
    ...(platformKeyId === null ? [] : [{ scope: 'PLATFORM_PROVIDER_KEY' as const, id: null }]),
  ];
};

/** How well models answer with each key that the organization may use, as far as this process has seen. Throws BadUserInput. */
export const deploymentHealth = async (
  context: Context,
  modelIds: readonly string[],
): Promise<DeploymentHealthRow[]> => {
  if (modelIds.length < 1 || modelIds.length > 100) throw new BadUserInput('modelIds', 'These are 1 to 100 models.');
  viewerOf(context);
  const knowledge = await knowledgeFor(context.unit, context.services.routing);
  return [...new Set(modelIds)].flatMap((id) => {
    const known = knowledge.models.get(id);
    return known === undefined ? [] : healthOf(context, id, keysOf(knowledge, known));
  });
};
