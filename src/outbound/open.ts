import type { LookupAddress } from 'node:dns';
import { lookup as lookUp } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { Agent, buildConnector, fetch as fetchThrough, type RequestInit as RequestOptions } from 'undici';
import { isPublicAddress } from './address.ts';
import { AddressRefused, UrlRefused, type Outbound } from './outbound.ts';

/** How Tessera names itself to the servers it asks; `robots.txt` speaks to it by the word before the slash. */
export const userAgent = 'Tessera/1.0';

/** All addresses of a host. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

/** How long a request may wait, in milliseconds. */
export interface Patience {
  readonly connectMs: number;
  readonly headersMs: number;
  readonly bodyIdleMs: number;
}

const usualPatience: Patience = { connectMs: 10_000, headersMs: 30_000, bodyIdleMs: 30_000 };
const resolveBySystem: Resolve = (host) => lookUp(host, { all: true });

/** Opens the way to the outside. `close` breaks off what is still under way. */
export const openOutbound = (settings: {
  readonly allowPrivateAddresses: boolean;
}): Outbound & { close(): Promise<void> } =>
  openOutboundTo(settings.allowPrivateAddresses ? () => true : isPublicAddress);

/** The same to the addresses given, with a resolver and patience of one's own. */
export const openOutboundTo = (
  isAllowed: (address: string) => boolean,
  resolve: Resolve = resolveBySystem,
  patience: Patience = usualPatience,
): Outbound & { close(): Promise<void> } => {
  const lookup = lookupAmong(isAllowed, resolve);
  // An address written in the URL is connected to without a lookup.
  const isRefused = (host: string): boolean => isIP(host) !== 0 && !isAllowed(host);

  const connect = buildConnector({ lookup, timeout: patience.connectMs, allowH2: false });
  const dispatcher = new Agent({
    allowH2: false,
    headersTimeout: patience.headersMs,
    bodyTimeout: patience.bodyIdleMs,
    connect: (options, callback) =>
      isRefused(options.hostname) ? callback(new AddressRefused(options.hostname), null) : connect(options, callback),
  });

  return {
    fetch: async (input, init) => {
      const headers = new Headers(init?.headers);
      if (!headers.has('user-agent')) headers.set('user-agent', userAgent);
      try {
        // The cast is safe: undici's types and those of Node's globals are two descriptions of the same standard.
        const options = { ...init, body: await bodyOf(init), headers: [...headers], dispatcher } as RequestOptions;
        return await fetchThrough(assertFit(input), options);
      } catch (error) {
        throw error instanceof Error && error.cause instanceof AddressRefused ? error.cause : error;
      }
    },
    close: () => dispatcher.destroy(),
  };
};

/** A form of Node's is none to undici, which would write its name; as a blob it is the same bytes of the same type. */
const bodyOf = async (init: RequestInit | undefined): Promise<RequestInit['body']> =>
  init?.body instanceof FormData ? new Response(init.body).blob() : (init?.body ?? null);

const assertFit = (input: string | URL | Request): URL => {
  if (input instanceof Request) throw new TypeError('Requests to the outside are given as an address.');
  const url = new URL(input);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new UrlRefused('it is neither http nor https');
  if (url.username !== '' || url.password !== '') throw new UrlRefused('it holds a user name or a password');
  return url;
};

/** Gives exactly the addresses that were looked at, so that there is no second resolution; one that is not allowed refuses the host. */
const lookupAmong =
  (isAllowed: (address: string) => boolean, resolve: Resolve): LookupFunction =>
  (host, { family, all }, callback) => {
    const wanted = family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : (family ?? 0);
    const answer = async (): Promise<[LookupAddress, ...LookupAddress[]]> => {
      const addresses = await resolve(host);
      if (!addresses.every(({ address }) => isAllowed(address))) throw new AddressRefused(host);
      const [first, ...others] = addresses.filter((one) => wanted === 0 || one.family === wanted);
      if (!first) throw Object.assign(new Error(`${host} has no address.`), { code: 'ENOTFOUND' });
      return [first, ...others];
    };
    callbackify(answer)((error, addresses) => {
      if (error) return callback(error, '');
      return all ? callback(null, addresses) : callback(null, addresses[0].address, addresses[0].family);
    });
  };
