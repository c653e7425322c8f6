import {
  getNamedType,
  GraphQLError,
  isInputObjectType,
  Kind,
  typeFromAST,
  valueFromASTUntyped,
  type DocumentNode,
  type GraphQLInputType,
  type GraphQLSchema,
} from 'graphql';
import type { Variables } from './executor.ts';

type Fill = (value: unknown) => unknown;

/**
 * Puts the defaults of variables and of input fields where a request leaves them out. graphql-jit knows defaults only of
 * nullable ones and refuses the others as missing; the specification (section 6.1.2, CoerceVariableValues) gives both.
 */
export const defaultsOf = (schema: GraphQLSchema, document: DocumentNode, operationName: string | undefined) => {
  const fills = new FieldDefaults();
  const operation = document.definitions.find(
    (definition) =>
      definition.kind === Kind.OPERATION_DEFINITION &&
      (operationName === undefined || definition.name?.value === operationName),
  );
  const definitions = operation?.kind === Kind.OPERATION_DEFINITION ? (operation.variableDefinitions ?? []) : [];
  const steps = definitions.map(({ variable, type, defaultValue }) => ({
    name: variable.name.value,
    // The cast is safe: validation has refused variables of output types.
    fill: fills.of(typeFromAST(schema, type as never) as GraphQLInputType | undefined),
    fallback: defaultValue === undefined ? undefined : valueFromASTUntyped(defaultValue),
  }));
  return (variables: Variables): Variables => {
    // Without a prototype, or a variable named `constructor` would never be left out.
    const filled: Variables = { __proto__: null, ...variables };
    for (const { name, fill, fallback } of steps) {
      const value = filled[name] === undefined ? fallback : filled[name];
      if (value !== undefined) filled[name] = fill(value);
    }
    return filled;
  };
};

const same: Fill = (value) => value;
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The fillers of one document's input types; a type is entered before its fields, because it may hold itself. */
class FieldDefaults {
  readonly #known = new Map<string, { fill: Fill }>();

  of(type: GraphQLInputType | undefined): Fill {
    if (type === undefined) return same;
    const named = getNamedType(type);
    if (!isInputObjectType(named)) return same;
    const known = this.#known.get(named.name);
    if (known !== undefined) return (value) => known.fill(value);
    const entry: { fill: Fill } = { fill: same };
    this.#known.set(named.name, entry);
    const fields = Object.values(named.getFields()).map((field) => ({
      name: field.name,
      fallback: field.defaultValue,
      fill: this.of(field.type),
    }));
    const ofObject: Fill = (value) => {
      if (!isRecord(value)) return value;
      const filled = { ...value };
      for (const { name, fallback, fill } of fields) {
        const inner = filled[name] === undefined ? fallback : filled[name];
        if (inner !== undefined) filled[name] = fill(inner);
      }
      return filled;
    };
    entry.fill = (value) => (Array.isArray(value) ? value.map(entry.fill) : ofObject(value));
    return entry.fill;
  }
}

/** graphql-jit reports wrong variables with errors of its own class; clients get the code and status of wrong input. */
export const asInputErrors = (errors: readonly { readonly message: string }[]): GraphQLError[] =>
  errors.map(
    ({ message }) => new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } } }),
  );
