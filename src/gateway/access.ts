import { getDirective, MapperKind, mapSchema } from '@graphql-tools/utils';
import {
  defaultFieldResolver,
  getNamedType,
  isInterfaceType,
  isObjectType,
  type GraphQLFieldConfig,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
} from 'graphql';
import { Forbidden, Unauthenticated } from '../errors.ts';
import type { Context } from '../domains/context.ts';
import type { Permission } from '../generated/resolvers.ts';

type Field = GraphQLFieldConfig<unknown, Context>;
type Resolver = GraphQLFieldResolver<unknown, Context>;

/**
 * Puts the rules of the SDL in front of the resolvers: that of each root field (`@allow` or `@public`), and that of the type which a
 * field gives, be it by itself, in a list or in a connection; and that of any other field which has one. Payloads of mutations give back what was changed by a right of its own.
 * Throws when a root field has no rule, or a type that `node(id)` finds has none.
 */
export const withAccessRules = (schema: GraphQLSchema): GraphQLSchema => {
  const roots = new Set(
    [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].map((type) => type?.name),
  );
  const payloads = new Set(
    Object.values(schema.getMutationType()?.getFields() ?? {}).map(({ type }) => getNamedType(type).name),
  );
  const open = entitiesOf(schema).filter((type) => getDirective(schema, type, 'allow') === undefined);
  if (open.length > 0) throw new Error(`These types need @allow: ${open.map(({ name }) => name).join(', ')}.`);
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field: Field, name, type) => {
      const given = payloads.has(type) ? undefined : permissionOfType(schema, field.type);
      if (!roots.has(type)) {
        const own = permissionNamed(getDirective(schema, field, 'allow'));
        return own === undefined && given === undefined ? field : guarded(field, [own, given]);
      }
      const rule = ruleOf(schema, field, `${type}.${name}`);
      if (rule === null) return field;
      return guarded(field, [rule.permission, given]);
    },
  });
};

/** The types that `node(id)` finds. */
const entitiesOf = (schema: GraphQLSchema): readonly GraphQLObjectType[] => {
  const node = schema.getType('Node');
  return isInterfaceType(node) ? schema.getPossibleTypes(node) : [];
};

/** Whether a viewer may read rows of a type, for who finds out only then which type it is. Throws Forbidden. */
export const requireReadable = (
  schema: GraphQLSchema,
  type: string,
  { permissions }: { readonly permissions: ReadonlySet<Permission> },
): void => {
  const permission = permissionAt(schema, type);
  if (permission !== undefined && !permissions.has(permission)) throw new Forbidden(permission);
};

/** Null for a public field; otherwise what the viewer must hold, if anything beyond being signed in. */
type Rule = { readonly permission: Permission | undefined } | null;

const ruleOf = (schema: GraphQLSchema, field: Field, coordinate: string): Rule => {
  const allow = getDirective(schema, field, 'allow')?.[0];
  const open = getDirective(schema, field, 'public')?.[0];
  if ((allow === undefined) === (open === undefined)) throw new Error(`${coordinate} needs either @allow or @public.`);
  // The cast is safe: the SDL types the argument with the enum.
  return allow === undefined ? null : { permission: allow.permission as Permission | undefined };
};

/** What reading rows of a type takes; a connection takes what its nodes take. */
const permissionOfType = (schema: GraphQLSchema, output: GraphQLOutputType): Permission | undefined => {
  const { name } = getNamedType(output);
  return permissionAt(schema, name.endsWith('Connection') ? name.slice(0, -'Connection'.length) : name);
};

const permissionAt = (schema: GraphQLSchema, name: string): Permission | undefined => {
  const type = schema.getType(name);
  return isObjectType(type) ? permissionNamed(getDirective(schema, type, 'allow')) : undefined;
};

/** The cast is safe: the SDL types the argument with the enum. */
const permissionNamed = (allow: Record<string, unknown>[] | undefined): Permission | undefined =>
  allow?.[0]?.permission as Permission | undefined;

const guarded = (field: Field, required: readonly (Permission | undefined)[]): Field => {
  const permissions = [...new Set(required.filter((permission) => permission !== undefined))];
  const { resolve = defaultFieldResolver, subscribe } = field;
  // A subscription is checked once, when it starts; what it delivers is checked by its source.
  return subscribe === undefined
    ? { ...field, resolve: behind(permissions, resolve) }
    : { ...field, subscribe: behind(permissions, subscribe) };
};

/** It reaches the fields that ask for its one permission, and none that any sign-in opens. */
const savesPagesOnly = "A browser extension's key saves pages, and nothing else.";

const behind =
  (required: readonly Permission[], resolve: Resolver): Resolver =>
  (source, args, context, info) => {
    const { viewer } = context;
    if (viewer === null) throw new Unauthenticated();
    if (required.length === 0 && viewer.credential.kind === 'EXTENSION_KEY')
      throw new Forbidden('ACCOUNT_MANAGE', savesPagesOnly);
    for (const permission of required) if (!viewer.permissions.has(permission)) throw new Forbidden(permission);
    return resolve(source, args, context, info);
  };
