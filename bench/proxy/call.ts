import { Agent, request } from 'node:http';

/** How one streamed answer came, in milliseconds from the moment the request was sent. */
export interface StreamTimes {
  /** Until the first piece of text. */
  readonly firstMs: number;
  /** Until the end of the stream. */
  readonly totalMs: number;
}

/** One side of the comparison: where the same request is sent. */
export interface Target {
  /** Root of an API of OpenAI's protocol. */
  readonly url: string;
  readonly apiKey: string;
  readonly model: string;
}

/** Connections are kept, as every client of such an API does. */
const agent = new Agent({ keepAlive: true });

/**
 * Asks for one streamed answer and reads it to its end. Both sides are called by the same small client, so that what it takes itself cancels out.
 * Throws when the answer is not whole.
 */
export const streamOnce = ({ url, apiKey, model }: Target, pieces: number): Promise<StreamTimes> =>
  new Promise((resolve, reject) => {
    const body = JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'Tell me a story.' }] });
    const began = performance.now();
    let firstMs = 0;
    let text = '';
    const call = request(`${url}/chat/completions`, {
      agent,
      method: 'POST',
      headers: {
        authorization: `Bearer ${apiKey}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    });
    call.once('error', reject);
    call.once('response', (response) => {
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
        if (firstMs === 0 && /"content":"[^"]/.test(part)) firstMs = performance.now() - began;
      });
      response.once('error', reject);
      response.once('end', () => {
        const heard = text.match(/"content":"[^"]/g)?.length ?? 0;
        if (response.statusCode === 200 && heard === pieces && text.endsWith('data: [DONE]\n\n'))
          resolve({ firstMs, totalMs: performance.now() - began });
        else reject(new Error(`${heard} of ${pieces} pieces came, status ${response.statusCode}: ${text.slice(-300)}`));
      });
    });
    call.end(body);
  });
