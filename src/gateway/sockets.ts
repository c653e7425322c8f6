import type { IncomingMessage, Server } from 'node:http';
import { GraphQLError, type ExecutionResult, type GraphQLFormattedError } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { v7 } from 'uuid';
import { WebSocketServer } from 'ws';
import type { Context } from '../domains/context.ts';
import type { Services } from '../domains/services.ts';
import type { Origin } from '../database/unit-of-work.ts';
import { refusalOfRequest } from './admission.ts';
import { bearerToken, clientAddress, contextOf } from './context.ts';
import type { Gateway } from './gateway.ts';
import { queryTooComplex } from './limits.ts';
import type { Viewers } from './viewer.ts';

const maxOperationsPerSocket = 100;
const maxMessageBytes = 200_000;

/** What graphql-ws hands from `onSubscribe` to `execute` and `subscribe`. */
interface Arguments {
  readonly contextValue: Context;
  readonly document: never;
  readonly operationName: string | undefined;
  readonly variableValues: Record<string, unknown> | undefined;
}

/** Operations over WebSocket on the HTTP server's port: the same sign-in, limits and masks as over HTTP. */
export const serveSockets = (
  http: Server,
  path: string,
  gateway: Gateway,
  services: Services & { viewers: Viewers },
  allowsOrigin: (origin: string | undefined) => boolean,
) => {
  const sockets = new WebSocketServer({
    server: http,
    path,
    maxPayload: maxMessageBytes,
    verifyClient: ({ req }: { req: IncomingMessage }) => allowsOrigin(req.headers.origin),
  });
  // A socket that breaks is its client's affair; without a listener it would end the process.
  sockets.on('connection', (socket) => socket.on('error', () => socket.terminate()));

  const originOf = (request: IncomingMessage): Origin => ({
    requestId: v7(),
    address: clientAddress(request.headers, request.socket.remoteAddress, services.settings.trustedProxies),
    userAgent: request.headers['user-agent']?.slice(0, 500) ?? null,
  });

  const run = ({ document, operationName, contextValue, variableValues = {} }: Arguments) =>
    gateway.compiled(document, operationName)(contextValue, variableValues);
  const masked = (result: ExecutionResult, requestId?: string) =>
    result.errors === undefined
      ? result
      : { ...result, errors: result.errors.map((error) => gateway.mask(error.toJSON(), error, requestId)) };

  const server = useServer<Record<string, unknown>, { request: IncomingMessage }>(
    {
      execute: (args) => run(args as never) as never,
      subscribe: (args) => run(args as never) as never,
      onConnect: async ({ connectionParams, extra }) => {
        const token = bearerToken(authorizationIn(connectionParams) ?? extra.request.headers.authorization);
        if (token === null) return true;
        // A wrong token is refused at once, as HTTP would refuse each request.
        const context = await contextOf(services, originOf(extra.request), token);
        return context.viewer !== null;
      },
      onSubscribe: async ({ connectionParams, extra, subscriptions }, _id, { query, operationName, variables }) => {
        if (Object.keys(subscriptions).length >= maxOperationsPerSocket)
          return [
            new GraphQLError(`A socket runs at most ${maxOperationsPerSocket} operations at a time.`, {
              extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 1 },
            }),
          ];
        const admission = gateway.admit(query);
        if (admission.state !== 'admitted') return formatted(admission.errors);
        const named = { operationName: operationName ?? undefined, variables: variables ?? undefined };
        const refusal = refusalOfRequest(named as never, gateway.limits);
        if (refusal !== undefined) return formatted([refusal]);
        const cost = gateway.costOf(admission.document, operationName ?? undefined)?.requested(variables ?? {}) ?? 0;
        if (cost > gateway.limits.cost) return formatted([queryTooComplex('cost', gateway.limits.cost, cost)]);
        const token = bearerToken(authorizationIn(connectionParams) ?? extra.request.headers.authorization);
        const contextValue = await contextOf(services, originOf(extra.request), token);
        const charged = await gateway.charge(contextValue, cost).then(
          () => undefined,
          (error: GraphQLError) => error,
        );
        if (charged !== undefined) return formatted([charged]);
        return {
          schema: gateway.schema,
          document: admission.document,
          operationName,
          variableValues: variables,
          contextValue,
        };
      },
      onNext: (_context, _id, _payload, args, result) =>
        masked(result as ExecutionResult, (args.contextValue as Context).origin.requestId) as never,
      onError: (_context, _id, _payload, errors) => formatted(errors) as never,
    },
    sockets,
    30_000,
  );
  const formatted = (errors: readonly (GraphQLError | GraphQLFormattedError)[]): GraphQLError[] =>
    errors.map((error) => {
      // Without a cause it is a refusal of GraphQL itself; with one it comes from a subscription's source and is masked.
      const coded =
        error.extensions?.code === undefined && !('originalError' in error && error.originalError !== undefined)
          ? { ...error.extensions, code: 'GRAPHQL_VALIDATION_FAILED' }
          : error.extensions;
      const { message, extensions } = gateway.mask(
        { message: error.message, ...(coded && { extensions: coded }) },
        error,
      );
      return new GraphQLError(message, { extensions: extensions ?? {} });
    });

  return { close: () => server.dispose() };
};

const authorizationIn = (parameters: Readonly<Record<string, unknown>> | undefined): unknown =>
  parameters?.authorization ?? parameters?.Authorization;
