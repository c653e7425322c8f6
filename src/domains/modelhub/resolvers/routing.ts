import type { Resolvers, RoutingConditionName } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { modelById } from '../loaders.ts';
import {
  createPlatformRoutingRule,
  deletePlatformRoutingRule,
  updatePlatformRoutingRule,
} from '../platform-routing-rules.ts';
import type { RoutingConditions } from '../routing-conditions.ts';
import { deploymentHealth, routeExplanation } from '../routing-explanation.ts';
import type { ConditionName } from '../routing-matching.ts';
import {
  modelsByPlatformRule,
  modelsByRule,
  platformRoutingRuleById,
  platformRoutingRuleList,
  routingRuleById,
  routingRuleList,
} from '../routing-rule-loaders.ts';
import { createRoutingRule, deleteRoutingRule, updateRoutingRule } from '../routing-rules.ts';

const idsOf = (type: string, ids: readonly string[] | undefined): string[] | null =>
  ids?.map((id) => globalId(type, id)) ?? null;

/** Conditions that rules of both kinds have. */
const sharedConditions = ({ modelIds, purposes, capabilities, tags, time, ...rest }: RoutingConditions) => ({
  modelIds: idsOf('Model', modelIds),
  purposes: purposes === undefined ? null : [...purposes],
  capabilities: capabilities === undefined ? null : [...capabilities],
  minInputTokens: rest.minInputTokens ?? null,
  maxInputTokens: rest.maxInputTokens ?? null,
  tags: tags === undefined ? null : [...tags],
  time: time === undefined ? null : { ...time, days: [...time.days] },
  maxCost: rest.maxCost ?? null,
});

/** As the API writes them: `maxInputTokens` is MAX_INPUT_TOKENS. */
const conditionNames: Readonly<Record<ConditionName, RoutingConditionName>> = {
  modelType: 'MODEL_TYPE',
  organizationIds: 'ORGANIZATION_IDS',
  workspaceIds: 'WORKSPACE_IDS',
  userIds: 'USER_IDS',
  groupIds: 'GROUP_IDS',
  modelIds: 'MODEL_IDS',
  purposes: 'PURPOSES',
  capabilities: 'CAPABILITIES',
  minInputTokens: 'MIN_INPUT_TOKENS',
  maxInputTokens: 'MAX_INPUT_TOKENS',
  tags: 'TAGS',
  time: 'TIME',
};

export const resolvers: Resolvers = {
  Query: {
    routingRules: (_root, args, { unit }) => routingRuleList(unit, args),
    routingRule: (_root, { id }, { unit }) => found('RoutingRule', id, routingRuleById(unit)),
    platformRoutingRules: (_root, args, { unit }) => platformRoutingRuleList(unit, args),
    platformRoutingRule: (_root, { id }, { unit }) => found('PlatformRoutingRule', id, platformRoutingRuleById(unit)),
    routeExplanation: (_root, { input }, context) => routeExplanation(context, input),
    deploymentHealth: (_root, { modelIds }, context) => deploymentHealth(context, modelIds),
  },
  Mutation: {
    createRoutingRule: async (_root, { input }, context) => ({ routingRule: await createRoutingRule(context, input) }),
    updateRoutingRule: async (_root, { input }, context) => ({ routingRule: await updateRoutingRule(context, input) }),
    deleteRoutingRule: async (_root, { input }, context) => ({
      deletedId: globalId('RoutingRule', await deleteRoutingRule(context, input.id)),
    }),
    createPlatformRoutingRule: async (_root, { input }, context) => ({
      routingRule: await createPlatformRoutingRule(context, input),
    }),
    updatePlatformRoutingRule: async (_root, { input }, context) => ({
      routingRule: await updatePlatformRoutingRule(context, input),
    }),
    deletePlatformRoutingRule: async (_root, { input }, context) => ({
      deletedId: globalId('PlatformRoutingRule', await deletePlatformRoutingRule(context, input.id)),
    }),
  },
  RoutingRule: {
    conditions: ({ conditions }) => ({
      ...sharedConditions(conditions),
      workspaceIds: idsOf('Workspace', conditions.workspaceIds),
      userIds: idsOf('User', conditions.userIds),
      groupIds: idsOf('Group', conditions.groupIds),
    }),
    models: ({ id }, _args, { unit }) => modelsByRule(unit).load(id),
  },
  PlatformRoutingRule: {
    id: ({ id }) => globalId('PlatformRoutingRule', id),
    conditions: ({ conditions }) => ({
      ...sharedConditions(conditions),
      organizationIds: idsOf('Organization', conditions.organizationIds),
    }),
    models: ({ id }, _args, { unit }) => modelsByPlatformRule(unit).load(id),
  },
  RoutingRuleModel: {
    model: ({ modelId }, _args, { unit }) => found('Model', modelId, modelById(unit)),
  },
  RouteRule: {
    ruleId: ({ id, ofPlatform }) => globalId(ofPlatform ? 'PlatformRoutingRule' : 'RoutingRule', id),
    fits: ({ failed }) => failed.length === 0,
    failed: ({ failed }) => failed.map((name) => conditionNames[name]),
  },
  RouteModel: {
    model: ({ modelId }, _args, { unit }) => modelById(unit).load(modelId),
    called: ({ calledId }, _args, { unit }) => (calledId === null ? null : modelById(unit).load(calledId)),
    health: ({ health }) => [...health],
  },
  RouteDeployment: {
    model: ({ modelId }, _args, { unit }) => found('Model', modelId, modelById(unit)),
  },
  DeploymentHealth: {
    model: ({ modelId }, _args, { unit }) => found('Model', modelId, modelById(unit)),
    failureShare: ({ calls, failures }) => (calls === 0 ? null : failures / calls),
    coolingUntil: ({ coolingUntil }) => (coolingUntil === null ? null : new Date(coolingUntil).toISOString()),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { RoutingRule: routingRuleById };
