import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { HeaderMap } from '@apollo/server';
import cors from 'cors';
import { GraphQLError } from 'graphql';
import { sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { database, type StatementListener } from './database/client.ts';
import { nowhere, UnitOfWork, type Origin } from './database/unit-of-work.ts';
import { closeParsers } from './domains/content/parsing/parse.ts';
import { startConversations } from './domains/conversations/abandoned.ts';
import { settleRunsWithin } from './domains/modelhub/prompt-running.ts';
import { Unavailable } from './errors.ts';
import { BodyFault, readJsonBody } from './body.ts';
import { bearerToken, clientAddress, contextOf } from './gateway/context.ts';
import { openGateway, type Gateway } from './gateway/gateway.ts';
import { withIdempotencyKey } from './gateway/idempotency.ts';
import { graphiqlFiles } from './gateway/graphiql.ts';
import { serveSockets } from './gateway/sockets.ts';
import { metricSources, openInstallation, systemOrigin, type Installation } from './installation.ts';
import { failure, json, refuse, refuseSocket } from './refusal.ts';
import type { FolderRequest } from './serving/folder.ts';
import { endStreams, openStreams } from './serving/event-stream.ts';
import { folders, ownOriginRules } from './serving/folders.ts';
import { endCalls } from './serving/openai/program.ts';
import type { Settings } from './settings.ts';
import { requestEnded } from './telemetry/happenings.ts';
import { inScope } from './telemetry/log.ts';
import { startMetrics } from './telemetry/metrics-server.ts';
import { traceOf } from './telemetry/trace.ts';
import type { Tracing } from './telemetry/tracing.ts';

/** A running server. */
export interface RunningServer {
  readonly url: string;
  readonly installation: Installation;
  readonly gateway: Gateway;
  /** Where the metrics are read; undefined: nowhere. */
  readonly metricsUrl: string | undefined;
  /** Takes no more requests, finishes those it has, and lets everything go. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly settings: Settings;
  readonly log: Logger;
  readonly onStatement?: StatementListener;
  /** In place of what the settings say. */
  readonly tracing?: Tracing;
  /** What GraphiQL shows first. */
  readonly defaultQuery?: string;
}

export const endpoint = '/graphql';
const headersTimeoutMs = 10_000;
const maxHeaders = 100;
/**
 * How long a server that stops goes on answering on connections that are kept alive, each time with the word that it will close: a
 * request that is on its way to a connection closed under it is lost without its sender knowing whether it was heard.
 */
const announcementMs = 300;
/** The end of the grace, in which requests that wait for something are answered with what there is. */
const lastWordsMs = (graceMs: number): number => Math.min(3000, graceMs / 2);

/** Opens the installation and serves it. */
export const startServer = async ({
  settings,
  log,
  onStatement,
  tracing,
  defaultQuery = '{ viewer { user { name } } }',
}: StartOptions): Promise<RunningServer> => {
  const installation = await openInstallation(settings, log, {
    ...(onStatement && { onStatement }),
    ...(tracing && { tracing }),
  });
  const { services } = installation;
  const gateway = await openGateway(services);
  const files =
    settings.mode === 'production' ? new Map() : await graphiqlFiles({ path: '/graphiql', endpoint, defaultQuery });
  const draining = { now: false, announced: false };
  const running = new Set<ServerResponse>();
  const allowsOrigin = originRule(settings.corsOrigins);
  const crossOrigin = cors({
    origin: (origin, decide) => decide(null, allowsOrigin(origin)),
    maxAge: 86_400,
    exposedHeaders: ['x-request-id', 'retry-after'],
  });
  const http = createServer({
    headersTimeout: headersTimeoutMs,
    // Bodies are bounded by whoever reads them: an upload may take longer than a query.
    requestTimeout: 0,
    connectionsCheckingInterval: 2000,
    // Its absence is refused below, in JSON.
    requireHostHeader: false,
    // Whoever proposes HTTP/2 this way is answered in HTTP/1.1.
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
  });
  http.on('clientError', (error: NodeJS.ErrnoException, socket) => answerUnreadable(error, socket));
  http.on('connect', (_request, socket) =>
    refuseSocket(socket, 405, failure('BAD_REQUEST', 'This server is no proxy.')),
  );
  http.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    void refuse(request, response, 417, failure('BAD_REQUEST', 'Only 100-continue can be expected.'));
  });
  const routes: Readonly<
    Record<string, (request: IncomingMessage, response: ServerResponse, origin: Origin) => Promise<void>>
  > = {
    [endpoint]: (request, response, origin) => answerGraphql(gateway, installation, request, response, origin),
    '/health/live': async (_request, response) => json(response, 200, { status: 'live' }),
    '/health/ready': (_request, response) => answerReadiness(installation, draining.now, response),
  };
  http.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const requestId = randomUUID();
    const trace = traceOf(request.headers.traceparent, requestId);
    inScope({ requestId, traceId: trace.traceId }, () => answer(request, response, { requestId, trace }));
  });
  const answer = (
    request: IncomingMessage,
    response: ServerResponse,
    asked: Required<Pick<Origin, 'requestId' | 'trace'>>,
  ): void => {
    const origin: Origin = {
      ...asked,
      address: clientAddress(request.headers, request.socket.remoteAddress, settings.trustedProxies),
      userAgent: request.headers['user-agent']?.slice(0, 500) ?? null,
    };
    response.setHeader('x-request-id', origin.requestId);
    if (draining.now) response.setHeader('connection', 'close');
    running.add(response);
    response.once('close', () => {
      running.delete(response);
      // Its head may have left before anybody knew that the connection would close.
      if (draining.announced) setImmediate(() => http.closeIdleConnections());
    });
    // A body that nobody read must not keep the connection.
    response.once('finish', () => request.complete || request.destroy());
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    if (requestEnded.heard) tellEnd(request, response, routeOf(path));
    const proceed = (): void => {
      const fault = faultOf(request);
      const page = files.get(path);
      const work =
        fault !== undefined
          ? refuse(request, response, fault.status, failure('BAD_REQUEST', fault.message))
          : page !== undefined && request.method === 'GET'
            ? Promise.resolve(void response.writeHead(200, page.headers).end(page.body))
            : (answerBelow(path, { services, charge: gateway.charge, request, response, origin }) ??
              routes[path]?.(request, response, origin) ??
              refuse(request, response, 404, failure('NOT_FOUND', 'There is nothing here.')));
      work.catch((error: unknown) => {
        log.error(
          {
            requestId: origin.requestId,
            err: Error.isError(error) ? { message: error.message, stack: error.stack } : {},
          },
          'A request failed.',
        );
        const { requestId } = origin;
        json(response, 500, failure('INTERNAL_SERVER_ERROR', 'Something went wrong on our side.', { requestId }));
      });
    };
    // Programs send no origin, and there is nothing to decide for them.
    if (ownOriginRules.has(path.split('/')[1] ?? '')) proceed();
    else if (request.headers.origin === undefined) {
      response.setHeader('vary', 'Origin');
      proceed();
    } else crossOrigin(request, response, proceed);
  };
  const sockets = serveSockets(http, endpoint, gateway, services, allowsOrigin);
  const conversations = startConversations(services);
  if (settings.workers) await installation.work();
  const url = await listening(http, settings);
  services.address.url ||= url;
  const metrics =
    settings.metrics &&
    (await startMetrics(settings.metrics, {
      ...metricSources(installation),
      connections: () => ({ ...sockets.figures(), eventStreams: openStreams() }),
    }));
  return {
    url,
    installation,
    gateway,
    metricsUrl: metrics?.url,
    stop: async () => {
      const began = performance.now();
      const left = (reserveMs: number) => settings.shutdownGraceMs - reserveMs - (performance.now() - began);
      const reserveMs = lastWordsMs(settings.shutdownGraceMs);
      draining.now = true;
      for (const response of running) if (!response.headersSent) response.setHeader('connection', 'close');
      const closed = new Promise<void>((resolve) => stopListening(http, resolve));
      const goodbyes = sockets.close();
      endStreams();
      const grace = left(reserveMs);
      const answers = Promise.all([conversations.stop(grace), settleRunsWithin(grace)]);
      await within(announcementMs, closed);
      draining.announced = true;
      http.closeIdleConnections();
      await within(left(reserveMs), closed);
      await within(left(reserveMs / 2), endCalls());
      await services.bus.close();
      await answers;
      await within(left(reserveMs / 2), Promise.all([closed, goodbyes]));
      http.closeAllConnections();
      sockets.terminate();
      await gateway.apollo.stop();
      await metrics?.stop();
      await installation.close(left(0));
      await closeParsers();
    },
  };
};

/** Answers what lies below a folder; undefined when there is no such folder. */
const answerBelow = (path: string, request: Omit<FolderRequest, 'rest'>): Promise<void> | undefined => {
  const [, folder = '', ...rest] = path.split('/');
  return folders.get(folder)?.({ ...request, rest: rest.join('/') });
};

/** One of a few words for what a path asks for. */
const routeOf = (path: string): string => {
  const [, first = ''] = path.split('/');
  return path === endpoint || first === 'health' || first === 'graphiql' || folders.has(first) ? first : 'other';
};

/** Tells how a request ended, once it has. */
const tellEnd = ({ method = '' }: IncomingMessage, response: ServerResponse, route: string): void => {
  const began = performance.now();
  response.once('close', () => {
    const status = response.writableFinished ? response.statusCode : null;
    requestEnded.tell({ route, method, status, durationMs: performance.now() - began });
  });
};

/** Waits for something, but no longer than this. */
const within = (ms: number, what: Promise<unknown>): Promise<unknown> =>
  Promise.race([what, pause(Math.max(0, ms), undefined, { ref: false })]);

/** Takes no more connections and keeps those that are idle, which the server's own `close` would end. */
const stopListening = (http: Server, closed: () => void): void => {
  NetServer.prototype.close.call(http, closed);
};

const listening = (http: Server, { host, port }: Settings): Promise<string> =>
  new Promise((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, host, () => {
      const { port: taken } = http.address() as AddressInfo;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${taken}`);
    });
  });

/** Whether a browser's page of this origin may call; `http://localhost:*` stands for any port. Requests without an origin come from no page. */
const originRule = (allowed: readonly string[]) => {
  const patterns = allowed.map(
    (entry) => new RegExp(`^${entry.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:\*$/, '(:\\d+)?')}$`),
  );
  return (origin: string | undefined): boolean =>
    origin === undefined || patterns.some((pattern) => pattern.test(origin));
};

/** What is wrong with a request whatever it asks for. */
const faultOf = ({
  httpVersion,
  headers,
  rawHeaders,
}: IncomingMessage): { status: number; message: string } | undefined => {
  if (rawHeaders.length > 2 * maxHeaders) return { status: 431, message: `There are more than ${maxHeaders} headers.` };
  if (httpVersion === '1.1' && headers.host === undefined)
    return { status: 400, message: 'The header Host is missing.' };
  return undefined;
};

/** What Node's parser refuses, or what came too slowly: there is no request yet. */
const answerUnreadable = (error: NodeJS.ErrnoException, socket: Duplex): void => {
  if (error.code === 'ECONNRESET') return void socket.destroy();
  const [status, message] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? [408, 'The request did not arrive in time.']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? [431, 'The headers are too large.']
        : [400, 'This is not HTTP.'];
  refuseSocket(socket, status, failure('BAD_REQUEST', message));
};

const answerGraphql = async (
  gateway: Gateway,
  { services }: Installation,
  request: IncomingMessage,
  response: ServerResponse,
  origin: Origin,
): Promise<void> => {
  if (request.method !== 'GET' && request.method !== 'POST')
    return refuse(
      request,
      response.setHeader('allow', 'GET, POST'),
      405,
      failure('BAD_REQUEST', 'Operations come by POST, queries by GET too.'),
    );
  let body: unknown;
  try {
    body = request.method === 'POST' ? await readJsonBody(request) : undefined;
  } catch (error) {
    if (!(error instanceof BodyFault)) throw error;
    return refuse(request, response, error.status, failure('BAD_REQUEST', error.message));
  }
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  const answer = await gateway.apollo.executeHTTPGraphQLRequest({
    httpGraphQLRequest: {
      method: request.method,
      headers,
      search: request.method === 'GET' ? (URL.parse(request.url ?? '/', 'http://host')?.search ?? '') : '',
      body,
    },
    context: () =>
      contextOf(services, origin, bearerToken(request.headers.authorization)).then(
        (context) => withIdempotencyKey(context, request.headers['idempotency-key']),
        asUnavailable,
      ),
  });
  for (const [name, value] of answer.headers) response.setHeader(name, value);
  response.statusCode = answer.status ?? 200;
  if (answer.body.kind === 'complete') {
    const { string: text } = answer.body;
    // Node would leave it out where HTTP/1.0 is spoken.
    return void response.setHeader('content-length', Buffer.byteLength(text)).end(text);
  }
  for await (const chunk of answer.body.asyncIterator) response.write(chunk);
  response.end();
};

/** Without knowing who asks nothing was begun: balancers may send the request elsewhere. */
const asUnavailable = (error: unknown): never => {
  if (!(error instanceof Unavailable)) throw error;
  throw new GraphQLError(error.message, { originalError: error, extensions: { http: { status: 503 } } });
};

const answerReadiness = async (
  { services }: Installation,
  draining: boolean,
  response: ServerResponse,
): Promise<void> => {
  if (draining) return json(response, 503, { status: 'draining' });
  const unit = new UnitOfWork(nowhere, { ...services, origin: systemOrigin });
  try {
    await unit.run(() => database.execute(sql`select 1`));
    json(response, 200, { status: 'ready' });
  } catch (error) {
    services.log.warn({ message: Error.isError(error) ? error.message : '' }, 'The database does not answer.');
    json(response, 503, { status: 'database away' });
  } finally {
    await unit.rest();
  }
};
