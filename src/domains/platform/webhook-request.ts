import { performance } from 'node:perf_hooks';
import { AddressRefused, UrlRefused, type Outbound } from '../../outbound/outbound.ts';
import { retryAfterSeconds } from '../../outbound/retry-after.ts';

/** A server that has not answered in this time has failed. */
const patienceMs = 10_000;
const maxExcerpt = 1000;
/** Of an answer's body no more is read: a character has at most four bytes. */
const maxRead = maxExcerpt * 4;

/** How a try went. */
export interface Outcome {
  readonly at: string;
  readonly durationMs: number;
  /** Null: there was no answer. */
  readonly status: number | null;
  readonly excerpt: string | null;
  /** Null: it was taken. */
  readonly error: string | null;
  /** What the server asks to wait. */
  readonly askedSeconds: number | undefined;
}

/** Sends a message once. Whatever goes wrong is the outcome. */
export const send = async (
  outbound: Outbound,
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<Outcome> => {
  const [at, began] = [new Date().toISOString(), performance.now()];
  const ended = (rest: Omit<Outcome, 'at' | 'durationMs'>): Outcome => ({
    at,
    durationMs: Math.round(performance.now() - began),
    ...rest,
  });
  try {
    const response = await outbound.fetch(url, {
      method: 'POST',
      body,
      headers: { ...headers, 'content-type': 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.timeout(patienceMs),
    });
    const { status, ok } = response;
    // An answer is one as soon as its head is there, whatever becomes of its body.
    const excerpt = await beginningOf(response).catch(() => null);
    const error = ok ? null : `The server answered ${status}.`;
    return ended({ status, excerpt, error, askedSeconds: retryAfterSeconds(Object.fromEntries(response.headers)) });
  } catch (error) {
    return ended({ status: null, excerpt: null, error: reasonOf(error), askedSeconds: undefined });
  }
};

const beginningOf = async (response: Response): Promise<string | null> => {
  const reader = response.body?.getReader();
  if (reader === undefined) return null;
  const chunks: Uint8Array[] = [];
  let read = 0;
  try {
    while (read < maxRead) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      read += value.byteLength;
    }
  } finally {
    // The rest is not waited for, and neither is its end.
    reader.cancel().catch(() => undefined);
  }
  const text = new TextDecoder().decode(Buffer.concat(chunks).subarray(0, maxRead));
  // Postgres text holds no NUL.
  return text.replaceAll('\0', '').slice(0, maxExcerpt).toWellFormed() || null;
};

/** For people, and without anything that the message of a library may hold. */
const reasonOf = (error: unknown): string => {
  if (error instanceof AddressRefused || error instanceof UrlRefused) return error.message;
  if (Error.isError(error) && error.name === 'TimeoutError')
    return `The server did not answer within ${patienceMs / 1000} seconds.`;
  const cause = Error.isError(error) && Error.isError(error.cause) ? error.cause : error;
  const code = Error.isError(cause) && 'code' in cause ? String(cause.code) : '';
  return /^[A-Z][A-Z0-9_]{1,60}$/.test(code)
    ? `The server could not be reached (${code}).`
    : 'The server could not be reached.';
};
