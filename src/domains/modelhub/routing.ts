import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Services } from '../services.ts';
import type { ModelRequest } from './calls.ts';
import { builtinAnswererId, builtinEmbedderId, callablesOf, type Callable } from './deployments.ts';

/** Where a call goes, and where it goes next when that fails before its first byte. */
export interface Route {
  /** At least one, in the order in which they are tried. */
  readonly callables: readonly [Callable, ...Callable[]];
  /** The rule that chose the models; null: the model was named, or nothing else was left. */
  readonly ruleId: string | null;
}

/** What answers where nothing was chosen and no rule fits. */
const usual = (type: ModelRequest['type']): string => (type === 'EMBEDDING' ? builtinEmbedderId : builtinAnswererId);

/** The route of a call. Throws SwitchedOff and Conflict where nothing can be called. */
export const routeFor = async (
  unit: UnitOfWork,
  services: Pick<Services, 'settings' | 'keyRing'>,
  request: ModelRequest,
): Promise<Route> => {
  const [first, ...others] = await callablesOf(unit, services, request.modelId ?? usual(request.type), request);
  if (first === undefined) throw new Error('A model that can be called has a way to call it.');
  return { callables: [first, ...others], ruleId: null };
};
