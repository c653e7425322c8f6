import { MapperKind, mapSchema } from '@graphql-tools/utils';
import type { GraphQLFieldConfig, GraphQLSchema } from 'graphql';
import { InputDecoders, type Decoder } from '../domains/input-ids.ts';

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
