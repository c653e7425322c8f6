import { BadUserInput } from '../errors.ts';

/** The values of an order's keys at one row, as Postgres writes them. */
export type Position = readonly string[];

/** Opaque to clients: base64url of the order's name and the row's place in it. */
export const encodeCursor = (order: string, position: readonly unknown[]): string =>
  Buffer.from(JSON.stringify([order, ...position.map(String)])).toString('base64url');

/**
 * The position a cursor stands for.
 * @throws BadUserInput when it is malformed or comes from a list in another order.
 */
export const decodeCursor = (field: string, order: string, accepts: readonly RegExp[], cursor: string): Position => {
  const [name, ...position] = parsed(cursor);
  if (name !== order)
    throw new BadUserInput(
      field,
      name === undefined ? 'This is not a cursor.' : 'This cursor comes from another order.',
    );
  const fits =
    position.length === accepts.length && accepts.every((pattern, index) => pattern.test(position[index] ?? ''));
  if (!fits) throw new BadUserInput(field, 'This is not a cursor.');
  return position;
};

const parsed = (cursor: string): string[] => {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(value) && value.every((part) => typeof part === 'string') ? value : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
};
