import { parseTraceParent } from '@opentelemetry/core';

/** A place in a trace: what is done because of it stands below that span (https://www.w3.org/TR/trace-context/). */
export interface Trace {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits; absent where nobody has begun a span. */
  readonly spanId?: string;
  /** 1: it is recorded. */
  readonly traceFlags?: number;
}

/** The trace that a caller names by the header `traceparent`; otherwise one of its own, with the digits of the request's id, a UUID. */
export const traceOf = (traceparent: unknown, requestId: string): Trace =>
  (typeof traceparent === 'string' ? parseTraceParent(traceparent) : null) ?? {
    traceId: requestId.replaceAll('-', ''),
  };
