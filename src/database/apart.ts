import { setTimeout as pause } from 'node:timers/promises';
import type { UnitOfWork } from './unit-of-work.ts';

/**
 * Does what takes a connection of its own beside a unit, such as reading as somebody else. A query's other fields read in the unit at the same
 * time and may hold the last connection until the operation ends, which it does not before this has: so what they open is given back
 * again and again meanwhile.
 */
export const apart = async <Result>(unit: UnitOfWork, work: () => Promise<Result>): Promise<Result> => {
  await unit.rest();
  const result = work();
  const ended = result.then(
    () => true,
    () => true,
  );
  while (!(await Promise.race([ended, pause(5, false)]))) await unit.rest();
  return result;
};
