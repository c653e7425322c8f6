import type { Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, RandomIdGenerator, TracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace';
import { scopeNow } from './log.ts';

/** Where spans go. */
export interface Tracing {
  readonly tracer: Tracer;
  /** Sends what waits. */
  close(): Promise<void>;
}

export interface TracingOptions {
  /** Root of a collector that speaks OTLP over HTTP. */
  readonly endpoint: string;
  readonly serviceName: string;
}

/** A trace that begins here has the id that the lines of the log name. */
class ScopeIds extends RandomIdGenerator {
  override generateTraceId(): string {
    return scopeNow()?.traceId ?? super.generateTraceId();
  }
}

/** Begins to send spans in the background; what the collector does not take is lost. */
export const openTracing = ({ endpoint, serviceName }: TracingOptions): Tracing => {
  const exporter = new OTLPTraceExporter({ url: new URL('v1/traces', endpoint.replace(/\/*$/, '/')).href });
  return tracingOn(new BatchSpanProcessor({ exporter }), serviceName);
};

/** Hands spans to a processor. */
export const tracingOn = (processor: SpanProcessor, serviceName: string): Tracing => {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName }),
    spanProcessors: [processor],
    idGenerator: new ScopeIds(),
  });
  return { tracer: provider.getTracer('tessera'), close: () => provider.shutdown() };
};
