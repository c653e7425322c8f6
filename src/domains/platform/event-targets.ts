import { BadUserInput } from '../../errors.ts';
import { parseGlobalId } from '../../ids.ts';

/** A filter of a log as statements take it: targets are of any type, so the gateway leaves their ids as clients give them. Throws BadUserInput. */
export const withTargets = (filter: unknown): unknown => {
  if (Array.isArray(filter)) return filter.map(withTargets);
  if (typeof filter !== 'object' || filter === null) return filter;
  const entries = Object.entries(filter).map(([name, value]: [string, unknown]) => {
    if (name === 'targetId') return [name, decoded(value)];
    return [name, ['and', 'or', 'not'].includes(name) ? withTargets(value) : value];
  });
  return Object.fromEntries(entries);
};

/** The UUID in an id of whatever type. Throws BadUserInput. */
export const targetUuid = (id: string, field = 'filter.targetId'): string => {
  const parsed = parseGlobalId(id);
  if (parsed === null) throw new BadUserInput(field, 'This is not an id.');
  return parsed.uuid;
};

const decoded = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(decoded);
  if (typeof value === 'string') return targetUuid(value);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, operand]) => [name, decoded(operand)]));
};
