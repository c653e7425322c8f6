import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { jobEnded, modelCallEnded, operationEnded, requestEnded, webhookTried } from './happenings.ts';

/** What is asked at each reading of the metrics. What this process does not have is left out. */
export interface Sources {
  /** By the pool's name. */
  readonly pools: Readonly<Record<string, () => PoolState>>;
  readonly queue: () => Promise<readonly QueueState[]>;
  /** Listeners on the bus, in this process. */
  readonly listeners: () => number;
  /** Only servers have these. */
  readonly connections?: () => {
    readonly sockets: number;
    readonly subscriptions: number;
    readonly eventStreams: number;
  };
}

export interface PoolState {
  readonly inUse: number;
  readonly idle: number;
  readonly opening: number;
  readonly waiting: number;
  readonly limit: number;
}

/** Work of one kind that has not ended, of all processes together. */
export interface QueueState {
  readonly kind: string;
  /** Waits, also for its time to come. */
  readonly waiting: number;
  readonly active: number;
  /** Seconds for which the longest waiting could have been begun. */
  readonly oldestSeconds: number;
}

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const longSeconds = [0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800];
const statementCounts = [0, 1, 2, 3, 5, 8, 13, 21, 50, 100];
const methods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH']);

/**
 * What happens in this process from now on, in numbers (https://prometheus.io/docs/instrumenting/exposition_formats/). Labels come from closed lists and
 * from names that the platform gives, never from clients.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #deafen: readonly (() => void)[];
  readonly #readQueue: () => Promise<void>;

  constructor(sources: Sources) {
    collectDefaultMetrics({ register: this.#registry });
    this.#gauges(sources);
    this.#readQueue = this.#queueGauges(sources.queue);
    this.#deafen = [this.#requests(), this.#operations(), this.#jobs(), this.#webhooks(), this.#modelCalls()];
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All of them as text. */
  async read(): Promise<string> {
    await this.#readQueue();
    return this.#registry.metrics();
  }

  /** Counts nothing more. */
  close(): void {
    for (const deafen of this.#deafen) deafen();
    this.#registry.clear();
  }

  #requests(): () => void {
    const durations = this.#histogram({
      name: 'tessera_http_request_duration_seconds',
      help: 'Time from an HTTP request to the end of its answer.',
      labelNames: ['route', 'method', 'status'],
      buckets: seconds,
    });
    return requestEnded.hear(({ route, method, status, durationMs }) =>
      durations.observe(
        { route, method: methods.has(method) ? method : 'other', status: status ?? 'aborted' },
        durationMs / 1000,
      ),
    );
  }

  #operations(): () => void {
    const durations = this.#histogram({
      name: 'tessera_operation_duration_seconds',
      help: 'Time of GraphQL operations by type and outcome; of subscriptions until they have begun.',
      labelNames: ['type', 'code'],
      buckets: seconds,
    });
    const statements = this.#histogram({
      name: 'tessera_operation_statements',
      help: 'Statements of GraphQL operations.',
      labelNames: ['type'],
      buckets: statementCounts,
    });
    return operationEnded.hear(({ type, code, durationMs, statements: count }) => {
      durations.observe({ type, code }, durationMs / 1000);
      if (count !== null) statements.observe({ type }, count);
    });
  }

  #jobs(): () => void {
    const durations = this.#histogram({
      name: 'tessera_job_duration_seconds',
      help: 'Time of runs of background work by kind and outcome; what failed is tried again, what was given up is not.',
      labelNames: ['kind', 'outcome'],
      buckets: longSeconds,
    });
    return jobEnded.hear(({ kind, outcome, durationMs }) => durations.observe({ kind, outcome }, durationMs / 1000));
  }

  #webhooks(): () => void {
    const durations = this.#histogram({
      name: 'tessera_webhook_attempt_duration_seconds',
      help: 'Time of tries to deliver to the servers of webhooks, by outcome.',
      labelNames: ['outcome'],
      buckets: seconds,
    });
    return webhookTried.hear(({ outcome, durationMs }) => durations.observe({ outcome }, durationMs / 1000));
  }

  #modelCalls(): () => void {
    const labelNames = ['provider', 'type', 'status'] as const;
    const calls = this.#counter('tessera_model_calls_total', 'Calls of models that were settled here.', labelNames);
    const tokens = this.#counter('tessera_model_tokens_total', 'Tokens that calls of models used.', [
      'provider',
      'type',
      'direction',
    ]);
    const costs = this.#counter('tessera_model_cost_dollars_total', 'US dollars of calls whose price is known.', [
      'provider',
      'type',
    ]);
    const durations = this.#histogram({
      name: 'tessera_model_call_duration_seconds',
      help: 'Time of calls of models.',
      labelNames,
      buckets: longSeconds,
    });
    return modelCallEnded.hear(({ provider, type, status, inputTokens, outputTokens, cost, durationMs }) => {
      calls.inc({ provider, type, status });
      tokens.inc({ provider, type, direction: 'input' }, inputTokens);
      tokens.inc({ provider, type, direction: 'output' }, outputTokens);
      if (cost !== null) costs.inc({ provider, type }, cost);
      if (durationMs !== null) durations.observe({ provider, type, status }, durationMs / 1000);
    });
  }

  #gauges({ pools, listeners, connections }: Sources): void {
    this.#poolGauges(pools);
    this.#gauge('tessera_bus_listeners', 'Listeners on the bus in this process.', [], (gauge) =>
      gauge.set(listeners()),
    );
    if (connections === undefined) return;
    this.#gauge('tessera_sockets', 'Open WebSockets.', [], (gauge) => gauge.set(connections().sockets));
    this.#gauge('tessera_subscriptions', 'Open subscriptions of members.', [], (gauge) =>
      gauge.set(connections().subscriptions),
    );
    this.#gauge('tessera_event_streams', 'Open event streams of visitors.', [], (gauge) =>
      gauge.set(connections().eventStreams),
    );
  }

  #poolGauges(pools: Sources['pools']): void {
    const each = (set: (state: PoolState, pool: string) => void): void => {
      for (const [pool, state] of Object.entries(pools)) set(state(), pool);
    };
    this.#gauge('tessera_pool_connections', 'Connections to the database by state.', ['pool', 'state'], (gauge) =>
      each(({ inUse, idle, opening }, pool) => {
        gauge.set({ pool, state: 'in_use' }, inUse);
        gauge.set({ pool, state: 'idle' }, idle);
        gauge.set({ pool, state: 'opening' }, opening);
      }),
    );
    this.#gauge('tessera_pool_limit', 'Connections that there may be.', ['pool'], (gauge) =>
      each(({ limit }, pool) => gauge.set({ pool }, limit)),
    );
    this.#gauge('tessera_pool_waiting', 'Units of work that wait for a connection.', ['pool'], (gauge) =>
      each(({ waiting }, pool) => gauge.set({ pool }, waiting)),
    );
  }

  /** Fills the gauges of the queue: one statement for all of them. */
  #queueGauges(queue: Sources['queue']): () => Promise<void> {
    const jobs = this.#gauge('tessera_queue_jobs', 'Work of all processes that has not ended.', ['kind', 'state']);
    const ages = this.#gauge('tessera_queue_oldest_seconds', 'For how long the oldest work could have been begun.', [
      'kind',
    ]);
    const known = this.#gauge('tessera_queue_known', '1 where the queue could be read, otherwise 0.', []);
    return async () => {
      const states = await queue().catch(() => undefined);
      known.set(states === undefined ? 0 : 1);
      jobs.reset();
      ages.reset();
      for (const { kind, waiting, active, oldestSeconds } of states ?? []) {
        jobs.set({ kind, state: 'waiting' }, waiting);
        jobs.set({ kind, state: 'active' }, active);
        ages.set({ kind }, oldestSeconds);
      }
    };
  }

  #gauge<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read?: (gauge: Gauge<Label>) => void,
  ): Gauge<Label> {
    const gauge: Gauge<Label> = new Gauge({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      ...(read && { collect: () => read(gauge) }),
    });
    return gauge;
  }

  #counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram<Label extends string>(options: {
    readonly name: string;
    readonly help: string;
    readonly labelNames: readonly Label[];
    readonly buckets: number[];
  }): Histogram<Label> {
    return new Histogram({ ...options, registers: [this.#registry] });
  }
}
