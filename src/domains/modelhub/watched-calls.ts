import { LRUCache } from 'lru-cache';
import { modelCallEnded } from '../../telemetry/happenings.ts';
import type { Outcome } from './calls.ts';
import type { Callable, Price } from './deployments.ts';

/** Calls that are reserved here and not settled yet. Those that another process ends, because this one forgot them, are missing in the metrics. */
const reserved = new LRUCache<string, Pick<Callable, 'model' | 'provider' | 'price'>>({ max: 10_000 });

/** Remembers what is called, while anybody hears of calls. */
export const watchCall = (id: string, { model, provider, price }: Callable): void => {
  if (modelCallEnded.heard) reserved.set(id, { model, provider, price });
};

/** Tells of a call that was settled, once. */
export const tellCall = (
  id: string,
  { status, usage, latencyMs }: Pick<Outcome, 'status' | 'usage' | 'latencyMs'>,
): void => {
  const called = reserved.get(id);
  if (called === undefined) return;
  reserved.delete(id);
  const { inputTokens, outputTokens } = usage;
  modelCallEnded.tell({
    provider: called.provider.name,
    type: called.model.type,
    status,
    inputTokens,
    outputTokens,
    cost: called.price && dollarsOf(called.price, usage),
    durationMs: latencyMs,
  });
};

/** For the metrics alone: what is charged is calculated by the database, in decimals. */
const dollarsOf = (
  { input, cachedInput, output }: Price,
  { inputTokens, cachedInputTokens, outputTokens }: Outcome['usage'],
): number =>
  (inputTokens - cachedInputTokens) * Number(input) +
  cachedInputTokens * Number(cachedInput ?? input) +
  outputTokens * Number(output);
