import { Unavailable } from '../../errors.ts';
import { AddressRefused, UrlRefused, type Outbound } from '../../outbound/outbound.ts';
import type { ApiRequest } from './api-request.ts';

/** Through what an API is asked, and for how long. */
export interface Asking {
  readonly outbound: Outbound;
  readonly signal: AbortSignal;
  /** Milliseconds from the first byte out to the last one in. */
  readonly longestMs: number;
}

/** What came back. */
export interface ApiAnswer {
  readonly status: number;
  /** Media type without parameters, in lower case; empty when none is named. */
  readonly mimeType: string;
  /** At most `maxBytes` of the body as text; null where it is neither text nor JSON. */
  readonly text: string | null;
  /** Whether the body went on. */
  readonly cut: boolean;
}

/** Why an API gave no answer, in words that hold nothing of what was sent or came back. */
export class ApiFailure extends Unavailable {}

const maxBytes = 200_000;

/**
 * Asks an API once. Redirects are not followed, for they would take the key along. Throws ApiFailure, and the signal's reason as soon as it
 * aborts.
 */
export const askApi = <Result>(
  { outbound, signal, longestMs }: Asking,
  request: ApiRequest,
  read: (response: Response) => Promise<Result>,
): Promise<Result> =>
  within(signal, longestMs, async (bounded) => {
    const { url, method, headers, body } = request;
    const response = await outbound.fetch(url, { method, headers, body, redirect: 'manual', signal: bounded });
    return read(response);
  });

/** The status alone; nothing of the body is read. */
export const statusOf = async (response: Response): Promise<number> => {
  await response.body?.cancel();
  return response.status;
};

/** Status and text of an answer. */
export const answerOf = async (response: Response): Promise<ApiAnswer> => {
  const { status, headers } = response;
  const [mimeType = '', ...parameters] = (headers.get('content-type') ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const readable = /^(?:text\/[\w.+-]+|application\/(?:[\w.-]+\+)?json)$/.test(mimeType);
  const charset = parameters
    .find((each) => each.startsWith('charset='))
    ?.slice('charset='.length)
    .replaceAll('"', '');
  // Text in other characters could hide from a look for the key.
  if (!readable || !['utf-8', 'utf8', 'us-ascii', undefined].includes(charset)) {
    await response.body?.cancel();
    return { status, mimeType, text: null, cut: false };
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop breaks the connection off.
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxBytes) break;
  }
  const text = new TextDecoder().decode(Buffer.concat(chunks).subarray(0, maxBytes));
  return { status, mimeType, text, cut: size > maxBytes };
};

const within = async <Result>(
  signal: AbortSignal,
  longestMs: number,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> => {
  const late = AbortSignal.timeout(longestMs);
  try {
    return await work(AbortSignal.any([signal, late]));
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) throw new ApiFailure(`The API did not answer within ${Math.round(longestMs / 1000)} seconds.`);
    if (error instanceof AddressRefused || error instanceof UrlRefused)
      throw new ApiFailure('The API is at an address that requests may not go to.');
    // What `fetch` rejects with when a connection, or what comes through it, is broken.
    if (error instanceof TypeError) throw new ApiFailure('The API cannot be reached, or broke off.');
    throw error;
  }
};

/** What a status that is no success means; null for a success. */
export const faultOfStatus = (status: number): string | null => {
  if (status >= 200 && status < 300) return null;
  if (status >= 300 && status < 400) return `The API redirects (status ${status}): set its final address.`;
  if (status === 401 || status === 403)
    return `The API does not take the key, or gives it no right to this (status ${status}).`;
  return `The API answers with status ${status}.`;
};
