import { once } from 'node:events';
import { WebSocket } from 'ws';

/** What hangs in the memory of a process after a garbage collection. */
export interface Census {
  /** Listeners registered with all event emitters that are still referenced. */
  readonly listeners: number;
  /** Timers, sockets and the like that keep the process running, by kind. */
  readonly resources: Readonly<Record<string, number>>;
  /** Event emitters by class, such as `Socket` or `WebSocket`. */
  readonly emitters: Readonly<Record<string, number>>;
  readonly abortSignals: number;
}

interface Reply {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** Where `node --inspect=0` says that its inspector listens; undefined before it has. */
export const inspectorAddress = (output: string): string | undefined =>
  /Debugger listening on (ws:\S+)/.exec(output)?.[1];

/** Looks into a Node process through its inspector (https://chromedevtools.github.io/devtools-protocol/v8/). */
export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      // The cast is safe: the protocol sends nothing else, and events have no id.
      const { id = 0, result, error } = JSON.parse(data.toString()) as Reply;
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error.message));
    });
  }

  /** Connects to the address that the process has printed. */
  static async open(address: string): Promise<Inspector> {
    const socket = new WebSocket(address, { perMessageDeflate: false });
    await once(socket, 'open');
    return new Inspector(socket);
  }

  /** Bytes that JavaScript objects use after a full garbage collection, which stops the process for a moment. */
  async heapUsed(): Promise<number> {
    await this.#call('HeapProfiler.collectGarbage');
    const { usedSize } = (await this.#call('Runtime.getHeapUsage')) as { usedSize: number };
    return usedSize;
  }

  async census(): Promise<Census> {
    const emitters = await this.#ofPrototype<{ listeners: number; classes: Record<string, number> }>(
      `process.getBuiltinModule('node:events').EventEmitter.prototype`,
      `function () {
        const classes = {};
        let listeners = 0;
        // Prototypes have the prototype too; only what was constructed has a table of listeners.
        for (const emitter of this.filter((object) => Object.hasOwn(object, '_events'))) {
          const name = String(emitter.constructor?.name);
          classes[name] = (classes[name] ?? 0) + 1;
          listeners += Object.values(emitter._events ?? {}).flat().length;
        }
        return { listeners, classes };
      }`,
    );
    const abortSignals = await this.#ofPrototype<number>(
      'AbortSignal.prototype',
      'function () { return this.length; }',
    );
    const { result } = (await this.#call('Runtime.evaluate', {
      expression: `process.getActiveResourcesInfo().reduce((count, kind) => ({ ...count, [kind]: (count[kind] ?? 0) + 1 }), {})`,
      returnByValue: true,
    })) as { result: { value: Record<string, number> } };
    return { listeners: emitters.listeners, emitters: emitters.classes, abortSignals, resources: result.value };
  }

  close(): void {
    this.#socket.close();
  }

  /** What `summary` makes of all objects with this prototype, called with the array of them as `this`. */
  async #ofPrototype<Summary>(prototype: string, summary: string): Promise<Summary> {
    const objectGroup = 'census';
    const { result } = (await this.#call('Runtime.evaluate', { expression: prototype, objectGroup })) as {
      result: { objectId: string };
    };
    const { objects } = (await this.#call('Runtime.queryObjects', {
      prototypeObjectId: result.objectId,
      objectGroup,
    })) as { objects: { objectId: string } };
    const summed = (await this.#call('Runtime.callFunctionOn', {
      objectId: objects.objectId,
      functionDeclaration: summary,
      returnByValue: true,
    })) as { result: { value: Summary }; exceptionDetails?: { exception?: { description?: string } } };
    await this.#call('Runtime.releaseObjectGroup', { objectGroup });
    if (summed.exceptionDetails !== undefined) throw new Error(summed.exceptionDetails.exception?.description);
    return summed.result.value;
  }

  #call(method: string, parameters: object = {}): Promise<unknown> {
    const id = (this.#lastId += 1);
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#socket.send(JSON.stringify({ id, method, params: parameters }));
    return waiting.promise;
  }
}
