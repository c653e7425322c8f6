import { Worker } from 'node:worker_threads';
import { readLetter, UnreadableLetter } from '../../../mail/reading.ts';
import { chunk } from '../../../search/chunking/chunk.ts';
import { formatOf } from './sniff.ts';
import type { Reply, Request, Result, Task } from './worker-protocol.ts';
import { UnreadableDocument } from './unreadable-document.ts';

/** The process behind `WorkerPool`: one task at a time, each answered by one reply. Its argument is its memory limit in bytes. */

const perform = async (task: Task): Promise<Result> => {
  if (task.kind === 'chunk') return chunk(task.document, task.options);
  if (task.kind === 'letter') return readLetter(new Uint8Array(task.bytes));
  const { mimeType, name } = task.source;
  // A Buffer arrives as one, and pdf.js takes none.
  const bytes = new Uint8Array(task.source.bytes);
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
    if (error instanceof UnreadableDocument || error instanceof UnreadableLetter)
      return { id, reason: error.message, cause: described(error.cause) };
    return { id, failure: described(error) };
  }
};

const described = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : '');

new Worker(new URL('./watchdog.ts', import.meta.url), { workerData: process.argv[2] }).unref();

process.on('message', (request: Request) => {
  void answer(request).then((reply) => process.send?.(reply));
});
