import { getDirective, MapperKind, mapSchema } from '@graphql-tools/utils';
import { defaultFieldResolver, type GraphQLFieldConfig, type GraphQLFieldResolver, type GraphQLSchema } from 'graphql';
import { Forbidden, Unauthenticated } from '../errors.ts';
import type { Context } from '../domains/context.ts';
import type { Permission } from '../generated/resolvers.ts';

type Field = GraphQLFieldConfig<unknown, Context>;
type Resolver = GraphQLFieldResolver<unknown, Context>;

/** Puts the rule of each root field (`@allow` or `@public`) in front of its resolver. Throws when a root field has none. */
export const withAccessRules = (schema: GraphQLSchema): GraphQLSchema =>
  mapSchema(schema, {
    [MapperKind.ROOT_FIELD]: (field: Field, name, type) => guarded(field, ruleOf(schema, field, `${type}.${name}`)),
  });

/** Null for a public field; otherwise what the viewer must hold, if anything beyond being signed in. */
type Rule = { readonly permission: Permission | undefined } | null;

const ruleOf = (schema: GraphQLSchema, field: Field, coordinate: string): Rule => {
  const allow = getDirective(schema, field, 'allow')?.[0];
  const open = getDirective(schema, field, 'public')?.[0];
  if ((allow === undefined) === (open === undefined)) throw new Error(`${coordinate} needs either @allow or @public.`);
  // The cast is safe: the SDL types the argument with the enum.
  return allow === undefined ? null : { permission: allow.permission as Permission | undefined };
};

const guarded = (field: Field, rule: Rule): Field => {
  if (rule === null) return field;
  const { resolve = defaultFieldResolver, subscribe } = field;
  // A subscription is checked once, when it starts; what it delivers is checked by its source.
  return subscribe === undefined
    ? { ...field, resolve: behind(rule, resolve) }
    : { ...field, subscribe: behind(rule, subscribe) };
};

const behind =
  ({ permission }: NonNullable<Rule>, resolve: Resolver): Resolver =>
  (source, args, context, info) => {
    const { viewer } = context;
    if (viewer === null) throw new Unauthenticated();
    if (permission !== undefined && !viewer.permissions.has(permission)) throw new Forbidden(permission);
    return resolve(source, args, context, info);
  };
