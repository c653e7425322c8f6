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
 * The JSON object of a request, at most 1 MB of UTF-8 that arrives in time. The request stays open when it is refused,
 * so that there is a way back for the answer.
 * Throws BodyFault.
 */
export const readJsonBody = async (request: IncomingMessage, timeoutMs = bodyTimeoutMs): Promise<unknown> => {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes)
    throw new BodyFault(413, 'The body has more than 1,000,000 bytes.');
  if (!isJson(request.headers['content-type'] ?? ''))
    throw new BodyFault(415, 'The body must be application/json in UTF-8.');
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw new BodyFault(415, 'The body must not be compressed.');
  return parsed(await inTime(bytesOf(request), timeoutMs));
};

/** `application/graphql+json` was the name before the media type of GraphQL's answers was settled. */
const isJson = (contentType: string): boolean => {
  try {
    const { essence, params } = new MIMEType(contentType);
    const charset = params.get('charset')?.toLowerCase() ?? 'utf-8';
    return (essence === 'application/json' || essence === 'application/graphql+json') && charset === 'utf-8';
  } catch {
    // It throws for what is no media type.
    return false;
  }
};

const inTime = async (bytes: Promise<Buffer>, timeoutMs: number): Promise<Buffer> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new BodyFault(408, 'The body did not arrive in time.')), timeoutMs);
  });
  return Promise.race([bytes, late]).finally(() => clearTimeout(timer));
};

const bytesOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBodyBytes) throw new BodyFault(413, 'The body has more than 1,000,000 bytes.');
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof BodyFault) throw error;
    throw new BodyFault(400, 'The body broke off.');
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
