import type { IncomingMessage } from 'node:http';
import { MIMEType } from 'node:util';

const maxBodyBytes = 1_000_000;
/** How long a body may take to arrive. */
const bodyTimeoutMs = 15_000;

/** The body cannot be used; `status` is HTTP's word for why. */
export class BodyFault extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The JSON object of a request, at most 1 MB of UTF-8, or `maxBytes`, that arrives in time. The request stays open when it is refused,
 * so that there is a way back for the answer.
 * Throws BodyFault.
 */
export const readJsonBody = async (
  request: IncomingMessage,
  timeoutMs = bodyTimeoutMs,
  maxBytes = maxBodyBytes,
): Promise<unknown> => {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLong(maxBytes);
  if (!isJson(request.headers['content-type'] ?? ''))
    throw new BodyFault(415, 'The body must be application/json in UTF-8.');
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw new BodyFault(415, 'The body must not be compressed.');
  return parsed(await bytesOf(request, timeoutMs, maxBytes));
};

/** `application/graphql+json` was the name before the media type of GraphQL's answers was settled. */
const isJson = (contentType: string): boolean => {
  // What nearly all send.
  if (contentType === 'application/json') return true;
  try {
    const { essence, params } = new MIMEType(contentType);
    const charset = params.get('charset')?.toLowerCase() ?? 'utf-8';
    return (essence === 'application/json' || essence === 'application/graphql+json') && charset === 'utf-8';
  } catch {
    // It throws for what is no media type.
    return false;
  }
};

const tooLong = (maxBytes: number) =>
  new BodyFault(413, `The body has more than ${maxBytes.toLocaleString('en')} bytes.`);

const bytesOf = (request: IncomingMessage, timeoutMs: number, maxBytes: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > maxBytes) refuse(tooLong(maxBytes));
    };
    const end = (): void => {
      leave();
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    };
    const breakOff = (): void => refuse(new BodyFault(400, 'The body broke off.'));
    const refuse = (fault: BodyFault): void => {
      leave();
      request.pause();
      reject(fault);
    };
    const timer = setTimeout(() => refuse(new BodyFault(408, 'The body did not arrive in time.')), timeoutMs);
    const leave = (): void => {
      clearTimeout(timer);
      request.off('data', take).off('end', end).off('error', breakOff).off('close', breakOff);
    };
    request.on('data', take).on('end', end).on('error', breakOff).on('close', breakOff);
  });

const utf8 = new TextDecoder('utf-8', { fatal: true });

const parsed = (bytes: Buffer): unknown => {
  try {
    const body: unknown = JSON.parse(utf8.decode(bytes));
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  } catch {
    throw new BodyFault(400, 'The body is not JSON in UTF-8.');
  }
  throw new BodyFault(400, 'The body must be one JSON object; batches are not taken.');
};
