import { Worker } from 'node:worker_threads';
import type { ParsingLimits } from './limits.ts';
import { UnreadableDocument } from './unreadable-document.ts';
import type { Reply, Request, Result, Task } from './worker-protocol.ts';

const MEBIBYTE = 1024 * 1024;
const WATCH_EVERY_MS = 100;
/** An idle worker holds its parsers and their garbage, about 100 MB; starting another takes 0.1 s. */
const IDLE_MS = 60_000;

type Waiting = { task: Task; resolve: (result: Result) => void; reject: (reason: Error) => void };

/**
 * Threads that do one task each at a time, so that a file that hangs, exhausts memory or kills its thread costs that
 * thread only. Started when needed, stopped when idle; they keep the process alive only while they work.
 */
export class WorkerPool {
  readonly #size: number;
  readonly #limits: ParsingLimits;
  readonly #queue: Waiting[] = [];
  readonly #idle: { worker: Worker; timer: NodeJS.Timeout }[] = [];
  readonly #busy = new Set<Worker>();
  #closed = false;
  #lastId = 0;

  constructor(size: number, limits: ParsingLimits) {
    this.#size = size;
    this.#limits = limits;
  }

  /** Does a task. Throws UnreadableDocument when the file cannot be read or breaks a limit, Error for faults of ours. */
  run(task: Task): Promise<Result> {
    if (this.#closed) return Promise.reject(new Error('The parsing workers are closed.'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ task, resolve, reject });
      this.#next();
    });
  }

  /** Ends all workers; tasks under way or waiting are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#queue.splice(0)) reject(new Error('The parsing workers are closed.'));
    const idle = this.#idle.splice(0);
    for (const { timer } of idle) clearTimeout(timer);
    await Promise.all([...idle.map(({ worker }) => worker), ...this.#busy].map((worker) => worker.terminate()));
  }

  #next(): void {
    if (this.#busy.size >= this.#size) return;
    const waiting = this.#queue.shift();
    if (!waiting) return;
    const worker = this.#take();
    this.#busy.add(worker);
    this.#perform(worker, waiting.task)
      .then((reply) => {
        this.#rest(worker);
        return resultOf(reply);
      })
      .then(waiting.resolve, waiting.reject)
      .finally(() => {
        this.#busy.delete(worker);
        if (!this.#closed) this.#next();
      });
  }

  #take(): Worker {
    const idle = this.#idle.pop();
    if (idle) clearTimeout(idle.timer);
    const worker = idle?.worker ?? this.#start();
    worker.ref();
    return worker;
  }

  #start(): Worker {
    const resourceLimits = { maxOldGenerationSizeMb: this.#limits.maxHeapBytes / MEBIBYTE };
    // Nothing of the process's environment (keys, database) is within a parser's reach.
    return new Worker(new URL('./worker.ts', import.meta.url), { resourceLimits, env: {} });
  }

  #rest(worker: Worker): void {
    worker.removeAllListeners();
    worker.unref();
    const timer = setTimeout(() => {
      this.#idle.splice(
        this.#idle.findIndex((idle) => idle.worker === worker),
        1,
      );
      void worker.terminate();
    }, IDLE_MS).unref();
    // A worker that dies at rest must not be handed out again, nor its error end the process.
    worker.once('error', () => clearTimeout(timer)).once('exit', () => this.#forget(worker));
    this.#idle.push({ worker, timer });
  }

  #forget(worker: Worker): void {
    const place = this.#idle.findIndex((idle) => idle.worker === worker);
    if (place >= 0) this.#idle.splice(place, 1);
  }

  async #perform(worker: Worker, task: Task): Promise<Reply> {
    const id = (this.#lastId += 1);
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const stop = (reason: string): void => reject(new UnreadableDocument(reason));
    const timer = setTimeout(() => stop('This file takes too long to read.'), this.#limits.timeoutMs);
    const watch = setInterval(() => void this.#watch(worker, stop), WATCH_EVERY_MS);
    worker
      .removeAllListeners()
      .on('message', (reply: Reply) => reply.id === id && resolve(reply))
      .once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') stop('This file needs too much memory to read.');
        else reject(error);
      })
      .once('exit', () => reject(new Error('A parsing worker ended during its task.')));
    try {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      worker.postMessage({ id, task: transferable(task) } satisfies Request);
      return await promise;
    } catch (error) {
      await worker.terminate();
      throw error;
    } finally {
      clearTimeout(timer);
      clearInterval(watch);
    }
  }

  async #watch(worker: Worker, stop: (reason: string) => void): Promise<void> {
    const memory = await worker.getHeapStatistics().catch(() => null);
    const bytes = memory ? memory.used_heap_size + memory.external_memory : 0;
    if (bytes > this.#limits.maxMemoryBytes) stop('This file needs too much memory to read.');
  }
}

/** A Buffer may be a view on memory shared with others; the worker gets the file's bytes only. */
const transferable = (task: Task): Task =>
  task.kind === 'parse' ? { ...task, source: { ...task.source, bytes: new Uint8Array(task.source.bytes) } } : task;

const resultOf = (reply: Reply): Result => {
  if ('result' in reply) return reply.result;
  if ('reason' in reply) throw new UnreadableDocument(reply.reason, { cause: reply.cause });
  throw new Error(`A parsing worker failed: ${reply.failure}`);
};
