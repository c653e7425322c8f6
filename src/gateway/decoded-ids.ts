import { getDirective, MapperKind, mapSchema } from '@graphql-tools/utils';
import {
  getNamedType,
  isInputObjectType,
  type GraphQLArgumentConfig,
  type GraphQLFieldConfig,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLSchema,
} from 'graphql';
import { NotFound } from '../errors.ts';
import { parseGlobalId, prefixOf } from '../ids.ts';

/** Turns the global ids inside a value into UUIDs, and addresses into URLs. Throws NotFound for an id of another type or a malformed one. */
type Decoder = (value: unknown) => unknown;

/** `@id(of: "Node")` takes ids of any type and leaves them to the resolver. */
const anyType = 'Node';

/**
 * Makes every resolver receive UUIDs where `@id` says which type's ids are taken, and a `URL` for each address wherever it stood. Throws when
 * an ID input has no `@id`.
 */
export const withDecodedIds = (schema: GraphQLSchema): GraphQLSchema => {
  const decoders = new InputDecoders(schema);
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field: GraphQLFieldConfig<unknown, unknown>, name, type) => {
      const decode = decoders.ofArguments(`${type}.${name}`, field.args ?? {});
      return decode === undefined ? field : { ...field, ...decoding(field, decode) };
    },
  });
};

const decoding = ({ resolve, subscribe }: GraphQLFieldConfig<unknown, unknown>, decode: Decoder) => ({
  ...(resolve && {
    resolve: ((source, args, context, info) =>
      resolve(source, decode(args) as typeof args, context, info)) as typeof resolve,
  }),
  ...(subscribe && {
    subscribe: ((source, args, context, info) =>
      subscribe(source, decode(args) as typeof args, context, info)) as typeof subscribe,
  }),
});

class InputDecoders {
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
    const of: unknown = getDirective(this.#schema, input, 'id')?.[0]?.of;
    if (named.name === 'ID' || named.name === 'IdComparison') {
      if (typeof of !== 'string' || this.#schema.getType(of) === undefined)
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
const isRecord = (value: unknown): value is Record<string, unknown> =>
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

const decodeId = (type: string, id: string): string => {
  const parsed = parseGlobalId(id);
  if (parsed?.prefix !== prefixOf(type)) throw new NotFound(type, id);
  return parsed.uuid;
};
