import type { ApolloServerPlugin, GraphQLRequest } from '@apollo/server';
import { GraphQLError, OperationTypeNode } from 'graphql';
import { isRefused } from './admission.ts';

/** Codes of faults in a document or in its variables: what the GraphQL specification calls request errors. */
const requestErrors = new Set<unknown>([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'BAD_USER_INPUT',
]);

/**
 * GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft) where Apollo does otherwise. Whoever accepts
 * `application/json` by name, and not `application/graphql-response+json`, gets request errors with status 200, since a
 * proxy may have made any other status of such an answer; whoever accepts anything gets 400. What a limit refuses, or
 * what asks for a schema that is private, is 400 for all: it is not a fault of the document.
 */
export const httpPlugin: ApolloServerPlugin = {
  requestDidStart: async ({ request }) => {
    refuseFalseHashes(request);
    return {
      didResolveOperation: async ({ operation }) => {
        if (operation?.operation === OperationTypeNode.SUBSCRIPTION) throw subscriptionRefused();
      },
      willSendResponse: async ({ request: { http }, response, document }) => {
        const errors = response.body.kind === 'single' ? response.body.singleResult.errors : undefined;
        if (response.http.status !== 400 || isRefused(document) || !acceptsJsonAlone(http?.headers.get('accept')))
          return;
        if (errors?.every(({ extensions }) => requestErrors.has(extensions?.code))) response.http.status = 200;
      },
    };
  },
};

const acceptsJsonAlone = (accept = ''): boolean =>
  /\bapplication\/json\b/i.test(accept) && !/\bapplication\/graphql-response\+json\b/i.test(accept);

/** Apollo looks any value up as a hash, and fails over some; a version that it does not know it refuses. */
const refuseFalseHashes = ({ extensions }: GraphQLRequest): void => {
  const persistedQuery: unknown = extensions?.persistedQuery;
  if (typeof persistedQuery !== 'object' || persistedQuery === null) return;
  const hash = 'sha256Hash' in persistedQuery ? persistedQuery.sha256Hash : undefined;
  if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) Object.assign(persistedQuery, { version: 0 });
};

/** Over HTTP nobody would read the stream that it opens. */
const subscriptionRefused = (): GraphQLError =>
  new GraphQLError('Subscriptions are answered over WebSocket.', {
    extensions: { code: 'BAD_REQUEST', http: { status: 400 } },
  });
