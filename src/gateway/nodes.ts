import { MapperKind, mapSchema } from '@graphql-tools/utils';
import { isInterfaceType, type GraphQLFieldConfig, type GraphQLSchema } from 'graphql';
import type { Connection } from '../database/list.ts';
import { viewerOf, type Context } from '../domains/context.ts';
import { BadUserInput, NotFound } from '../errors.ts';
import { globalId, parseGlobalId, prefixOf } from '../ids.ts';
import { requireReadable } from './access.ts';
import type { NodeLoader } from './schema.ts';

const maxNodes = 100;

/**
 * The resolvers that follow from the schema itself: global ids, `node`, `nodes`, and the count of each connection. Throws when
 * a type implements Node and no domain tells how it is loaded.
 */
export const nodeResolvers = (schema: GraphQLSchema, loaders: ReadonlyMap<string, NodeLoader>): GraphQLSchema => {
  const nodeType = schema.getType('Node');
  if (!isInterfaceType(nodeType)) throw new Error('The schema has no interface Node.');
  const types = schema.getPossibleTypes(nodeType).map((type) => type.name);
  const unloaded = types.filter((type) => !loaders.has(type));
  if (unloaded.length > 0) throw new Error(`No domain tells how to load: ${unloaded.join(', ')}.`);
  const byPrefix = new Map(types.map((type) => [prefixOf(type), type]));

  const load = async (id: string, { unit, viewer }: Context): Promise<object | null> => {
    const parsed = parseGlobalId(id);
    const type = parsed === null ? undefined : byPrefix.get(parsed.prefix);
    const loader = type === undefined ? undefined : loaders.get(type);
    if (parsed === null || type === undefined || loader === undefined) return null;
    const reader = viewerOf({ viewer });
    requireReadable(schema, type, reader);
    const row = await loader(unit, reader).load(parsed.uuid);
    return row === null ? null : { __typename: type, ...row };
  };
  const roots: Record<string, GraphQLFieldConfig<unknown, Context>['resolve']> = {
    node: async (_root, { id }: { id: string }, context) => {
      const row = await load(id, context);
      if (row === null) throw new NotFound('Node', id);
      return row;
    },
    nodes: (_root, { ids }: { ids: string[] }, context) => {
      if (ids.length > maxNodes) throw new BadUserInput('ids', `At most ${maxNodes} ids at a time.`);
      return ids.map((id) => load(id, context));
    },
  };
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field: GraphQLFieldConfig<unknown, Context>, name, type) => {
      if (type === 'Query' && roots[name] !== undefined) return { ...field, resolve: roots[name] };
      if (name === 'id' && types.includes(type))
        return { ...field, resolve: (row) => globalId(type, (row as { id: string }).id) };
      if (name === 'totalCount' && type.endsWith('Connection'))
        return { ...field, resolve: (connection) => (connection as Connection<unknown>).totalCount() };
      return field;
    },
  });
};
