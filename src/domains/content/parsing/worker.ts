import { parentPort } from 'node:worker_threads';
import { chunk } from './chunk.ts';
import { formatOf } from './sniff.ts';
import type { Reply, Request, Result, Task } from './worker-protocol.ts';
import { UnreadableDocument } from './unreadable-document.ts';

/** The worker's side of `WorkerPool`: one task at a time, each answered by one reply. */

const perform = async (task: Task): Promise<Result> => {
  if (task.kind === 'chunk') return chunk(task.document, task.options);
  const { bytes, mimeType, name } = task.source;
  const format = await formatOf(bytes, mimeType, name);
  try {
    return await format.parse(bytes, name);
  } catch (error) {
    if (error instanceof UnreadableDocument) throw error;
    const kind = format.label.replace(/^an? /, '');
    throw new UnreadableDocument(`This ${kind} is damaged and cannot be read.`, { cause: error });
  }
};

const answer = async ({ id, task }: Request): Promise<Reply> => {
  try {
    return { id, result: await perform(task) };
  } catch (error) {
    if (error instanceof UnreadableDocument) return { id, reason: error.message, cause: described(error.cause) };
    return { id, failure: described(error) };
  }
};

const described = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : '');

parentPort?.on('message', (request: Request) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  void answer(request).then((reply) => parentPort?.postMessage(reply));
});
