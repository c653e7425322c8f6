import { amountOf } from './cost-amount.ts';
import type { Amount, Variables } from './cost-amount.ts';

/** A field of an answer that weighs something, with what is below. */
export interface Part {
  readonly key: string;
  readonly weight: Amount;
  readonly valueWeight: number;
  readonly parts: readonly Part[];
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Cost of the fields of one object of an answer. */
export const costOfParts = (
  parts: readonly Part[],
  data: Readonly<Record<string, unknown>>,
  variables: Variables,
): number => {
  let cost = 0;
  for (const part of parts) {
    const value = data[part.key];
    // Absent where a condition was not met; null was asked for and answered.
    if (value !== undefined) cost += amountOf(part.weight, variables) + costOfValue(part, value, variables);
  }
  return cost;
};

const costOfValue = (part: Part, value: unknown, variables: Variables): number => {
  if (value === null) return 0;
  if (Array.isArray(value)) {
    let cost = 0;
    for (const item of value) cost += costOfValue(part, item, variables);
    return cost;
  }
  return part.parts.length > 0 && isRecord(value)
    ? part.valueWeight + costOfParts(part.parts, value, variables)
    : part.valueWeight;
};
