/**
 * A model server of the OpenAI protocol that answers every question with the same number of pieces at the same pace, however many ask at once:
 * `node bench/streams/model-server.ts --pieces 200 --gapMs 50`. Prints its address once it listens.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { pieceOf } from './piece.ts';

const { values } = parseArgs({
  options: { pieces: { type: 'string', default: '200' }, gapMs: { type: 'string', default: '50' } },
});
const [pieces, gapMs] = [Number(values.pieces), Number(values.gapMs)];

const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'slow' };

const send = (response: ServerResponse, delta: object, finishReason: string | null): void => {
  const choices = [{ index: 0, delta, finish_reason: finishReason }];
  response.write(`data: ${JSON.stringify({ ...head, choices })}\n\n`);
};

const stream = async (response: ServerResponse): Promise<void> => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const began = performance.now();
  for (let number = 0; number < pieces && !response.destroyed; number++) {
    // By the clock, so that what one piece is late does not add up.
    await pause(Math.max(began + number * gapMs - performance.now(), 0));
    send(response, { role: 'assistant', content: pieceOf(number) }, null);
  }
  send(response, {}, 'stop');
  const usage = { prompt_tokens: 10, completion_tokens: pieces, total_tokens: 10 + pieces };
  response.write(`data: ${JSON.stringify({ ...head, choices: [], usage })}\n\n`);
  response.end('data: [DONE]\n\n');
};

const server = createServer((request, response) => {
  request.resume().once('end', () => void stream(response).catch(() => response.destroy()));
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`http://127.0.0.1:${port}/v1\n`);
});
