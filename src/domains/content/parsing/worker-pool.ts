import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { ParsingLimits } from './limits.ts';
import { UnreadableDocument } from './unreadable-document.ts';
import type { Reply, Request, Result, Task } from './worker-protocol.ts';

const MEBIBYTE = 1024 * 1024;
/** An idle worker holds its parsers and their garbage, 100 to 300 MB; starting another takes 0.1 s. */
const IDLE_MS = 60_000;
/** How a process ends that V8 (SIGABRT), its own watchdog or the system (SIGKILL) found too large. */
const MEMORY_SIGNALS: ReadonlySet<string> = new Set(['SIGABRT', 'SIGKILL', 'SIGTRAP', 'SIGILL']);

type Waiting = { task: Task; resolve: (result: Result) => void; reject: (reason: Error) => void };
type Idle = { worker: ChildProcess; timer: NodeJS.Timeout };

/**
 * Processes that do one task each at a time, so that a file that hangs, exhausts memory or crashes its parser costs that
 * process only. Not threads: V8 aborts the whole process when a thread's heap ends within a native call, which a PDF of
 * 1.5 MB brings about. Started when needed, stopped when idle; they keep the server alive only while they work.
 */
export class WorkerPool {
  readonly #size: number;
  readonly #limits: ParsingLimits;
  readonly #queue: Waiting[] = [];
  readonly #idle: Idle[] = [];
  readonly #busy = new Set<ChildProcess>();
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
    await Promise.all([...idle.map(({ worker }) => worker), ...this.#busy].map(ended));
  }

  #next(): void {
    if (this.#closed || this.#busy.size >= this.#size) return;
    const waiting = this.#queue.shift();
    if (!waiting) return;
    const worker = this.#take();
    this.#busy.add(worker);
    this.#perform(worker, waiting.task)
      .finally(() => this.#busy.delete(worker))
      .then((reply) => {
        this.#rest(worker);
        return resultOf(reply);
      })
      .then(waiting.resolve, waiting.reject)
      .finally(() => this.#next());
  }

  #take(): ChildProcess {
    const idle = this.#idle.pop();
    if (!idle) return this.#start();
    clearTimeout(idle.timer);
    idle.worker.removeAllListeners().ref();
    idle.worker.channel?.ref?.();
    return idle.worker;
  }

  #start(): ChildProcess {
    const { maxHeapBytes, maxMemoryBytes } = this.#limits;
    return fork(new URL('./worker.ts', import.meta.url), [String(maxMemoryBytes)], {
      execArgv: [`--max-old-space-size=${Math.floor(maxHeapBytes / MEBIBYTE)}`],
      // Nothing of the server's environment (keys, database) is within a parser's reach.
      env: {},
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
  }

  #rest(worker: ChildProcess): void {
    worker.removeAllListeners();
    if (this.#closed) return void worker.kill('SIGKILL');
    const timer = setTimeout(() => worker.kill('SIGKILL'), IDLE_MS).unref();
    const idle = { worker, timer };
    const forget = (): void => {
      clearTimeout(timer);
      if (this.#idle.includes(idle)) this.#idle.splice(this.#idle.indexOf(idle), 1);
    };
    // A worker that dies at rest must not be handed out again, nor its error end the server.
    worker.once('error', forget).once('exit', forget).unref();
    worker.channel?.unref?.();
    this.#idle.push(idle);
  }

  async #perform(worker: ChildProcess, task: Task): Promise<Reply> {
    const id = (this.#lastId += 1);
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const late = (): void => reject(new UnreadableDocument('This file takes too long to read.'));
    const timer = setTimeout(late, this.#limits.timeoutMs);
    worker
      // Only worker.ts answers on this channel.
      .on('message', (message) => resolve(message as Reply))
      .once('error', reject)
      .once('exit', (_code, signal) => reject(this.#closed ? closing() : endedBy(signal)));
    try {
      const request: Request = { id, task };
      worker.send(request);
      return await promise;
    } catch (error) {
      await ended(worker);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

const closing = (): Error => new Error('The parsing workers are closed.');

const endedBy = (signal: string | null): Error =>
  signal && MEMORY_SIGNALS.has(signal)
    ? new UnreadableDocument('This file needs too much memory to read.')
    : new Error(`A parsing worker ended during its task (${signal ?? 'no signal'}).`);

/** Kills a worker and waits for its end; at once when it has ended. */
const ended = (worker: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (worker.exitCode !== null || worker.signalCode !== null || worker.pid === undefined) return resolve();
    worker.once('exit', () => resolve());
    worker.ref();
    worker.kill('SIGKILL');
  });

const resultOf = (reply: Reply): Result => {
  if ('result' in reply) return reply.result;
  if ('reason' in reply) throw new UnreadableDocument(reply.reason, { cause: reply.cause });
  throw new Error(`A parsing worker failed: ${reply.failure}`);
};
