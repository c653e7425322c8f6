import { context, SpanKind, trace, TraceFlags, type Context, type SpanContext, type Tracer } from '@opentelemetry/api';
import { operationEnded } from './happenings.ts';
import type { Trace } from './trace.ts';
import { WorkRecord } from './work-record.ts';

/** Who asked for something, as far as it is known. */
export interface Asked {
  readonly requestId: string;
  readonly trace?: Trace;
}

export interface ObserverOptions {
  readonly tracer?: Tracer | undefined;
  /** From how long on an operation is slow, in milliseconds. */
  readonly slowOperationMs?: number | undefined;
  readonly onStatement?: ((text: string) => ((failed: boolean) => void) | undefined) | undefined;
}

interface Recorded extends Pick<ObserverOptions, 'onStatement'> {
  readonly name: string;
  readonly kind: SpanKind;
  readonly counts: boolean;
}

/** Begins records of what runs, which note no more than somebody wants to know. */
export class Observer {
  readonly #options: ObserverOptions;

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  /** Whether it is wanted to know how long the levels of an operation take. */
  get watchesLevels(): boolean {
    return this.#options.tracer !== undefined || this.#options.slowOperationMs !== undefined;
  }

  isSlow(durationMs: number): boolean {
    return durationMs >= (this.#options.slowOperationMs ?? Infinity);
  }

  /** An operation that somebody asks for. */
  operation(asked: Asked): WorkRecord {
    const counts = operationEnded.heard || this.#options.slowOperationMs !== undefined;
    return this.#record(asked, {
      name: 'operation',
      kind: SpanKind.SERVER,
      counts,
      onStatement: this.#options.onStatement,
    });
  }

  /** Work that somebody asked for before. */
  job(asked: Asked): WorkRecord {
    return this.#record(asked, { name: 'job', kind: SpanKind.CONSUMER, counts: false, onStatement: undefined });
  }

  #record({ requestId, trace: above }: Asked, { name, kind, counts, onStatement }: Recorded): WorkRecord {
    const { tracer } = this.#options;
    if (tracer === undefined) return new WorkRecord(onStatement, counts);
    const attributes = { 'tessera.request_id': requestId };
    const span = tracer.startSpan(name, { kind, attributes }, contextBelow(above));
    return new WorkRecord(onStatement, counts, { tracer, span });
  }
}

/** A trace that nobody has begun yet has no span to stand below. */
const contextBelow = (above: Trace | undefined): Context => {
  const root = context.active();
  if (above?.spanId === undefined) return root;
  const { traceId, spanId, traceFlags = TraceFlags.NONE } = above;
  const spanContext: SpanContext = { traceId, spanId, traceFlags, isRemote: true };
  return trace.setSpanContext(root, spanContext);
};
