import { AsyncLocalStorage } from 'node:async_hooks';
import { context, SpanKind, SpanStatusCode, trace, type Span, type Tracer } from '@opentelemetry/api';
import type { Trace } from './trace.ts';

/** Hears of each statement by its text; what it gives back is called at the end of it. */
type Listener = (text: string) => ((failed: boolean) => void) | undefined;

/** How a field of an operation was reached: `key` is its name in the answer, or an index. */
export interface Path {
  readonly key: string | number;
  readonly prev: Path | undefined;
}

/** The resolvers of one field of an operation, wherever they ran; times in milliseconds since the beginning of the work. */
export interface LevelTiming {
  readonly path: string;
  readonly calls: number;
  readonly startMs: number;
  readonly durationMs: number;
  readonly statements: number;
}

interface Level {
  readonly record: WorkRecord;
  readonly path: string;
  readonly startedAt: number;
  readonly span: Span | undefined;
  endedAt: number;
  calls: number;
  statements: number;
}

const maxLevels = 200;
const maxPath = 200;
const maxStatement = 4000;

const levelNow = new AsyncLocalStorage<Level>();

/** What is noted of one operation or job while it runs: its statements, and where somebody wants to know them its levels and spans. */
export class WorkRecord {
  /** Undefined where nobody wants to hear of statements. */
  readonly listener: Listener | undefined;
  readonly beganAt = performance.now();
  statements = 0;
  /** Whether it came to be carried out. */
  begun = false;
  readonly #tracer: Tracer | undefined;
  readonly #span: Span | undefined;
  readonly #levels = new Map<string, Level>();

  constructor(
    listener: Listener | undefined,
    counts: boolean,
    tracing?: { readonly tracer: Tracer; readonly span: Span },
  ) {
    this.#tracer = tracing?.tracer;
    this.#span = tracing?.span;
    this.listener = counts || tracing !== undefined ? (text) => this.#statement(text, listener) : listener;
  }

  /** Where what comes of it stands in the trace; undefined where it has no span. */
  get trace(): Trace | undefined {
    return this.#span?.spanContext();
  }

  get durationMs(): number {
    return performance.now() - this.beganAt;
  }

  /** In the order in which they began. */
  get levels(): LevelTiming[] {
    return [...this.#levels.values()].map(({ path, calls, startedAt, endedAt, statements }) => ({
      path,
      calls,
      startMs: startedAt - this.beganAt,
      durationMs: endedAt - startedAt,
      statements,
    }));
  }

  /** Runs a resolver as part of its level. */
  inLevel<Result>(path: Path, resolve: () => Result): Result {
    const level = this.#level(path);
    if (level === undefined) return resolve();
    level.calls += 1;
    const result = levelNow.run(level, resolve);
    const ended = () => void (level.endedAt = performance.now());
    if (isPromise(result)) result.then(ended, ended);
    else ended();
    return result;
  }

  /** Ends the spans; `name` is the work's own. */
  end(name: string, attributes: Readonly<Record<string, string | number>>, failed: boolean): void {
    for (const { span, calls, endedAt } of this.#levels.values())
      span?.setAttribute('tessera.calls', calls).end(epochOf(endedAt));
    if (this.#span === undefined) return;
    this.#span.updateName(name).setAttributes({ ...attributes, 'tessera.statements': this.statements });
    if (failed) this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end(epochOf(performance.now()));
  }

  #level(path: Path): Level | undefined {
    const name = nameOf(path);
    const known = this.#levels.get(name);
    if (known !== undefined || this.#levels.size >= maxLevels) return known;
    const startedAt = performance.now();
    const span = this.#spanBelow(this.#spanAbove(path.prev), name, { startTime: epochOf(startedAt) });
    const level: Level = { record: this, path: name, startedAt, span, endedAt: startedAt, calls: 0, statements: 0 };
    this.#levels.set(name, level);
    return level;
  }

  /** That of the nearest level above that there is. */
  #spanAbove(path: Path | undefined): Span | undefined {
    for (let above = path; above !== undefined; above = above.prev) {
      const level = this.#levels.get(nameOf(above));
      if (level !== undefined) return level.span;
    }
    return this.#span;
  }

  #statement(text: string, listener: Listener | undefined): ReturnType<Listener> {
    this.statements += 1;
    const level = levelNow.getStore();
    const own = level?.record === this ? level : undefined;
    if (own !== undefined) own.statements += 1;
    const heard = listener?.(text);
    const attributes = { 'db.system.name': 'postgresql', 'db.query.text': text.slice(0, maxStatement) };
    const span = this.#spanBelow(own?.span ?? this.#span, verbOf(text), { kind: SpanKind.CLIENT, attributes });
    if (span === undefined) return heard;
    return (failed) => {
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
      heard?.(failed);
    };
  }

  #spanBelow(above: Span | undefined, name: string, options: Parameters<Tracer['startSpan']>[1]): Span | undefined {
    if (this.#tracer === undefined || above === undefined) return undefined;
    return this.#tracer.startSpan(name, options, trace.setSpan(context.active(), above));
  }
}

const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

/** Milliseconds since 1970, of those since the beginning of the process. */
const epochOf = (at: number): number => performance.timeOrigin + at;

const verbOf = (text: string): string => (/^\s*(\w+)/.exec(text)?.[1] ?? 'statement').toLowerCase();

/** The names on the way to a field, without indices. */
const nameOf = (path: Path): string => {
  const names: string[] = [];
  for (let at: Path | undefined = path; at !== undefined; at = at.prev)
    if (typeof at.key === 'string') names.unshift(at.key);
  return names.join('.').slice(0, maxPath);
};
