import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Connector, Source, SourceItem, SourceVersion } from '../src/domains/content/connectors/connector.ts';
import { SourceFailure } from '../src/domains/content/connectors/connector.ts';
import type { Pause } from '../src/domains/content/connectors/web-request.ts';
import { openOutboundTo } from '../src/outbound/open.ts';

/** What a route answers: a body, or what writes it. */
type Route =
  | string
  | { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: string | Uint8Array }
  | RequestListener;

/** A web server of a test's own, on this machine; unknown paths are 404. */
export class WebServer {
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly requests: IncomingMessage[] = [];
  routes: Record<string, Route> = {};

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  url(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  /** The paths that were asked for. */
  get paths(): string[] {
    return this.requests.map(({ url }) => url ?? '');
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(request);
    const path = request.url ?? '';
    const route = this.routes[path] ?? this.routes[path.replace(/\?.*$/, '')];
    if (typeof route === 'function') return route(request, response);
    if (route === undefined) response.writeHead(404).end('Not here.');
    else if (typeof route === 'string') response.end(route);
    else response.writeHead(route.status ?? 200, route.headers).end(route.body);
  }
}

/** Routes that answer one after the other, the last one again and again. */
export const inTurn = (...routes: readonly Exclude<Route, string>[]): RequestListener => {
  let turn = 0;
  return (request, response) => {
    const route = routes[Math.min(turn, routes.length - 1)] ?? {};
    turn += 1;
    if (typeof route === 'function') route(request, response);
    else response.writeHead(route.status ?? 200, route.headers).end(route.body);
  };
};

/** A connector as the sync sees it, with pauses that are noted, in milliseconds, and not made. */
export class Reading<Configuration> {
  readonly pauses: number[] = [];
  readonly #outbound = openOutboundTo(() => true);
  readonly #connectorOf: (pause: Pause) => Connector<Configuration>;

  constructor(connectorOf: (pause: Pause) => Connector<Configuration>) {
    this.#connectorOf = connectorOf;
  }

  get connector(): Connector<Configuration> {
    return this.#connectorOf(async (ms) => this.pauses.push(ms));
  }

  source(configuration: object, signal = new AbortController().signal): Source<Configuration> {
    return { configuration: this.connector.configuration.parse(configuration), outbound: this.#outbound, signal };
  }

  list(configuration: object, from: Readonly<Record<string, unknown>> | null = null) {
    return this.connector.list(this.source(configuration), from);
  }

  /** All pages; each position goes through JSON, as when another process goes on. */
  async listAll(configuration: object): Promise<SourceItem[][]> {
    const pages: SourceItem[][] = [];
    let from: Readonly<Record<string, unknown>> | null = null;
    do {
      const page = await this.list(configuration, from);
      pages.push([...page.items]);
      from = page.next && (JSON.parse(JSON.stringify(page.next)) as Record<string, unknown>);
    } while (from !== null);
    return pages;
  }

  fetch(configuration: object, item: Partial<SourceItem> & { id: string }, known: SourceVersion | null = null) {
    const whole = { title: null, uri: item.id, version: null, ...item };
    return this.connector.fetch(this.source(configuration), whole, known);
  }

  close(): Promise<void> {
    return this.#outbound.close();
  }
}

/** What a connector failed with. */
export const failureOf = async (reading: Promise<unknown>): Promise<SourceFailure> => {
  const outcome = await reading.catch((error: unknown) => error);
  if (outcome instanceof SourceFailure) return outcome;
  throw new Error('It should have failed with a SourceFailure.', { cause: outcome });
};

export const textOf = (content: { readonly bytes: Uint8Array } | string | undefined): string =>
  typeof content === 'object' ? new TextDecoder().decode(content.bytes) : `no content but ${content}`;
