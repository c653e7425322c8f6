import { ModelFailure, type FailureKind } from '../../ai/failure.ts';
import type { Deployment } from '../../ai/deployment.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Services } from '../services.ts';
import { failed, reserveCall, settleCall, type Caller, type ModelRequest } from './calls.ts';
import { deploymentOf, type Callable } from './deployments.ts';
import { lacksKeyRoom } from './refusal.ts';
import { routeFor, type Route, type RoutingServices } from './routing.ts';

/** What finding a route and calling along it takes. */
export type CallServices = RoutingServices & Pick<Services, 'keyUses'>;

/** What calls are made with. */
export type CallMeans = { readonly unit: UnitOfWork; readonly services: CallServices };

/** A call of a model on its way along its route: reserved, and then made, settled by whoever asked for it. */
export interface ModelCall {
  readonly request: ModelRequest;
  readonly route: Route;
  /** Which of the route's deployments is called now, counted from 1. */
  attempt: number;
  /** That deployment. */
  callable: Callable;
  /** Its row in the log. */
  executionId: string;
}

/**
 * Finds the route of a call and reserves its first deployment, in the running transaction. Throws Conflict, QuotaExceeded, SwitchedOff.
 */
export const beginCall = async ({ unit, services }: CallMeans, request: ModelRequest): Promise<ModelCall> => {
  const route = await routeFor(unit, services, request);
  return beginOn(unit, route, request);
};

/**
 * The same on a route that is found already. One statement, and another for each deployment that is passed over because the quota of its key is used up.
 * Throws Conflict, QuotaExceeded.
 */
export const beginOn = async (unit: Caller, route: Route, request: ModelRequest): Promise<ModelCall> => ({
  request,
  route,
  ...(await reserveFrom(unit, route, request, 1)),
});

/**
 * The same in a transaction of its own, which is committed with the reservation: one exchange with the database. Throws Conflict, QuotaExceeded.
 */
export const beginAlone = (unit: UnitOfWork, route: Route, request: ModelRequest): Promise<ModelCall> =>
  beginOn(alone(unit), route, request);

/** Writes each reservation in a transaction of its own. */
const alone = (unit: UnitOfWork): Caller => ({
  organizationId: unit.organizationId,
  scope: unit.scope,
  select: (statement, values) => unit.transact(({ last }) => last(statement, values)),
});

/** Reserves the first deployment from a number on whose key has room. Throws Conflict, QuotaExceeded. */
const reserveFrom = async (
  unit: Caller,
  route: Route,
  request: ModelRequest,
  attempt: number,
): Promise<Pick<ModelCall, 'attempt' | 'callable' | 'executionId'>> => {
  const callable = route.callables[attempt - 1];
  if (callable === undefined) throw new Error('A route is left before its end.');
  try {
    const executionId = await reserveCall(unit, { request, callable, ruleId: route.ruleId, number: attempt });
    return { attempt, callable, executionId };
  } catch (error) {
    if (attempt >= route.callables.length || !lacksKeyRoom(error)) throw error;
    return reserveFrom(unit, route, request, attempt + 1);
  }
};

/** Reserves the same deployment for another call of the same kind, as for the next step of an agent. Throws QuotaExceeded. */
export const reserveAgain = async (unit: UnitOfWork, call: ModelCall): Promise<void> => {
  const { request, route, attempt: number, callable } = call;
  call.executionId = await reserveCall(unit, { request, callable, ruleId: route.ruleId, number });
};

/** Faults of one deployment, which another may not have; the others lie in the request or in the wish of whoever asked. */
const passes: ReadonlySet<FailureKind> = new Set<FailureKind>([
  'TIMEOUT',
  'RATE_LIMITED',
  'UNAUTHORIZED',
  'UNAVAILABLE',
  'INVALID_RESPONSE',
  'INTERRUPTED',
]);

/**
 * The number of the next deployment of a call's route, beyond its end where none is left: one that has begun to cool down since is passed over where
 * another is left.
 */
const numberOfNext = ({ health }: CallMeans['services'], { route, attempt }: ModelCall): number => {
  const free = route.callables.slice(attempt).findIndex((callable) => health.isFree(deploymentOf(callable)));
  return attempt + Math.max(free, 0) + 1;
};

/**
 * Settles a call that failed before its first byte and reserves the next deployment of its route; false when there is none, or when another one would
 * fail as well: then it is still to be settled. Throws QuotaExceeded, and the call is settled.
 */
const fallBack = async (
  { unit, services }: CallMeans,
  call: ModelCall,
  failure: ModelFailure,
  latencyMs: number,
): Promise<boolean> => {
  const next = numberOfNext(services, call);
  if (next > call.route.callables.length || !passes.has(failure.kind) || failure.text !== '') return false;
  const { request, route } = call;
  await unit.transact(async () => {
    const outcome = failed(failure.kind, failure.message, latencyMs);
    await settleCall(unit, call.executionId, outcome);
  });
  Object.assign(call, await reserveFrom(alone(unit), route, request, next));
  return true;
};

/** How long a provider may ask to be waited for where another deployment could be called meanwhile. */
const patienceMs = 2_000;

/** The deployment that is called now. */
const calledNow = ({ route, attempt, callable }: ModelCall): Deployment =>
  attempt < route.callables.length ? { ...callable.deployment, longestPauseMs: patienceMs } : callable.deployment;

/**
 * Streams from the first deployment of a call's route that begins: one that fails before its first part is settled, and the next is called. The last
 * is left for the caller to settle, however it ends. How each call ends is noted for the health of its deployment. The unit holds no connection while
 * a model is called. Throws ModelFailure, QuotaExceeded.
 */
export async function* streamCall<Part>(
  means: CallMeans,
  call: ModelCall,
  stream: (deployment: Deployment) => AsyncIterable<Part>,
): AsyncGenerator<Part, void> {
  for (;;) {
    const began = performance.now();
    const watched = means.services.health.watch(deploymentOf(call.callable));
    let begun = false;
    means.services.keyUses.note({ ...call.callable, organizationId: means.unit.organizationId });
    try {
      for await (const part of stream(calledNow(call))) {
        begun = true;
        yield part;
      }
      return watched.succeeded();
    } catch (error) {
      if (error instanceof ModelFailure) watched.failed(error);
      if (begun || !(error instanceof ModelFailure)) throw error;
      if (!(await fallBack(means, call, error, performance.now() - began))) throw error;
    } finally {
      // Whoever stops reading, as when all has come that they need, says nothing against a deployment that has begun to answer.
      if (begun) watched.succeeded();
      else watched.undecided();
    }
  }
}

/** Calls in the same way what answers in one piece. */
export const makeCall = async <Result>(
  means: CallMeans,
  call: ModelCall,
  make: (deployment: Deployment) => Promise<Result>,
): Promise<Result> => {
  for await (const result of streamCall(means, call, async function* (deployment) {
    yield await make(deployment);
  }))
    return result;
  throw new Error('A call gives a result or throws.');
};
