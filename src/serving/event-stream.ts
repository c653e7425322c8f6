import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { VisitorEvent } from '../domains/conversations/visitor-events.ts';
import { RateLimited } from '../errors.ts';

/** A comment this often keeps proxies from closing a stream in which nothing happens. */
const heartbeatMs = 15_000;
/** How long a listener may take for what was sent. */
const readerMs = 30_000;
/** After so long a listener comes back by themselves, and what balances the load may send them elsewhere. */
const longestMs = 600_000;
/** How long browsers wait before they come back. */
const retryMs = 2000;
/** Streams at a time of one conversation, and from one address. */
const most = { conversation: 6, address: 60 } as const;

/** Events on their way to one listener (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export interface EventStream {
  /** Resolves when there is room for more; false when nobody listens any longer. */
  send(event: VisitorEvent): Promise<boolean>;
  /** Aborts when nobody listens any longer, or the server stops. */
  readonly closed: AbortSignal;
  end(): void;
}

const open = new Set<() => void>();
const counts = new Map<string, number>();

/** Ends all streams, so that a server that stops need not wait for them; their listeners come back elsewhere. */
export const endStreams = (): void => {
  for (const end of open) end();
};

/** Streams that run now. */
export const openStreams = (): number => open.size;

const count = (keys: readonly string[], change: 1 | -1): void => {
  for (const key of keys) {
    const now = (counts.get(key) ?? 0) + change;
    if (now === 0) counts.delete(key);
    else counts.set(key, now);
  }
};

const idOf = (event: VisitorEvent): string | undefined => {
  if (event.kind === 'status') return undefined;
  if (event.kind === 'started') return `${event.messageId}:0`;
  if (event.kind === 'delta') return `${event.messageId}:${event.position + event.text.length}`;
  return `${'message' in event ? event.message.id : event.messageId}:end`;
};

const textOf = (event: VisitorEvent): string => {
  const { kind, ...data } = event;
  const id = idOf(event);
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
};

/**
 * Begins a stream of events. `keys` say whose it is, `conversation …` or `address …`; each may have some at a time. Throws RateLimited, and
 * then nothing was sent.
 */
export const openStream = (response: ServerResponse, keys: readonly string[]): EventStream => {
  const full = keys.some(
    (key) => (counts.get(key) ?? 0) >= most[key.startsWith('address') ? 'address' : 'conversation'],
  );
  if (full) throw new RateLimited(5, 'Too many streams are open; close one of them.');
  count(keys, 1);
  const closing = new AbortController();
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
  });
  response.write(`retry: ${retryMs}\n\n`);
  const close = () => closing.abort();
  const heartbeat = setInterval(() => response.write(':\n\n'), heartbeatMs);
  const longest = setTimeout(close, longestMs);
  open.add(close);
  response.once('close', () => {
    clearInterval(heartbeat);
    clearTimeout(longest);
    open.delete(close);
    count(keys, -1);
    close();
  });
  return {
    send: async (event) => {
      if (response.destroyed) return false;
      if (!response.write(textOf(event)))
        await once(response, 'drain', {
          signal: AbortSignal.any([closing.signal, AbortSignal.timeout(readerMs)]),
        }).catch(() => (closing.signal.aborted ? undefined : response.destroy()));
      return !response.destroyed;
    },
    closed: closing.signal,
    end: () => void response.end(),
  };
};
