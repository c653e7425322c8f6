import type { ApolloServerOptionsWithGateway } from '@apollo/server';
import type { GraphQLSchema, DocumentNode, ExecutionResult } from 'graphql';
import { compileQuery, isCompiledQuery, type CompiledQuery } from 'graphql-jit';
import type { Context } from '../domains/context.ts';

export type Variables = Record<string, unknown>;

/** Runs one operation of an admitted document. */
export type Executor = (
  document: DocumentNode,
  operationName: string | undefined,
  context: Context,
  variables: Variables,
) => Promise<ExecutionResult>;

type Compiled = CompiledQuery | ExecutionResult;

/** Compiles each operation of a document once; the compiled code goes when the document does. */
export const compiledOperations = (schema: GraphQLSchema) => {
  const byDocument = new WeakMap<DocumentNode, Map<string, Compiled>>();
  return (document: DocumentNode, operationName: string | undefined): Compiled => {
    const operations = byDocument.get(document) ?? new Map<string, Compiled>();
    byDocument.set(document, operations);
    const known = operations.get(operationName ?? '');
    if (known !== undefined) return known;
    const compiled = compileQuery(schema, document, operationName, { disableLeafSerialization: false });
    operations.set(operationName ?? '', compiled);
    return compiled;
  };
};

/** Executes with compiled operations; the unit of work rests when the operation has its answer. */
export const createExecutor =
  (compiled: ReturnType<typeof compiledOperations>): Executor =>
  async (document, operationName, context, variables) => {
    const operation = compiled(document, operationName);
    if (!isCompiledQuery(operation)) return operation;
    try {
      return await operation.query(undefined, context, variables);
    } finally {
      // Nobody waits for the end of a read: the answer is complete.
      void context.unit.rest();
    }
  };

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
