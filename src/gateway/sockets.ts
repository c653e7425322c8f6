import type { IncomingMessage, Server } from 'node:http';
import { GraphQLError, getOperationAST, type ExecutionResult, type GraphQLFormattedError } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { v7 } from 'uuid';
import { WebSocketServer } from 'ws';
import type { Context } from '../domains/context.ts';
import type { Services } from '../domains/services.ts';
import type { Origin } from '../database/unit-of-work.ts';
import { RateLimited, Unavailable } from '../errors.ts';
import { operationMissing, refusalOfRequest } from './admission.ts';
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
        const context = await contextOf(services, originOf(extra.request), token).catch(whileUnavailable);
        // Each operation looks again, and is told then that the database is away.
        return context === undefined || context.viewer !== null;
      },
      onSubscribe: async ({ connectionParams, extra, subscriptions }, _id, { query, operationName, variables }) => {
        // The one that asks is among them already.
        if (Object.keys(subscriptions).length > maxOperationsPerSocket)
          return [new RateLimited(1, `A socket runs at most ${maxOperationsPerSocket} operations at a time.`)];
        const admission = gateway.admit(query);
        if (admission.state !== 'admitted') return admission.errors;
        const named = { operationName: operationName ?? undefined, variables: variables ?? undefined };
        const refusal = refusalOfRequest(named as never, gateway.limits);
        if (refusal !== undefined) return [refusal];
        if (!getOperationAST(admission.document, operationName)) return [operationMissing()];
        const cost = gateway.costOf(admission.document, operationName ?? undefined)?.requested(variables ?? {}) ?? 0;
        if (cost > gateway.limits.cost) return [queryTooComplex('cost', gateway.limits.cost, cost)];
        const token = bearerToken(authorizationIn(connectionParams) ?? extra.request.headers.authorization);
        const contextValue = await contextOf(services, originOf(extra.request), token).catch(whileUnavailable);
        if (contextValue === undefined) return [new Unavailable('The database cannot be reached.')];
        const charged = await gateway.charge(contextValue, cost).then(
          () => undefined,
          (error: GraphQLError) => error,
        );
        if (charged !== undefined) return [charged];
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
  // A socket that breaks is its client's affair: it replaces the listener of graphql-ws, which writes to the console.
  sockets.on('connection', (socket) => {
    socket.removeAllListeners('error');
    socket.on('error', () => undefined);
  });
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

  return {
    /** Tells every client that it is over (1001) and waits until all have heard. */
    close: async () => server.dispose(),
    /** Ends the sockets of those who do not answer. */
    terminate: () => {
      for (const socket of sockets.clients) socket.terminate();
    },
  };
};

/** A socket outlives a database that is away; a failure of ours closes it. */
const whileUnavailable = (error: unknown): undefined => {
  if (!(error instanceof Unavailable)) throw error;
};

const authorizationIn = (parameters: Readonly<Record<string, unknown>> | undefined): unknown =>
  parameters?.authorization ?? parameters?.Authorization;
