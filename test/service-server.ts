import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** One request that a service was made. */
export interface ServiceRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  /** Of the address, and of a body that is a form or JSON. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** What it answers: JSON, or something that goes wrong. */
export type ServiceAnswer =
  | { readonly json: unknown; readonly status?: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly raw: string; readonly status?: number }
  /** The connection ends in the middle of the body. */
  | 'CUT'
  /** Nothing ever comes. */
  | 'SILENT';

const parametersOf = async (request: IncomingMessage, url: URL): Promise<Record<string, unknown>> => {
  const body = await text(request);
  const type = request.headers['content-type'] ?? '';
  const given = type.includes('json') && body !== '' ? (JSON.parse(body) as object) : {};
  const form = type.includes('urlencoded') ? Object.fromEntries(new URLSearchParams(body)) : {};
  return { ...Object.fromEntries(url.searchParams), ...form, ...given };
};

/** A service with an API, on this machine: what was asked of it, and answers as the test says. */
export const startService = async (answer: (request: ServiceRequest) => ServiceAnswer) => {
  const requests: ServiceRequest[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? '/', 'http://service');
      const { authorization } = request.headers;
      const seen = {
        method: request.method ?? '',
        path: url.pathname,
        authorization,
        parameters: await parametersOf(request, url),
      };
      requests.push(seen);
      const given = answer(seen);
      if (given === 'SILENT') return;
      if (given === 'CUT') {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
        response.write('{"ok":', () => request.socket.destroy());
        return;
      }
      const headers = 'headers' in given ? given.headers : {};
      response.writeHead(given.status ?? 200, { 'content-type': 'application/json', ...headers });
      response.end('raw' in given ? given.raw : JSON.stringify(given.json));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
