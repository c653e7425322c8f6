import { dereference, upgrade, validate } from '@scalar/openapi-parser';
import { faultsOfOperation, type OperationSettings } from './api-operation-rules.ts';

/** Why something of a document is no operation of ours. */
export interface Skipped {
  /** `GET /pets/{id}`. */
  readonly operation: string;
  readonly reason: string;
}

/** Characters of a document that is written out. */
const maxWritten = 2_000_000;
/** Characters of all schemas together: compiling them takes time. */
const maxSchemas = 200_000;
const maxSkipped = 100;
const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

type Fields = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const fieldsIn = (value: unknown): Fields => (isObject(value) ? value : {});
const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What a document holds for us. */
export interface DocumentedOperations {
  readonly operations: readonly OperationSettings[];
  readonly skipped: readonly Skipped[];
}

/** A text that is no OpenAPI document, in words for whoever gave it. */
export class NoDocument extends Error {}

/**
 * The operations of an OpenAPI document (3.x, or Swagger 2.0), given as JSON or YAML. References within it are written out; those that lead out of
 * it are never followed, and a document that has one is refused. Takes as long and as much memory as whoever wrote the document wants: it
 * belongs into a thread of its own. Throws NoDocument.
 */
export const documentedOperations = async (text: string): Promise<DocumentedOperations> => {
  const operations: OperationSettings[] = [];
  const skipped: Skipped[] = [];
  let room = maxSchemas;
  for (const [path, item] of Object.entries(fieldsIn((await readDocument(text)).paths)))
    for (const method of methods) {
      const described = fieldsIn(item)[method.toLowerCase()];
      if (!isObject(described)) continue;
      const read = operationOf(method, path, fieldsIn(item), described, room);
      const outcome =
        typeof read === 'string' || !operations.some(({ name }) => name === read.name)
          ? read
          : 'Its name is taken by another one.';
      if (typeof outcome === 'string') skipped.push({ operation: `${method} ${path}`.slice(0, 200), reason: outcome });
      else {
        operations.push(outcome);
        room -= JSON.stringify(outcome.parameters).length;
      }
    }
  return { operations, skipped: skipped.slice(0, maxSkipped) };
};

const readDocument = async (text: string): Promise<Fields> => {
  const { specification } = readable(text);
  if (!isSmallerThan(specification, maxWritten))
    throw new NoDocument('The document is too long when it is written out.');
  const checked = await validate(JSON.stringify(specification));
  if (checked.valid) return fieldsIn(dereference(specification).schema);
  const faults = (checked.errors ?? []).slice(0, 5).map(({ message }) => message.slice(0, 200));
  throw new NoDocument(`This is no valid OpenAPI document: ${faults.join(' ')}`);
};

const readable = (text: string) => {
  try {
    return upgrade(text);
  } catch {
    // The parser throws plain errors for what is neither JSON nor YAML.
    throw new NoDocument('This cannot be read as an OpenAPI document.');
  }
};

/** An operation, or why there is none. */
const operationOf = (
  method: OperationSettings['method'],
  path: string,
  item: Fields,
  described: Fields,
  room: number,
): OperationSettings | string => {
  const schema = schemaOf(method, [...listIn(item.parameters), ...listIn(described.parameters)], described.requestBody);
  if (typeof schema === 'string') return schema;
  if (!isSmallerThan(schema, Math.min(room, 16_000)))
    return 'Its arguments are described at too great length, or refer to themselves.';
  const words = [described.summary, described.description].map(textIn).filter((text) => text.trim() !== '');
  const settings: OperationSettings = {
    name: nameOf(textIn(described.operationId) || `${method.toLowerCase()} ${path}`),
    description: (words.join('\n\n') || `${method} ${path}`).slice(0, 2000),
    method,
    path,
    // Written and read again: what was one thing in two places is then two.
    parameters: JSON.parse(JSON.stringify(schema)) as OperationSettings['parameters'],
    changes: method !== 'GET',
  };
  const [fault] = faultsOfOperation(settings);
  return fault === undefined ? settings : fault.message;
};

const nameOf = (text: string): string =>
  text
    .replaceAll(/[^a-zA-Z0-9_]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .slice(0, 64);

/** One JSON Schema of all that an operation is given, or why there is none. */
const schemaOf = (method: string, parameters: readonly unknown[], body: unknown): Fields | string => {
  const properties: Record<string, unknown> = {};
  const required = new Set<string>();
  const takesBody = method !== 'GET' && method !== 'DELETE';
  // Those of the operation come after those of its path, and stand for them.
  for (const parameter of parameters.map(fieldsIn)) {
    const [name, place] = [textIn(parameter.name), textIn(parameter.in)];
    const goes = place === 'path' || (place === 'query' && !takesBody);
    if (!goes && parameter.required === true) return `It needs ${name} as ${place}, which is not sent.`;
    if (!goes || name === '__proto__') continue;
    const description = textIn(parameter.description);
    properties[name] = { ...fieldsIn(parameter.schema), ...(description && { description }) };
    if (place === 'path' || parameter.required === true) required.add(name);
    else required.delete(name);
  }
  const given = fieldsIn(body);
  const content = fieldsIn(fieldsIn(fieldsIn(given.content)['application/json']).schema);
  const written = content.type === 'object' && takesBody;
  if (!written && given.required === true) return 'It needs a body that is no JSON object.';
  if (!written) return { type: 'object', properties, required: [...required] };
  const clash = Object.keys(fieldsIn(content.properties)).find((name) => Object.hasOwn(properties, name));
  if (clash !== undefined) return `${clash} is an argument of the path and of the body.`;
  const ofBody = listIn(content.required).filter((name) => typeof name === 'string');
  return {
    ...content,
    properties: { ...properties, ...fieldsIn(content.properties) },
    required: [...required, ...ofBody],
  };
};

/** Whether a value has fewer characters as JSON; looks at no more of it than that, for written out a few lines may be endless. */
const isSmallerThan = (value: unknown, length: number): boolean => {
  let room = length;
  const take = (part: unknown): boolean => {
    if (typeof part !== 'object' || part === null) {
      room -= typeof part === 'string' ? part.length + 2 : 4;
      return room > 0;
    }
    return Object.entries(part).every(([name, inner]) => {
      room -= Array.isArray(part) ? 1 : name.length + 4;
      return room > 0 && take(inner);
    });
  };
  return take(value);
};
