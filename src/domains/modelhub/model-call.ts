import { ModelFailure, type FailureKind } from '../../ai/failure.ts';
import type { Deployment } from '../../ai/deployment.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Services } from '../services.ts';
import { failed, reserveCall, settleCall, type Caller, type ModelRequest } from './calls.ts';
import type { Callable } from './deployments.ts';
import { routeFor, type Route } from './routing.ts';

/** What calls are made with. */
export type CallMeans = {
  readonly unit: UnitOfWork;
  readonly services: Pick<Services, 'settings' | 'keyRing' | 'keyUses'>;
};

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

/** The same on a route that is found already. One statement. Throws QuotaExceeded. */
export const beginOn = async (unit: Caller, route: Route, request: ModelRequest): Promise<ModelCall> => {
  const [callable] = route.callables;
  const executionId = await reserveCall(unit, { request, callable, ruleId: route.ruleId, number: 1 });
  return { request, route, attempt: 1, callable, executionId };
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
 * Settles a call that failed before its first byte and reserves the next deployment of its route; false when there is none, or when another one would
 * fail as well: then it is still to be settled. Throws QuotaExceeded, and the call is settled.
 */
const fallBack = async (
  { unit }: CallMeans,
  call: ModelCall,
  failure: ModelFailure,
  latencyMs: number,
): Promise<boolean> => {
  const next = call.route.callables[call.attempt];
  if (next === undefined || !passes.has(failure.kind) || failure.text !== '') return false;
  const { request, route } = call;
  await unit.transact(async () => {
    const outcome = failed(failure.kind, failure.message, latencyMs);
    await settleCall(unit, call.executionId, outcome, call.callable.price);
  });
  call.executionId = await unit.transact(() =>
    reserveCall(unit, { request, callable: next, ruleId: route.ruleId, number: call.attempt + 1 }),
  );
  call.attempt += 1;
  call.callable = next;
  return true;
};

/**
 * Streams from the first deployment of a call's route that begins: one that fails before its first part is settled, and the next is called. The last
 * is left for the caller to settle, however it ends. The unit holds no connection while a model is called. Throws ModelFailure, QuotaExceeded.
 */
export async function* streamCall<Part>(
  means: CallMeans,
  call: ModelCall,
  stream: (deployment: Deployment) => AsyncIterable<Part>,
): AsyncGenerator<Part, void> {
  for (;;) {
    const began = performance.now();
    let begun = false;
    means.services.keyUses.note({ ...call.callable, organizationId: means.unit.organizationId });
    try {
      for await (const part of stream(call.callable.deployment)) {
        begun = true;
        yield part;
      }
      return;
    } catch (error) {
      if (begun || !(error instanceof ModelFailure)) throw error;
      if (!(await fallBack(means, call, error, performance.now() - began))) throw error;
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
