import {
  getOperationAST,
  getVariableValues,
  GraphQLError,
  Kind,
  visit,
  type DocumentNode,
  type GraphQLSchema,
  type TypeNode,
  type VariableDefinitionNode,
} from 'graphql';
import type { Variables } from './executor.ts';

/** Wrong values that are reported before the reading stops. */
const reportedErrors = 5;

/** What the variables of a request came to. */
type ReadVariables =
  | { readonly values: Variables; readonly errors?: never }
  | { readonly values?: never; readonly errors: readonly GraphQLError[] };

/**
 * Reads the variables of one operation as the specification does (section 6.1.2, CoerceVariableValues). graphql-jit has a
 * reader of its own, which knows no input types that hold themselves, as all filters do, and no defaults of non-null
 * variables; {@link withReadVariables} makes it take these values as they are.
 */
export const variableReader = (
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | undefined,
): ((variables: Variables) => ReadVariables) => {
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
  return (variables) => {
    const { coerced, errors } = getVariableValues(schema, definitions, variables, { maxErrors: reportedErrors });
    // Without a prototype, where a variable named `constructor` would never be absent.
    return errors === undefined ? { values: { __proto__: null, ...coerced } } : { errors: errors.map(asInputError) };
  };
};

/** The document for graphql-jit: its variables are of a type that takes any value as it is. */
export const withReadVariables = (document: DocumentNode): DocumentNode =>
  visit(document, {
    VariableDefinition: ({ defaultValue: _defaultValue, ...definition }): VariableDefinitionNode | undefined =>
      // `@skip` and `@include` are compiled for Boolean only, which is read twice without harm.
      isBoolean(definition.type) ? undefined : { ...definition, type: anyValue },
  });

const anyValue: TypeNode = { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: 'JSON' } };

const isBoolean = (type: TypeNode): boolean =>
  type.kind === Kind.NON_NULL_TYPE
    ? isBoolean(type.type)
    : type.kind === Kind.NAMED_TYPE && type.name.value === 'Boolean';

/** Without the value, which graphql-js prints whole: where one field of an input is wrong, a key or password may stand beside it. */
const messageOf = ({ message, originalError }: GraphQLError): string => {
  const told = originalError?.message;
  const [variable, printed] = message.split(' got invalid value ', 2);
  if (told === undefined || printed === undefined) return message;
  const place = / at "[\w.[\]]+"$/.exec(message.slice(0, -`; ${told}`.length))?.[0] ?? '';
  return `${variable} got an invalid value${place}; ${told.replace(/(cannot represent [^:]*): .*/s, '$1.')}`;
};

const asInputError = (cause: GraphQLError): GraphQLError => {
  const { locations } = cause;
  const error = new GraphQLError(messageOf(cause), { extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } } });
  return Object.defineProperty(error, 'locations', { value: locations, enumerable: locations !== undefined });
};
