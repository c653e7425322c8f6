import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { AddressRefused } from '../../../outbound/outbound.ts';
import { retryAfterSeconds } from '../../../outbound/retry-after.ts';
import { SourceFailure, type Source } from './connector.ts';

/** Longest wait for one answer, its body included. */
const answerMs = 30_000;
/** Longest answer that is read. */
const maxBytes = 20 * 1024 * 1024;
/** Pauses before the second, third and last try. */
const pausesMs = [250, 1000, 2000] as const;
/** Longest wait that a service may ask one request for, over all its tries. */
const maxWaitSeconds = 60;

/** Where a service with an API is, for those who run their own gateway before it: HTTP or HTTPS, without a password. */
export const serviceAddress = z
  .url({ protocol: /^https?$/ })
  .max(2000)
  .refine((address) => new URL(address).username + new URL(address).password === '', 'A password has no place here.');

/** Why a request is to be made once more. */
class Interrupted extends Error {}

/**
 * A `fetch` for the client library of a service with an API. Answers 5xx and broken connections are tried three times more; a service that
 * asks to wait (429) is waited for, at most 60 s. An answer that it gives is whole, so that its body can no longer break off.
 * Rejects with SourceFailure UNAVAILABLE, RATE_LIMITED or REFUSED, or with the reason of the source's signal.
 */
export const serviceFetch =
  (source: Pick<Source<unknown>, 'outbound' | 'signal'>, service: string): typeof fetch =>
  async (url, init) => {
    const { signal } = source;
    let waited = 0;
    for (let tried = 0; ;) {
      const answer = await ask(source, url, init).catch((error: unknown) => {
        signal.throwIfAborted();
        if (error instanceof SourceFailure) throw error;
        const refusal = causesOf(error).find((cause) => cause instanceof AddressRefused);
        if (refusal !== undefined) throw new SourceFailure('REFUSED', refusal.message, null, refusal);
        return new Interrupted(`${service} cannot be reached, or broke off its answer.`);
      });
      if (!(answer instanceof Interrupted) && answer.status === 429) {
        const seconds = Math.max(1, retryAfterSeconds(Object.fromEntries(answer.headers)) ?? 1);
        waited += seconds;
        if (waited > maxWaitSeconds)
          throw new SourceFailure('RATE_LIMITED', `${service} asks to wait before the next request.`, seconds);
        await pause(seconds * 1000, undefined, { signal }).catch(() => signal.throwIfAborted());
        continue;
      }
      if (!(answer instanceof Interrupted) && answer.status < 500) return answer;
      const wait = pausesMs[tried++];
      if (wait === undefined)
        throw new SourceFailure(
          'UNAVAILABLE',
          answer instanceof Interrupted ? answer.message : `${service} answers with status ${answer.status}.`,
        );
      await pause(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  };

const ask = async (
  { outbound, signal }: Pick<Source<unknown>, 'outbound' | 'signal'>,
  url: Parameters<typeof fetch>[0],
  init: Parameters<typeof fetch>[1],
): Promise<Response> => {
  const patience = AbortSignal.timeout(answerMs);
  // A redirect would take the token along to wherever it leads.
  const answer = await outbound.fetch(url, {
    ...init,
    redirect: 'manual',
    signal: AbortSignal.any([signal, patience]),
  });
  if (answer.status >= 300 && answer.status < 400)
    throw new SourceFailure('REFUSED', 'The address leads to another one: give that one instead.');
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of answer.body ?? []) {
    length += part.length;
    if (length > maxBytes)
      throw new SourceFailure('REFUSED', `An answer is longer than ${maxBytes / 1024 / 1024} MiB.`);
    parts.push(part);
  }
  const whole = new Response(answer.status === 204 || answer.status === 205 ? null : Buffer.concat(parts), {
    status: answer.status,
    statusText: answer.statusText,
    headers: answer.headers,
  });
  return Object.defineProperty(whole, 'url', { value: answer.url });
};

const causesOf = (error: unknown): unknown[] => (Error.isError(error) ? [error, ...causesOf(error.cause)] : []);
