import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import type { GraphQLSchema } from 'graphql';
import type { Context } from '../domains/context.ts';
import type { Services } from '../domains/services.ts';
import { createAdmission, limitsPlugin, validationOptions, type Admission } from './admission.ts';
import { meter } from './charge.ts';
import { costPlugin } from './cost-plugin.ts';
import { operationCosts } from './cost.ts';
import { compiledOperations, createExecutor, executingGateway } from './executor.ts';
import { httpPlugin } from './http-plugin.ts';
import { developmentLimits, productionLimits, type Limits } from './limits.ts';
import { maskingWith } from './masking.ts';
import { refusals } from './observation.ts';
import { buildSchema } from './schema.ts';

/** What HTTP and sockets share: one schema, one cache of documents, one price list, one mask. */
export interface Gateway {
  readonly schema: GraphQLSchema;
  readonly apollo: ApolloServer<Context>;
  readonly limits: Limits;
  readonly admit: (source: string) => Admission;
  readonly compiled: ReturnType<typeof compiledOperations>;
  readonly costOf: ReturnType<typeof operationCosts>;
  readonly charge: (context: Context, cost: number) => Promise<number | undefined>;
  readonly mask: ReturnType<typeof maskingWith>;
}

export const openGateway = async ({ settings, log, counters, observer }: Services): Promise<Gateway> => {
  const production = settings.mode === 'production';
  const limits = production ? productionLimits : developmentLimits;
  const schema = await buildSchema();
  const admit = createAdmission(schema, limits);
  const compiled = compiledOperations(schema, observer);
  const costOf = operationCosts(schema);
  const charge = settings.rateLimit ? meter(counters) : async () => undefined;
  const mask = maskingWith(log, { suggestions: !production });
  const apollo = new ApolloServer<Context>({
    gateway: executingGateway(schema, createExecutor(compiled)),
    documentStore: null,
    validationOptions: validationOptions(limits),
    introspection: !production,
    includeStacktraceInErrorResponses: false,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    stopOnTerminationSignals: false,
    formatError: mask,
    stringifyResult: (result) => JSON.stringify(result),
    logger: log,
    plugins: [
      refusals,
      limitsPlugin(admit, limits),
      httpPlugin,
      costPlugin(costOf, limits, charge),
      requestIds,
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
      production
        ? ApolloServerPluginLandingPageDisabled()
        : ApolloServerPluginLandingPageLocalDefault({ footer: false }),
    ],
  });
  await apollo.start();
  return { schema, apollo, limits, admit, compiled, costOf, charge, mask };
};

/** Every answer says which request it answers, and a fault of ours says it beside its code. */
const requestIds: ApolloServerPlugin<Context> = {
  requestDidStart: async ({ contextValue: { origin } }) => ({
    willSendResponse: async ({ response }) => {
      response.http.headers.set('x-request-id', origin.requestId);
      const errors = response.body.kind === 'single' ? (response.body.singleResult.errors ?? []) : [];
      for (const { extensions } of errors)
        if (extensions?.code === 'INTERNAL_SERVER_ERROR') extensions.requestId = origin.requestId;
    },
  }),
};
