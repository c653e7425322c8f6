import { getDirective } from '@graphql-tools/utils';
import {
  getNamedType,
  isInputObjectType,
  type GraphQLArgumentConfig,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLSchema,
} from 'graphql';
import { NotFound } from '../errors.ts';
import { parseGlobalId, prefixOf } from '../ids.ts';

/** Turns the global ids inside a value into UUIDs, and addresses into URLs. Throws NotFound for an id of another type or a malformed one. */
export type Decoder = (value: unknown) => unknown;

/** `@id(of: "Node")` takes ids of any type and leaves them to the resolver. */
const anyType = 'Node';

/** What of the schema's inputs is decoded, as `@id` says. Throws when an ID input has no `@id`. */
export class InputDecoders {
  readonly #schema: GraphQLSchema;
  /** Decoders by the name of the input type; a type is entered before its fields, because it may hold itself. */
  readonly #ofTypes = new Map<string, { decode: Decoder | undefined }>();

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  ofArguments(coordinate: string, args: Readonly<Record<string, GraphQLArgumentConfig>>): Decoder | undefined {
    return this.#ofFields(
      Object.entries(args).map(([name, arg]) => [name, this.#ofInput(`${coordinate}(${name})`, arg, arg.type)]),
    );
  }

  #ofInput(
    coordinate: string,
    input: GraphQLArgumentConfig | GraphQLInputField,
    type: GraphQLInputType,
  ): Decoder | undefined {
    const named = getNamedType(type);
    if (named.name === 'ID' || named.name === 'IdComparison') {
      const of = idTypeOf(this.#schema, input);
      if (of === undefined || this.#schema.getType(of) === undefined)
        throw new Error(`${coordinate} needs @id(of: …) with a type of the schema.`);
      return of === anyType ? undefined : everywhere((id) => decodeId(of, id));
    }
    if (named.name === 'URL') return listwise(asUrl);
    return isInputObjectType(named) ? this.#ofType(named.name, () => Object.values(named.getFields())) : undefined;
  }

  #ofType(name: string, fields: () => readonly GraphQLInputField[]): Decoder | undefined {
    const known = this.#ofTypes.get(name);
    // Inside its own fields a recursive type does not know yet whether it holds ids.
    if (known !== undefined) return (value) => (known.decode ?? ((same: unknown) => same))(value);
    const entry: { decode: Decoder | undefined } = { decode: undefined };
    this.#ofTypes.set(name, entry);
    const decode = this.#ofFields(
      fields().map((field) => [field.name, this.#ofInput(`${name}.${field.name}`, field, field.type)]),
    );
    entry.decode = decode && listwise(decode);
    return entry.decode;
  }

  #ofFields(fields: readonly (readonly [string, Decoder | undefined])[]): Decoder | undefined {
    const decoders = new Map(
      fields.flatMap(([name, decode]) => (decode === undefined ? [] : [[name, decode] as const])),
    );
    if (decoders.size === 0) return undefined;
    return (value) =>
      isRecord(value)
        ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, (decoders.get(name) ?? same)(inner)]))
        : value;
  }
}

const same: Decoder = (value) => value;
const listwise =
  (decode: Decoder): Decoder =>
  (value) =>
    Array.isArray(value) ? value.map(decode) : decode(value);
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Decodes each text in a value: an id, a list of ids, or the operands of a comparison. */
const everywhere = (decode: (id: string) => string): Decoder => {
  const inner: Decoder = (value) => {
    if (typeof value === 'string') return decode(value);
    if (Array.isArray(value)) return value.map(inner);
    return isRecord(value)
      ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inner(each)]))
      : value;
  };
  return inner;
};

/** graphql-jit writes what stands in the document itself down as JSON, which makes text of an address again. */
const asUrl: Decoder = (value) => (typeof value === 'string' ? new URL(value) : value);

/** The UUID of an id. Throws NotFound for a malformed one, and for one of another type. */
export const decodeId = (type: string, id: string): string => {
  const parsed = parseGlobalId(id);
  if (parsed?.prefix !== prefixOf(type)) throw new NotFound(type, id);
  return parsed.uuid;
};

/** The type whose ids an input takes, as its `@id` says. */
export const idTypeOf = (
  schema: GraphQLSchema,
  input: GraphQLArgumentConfig | GraphQLInputField,
): string | undefined => {
  const of: unknown = getDirective(schema, input, 'id')?.[0]?.of;
  return typeof of === 'string' ? of : undefined;
};
