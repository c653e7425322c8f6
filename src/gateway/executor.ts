import type { ApolloServerOptionsWithGateway } from '@apollo/server';
import { GraphQLError, type DocumentNode, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { compileQuery, isCompiledQuery } from 'graphql-jit';
import type { Context } from '../domains/context.ts';
import { carriedOutOnce } from './idempotency.ts';
import type { Observer } from '../telemetry/observer.ts';
import { introspects, withLeafIds } from './leaf-ids.ts';
import { observed, withWatchedLevels } from './observation.ts';
import { requestRecorder } from './request-record.ts';
import { variableReader, withReadVariables } from './variables.ts';

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
export const compiledOperations = (schema: GraphQLSchema, { watchesLevels }: Pick<Observer, 'watchesLevels'>) => {
  const byDocument = new WeakMap<DocumentNode, Map<string, Run>>();
  const executed = watchesLevels ? withWatchedLevels(withLeafIds(schema)) : withLeafIds(schema);
  const recorderOf = requestRecorder(schema);
  const compile = (document: DocumentNode, operationName: string | undefined) =>
    compiled(introspects(document) ? schema : executed, document, operationName);
  return (document: DocumentNode, operationName: string | undefined): Run => {
    const operations = byDocument.get(document) ?? new Map<string, Run>();
    byDocument.set(document, operations);
    const known = operations.get(operationName ?? '');
    if (known !== undefined) return known;
    const record = recorderOf(document, operationName);
    const run = carriedOutOnce(document, operationName, compile(document, operationName), compile);
    const made = observed(record(run), document, operationName);
    operations.set(operationName ?? '', made);
    return made;
  };
};

const compiled = (schema: GraphQLSchema, document: DocumentNode, operationName: string | undefined): Run => {
  const operation = compileQuery(schema, withReadVariables(document), operationName);
  if (!isCompiledQuery(operation)) return async () => operation;
  const read = variableReader(schema, document, operationName);
  return async (context, variables) => {
    try {
      const { values, errors } = read(variables);
      if (errors !== undefined) return { errors };
      const run = operation.subscribe ?? operation.query;
      // The cast is safe: a subscription's stream has neither errors nor data and passes through.
      return await recorded(context, withExtensions((await run(undefined, context, values)) as ExecutionResult));
    } finally {
      // Nobody waits for the end of a read: the answer is complete.
      void context.unit.rest();
    }
  };
};

/** Keeps back what was read where that could not be written down. */
const recorded = async ({ unit }: Context, result: ExecutionResult): Promise<ExecutionResult> => {
  try {
    await unit.recorded();
    return result;
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    return { data: null, errors: [...(result.errors ?? []), error] };
  }
};

/** The compiled code leaves `extensions` of some errors undefined, over which Apollo fails before it masks them. */
const withExtensions = (result: ExecutionResult): ExecutionResult =>
  result.errors === undefined ? result : { ...result, errors: result.errors.map(withExtension) };

const withExtension = (error: GraphQLError): GraphQLError => {
  if ((error.extensions as unknown) !== undefined) return error;
  const { message, locations, path, originalError } = error;
  const whole = new GraphQLError(message, { path: path ?? null, originalError: originalError ?? null });
  return Object.defineProperty(whole, 'locations', { value: locations, enumerable: locations !== undefined });
};

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
