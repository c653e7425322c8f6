import type { ApolloServerOptionsWithGateway } from '@apollo/server';
import type { DocumentNode, ExecutionResult, GraphQLError, GraphQLSchema } from 'graphql';
import { compileQuery, isCompiledQuery } from 'graphql-jit';
import type { Context } from '../domains/context.ts';
import { asInputErrors, defaultsOf } from './variables.ts';

export type Variables = Record<string, unknown>;

/** Executes operations of admitted documents. */
export type Executor = (
  document: DocumentNode,
  operationName: string | undefined,
  context: Context,
  variables: Variables,
) => Promise<ExecutionResult>;

/** An operation ready to run: its answer, or for a subscription its stream of answers. */
type Run = (context: Context, variables: Variables) => Promise<ExecutionResult>;

/** Compiles each operation of a document once; the compiled code goes when the document does. */
export const compiledOperations = (schema: GraphQLSchema) => {
  const byDocument = new WeakMap<DocumentNode, Map<string, Run>>();
  return (document: DocumentNode, operationName: string | undefined): Run => {
    const operations = byDocument.get(document) ?? new Map<string, Run>();
    byDocument.set(document, operations);
    const known = operations.get(operationName ?? '');
    if (known !== undefined) return known;
    const made = compiled(schema, document, operationName);
    operations.set(operationName ?? '', made);
    return made;
  };
};

const compiled = (schema: GraphQLSchema, document: DocumentNode, operationName: string | undefined): Run => {
  const operation = compileQuery(schema, document, operationName);
  if (!isCompiledQuery(operation)) return async () => operation;
  const withDefaults = defaultsOf(schema, document, operationName);
  return async (context, variables) => {
    try {
      const run = operation.subscribe ?? operation.query;
      // The cast is safe: a subscription's stream has neither errors nor data and passes through.
      const result = (await run(undefined, context, withDefaults(variables))) as ExecutionResult;
      // Before anything has run there is no data at all: the variables were wrong.
      return result.data === undefined && result.errors?.every(isOfVariables)
        ? { errors: asInputErrors(result.errors) }
        : result;
    } finally {
      // Nobody waits for the end of a read: the answer is complete.
      void context.unit.rest();
    }
  };
};

/** graphql-jit's own errors wrap none, those of resolvers do. */
const isOfVariables = (error: GraphQLError): boolean => !error.originalError && error.extensions === undefined;

/** Runs one operation of an admitted document. */
export const createExecutor =
  (operations: ReturnType<typeof compiledOperations>): Executor =>
  (document, operationName, context, variables) =>
    operations(document, operationName)(context, variables);

/** Apollo's door for another executor than graphql-js. */
export const executingGateway = (
  schema: GraphQLSchema,
  execute: Executor,
): ApolloServerOptionsWithGateway<Context>['gateway'] => ({
  load: async () => ({
    executor: ({ document, operationName, context, request }) =>
      // The cast is safe: this server makes every context itself.
      execute(document, operationName ?? undefined, context as Context, request.variables ?? {}) as never,
  }),
  onSchemaLoadOrUpdate: (listener) => {
    listener({ apiSchema: schema, coreSupergraphSdl: '' });
    return () => undefined;
  },
  stop: async () => undefined,
});
