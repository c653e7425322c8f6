import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { LRUCache } from 'lru-cache';
import { RE2JS } from 're2js';

/** A JSON Schema (2020-12) of the arguments of an operation. */
export type ArgumentSchema = Readonly<Record<string, unknown>>;

/** Characters of a schema as JSON. */
export const maxSchemaLength = 16_000;
const maxDepth = 20;
/** What would lead elsewhere, or round in circles. */
const referring = new Set(['$ref', '$dynamicRef', '$recursiveRef', '$id', '$anchor', '$dynamicAnchor']);

/** Patterns come from users and are matched with what models write: this engine takes time in proportion to the text, and no more. */
const linearTime = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(pattern);
    // A validator keeps patterns apart by what they say of themselves.
    return { test: (text: string) => compiled.matcher(text).find(), toString: () => pattern };
  },
  { code: 'linearTime' },
);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Compiling takes up to a tenth of a second. */
const compiled = new LRUCache<string, ValidateFunction>({ max: 200 });

/** Throws an Error for what is no schema. */
const compile = (schema: ArgumentSchema): ValidateFunction => {
  const text = JSON.stringify(schema);
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const ajv = new Ajv2020({
    strict: false,
    logger: false,
    // Formats say what is meant; nothing is checked by them (JSON Schema Validation, 7.2.1).
    validateFormats: false,
    ownProperties: true,
    addUsedSchema: false,
    code: { regExp: linearTime },
  });
  // What a schema does not name is no argument, unless it says that there may be others.
  const made = ajv.compile({ additionalProperties: false, ...schema });
  compiled.set(text, made);
  return made;
};

const isDeeperThan = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1)));

const refers = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.entries(value).some(([key, inner]) => (referring.has(key) && typeof inner === 'string') || refers(inner));

/** What is wrong with a schema of arguments; null when it is fine. */
export const faultOfSchema = (schema: unknown): string | null => {
  if (!isObject(schema) || schema.type !== 'object' || !isObject(schema.properties ?? {}))
    return 'Parameters are a JSON Schema with "type": "object".';
  if (isDeeperThan(schema, maxDepth)) return `A schema nests at most ${maxDepth} levels.`;
  if (JSON.stringify(schema).length > maxSchemaLength) return 'A schema has at most 16,000 characters as JSON.';
  if (JSON.stringify(schema).includes('\\u0000')) return 'A schema holds no NUL.';
  if (refers(schema)) return 'A schema refers to nothing: write out what $ref would lead to.';
  try {
    compile(schema);
    return null;
  } catch (error) {
    return `This is no JSON Schema: ${error instanceof Error ? error.message.slice(0, 500) : 'it cannot be read'}.`;
  }
};

/** What is wrong with arguments, for whoever gave them; null when they fit the schema. */
export const faultOfArguments = (schema: ArgumentSchema, given: unknown): string | null => {
  const validate = compile(schema);
  if (validate(given)) return null;
  const [first] = validate.errors ?? [];
  const also = Object.values(first?.params ?? {}).filter((detail) => typeof detail === 'string');
  const place = first?.instancePath ? `arguments${first.instancePath}` : 'arguments';
  return [`${place} ${first?.message ?? 'do not fit'}`, ...also].join(': ').slice(0, 500);
};

/** Names of the arguments that a schema describes. */
export const argumentsOf = ({ properties }: ArgumentSchema): string[] =>
  isObject(properties) ? Object.keys(properties) : [];

/** Names of the arguments that must be given. */
export const requiredOf = ({ required }: ArgumentSchema): string[] =>
  Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
