import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { AddressRefused, UrlRefused } from '../../../outbound/outbound.ts';
import { retryAfterSeconds } from '../../../outbound/retry-after.ts';
import { SourceFailure, type Source } from './connector.ts';

/** Waits so many milliseconds; rejects when the signal aborts. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<unknown>;
export const realPause: Pause = (ms, signal) => sleep(ms, undefined, { signal });

/** Where and how a connector asks: what it was given, and how it waits. */
export type Asking = Pick<Source<unknown>, 'outbound' | 'signal'> & { readonly pause: Pause };

/** What to ask for; always by GET. */
export interface WebRequest {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the origin of `url` alone, not to where it redirects. */
  readonly secretHeaders?: Readonly<Record<string, string>>;
  /** Longest body, unpacked. A longer one is refused, or cut. */
  readonly maxBytes: number;
  readonly whenLonger?: 'REFUSE' | 'CUT';
  /** Statuses from 300 on that are an answer, too, given without a body. */
  readonly expected?: readonly number[];
  /** Asked before each address, those of redirects included; throws what forbids it. */
  readonly mayAsk?: (url: URL) => Promise<void>;
}

/** An answer that came to its end. */
export interface WebAnswer {
  readonly status: number;
  /** Where it came from after redirects. */
  readonly url: string;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

/** Before the second, third and fourth try, unless the server says how long. */
const backOffsMs = [500, 2000, 8000] as const;
/** A server that asks to wait longer is left alone. */
const longestWaitSeconds = 60;
const maxRedirects = 5;
const maxUrlLength = 2000;
const redirects = new Set([301, 302, 303, 307, 308]);
/** Faults that pass: too slow, too early. */
const passing = new Set([408, 425]);

/** An http or https URL without user name and password, in the one form that equal ones have, of at most 1,000 characters. */
export const webUrl = z
  .string()
  .trim()
  .max(1000, 'A URL has at most 1,000 characters.')
  .refine(isWebUrl, 'This must be an http:// or https:// URL without user name and password.')
  .transform((text) => normalUrl(new URL(text)))
  .refine((url) => url.length <= 1000, 'A URL has at most 1,000 characters.');

function isWebUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}

/** The URL without its fragment, which is nothing to a server. */
export const normalUrl = (url: URL): string => {
  const bare = new URL(url);
  bare.hash = '';
  return bare.href;
};

/** Host and path for messages; queries may hold secrets. */
export const placeOf = (url: string | URL): string => {
  const { host, pathname } = new URL(url);
  return `${host}${pathname === '/' ? '' : pathname}`.slice(0, 200);
};

/**
 * Asks, follows at most 5 redirects, and tries up to 3 times more when the server is away, has a fault, breaks off or asks for
 * patience of up to 60 s. Throws SourceFailure, and the signal's reason as soon as it aborts.
 */
export const askWeb = async (asking: Asking, request: WebRequest): Promise<WebAnswer> => {
  for (const backOffMs of backOffsMs) {
    const outcome = await tryOnce(asking, request);
    if (!(outcome instanceof Hurdle)) return outcome;
    const { failure } = outcome;
    if ((failure.retryAfterSeconds ?? 0) > longestWaitSeconds) throw failure;
    await pauseOrStop(asking, failure.retryAfterSeconds === null ? backOffMs : failure.retryAfterSeconds * 1000);
  }
  const last = await tryOnce(asking, request);
  if (last instanceof Hurdle) throw last.failure;
  return last;
};

/** A failure that may be over when asked again. */
class Hurdle {
  readonly failure: SourceFailure;
  constructor(kind: 'RATE_LIMITED' | 'UNAVAILABLE', message: string, headers?: Headers) {
    const seconds = headers && retryAfterSeconds(Object.fromEntries(headers));
    this.failure = new SourceFailure(kind, message, seconds ?? null);
  }
}

/** Waits; throws the signal's reason when it aborts meanwhile. */
export const pauseOrStop = async ({ pause, signal }: Asking, ms: number): Promise<void> => {
  signal.throwIfAborted();
  await pause(ms, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
};

const tryOnce = async (asking: Asking, request: WebRequest): Promise<WebAnswer | Hurdle> => {
  let url = new URL(request.url);
  for (let hop = 0; hop <= maxRedirects; hop += 1) {
    await request.mayAsk?.(url);
    const answer = await askOnce(asking, request, url);
    if (answer instanceof Hurdle || !(answer instanceof URL)) return answer;
    url = answer;
  }
  throw new SourceFailure('INVALID', `${placeOf(request.url)} redirects more than ${maxRedirects} times.`);
};

/** The answer of one address, or where it redirects to. */
const askOnce = async (
  { outbound, signal }: Asking,
  request: WebRequest,
  url: URL,
): Promise<WebAnswer | URL | Hurdle> => {
  const isAtHome = url.origin === new URL(request.url).origin;
  signal.throwIfAborted();
  try {
    const response = await outbound.fetch(url, {
      headers: { ...request.headers, ...(isAtHome && request.secretHeaders) },
      redirect: 'manual',
      signal,
    });
    const { status, headers } = response;
    if (status >= 200 && status < 300)
      return { status, url: url.href, headers, bytes: await bytesOf(response, request, url) };
    await response.body?.cancel();
    if (request.expected?.includes(status)) return { status, url: url.href, headers, bytes: new Uint8Array() };
    return redirects.has(status) ? targetOf(headers.get('location'), url) : failed(status, headers, url);
  } catch (error) {
    if (error instanceof AddressRefused || error instanceof UrlRefused)
      throw new SourceFailure('REFUSED', error.message);
    if (!isNetworkFault(error)) throw error;
    return new Hurdle('UNAVAILABLE', `${placeOf(url)} cannot be reached, or broke off${codeOf(error)}.`);
  }
};

const targetOf = (location: string | null, from: URL): URL => {
  const target = location === null || location.length > maxUrlLength ? null : URL.parse(location, from.href);
  if (target === null) throw new SourceFailure('INVALID', `${placeOf(from)} redirects to nowhere.`);
  if (!isWebUrl(target.href))
    throw new SourceFailure('REFUSED', `${placeOf(from)} redirects to an address that is not of the web.`);
  target.hash = '';
  return target;
};

const failed = (status: number, headers: Headers, url: URL): Hurdle => {
  const place = placeOf(url);
  if (status === 429) return new Hurdle('RATE_LIMITED', `${place} takes no more requests for now.`, headers);
  if (status >= 500 || passing.has(status))
    return new Hurdle('UNAVAILABLE', `${place} has a fault for now (status ${status}).`, headers);
  if (status === 401 || status === 403)
    throw new SourceFailure('UNAUTHORIZED', `${place} does not let Tessera in (status ${status}).`);
  if (status === 404 || status === 410) throw new SourceFailure('NOT_FOUND', `${place} is not there.`);
  throw new SourceFailure('INVALID', `${place} does not take this request (status ${status}).`);
};

/** What `fetch` rejects with when a connection, or what comes through it, is broken. */
const isNetworkFault = (error: unknown): error is TypeError =>
  error instanceof Error && error.name === 'TypeError' && /^(?:fetch failed|terminated)$/.test(error.message);

/** The code of a fault of Node's, such as ENOTFOUND. Its message could hold anything. */
export const faultCode = (error: unknown): string | null => {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : null;
};

const codeOf = ({ cause }: Error): string => {
  const code = faultCode(cause);
  return code === null ? '' : ` (${code})`;
};

/** The body; no more of it is taken in than is allowed. */
const bytesOf = async (response: Response, request: WebRequest, url: URL): Promise<Uint8Array> => {
  const { maxBytes, whenLonger = 'REFUSE' } = request;
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop breaks the connection off.
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.length;
    if (size <= maxBytes) continue;
    if (whenLonger === 'CUT') return Buffer.concat(chunks).subarray(0, maxBytes);
    throw new SourceFailure('REFUSED', `${placeOf(url)} has more than ${Math.floor(maxBytes / 1_000_000)} MB.`);
  }
  return Buffer.concat(chunks);
};
