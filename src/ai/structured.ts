import type { JSONSchema7 } from 'ai';
import { z } from 'zod';
import { streamStep, type StepRequest, type StepResult } from './agent-step.ts';
import type { Deployment } from './deployment.ts';
import { ModelFailure } from './failure.ts';

/** What a schema may say. Without references, patterns and comparisons of elements a value is checked in about the time it takes to read it. */
const keywords: ReadonlySet<string> = new Set([
  'type',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'enum',
  'const',
  'anyOf',
  'title',
  'description',
  'default',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  '$schema',
]);
const maxDepth = 12;
const maxBytes = 16_000;

/** A schema that was read, and how what it describes is checked. */
export type ObjectSchema = { readonly schema: JSONSchema7; readonly check: z.ZodType };

/** What is wrong with a schema, in words for whoever wrote it. */
export class UnfitSchema extends Error {}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Schemas directly below one. */
const below = ({ properties, items, additionalProperties, anyOf }: Record<string, unknown>): unknown[] => [
  ...(isObject(properties) ? Object.values(properties) : []),
  ...(items === undefined ? [] : [items]),
  ...(additionalProperties === undefined || typeof additionalProperties === 'boolean' ? [] : [additionalProperties]),
  ...(Array.isArray(anyOf) ? anyOf : []),
];

const examine = (schema: unknown, depth: number): void => {
  if (!isObject(schema)) throw new UnfitSchema('A schema is a JSON object.');
  if (depth > maxDepth) throw new UnfitSchema(`A schema nests at most ${maxDepth} levels.`);
  const strange = Object.keys(schema).find((keyword) => !keywords.has(keyword));
  if (strange !== undefined) throw new UnfitSchema(`The keyword ${strange.slice(0, 50)} is not taken.`);
  for (const each of below(schema)) examine(each, depth + 1);
};

/** Reads the JSON Schema of an object. Throws UnfitSchema where it is none, says what is not taken, or is longer than 16 kB. */
export const objectSchema = (given: unknown): ObjectSchema => {
  if (!isObject(given) || given.type !== 'object') throw new UnfitSchema('A schema has the type object at its root.');
  if (Buffer.byteLength(JSON.stringify(given)) > maxBytes) throw new UnfitSchema('A schema has at most 16 kB.');
  examine(given, 1);
  // The cast is safe: what it holds was looked through, and what is wrong in a keyword's value the parser says.
  const schema = given as JSONSchema7;
  try {
    return { schema, check: z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]) };
  } catch (error) {
    throw new UnfitSchema(`The schema cannot be read: ${error instanceof Error ? error.message.slice(0, 200) : ''}`);
  }
};

export type StructuredRequest = Pick<StepRequest, 'system' | 'question' | 'temperature' | 'signal' | 'timeouts'> & {
  schema: ObjectSchema;
};

/** The result of a call, with the object that its text says. */
export type StructuredResult = Omit<StepResult, 'calls'> & { object: unknown };

/** The object's JSON in pieces, in order, then the whole of it once. */
export type StructuredPart = { type: 'delta'; text: string } | { type: 'result'; result: StructuredResult };

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/**
 * Streams an object as a model writes it, checked against the schema at its end. Tried again and bounded in time as an answer is. Throws
 * ModelFailure, INVALID_RESPONSE with the text and what was used where it does not keep to the schema.
 */
export async function* streamStructured(
  deployment: Deployment,
  { schema, ...request }: StructuredRequest,
): AsyncGenerator<StructuredPart, void> {
  const step = { deployment, history: [], earlier: [], tools: [], schema: schema.schema, ...request };
  for await (const part of streamStep(step)) {
    if (part.type === 'delta') {
      yield part;
      continue;
    }
    const { text, usage, latencyMs, timeToFirstTokenMs } = part.result;
    const found = schema.check.safeParse(parsed(text));
    if (!found.success)
      throw new ModelFailure('INVALID_RESPONSE', 'The model did not keep to the schema.', { text, usage });
    yield { type: 'result', result: { text, object: found.data, usage, latencyMs, timeToFirstTokenMs } };
  }
}
