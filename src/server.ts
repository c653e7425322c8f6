import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { HeaderMap } from '@apollo/server';
import cors from 'cors';
import { GraphQLError } from 'graphql';
import { sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { database, type StatementListener } from './database/client.ts';
import { nowhere, UnitOfWork, type Origin } from './database/unit-of-work.ts';
import { receiveUpload } from './domains/content/uploads.ts';
import { closeParsers } from './domains/content/parsing/parse.ts';
import { startConversations } from './domains/conversations/abandoned.ts';
import { readAvatar } from './domains/identity/avatars.ts';
import { readExport } from './domains/tenancy/organization-export.ts';
import { DomainError, Unavailable } from './errors.ts';
import { BodyFault, readJsonBody } from './body.ts';
import { bearerToken, clientAddress, contextOf } from './gateway/context.ts';
import { openGateway, type Gateway } from './gateway/gateway.ts';
import { graphiqlFiles } from './gateway/graphiql.ts';
import { serveSockets } from './gateway/sockets.ts';
import { openInstallation, systemOrigin, type Installation } from './installation.ts';
import { failure, json, refuse, refuseSocket } from './refusal.ts';
import type { Settings } from './settings.ts';

/** A running server. */
export interface RunningServer {
  readonly url: string;
  readonly installation: Installation;
  readonly gateway: Gateway;
  /** Takes no more requests, finishes those it has, and lets everything go. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly settings: Settings;
  readonly log: Logger;
  readonly onStatement?: StatementListener;
  /** What GraphiQL shows first. */
  readonly defaultQuery?: string;
}

type FolderRequest = readonly [request: IncomingMessage, response: ServerResponse, origin: Origin];

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
/** How long an upload may pause. */
const uploadIdleMs = 20_000;
/** How long a reader of a download may pause. */
const downloadIdleMs = 60_000;

/** Opens the installation and serves it. */
export const startServer = async ({
  settings,
  log,
  onStatement,
  defaultQuery = '{ viewer { user { name } } }',
}: StartOptions): Promise<RunningServer> => {
  const installation = await openInstallation(settings, log, onStatement);
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
    exposedHeaders: ['x-request-id'],
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
  /** What is served below a first part of the path, by the rest of it. */
  const folders = new Map<string, (rest: string, ...request: FolderRequest) => Promise<void>>([
    ['uploads', (token, ...request) => answerUpload(installation, token, ...request)],
    ['downloads', (token, ...request) => answerDownload(installation, token, ...request)],
    ['avatars', (key, request, response) => answerAvatar(installation, key, request, response)],
  ]);
  http.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const origin: Origin = {
      requestId: randomUUID(),
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
    const proceed = (): void => {
      const fault = faultOf(request);
      const path = (request.url ?? '/').split('?')[0] ?? '/';
      const page = files.get(path);
      const work =
        fault !== undefined
          ? refuse(request, response, fault.status, failure('BAD_REQUEST', fault.message))
          : page !== undefined && request.method === 'GET'
            ? Promise.resolve(void response.writeHead(200, page.headers).end(page.body))
            : (folders.get(path.split('/')[1] ?? '')?.(path.split('/').slice(2).join('/'), request, response, origin) ??
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
    if (request.headers.origin === undefined) {
      response.setHeader('vary', 'Origin');
      proceed();
    } else crossOrigin(request, response, proceed);
  });
  const sockets = serveSockets(http, endpoint, gateway, services, allowsOrigin);
  const conversations = startConversations(services);
  if (settings.workers) await installation.work();
  const url = await listening(http, settings);
  services.address.url ||= url;
  return {
    url,
    installation,
    gateway,
    stop: async () => {
      const began = performance.now();
      const left = (reserveMs: number) => settings.shutdownGraceMs - reserveMs - (performance.now() - began);
      const reserveMs = lastWordsMs(settings.shutdownGraceMs);
      draining.now = true;
      for (const response of running) if (!response.headersSent) response.setHeader('connection', 'close');
      const closed = new Promise<void>((resolve) => stopListening(http, resolve));
      const goodbyes = sockets.close();
      const answers = conversations.stop(left(reserveMs));
      await within(announcementMs, closed);
      draining.announced = true;
      http.closeIdleConnections();
      await within(left(reserveMs), closed);
      await services.bus.close();
      await answers;
      await within(left(reserveMs / 2), Promise.all([closed, goodbyes]));
      http.closeAllConnections();
      sockets.terminate();
      await gateway.apollo.stop();
      await installation.close(left(0));
      await closeParsers();
    },
  };
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
    context: () => contextOf(services, origin, bearerToken(request.headers.authorization)).catch(asUnavailable),
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

/** A picture never changes under its address, and the address cannot be guessed. Nothing in it may run or load anything. */
const avatarHeaders = {
  'cache-control': 'public, max-age=31536000, immutable',
  'content-security-policy': "default-src 'none'",
  'cross-origin-resource-policy': 'cross-origin',
  'x-content-type-options': 'nosniff',
};

const answerAvatar = async (
  { services }: Installation,
  key: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return refuse(
      request,
      response.setHeader('allow', 'GET, HEAD'),
      405,
      failure('BAD_REQUEST', 'Pictures are only read here.'),
    );
  const picture = await readAvatar(services.store, key);
  if (picture === null) return refuse(request, response, 404, failure('NOT_FOUND', 'There is nothing here.'));
  const { bytes, mimeType } = picture;
  const headers = { ...avatarHeaders, 'content-type': mimeType, 'content-length': bytes.length };
  // Node leaves the body out of the answer to HEAD.
  response.writeHead(200, headers).end(bytes);
};

const uploadStatus: Readonly<Record<string, number>> = {
  NOT_FOUND: 404,
  BAD_USER_INPUT: 400,
  CONFLICT: 409,
  UNAVAILABLE: 503,
};

/** What Node destroys a request with whose connection closed before its end. */
const isAbort = (error: unknown): boolean => Error.isError(error) && 'code' in error && error.code === 'ECONNRESET';

const answerUpload = async (
  { services }: Installation,
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
  origin: Origin,
): Promise<void> => {
  if (request.method !== 'PUT')
    return refuse(
      request,
      response.setHeader('allow', 'PUT'),
      405,
      failure('BAD_REQUEST', 'A file is brought in by PUT.'),
    );
  request.setTimeout(uploadIdleMs, () => request.destroy());
  try {
    const length = request.headers['content-length'];
    const file = await receiveUpload(
      services,
      origin,
      token,
      request,
      length === undefined ? undefined : Number(length),
    );
    json(response, 200, { size: file.size, sha256: file.sha256, mimeType: file.mimeType });
  } catch (error) {
    // Whoever dropped the connection reads no answer.
    if (isAbort(error) && error === request.errored) return;
    if (!(error instanceof DomainError)) throw error;
    await refuse(request, response, uploadStatus[String(error.extensions.code)] ?? 400, { errors: [error.toJSON()] });
  } finally {
    request.setTimeout(0);
  }
};

const answerDownload = async (
  { services }: Installation,
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
  origin: Origin,
): Promise<void> => {
  if (request.method !== 'GET')
    return refuse(
      request,
      response.setHeader('allow', 'GET'),
      405,
      failure('BAD_REQUEST', 'A file is taken away by GET.'),
    );
  try {
    const { name, size, content } = await readExport(services, origin, token);
    response.setTimeout(downloadIdleMs, () => response.destroy());
    response.writeHead(200, {
      'content-type': 'application/zip',
      'content-length': size,
      'content-disposition': `attachment; filename="${name}"`,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    await pipeline(content, response);
  } catch (error) {
    // Whoever dropped the connection, or lost it, reads no answer.
    if (response.headersSent) return void response.destroy();
    if (!(error instanceof DomainError)) throw error;
    await refuse(request, response, downloadStatus[String(error.extensions.code)] ?? 400, { errors: [error.toJSON()] });
  }
};

const downloadStatus: Readonly<Record<string, number>> = { NOT_FOUND: 404, UNAVAILABLE: 503 };
