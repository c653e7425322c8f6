import type { ApolloServerPlugin } from '@apollo/server';
import {
  defaultFieldResolver,
  getOperationAST,
  isObjectType,
  Kind,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
  type OperationTypeNode,
} from 'graphql';
import type { Context } from '../domains/context.ts';
import { operationEnded } from '../telemetry/happenings.ts';
import type { WorkRecord } from '../telemetry/work-record.ts';
import type { Variables } from './executor.ts';
import { codeOf } from './masking.ts';

type Run = (context: Context, variables: Variables) => Promise<ExecutionResult>;

/** What a document says of an operation. */
interface Described {
  readonly type: OperationTypeNode;
  /** Null: it has none. */
  readonly name: string | null;
  /** Fields at the root as the schema names them; fragments there are left out. */
  readonly fields: readonly string[];
}

const maxName = 100;
const maxFields = 20;
/** Codes of faults that are not the caller's. */
const ourFaults: ReadonlySet<string> = new Set(['INTERNAL_SERVER_ERROR', 'UNAVAILABLE']);

/** The schema, whose own copy this is, with each resolver noted as part of its level. */
export const withWatchedLevels = (own: GraphQLSchema): GraphQLSchema => {
  for (const type of Object.values(own.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      const { resolve } = field;
      if (resolve === undefined || resolve === defaultFieldResolver) continue;
      field.resolve = (parent, args, context: Context, info): unknown => {
        const resolved = (): unknown => resolve(parent, args, context, info);
        return context.record === undefined ? resolved() : context.record.inLevel(info.path, resolved);
      };
    }
  }
  return own;
};

/** Tells how each run of an operation ended, and logs slow ones: never the values of its variables. */
export const observed = (run: Run, document: DocumentNode, operationName: string | undefined): Run => {
  const described = describedIn(document, operationName);
  return async (context, variables) => {
    const { record } = context;
    if (record === undefined) return run(context, variables);
    record.begun = true;
    let code = 'INTERNAL_SERVER_ERROR';
    try {
      const result = await run(context, variables);
      const [failure] = result.errors ?? [];
      code = failure === undefined ? 'OK' : codeOf(failure);
      return result;
    } finally {
      ended(context, record, described, code);
    }
  };
};

const ended = (
  { services: { observer, log }, origin }: Context,
  record: WorkRecord,
  described: Described,
  code: string,
): void => {
  const { type, name, fields } = described;
  const { durationMs, statements } = record;
  if (operationEnded.heard) operationEnded.tell({ type, code, durationMs, statements });
  const attributes = {
    'graphql.operation.type': type,
    ...(name !== null && { 'graphql.operation.name': name }),
    'tessera.fields': fields.join(' '),
    'tessera.code': code,
  };
  record.end(name === null ? type : `${type} ${name}`, attributes, ourFaults.has(code));
  if (!observer.isSlow(durationMs)) return;
  const { requestId } = origin;
  const levels = record.levels.map(({ startMs, durationMs: ms, ...level }) => ({
    ...level,
    startMs: Math.round(startMs),
    durationMs: Math.round(ms),
  }));
  const operation = { type, name, fields };
  log.warn(
    { requestId, operation, code, durationMs: Math.round(durationMs), statements, levels },
    'An operation was slow.',
  );
};

const describedIn = (document: DocumentNode, operationName: string | undefined): Described => {
  const operation = getOperationAST(document, operationName);
  const fields = (operation?.selectionSet.selections ?? []).flatMap((selection) =>
    selection.kind === Kind.FIELD ? [selection.name.value] : [],
  );
  return {
    // An operation that is not there is refused before it runs.
    type: operation?.operation ?? ('query' as OperationTypeNode),
    name: operation?.name?.value.slice(0, maxName) ?? null,
    fields: [...new Set(fields)].slice(0, maxFields),
  };
};

/** Tells of operations over HTTP that are refused before they run. */
export const refusals: ApolloServerPlugin<Context> = {
  requestDidStart: async ({ contextValue: { record } }) => ({
    willSendResponse: async ({ response }) => {
      if (record === undefined || record.begun || !operationEnded.heard) return;
      const errors = response.body.kind === 'single' ? response.body.singleResult.errors : undefined;
      tellRefused(errors?.[0]?.extensions?.code, record.durationMs);
    },
  }),
};

/** Tells of an operation that was refused with a code of ours. */
export const tellRefused = (code: unknown, durationMs: number): void =>
  operationEnded.tell({ type: 'refused', code: typeof code === 'string' ? code : 'OK', durationMs, statements: null });
