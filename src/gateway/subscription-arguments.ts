import { MapperKind, mapSchema } from '@graphql-tools/utils';
import { getArgumentValues, type GraphQLFieldConfig, type GraphQLSchema } from 'graphql';

/**
 * Gives every subscription its field's arguments. The compiled executor hands the operation's variables over in their place
 * (graphql-jit 0.8, `compileSubscriptionOperation`), which is right only where each argument is a variable of its own name.
 */
export const withSubscriptionArguments = (schema: GraphQLSchema): GraphQLSchema =>
  mapSchema(schema, {
    [MapperKind.SUBSCRIPTION_ROOT_FIELD]: (field: GraphQLFieldConfig<unknown, unknown>) => {
      const { subscribe } = field;
      if (subscribe === undefined) return field;
      return {
        ...field,
        subscribe: (source, _variables, context, info) => {
          const [node] = info.fieldNodes;
          const definition = info.parentType.getFields()[info.fieldName];
          if (node === undefined || definition === undefined) throw new Error(`${info.fieldName} is no subscription.`);
          return subscribe(source, getArgumentValues(definition, node, info.variableValues), context, info);
        },
      };
    },
  });
