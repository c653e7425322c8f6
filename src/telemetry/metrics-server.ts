import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Metrics, type Sources } from './metrics.ts';

export interface MetricsOptions {
  readonly host: string;
  readonly port: number;
  /** Who reads has to show it as a bearer token; undefined: anybody who reaches the port reads. */
  readonly token: string | undefined;
}

export interface MetricsServer {
  /** Where they are read. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Tells the metrics of this process at `/metrics`, on a port of their own. */
export const startMetrics = async ({ host, port, token }: MetricsOptions, sources: Sources): Promise<MetricsServer> => {
  const metrics = new Metrics(sources);
  const server = createServer((request, response) => {
    const tell = async (): Promise<unknown> => {
      if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') return response.writeHead(404).end();
      if (token !== undefined && !shows(request.headers.authorization, token)) return response.writeHead(401).end();
      const text = await metrics.read();
      return response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
    };
    tell().catch(() => response.writeHead(500).end());
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', failed).listen(port, host, listening);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}/metrics`,
    stop: async () => {
      metrics.close();
      server.closeAllConnections();
      await new Promise<void>((closed) => void server.close(() => closed()));
    },
  };
};

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** In a time that tells nothing of how much of it is right. */
const shows = (authorization: string | undefined, token: string): boolean => {
  return timingSafeEqual(digest(authorization ?? ''), digest(`Bearer ${token}`));
};
