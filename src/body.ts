import type { IncomingMessage } from 'node:http';

const maxBodyBytes = 1_000_000;
const bodyTimeoutMs = 25_000;

/** The body cannot be used; `status` is HTTP's word for why. */
export class BodyFault extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The JSON of a request, at most 1 MB of UTF-8. A body that is not declared as JSON gives an empty object, which Apollo refuses.
 * Throws BodyFault.
 */
export const readJsonBody = async (request: IncomingMessage): Promise<unknown> => {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes)
    throw new BodyFault(413, 'The body has more than 1,000,000 bytes.');
  if (!/^application\/(graphql\+)?json\b/i.test(request.headers['content-type'] ?? ''))
    throw new BodyFault(415, 'The body must be application/json.');
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw new BodyFault(415, 'The body must not be compressed.');
  return parsed(await bytesOf(request));
};

const bytesOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  const slow = new BodyFault(408, 'The body took too long.');
  const timer = setTimeout(() => request.destroy(slow), bodyTimeoutMs);
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBodyBytes) throw new BodyFault(413, 'The body has more than 1,000,000 bytes.');
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof BodyFault) throw error;
    throw new BodyFault(400, 'The body broke off.');
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks);
};

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
