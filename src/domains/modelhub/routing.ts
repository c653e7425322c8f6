import type { DeploymentHealth } from '../../ai/deployment-health.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict } from '../../errors.ts';
import { globalId } from '../../ids.ts';
import type { Services } from '../services.ts';
import type { ModelRequest } from './calls.ts';
import { candidateOf, faultText, type Candidate, type Fault } from './candidates.ts';
import {
  builtinAnswererId,
  builtinEmbedderId,
  callablesOf,
  deploymentOf,
  SwitchedOff,
  type Callable,
} from './deployments.ts';
import { drawn } from './routing-draw.ts';
import { knowledgeFor, type Knowledge, type KnownModel, type KnownRule } from './routing-knowledge.ts';
import { fits, type CallFacts } from './routing-matching.ts';

/** What finding a route and calling along it takes. */
export type RoutingServices = Pick<Services, 'settings' | 'keyRing' | 'routing' | 'health'>;

/** Where a call goes, and where it goes next when that fails before its first byte. */
export interface Route {
  /** At least one, in the order in which they are tried. */
  readonly callables: readonly [Callable, ...Callable[]];
  /** The rule that chose the models; null: the model was named, or nothing else was left. */
  readonly ruleId: string | null;
  /** Whether the organization keeps what calls say and what comes back (`keepCallContents`). */
  readonly keepsContents: boolean;
}

/** What answers where nothing was chosen and no rule fits. */
export const usualModel = (type: ModelRequest['type']): string =>
  type === 'EMBEDDING' ? builtinEmbedderId : builtinAnswererId;

/** What rules look at of a call. */
export const factsOf = ({ organizationId, scope }: UnitOfWork, request: ModelRequest, at: Date): CallFacts => ({
  organizationId,
  userId: scope.userId,
  principals: scope.principals,
  workspaceId: request.workspaceId,
  type: request.type,
  modelId: request.modelId,
  purpose: request.purpose,
  needs: request.needs,
  inputTokens: request.inputTokens,
  tags: request.tags,
  at,
});

/**
 * Whether rules have a say: one that was named and makes vectors is called itself, since those of two models cannot be compared.
 */
export const asksRules = ({ type, modelId }: Pick<ModelRequest, 'type' | 'modelId'>): boolean =>
  type !== 'EMBEDDING' || modelId === null;

/** The rule that decides about a call: the first that fits. */
export const decidingRule = ({ rules }: Knowledge, facts: CallFacts): KnownRule | undefined =>
  asksRules(facts) ? rules.find((rule) => fits(rule, facts)) : undefined;

/**
 * The route of a call: that of the first rule that fits, and without one the named or the built-in model. The organization's rules come before the
 * platform's. At most two statements, mostly none. Throws SwitchedOff and Conflict where nothing can be called.
 */
export const routeFor = async (unit: UnitOfWork, services: RoutingServices, request: ModelRequest): Promise<Route> => {
  const knowledge = await knowledgeFor(unit, services.routing);
  const at = new Date();
  const rule = decidingRule(knowledge, factsOf(unit, request, at));
  const entries =
    rule === undefined
      ? [await plainEntry(services, knowledge, request, at)]
      : await entriesOf(services, knowledge, rule, request, at);
  const { health } = services;
  const [first, ...others] = orderOf(entries, health, request.stickyTo);
  if (first === undefined) throw noneLeft(rule, entries, request);
  // Where this call is to show whether the deployment is well again, others go elsewhere meanwhile.
  health.choose(deploymentOf(first));
  return { callables: [first, ...others], ruleId: rule?.id ?? null, keepsContents: knowledge.keepsContents };
};

/** A model of a route, with the ways in which it can be called. */
export interface RouteEntry {
  /** The model that the rule or the request names. */
  readonly id: string;
  readonly weight: number;
  readonly candidate: Candidate;
  readonly callables: readonly Callable[];
  readonly fault: Fault | null;
}

const fieldOf = ({ type }: ModelRequest): string => (type === 'EMBEDDING' ? 'embeddingModel' : 'chatModel');

const entryOf = async (
  services: RoutingServices,
  { modelId, weight }: KnownRule['models'][number],
  candidate: Candidate,
  request: ModelRequest,
): Promise<RouteEntry> => {
  const { known, fault } = candidate;
  if (known === null || fault !== null) return { id: modelId, weight, candidate, callables: [], fault };
  const callables = await callablesOf(services, known, candidate, request);
  return { id: modelId, weight, candidate, callables, fault: callables.length > 0 ? null : 'UNREADABLE_KEY' };
};

/** The models of a rule, in its order, each that can be called with the ways to do so. */
export const entriesOf = (
  services: RoutingServices,
  knowledge: Knowledge,
  rule: KnownRule,
  request: ModelRequest,
  at: Date,
): Promise<RouteEntry[]> =>
  Promise.all(
    rule.models.map((model) =>
      entryOf(
        services,
        model,
        candidateOf(knowledge, model.modelId, request, at.getTime(), rule.conditions.maxCost),
        request,
      ),
    ),
  );

/** What a model that somebody chose is not refused for: whoever chose it knows what it can do, and what is too long for it is told by the call. */
const chosenAnyway: ReadonlySet<Fault | null> = new Set(['WRONG_TYPE', 'LACKS_CAPABILITY', 'WINDOW_TOO_SMALL']);

/** The named or the usual model as it is, whether or not it can be called. */
export const chosenEntry = async (
  services: RoutingServices,
  knowledge: Knowledge,
  request: ModelRequest,
  at: Date,
): Promise<RouteEntry> => {
  const modelId = request.modelId ?? usualModel(request.type);
  const candidate = candidateOf(knowledge, modelId, { ...request, needs: [] }, at.getTime(), undefined);
  const keyless = candidate.keys.length === 0 ? ('NO_KEY' as const) : null;
  const fault = chosenAnyway.has(candidate.fault) ? keyless : candidate.fault;
  return entryOf(services, { modelId, weight: 1 }, { ...candidate, fault }, request);
};

/** The same, which has to be one that can be called. Throws SwitchedOff, Conflict. */
const plainEntry = async (
  services: RoutingServices,
  knowledge: Knowledge,
  request: ModelRequest,
  at: Date,
): Promise<RouteEntry> => {
  const entry = await chosenEntry(services, knowledge, request, at);
  if (entry.fault !== null) throw unusable(entry, fieldOf(request));
  return entry;
};

const unusable = ({ fault, candidate: { known } }: RouteEntry, field: string): Conflict | SwitchedOff => {
  if (known === null) return new Conflict(field, "The workspace's model is gone; choose another.");
  const { model, provider } = known;
  if (fault === 'SWITCHED_OFF') return new SwitchedOff(`The model ${model.name} of ${provider.name} is switched off.`);
  if (fault === 'RETIRED') return new SwitchedOff(`The model ${model.name} of ${provider.name} is retired.`);
  return fault === 'NO_KEY'
    ? new Conflict(field, `There is no default key for ${provider.name}.`)
    : new Conflict(field, `The key for ${provider.name} can no longer be read; store it again.`);
};

const noneLeft = (rule: KnownRule | undefined, entries: readonly RouteEntry[], request: ModelRequest): Conflict => {
  const models = entries.map(({ id, fault, candidate: { known } }) => ({
    modelId: globalId('Model', id),
    name: nameOf(known),
    reason: fault ?? 'COOLING',
  }));
  const reasons = models.map(({ name, reason }) => `${name}: ${faultText[reason]}`).join('; ');
  return new Conflict(
    fieldOf(request),
    `The routing rule “${rule?.name}” leaves no model for this call. ${reasons === '' ? 'It has none.' : `${reasons}.`}`,
    {
      ruleId: rule === undefined ? null : globalId(rule.ofPlatform ? 'PlatformRoutingRule' : 'RoutingRule', rule.id),
      models,
    },
  );
};

const nameOf = (known: KnownModel | null): string => (known === null ? 'a model' : known.model.name);

/**
 * The order in which ways to call are tried: a model drawn by weight, or with `stickyTo` always the same one, and the others in their order, of each
 * one key after the other. Those that cool down are left out; where all do, they are tried all the same, the one that is the first to be well before
 * the others.
 */
export const orderOf = (
  entries: readonly RouteEntry[],
  health: Pick<DeploymentHealth, 'isFree' | 'coolingUntil'>,
  stickyTo: string | null,
  random?: () => number,
): Callable[] => {
  const usable = entries.filter(({ fault }) => fault === null);
  const free = usable
    .map((entry) => ({ ...entry, callables: entry.callables.filter((each) => health.isFree(deploymentOf(each))) }))
    .filter(({ callables }) => callables.length > 0);
  if (free.length === 0) {
    const all = withoutTwins(usable.flatMap(({ callables }) => callables));
    const until = (callable: Callable) => health.coolingUntil(deploymentOf(callable));
    return all.toSorted((one, other) => until(one) - until(other));
  }
  const first = drawn(free, stickyTo, random) ?? free[0];
  const inTurn = first === undefined ? free : [first, ...free.filter((entry) => entry !== first)];
  return withoutTwins(inTurn.flatMap(({ callables }) => callables));
};

/** Each deployment once: a replacement may stand in the list itself. */
const withoutTwins = (callables: readonly Callable[]): Callable[] => [
  ...new Map(callables.map((callable) => [deploymentOf(callable), callable])).values(),
];
