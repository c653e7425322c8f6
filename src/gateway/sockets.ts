import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  GraphQLError,
  getOperationAST,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLFormattedError,
  type GraphQLSchema,
} from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocket, WebSocketServer } from 'ws';
import type { Context, Viewer } from '../domains/context.ts';
import type { Services } from '../domains/services.ts';
import type { Origin } from '../database/unit-of-work.ts';
import { RateLimited, Unavailable } from '../errors.ts';
import { failure, refuseSocket } from '../refusal.ts';
import { operationMissing, refusalOfRequest } from './admission.ts';
import { bearerToken, clientAddress, contextOf, viewerOfToken } from './context.ts';
import type { Gateway } from './gateway.ts';
import { withIdempotencyKey } from './idempotency.ts';
import { queryTooComplex } from './limits.ts';
import { codeOf } from './masking.ts';
import { tellRefused } from './observation.ts';
import { Presences, type Presence } from './presences.ts';
import type { Viewers } from './viewer.ts';
import { newId } from '../ids.ts';
import { operationEnded } from '../telemetry/happenings.ts';
import { inScope } from '../telemetry/log.ts';
import { traceOf } from '../telemetry/trace.ts';

const maxOperationsPerSocket = 100;
const maxMessageBytes = 200_000;
/** Answers that wait for a client to read them. */
const maxUnreadBytes = 16_000_000;
const tryAgainLater = 1013;
/** The protocol's code for whoever may not be here (any more). */
const forbidden = 4403;

/** What graphql-ws hands from `onSubscribe` to `execute` and `subscribe`. */
interface Arguments {
  /** To be called once there is a result. */
  readonly end: () => void;
  readonly socket: WebSocket;
  readonly contextValue: Context;
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName: string | undefined;
  readonly variableValues: Record<string, unknown> | undefined;
}

/** What graphql-ws tells of a socket. */
interface SocketContext {
  readonly connectionParams?: Readonly<Record<string, unknown>> | undefined;
  readonly extra: { readonly request: IncomingMessage; readonly socket: WebSocket };
}

/** A socket as graphql-ws takes it for granted, which writes to the console where one of these fails. */
class Socket extends WebSocket {
  /** What a client that went away does not get is its own affair. */
  override send(data: string, ...rest: unknown[]): void {
    const done = rest.at(-1);
    super.send(data, () => typeof done === 'function' && void done());
  }

  /** Some reasons repeat what was sent, and a frame takes 123 bytes. */
  override close(code?: number, reason?: string | Buffer): void {
    super.close(code, Buffer.byteLength(reason ?? '') > 123 ? undefined : reason);
  }
}

/** Operations over WebSocket on the HTTP server's port: the same sign-in, limits and masks as over HTTP. */
export const serveSockets = (
  http: Server,
  path: string,
  gateway: Gateway,
  services: Services & { viewers: Viewers },
  allowsOrigin: (origin: string | undefined) => boolean,
) => {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes, WebSocket: Socket });
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url?.split('?')[0] !== path)
      return refuseSocket(socket, 404, failure('NOT_FOUND', 'There is nothing here.'));
    if (!allowsOrigin(request.headers.origin))
      return refuseSocket(socket, 403, failure('FORBIDDEN', 'Pages of this origin may not call.'));
    sockets.handleUpgrade(request, socket, head, (upgraded) => sockets.emit('connection', upgraded, request));
  });
  sockets.on('wsClientError', (_error, socket) =>
    refuseSocket(socket, 400, failure('BAD_REQUEST', 'This is no WebSocket handshake.')),
  );

  const originOf = (request: IncomingMessage): Origin => {
    const requestId = newId();
    return {
      requestId,
      address: clientAddress(request.headers, request.socket.remoteAddress, services.settings.trustedProxies),
      userAgent: request.headers['user-agent']?.slice(0, 500) ?? null,
      trace: traceOf(request.headers.traceparent, requestId),
    };
  };

  const presences = new Presences(services.viewers);
  const presenceOn = new WeakMap<WebSocket, Presence>();
  /** From now on the socket ends when its viewer may not be here any more. */
  const enter = (opened: SocketContext, viewer: Viewer): void => {
    const { socket, request } = opened.extra;
    if (presenceOn.has(socket) || socket.readyState !== socket.OPEN) return;
    const token = tokenOf(opened);
    const presence = presences.enter(
      {
        look: () => viewerOfToken(services, originOf(request), token),
        leave: () => socket.close(forbidden, 'The credential is no longer valid.'),
      },
      viewer,
    );
    presenceOn.set(socket, presence);
    socket.once('close', () => presences.leave(presence));
  };

  const run = async ({ document, operationName, contextValue, variableValues = {}, socket, end }: Arguments) => {
    try {
      const { viewer, origin } = contextValue;
      const scope = { requestId: origin.requestId, traceId: origin.trace?.traceId ?? '' };
      const result: unknown = await inScope(scope, () =>
        gateway.compiled(document, operationName)(contextValue, variableValues),
      );
      const presence = presenceOn.get(socket);
      return isStream(result) && presence !== undefined && viewer !== null ? presence.bind(result, viewer) : result;
    } finally {
      end();
    }
  };
  const masked = (result: ExecutionResult, requestId?: string) =>
    result.errors === undefined
      ? result
      : { ...result, errors: result.errors.map((error) => gateway.mask(error.toJSON(), error, requestId)) };

  const prepared = async (
    { connectionParams, extra }: SocketContext,
    { query, operationName, variables, extensions }: SubscribePayload,
  ): Promise<Omit<Arguments, 'end'> | readonly GraphQLError[]> => {
    const admission = gateway.admit(query);
    if (admission.state !== 'admitted') return admission.errors;
    const { document } = admission;
    const named = { operationName: operationName ?? undefined, variables: variables ?? undefined };
    const refusal = refusalOfRequest(named as never, gateway.limits);
    if (refusal !== undefined) return [refusal];
    if (!getOperationAST(document, operationName)) return [operationMissing()];
    const cost = gateway.costOf(document, operationName ?? undefined)?.requested(variables ?? {}) ?? 0;
    if (cost > gateway.limits.cost) return [queryTooComplex('cost', gateway.limits.cost, cost)];
    const contextValue = await contextOf(services, originOf(extra.request), tokenOf({ connectionParams, extra }));
    // It could not be looked up at the connection.
    if (contextValue.viewer !== null) enter({ connectionParams, extra }, contextValue.viewer);
    await gateway.charge(contextValue, cost);
    withIdempotencyKey(contextValue, extensions?.idempotencyKey);
    return {
      socket: extra.socket,
      schema: gateway.schema,
      document,
      operationName: named.operationName,
      variableValues: named.variables,
      contextValue,
    };
  };

  // graphql-ws forgets an operation that its client completes, but what was begun still has to come to its result.
  const begun = new WeakMap<WebSocket, number>();
  const begin = (socket: WebSocket): (() => void) => {
    const count = (by: number) => begun.set(socket, (begun.get(socket) ?? 0) + by);
    count(1);
    return () => count(-1);
  };

  const server = useServer<Record<string, unknown>, { request: IncomingMessage }>(
    {
      // Why it failed stays in the log.
      isProd: true,
      execute: (args) => run(args as never) as never,
      subscribe: (args) => run(args as never) as never,
      onConnect: async (opened) => {
        const { extra } = opened;
        const token = tokenOf(opened);
        if (token === null) return true;
        try {
          // A wrong token is refused at once, as HTTP would refuse each request.
          const { viewer } = await contextOf(services, originOf(extra.request), token);
          if (viewer !== null) enter(opened, viewer);
          return viewer !== null;
        } catch (error) {
          // While the database is away each operation looks again, and is told so.
          if (error instanceof Unavailable) return true;
          services.log.warn({ message: Error.isError(error) ? error.message : '' }, 'A socket could not be opened.');
          extra.socket.close(tryAgainLater, 'Try again later.');
          return false;
        }
      },
      onSubscribe: async (context, _id, payload) => {
        const { socket } = context.extra;
        // The one that asks is among the subscriptions already.
        const running = Math.max(Object.keys(context.subscriptions).length, (begun.get(socket) ?? 0) + 1);
        if (running > maxOperationsPerSocket)
          return [new RateLimited(1, `A socket runs at most ${maxOperationsPerSocket} operations at a time.`)];
        const end = begin(socket);
        const began = performance.now();
        const result = await prepared(context, payload).catch((error: unknown) => [asGraphqlError(error)]);
        if (!('document' in result)) {
          end();
          if (operationEnded.heard) tellRefused(codeOf(result[0]), performance.now() - began);
        }
        return ('document' in result ? { ...result, end } : result) as never;
      },
      onNext: (_context, _id, _payload, args, result) =>
        masked(result as ExecutionResult, (args.contextValue as Context).origin.requestId) as never,
      onError: (_context, _id, _payload, errors) => formatted(errors) as never,
    },
    sockets,
    30_000,
  );
  // Whoever sends and does not read makes the server keep the answers.
  sockets.on('connection', (socket) => {
    socket.on('message', () => {
      if (socket.bufferedAmount > maxUnreadBytes) socket.terminate();
    });
  });
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
    /** How many sockets and subscriptions are open. */
    figures: () => ({ sockets: sockets.clients.size, subscriptions: presences.streams }),
    /** Tells every client that it is over (1001) and waits until all have heard. */
    close: async () => {
      presences.close();
      await server.dispose();
    },
    /** Ends the sockets of those who do not answer. */
    terminate: () => {
      for (const socket of sockets.clients) socket.terminate();
    },
  };
};

/** An error that is none of GraphQL's becomes the cause of one, which is masked when it leaves. */
const asGraphqlError = (error: unknown): GraphQLError =>
  error instanceof GraphQLError ? error : new GraphQLError('', { originalError: error as Error });

const tokenOf = ({ connectionParams, extra }: SocketContext): string | null =>
  bearerToken(authorizationIn(connectionParams) ?? extra.request.headers.authorization);

const isStream = (result: unknown): result is AsyncIterableIterator<unknown> =>
  typeof result === 'object' && result !== null && Symbol.asyncIterator in result;

const authorizationIn = (parameters: Readonly<Record<string, unknown>> | undefined): unknown =>
  parameters?.authorization ?? parameters?.Authorization;
