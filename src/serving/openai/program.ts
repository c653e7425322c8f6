import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Context } from '../../domains/context.ts';
import type { FolderRequest } from '../folder.ts';

/** A request of a program that may call models. */
export interface Program extends FolderRequest {
  readonly context: Context;
  /** Aborts when the program hangs up or the server stops. */
  readonly signal: AbortSignal;
}

/** How long a program may take for what was sent; shorter than a model may be silent, so that nobody takes the one for the other. */
const readerMs = 15_000;

/** Sends a part of an answer and resolves when there is room for more; false when nobody reads any longer. */
export const sendPart = async (response: ServerResponse, text: string): Promise<boolean> => {
  if (response.destroyed) return false;
  if (response.write(text)) return true;
  const waited = new AbortController();
  const signal = AbortSignal.any([waited.signal, AbortSignal.timeout(readerMs)]);
  // Once closed it drains no more.
  const room = Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
  await room.catch(() => response.destroy()).finally(() => waited.abort());
  return !response.destroyed;
};

interface OpenCall {
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

const open = new Set<OpenCall>();

/** Does the work of a request that calls a model, until the program hangs up. */
export const whileOpen = async (
  response: ServerResponse,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const abort = new AbortController();
  const left = (): void => void (response.writableEnded || abort.abort());
  response.once('close', left);
  const call = { abort, done: work(abort.signal) };
  open.add(call);
  try {
    await call.done;
  } finally {
    open.delete(call);
    response.off('close', left);
  }
};

/** Cancels the calls that are still open and waits until they are settled, so that a server that stops leaves none behind. */
export const endCalls = async (): Promise<void> => {
  const calls = [...open];
  for (const { abort } of calls) abort.abort();
  await Promise.allSettled(calls.map(({ done }) => done));
};
