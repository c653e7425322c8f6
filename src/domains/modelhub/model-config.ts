import * as z from 'zod';
import type { ProviderOptions } from '../../ai/deployment.ts';
import type { InputIssue } from '../../errors.ts';
import { issue } from './catalogue-checks.ts';
import type { ProviderRow } from './tables.ts';

/** Under which name the AI SDK hands a provider its options; null: it takes none. */
const namespaces: Readonly<Record<ProviderRow['dialect'], string | null>> = {
  BUILTIN: null,
  OPENAI: 'openai',
  ANTHROPIC: 'anthropic',
  GOOGLE: 'google',
  OPENAI_COMPATIBLE: 'openaiCompatible',
};

/**
 * What each call decides for itself. The SDK writes options over the body it made, and more tokens than were reserved would break the bounds on
 * what may be spent; `thinking.budgetTokens` is added to the tokens of the answer.
 */
const reserved: ReadonlySet<string> = new Set(
  [
    'model',
    'messages',
    'system',
    'prompt',
    'input',
    'stream',
    'streamOptions',
    'maxTokens',
    'maxCompletionTokens',
    'maxOutputTokens',
    'n',
    'tools',
    'toolChoice',
    'dimensions',
    'outputDimensionality',
    'budgetTokens',
  ].map((name) => name.toLowerCase()),
);
/** `max_tokens` and `maxTokens` are one name. */
const isReserved = (name: string): boolean => reserved.has(name.replaceAll('_', '').toLowerCase());

const maxLength = 4000;
const maxDepth = 6;

const shape = z.record(z.string(), z.record(z.string(), z.json()));

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const depthOf = (value: unknown, depth = 0): number =>
  !isObject(value) || depth > maxDepth
    ? depth
    : Math.max(depth + 1, ...Object.values(value).map((inner: unknown) => depthOf(inner, depth + 1)));
const namesOf = (value: unknown): string[] =>
  isObject(value)
    ? [...(Array.isArray(value) ? [] : Object.keys(value)), ...Object.values(value).flatMap(namesOf)]
    : [];

/** What is wrong with the options that a model's calls are to carry to a provider of this dialect. */
export const configFaults = (dialect: ProviderRow['dialect'], config: unknown): InputIssue[] => {
  const field = 'config';
  const bounded = JSON.stringify(config).length <= maxLength && depthOf(config) <= maxDepth;
  if (!bounded)
    return issue(field, false, `Options have at most ${maxLength} characters as JSON and ${maxDepth} levels.`);
  const { success, data = {} } = shape.safeParse(config);
  if (!success) return issue(field, false, "Options are an object of the provider's own objects.");
  const namespace = namespaces[dialect];
  const foreign = Object.keys(data).find((name) => name !== namespace);
  const expected = namespace === null ? 'The built-in models take no options.' : `Options stand under “${namespace}”.`;
  const forbidden = namesOf(Object.values(data)).find(isReserved);
  return [
    ...issue(field, foreign === undefined, expected),
    ...issue(field, forbidden === undefined, `The option ${forbidden ?? ''} is decided with each call.`),
  ];
};

/** Options as they are stored; faults are found by `configFaults`. */
export const configOf = (config: unknown): ProviderOptions => shape.safeParse(config).data ?? {};
