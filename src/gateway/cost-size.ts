import type { Amount } from './cost-amount.ts';

/** A size given by a field for lists among the fields below it, as a connection gives it for its edges. */
export class SizedFields {
  readonly #names: readonly string[];
  readonly #size: Amount;

  constructor(names: readonly string[], size: Amount) {
    this.#names = names;
    this.#size = size;
  }

  sizeOf(name: string): Amount | undefined {
    return this.#names.includes(name) ? this.#size : undefined;
  }
}

/** Stands for an argument that gives no size: absent, null, or of a type that coercion will refuse. */
export const NO_SIZE = -1;

/** Size that a value of a slicing argument asks for: the number, or the length of a list. */
export const sizeIn = (value: unknown): number => {
  if (typeof value === 'number') return Math.max(0, value);
  return Array.isArray(value) ? value.length : NO_SIZE;
};
