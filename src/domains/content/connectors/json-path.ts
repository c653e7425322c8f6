import { query, type JsonValue } from 'jsonpath-rfc9535';
import parse from 'jsonpath-rfc9535/parser';
import { z } from 'zod';

export type { JsonValue };

/**
 * A JSONPath (RFC 9535) that takes time in proportion to what it is applied to: one name, place or filter in each pair of brackets, at
 * most one filter and one `..`, and no regular expressions, which a sender of JSON could make run for ever.
 */
export const jsonPath = z
  .string()
  .max(300, 'A JSONPath has at most 300 characters.')
  .superRefine((text, context) => {
    const fault = faultOf(text);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
  });

/** What a path finds, in order. */
export const valuesAt = (path: string, json: JsonValue): JsonValue[] => query(json, path);

const faultOf = (text: string): string | null => {
  const nodes = nodesOf(text);
  if (nodes === null) return 'This must be a JSONPath such as $.items[*].';
  const count = (type: string): number => nodes.filter((node) => node.type === type).length;
  if (nodes.some(({ selectors }) => Array.isArray(selectors) && selectors.length > 1))
    return 'In each pair of brackets of a JSONPath stands one selector.';
  if (count('FilterSelector') > 1 || count('DescendantSegment') > 1)
    return 'A JSONPath has at most one filter and at most one “..”.';
  // The path itself is one.
  if (count('JsonPathQuery') > 1 || count('AbsSingularQuery') > 0) return 'A filter begins at @, not at $.';
  if (nodes.some(({ type, name }) => type === 'FunctionExpr' && (name === 'match' || name === 'search')))
    return 'A JSONPath takes no regular expressions.';
  return null;
};

type Node = Readonly<Record<string, unknown>>;

/** Everything that the path is made of; null when it is no path. */
const nodesOf = (text: string): Node[] | null => {
  try {
    return within(parse(text));
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
};

const within = (value: unknown): Node[] => {
  if (Array.isArray(value)) return value.flatMap(within);
  if (typeof value !== 'object' || value === null) return [];
  return [value as Node, ...Object.values(value).flatMap(within)];
};
