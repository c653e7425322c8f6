import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** What the server does with one request; whatever is left out is what a healthy server does. */
export type Reply = {
  /** Waits before the first byte. */
  delayMs?: number;
  /** An error instead of an answer. */
  status?: number;
  headers?: Record<string, string>;
  /** Body of an error. */
  body?: unknown;
  /** The answer, piece by piece. */
  deltas?: string[];
  /** Waits before each further piece. */
  gapMs?: number;
  /** Stays silent, connection open, after so many pieces. */
  stallAfter?: number;
  /** Breaks the connection after so many pieces. */
  cutAfter?: number;
  /** Ends the stream without finish reason and usage. */
  unfinished?: boolean;
  finishReason?: string;
  /** Tools that the model wants used, after the pieces. */
  toolCalls?: { name: string; input: unknown }[];
  /** Leaves the usage out. */
  noUsage?: boolean;
  /** Sent as they are after the pieces, in place of the end of the stream. */
  rawEvents?: string[];
  /** Embeddings in place of the default ones. */
  embeddings?: { index?: number; embedding: number[] }[];
  /** The embedding of each text in place of the default one. */
  vectorOf?: (text: string) => number[];
};

export type Seen = {
  path: string;
  authorization: string | undefined;
  body: Record<string, unknown>;
  /** True once the client has gone before the answer was complete. */
  aborted: boolean;
};

const dimensions = 1536;

/** A vector that tells which text it belongs to: the text's length stands at its first place. */
const defaultVectorOf = (text: string): number[] =>
  Array.from({ length: dimensions }, (_, place) => (place === 0 ? text.length : place === 1 ? 1 : 0));

const bodyOf = async (request: IncomingMessage): Promise<Record<string, unknown>> => {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
};

const chunk = (delta: object, finishReason: string | null = null): string =>
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'fake',
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  });

const usage = (deltas: readonly string[]): string =>
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'fake',
    choices: [],
    usage: { prompt_tokens: 11, completion_tokens: deltas.length, total_tokens: 11 + deltas.length },
  });

const ended = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => void response.once('close', () => resolve()));

const stream = async (response: ServerResponse, reply: Reply): Promise<void> => {
  const { stallAfter, cutAfter, gapMs = 0, toolCalls } = reply;
  const { deltas = toolCalls ? [] : ['Hello', ' there', '.'], finishReason = toolCalls ? 'tool_calls' : 'stop' } =
    reply;
  response.writeHead(200, { 'content-type': 'text/event-stream', ...reply.headers });
  const send = (data: string) => void response.write(`data: ${data}\n\n`);
  if (cutAfter === 0) {
    response.flushHeaders();
    await pause(20);
  }
  for (const [sent, content] of deltas.entries()) {
    if (sent === stallAfter) return ended(response);
    if (sent === cutAfter) return void response.destroy();
    if (sent > 0 && gapMs > 0) await pause(gapMs);
    if (response.destroyed) return undefined;
    send(chunk({ role: 'assistant', content }));
    // Lets a piece reach the client before the connection may break.
    if (cutAfter !== undefined) await pause(20);
  }
  for (const [index, { name, input }] of (reply.toolCalls ?? []).entries()) {
    const called = { name, arguments: typeof input === 'string' ? input : JSON.stringify(input) };
    send(chunk({ tool_calls: [{ index, id: `given_${index}`, type: 'function', function: called }] }));
  }
  if (deltas.length === stallAfter) return ended(response);
  if (deltas.length === cutAfter) return void response.destroy();
  if (!reply.unfinished && !reply.rawEvents) {
    send(chunk({}, finishReason));
    if (!reply.noUsage) send(usage(deltas));
    send('[DONE]');
  }
  for (const event of reply.rawEvents ?? []) response.write(event);
  response.end();
  return undefined;
};

const json = (response: ServerResponse, status: number, headers: Record<string, string>, body: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
};

/** The texts that a request wants embedded. */
export const textsOf = ({ input }: Record<string, unknown>): string[] =>
  (Array.isArray(input) ? input : [input]).map(String);

const embed = (response: ServerResponse, reply: Reply, body: Record<string, unknown>): void => {
  const { embeddings, vectorOf = defaultVectorOf } = reply;
  const texts = textsOf(body);
  const data = embeddings ?? texts.map((text, index) => ({ index, embedding: vectorOf(text) }));
  const tokens = texts.length;
  json(
    response,
    200,
    {},
    { object: 'list', data, model: 'fake', usage: { prompt_tokens: tokens, total_tokens: tokens } },
  );
};

const complete = (
  response: ServerResponse,
  { deltas = ['Hello', ' there', '.'], finishReason = 'stop' }: Reply,
): void =>
  json(
    response,
    200,
    {},
    {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'fake',
      choices: [{ index: 0, message: { role: 'assistant', content: deltas.join('') }, finish_reason: finishReason }],
      usage: { prompt_tokens: 11, completion_tokens: deltas.length, total_tokens: 11 + deltas.length },
    },
  );

/**
 * A server on a free local port that speaks the OpenAI protocol: chat completions, streamed or not, and embeddings.
 * `replies` are used up one request at a time; without one the request is answered as `always` says, and as a healthy server would where that
 * says nothing.
 */
export const startOpenAiServer = async () => {
  const replies: Reply[] = [];
  const seen: Seen[] = [];
  let standing: (body: Record<string, unknown>) => Reply = () => ({});

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const scripted = replies.shift();
    const { url: path = '', headers } = request;
    const record: Seen = { path, authorization: headers.authorization, body: await bodyOf(request), aborted: false };
    const reply = scripted ?? standing(record.body);
    seen.push(record);
    response.once('close', () => (record.aborted = !response.writableFinished));
    if (reply.delayMs !== undefined) await pause(reply.delayMs, undefined, { ref: false });
    if (response.destroyed) return undefined;
    if (reply.status !== undefined)
      return json(response, reply.status, reply.headers ?? {}, reply.body ?? { error: { message: 'Fault.' } });
    if (path.endsWith('/embeddings')) return embed(response, reply, record.body);
    return record.body.stream === true ? stream(response, reply) : complete(response, reply);
  };

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    /** To be used as a deployment's `baseUrl`. */
    url: `http://127.0.0.1:${port}/v1`,
    /** Every request so far. */
    seen,
    /** Says what happens with the next requests, one reply each. */
    script: (...next: Reply[]) => void replies.push(...next),
    /** Says what happens with all requests for which nothing else is said, by their bodies. */
    always: (reply: (body: Record<string, unknown>) => Reply) => void (standing = reply),
    /** Forgets replies and requests. */
    reset: () => {
      standing = () => ({});
      replies.length = 0;
      seen.length = 0;
    },
    stop: async (): Promise<void> => {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
};

export type OpenAiServer = Awaited<ReturnType<typeof startOpenAiServer>>;
