import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { create as contentDisposition } from 'content-disposition';
import fresh from 'fresh';
import parseRange from 'range-parser';
import { failure, json } from '../refusal.ts';
import type { ByteRange } from '../storage/store.ts';

/** How long a reader may pause, in milliseconds. */
export const readerIdleMs = 60_000;

/** Bytes that never change, as they are to be sent. */
export interface Sending {
  readonly name: string;
  readonly mimeType: string;
  /** In bytes, at least 1. */
  readonly size: number;
  /** Hexadecimal; it tells these bytes from all others. */
  readonly sha256: string;
  readonly since: Date;
  /** What the link asks for; types outside a short list are attachments all the same. */
  readonly disposition: 'ATTACHMENT' | 'INLINE';
  readonly cacheControl: string;
  /** Opens the bytes, or a part of them. */
  read(range?: ByteRange): Promise<Readable>;
  /** Called when the first byte is about to be sent. */
  onBegun(): void;
}

/** What browsers may show in place. Nothing else: SVG, HTML and XML run scripts, and of what is unknown nobody knows. */
const shown = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'application/pdf', 'text/plain']);

/** Whatever the bytes are, they run nothing, load nothing, and are not taken for another type than they are sent as. */
const harmless = {
  'content-security-policy': "default-src 'none'; sandbox",
  'cross-origin-resource-policy': 'cross-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

const headersOf = ({ name, mimeType, sha256, since, disposition, cacheControl }: Sending) => ({
  ...harmless,
  'accept-ranges': 'bytes',
  'cache-control': cacheControl,
  'content-disposition': contentDisposition(name, {
    type: disposition === 'INLINE' && shown.has(mimeType) ? 'inline' : 'attachment',
  }),
  'content-type': mimeType.startsWith('text/') ? `${mimeType}; charset=utf-8` : mimeType,
  etag: `"${sha256}"`,
  'last-modified': since.toUTCString(),
});

/** Whether a part is wanted of just these bytes (RFC 9110, section 13.1.5): a date counts when it is the very one. */
const isOfThese = (
  ifRange: string | string[] | undefined,
  { etag, 'last-modified': since }: ReturnType<typeof headersOf>,
) => ifRange === undefined || ifRange === etag || ifRange === since;

/** The one part that is asked for; undefined for all of it, null when there is no such part. */
const partOf = (header: string | undefined, size: number): Required<ByteRange> | undefined | null => {
  if (header === undefined) return undefined;
  // The package takes the last bytes of what has fewer for a fault; they are all of it (RFC 9110, section 14.1.2).
  const last = /^bytes=\s*-(\d+)\s*$/.exec(header)?.[1];
  if (last !== undefined && Number(last) > size) return { start: 0, end: size - 1 };
  const ranges = parseRange(size, header, { combine: true });
  if (ranges === -1) return header.startsWith('bytes=') ? null : undefined;
  // A header that is none is passed over; so are several parts at once, which a server need not give.
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return undefined;
  return ranges[0];
};

/**
 * Answers GET and HEAD with bytes, or a part of them, as HTTP has it (RFC 9110, sections 13 to 15): 200, 206, 304 or 416. A reader who pauses
 * for longer than `idleMs` is cut off. Throws what `read` throws, as long as nothing was sent.
 */
export const send = async (
  request: IncomingMessage,
  response: ServerResponse,
  sending: Sending,
  idleMs = readerIdleMs,
): Promise<void> => {
  const headers = headersOf(sending);
  const { size } = sending;
  if (fresh(request.headers, headers)) return void response.writeHead(304, headers).end();
  if (request.method === 'HEAD') return void response.writeHead(200, { ...headers, 'content-length': size }).end();
  const { range: wanted, 'if-range': ifRange } = request.headers;
  const part = isOfThese(ifRange, headers) ? partOf(wanted, size) : undefined;
  if (part === null) {
    response.setHeader('content-range', `bytes */${size}`).setHeader('accept-ranges', 'bytes');
    return json(response, 416, failure('BAD_REQUEST', `There are ${size} bytes, and none of those asked for.`));
  }
  const content = await sending.read(part);
  const length = part === undefined ? size : part.end - part.start + 1;
  const range = part === undefined ? {} : { 'content-range': `bytes ${part.start}-${part.end}/${size}` };
  response.setTimeout(idleMs, () => response.destroy());
  response.writeHead(part === undefined ? 200 : 206, { ...headers, ...range, 'content-length': length });
  if (part === undefined || part.start === 0) sending.onBegun();
  // Whoever dropped the connection, or lost it, reads no more.
  await pipeline(content, response).catch(() => response.destroy());
};
