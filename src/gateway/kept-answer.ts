import { GraphQLError, type ExecutionResult } from 'graphql';
import { DomainError } from '../errors.ts';
import { codeOf } from './masking.ts';

/** What of an answer belongs to one field. */
export interface Part {
  readonly data: unknown;
  readonly errors: readonly {
    message: string;
    path: readonly (string | number)[];
    extensions: Record<string, unknown>;
  }[];
  /** The whole answer had no data. */
  readonly none: boolean;
}

/** What of an answer belongs to a field. */
export const partOf = ({ data, errors = [] }: ExecutionResult, field: string): Part => ({
  data: data?.[field] ?? null,
  none: data === null || data === undefined,
  errors: errors.filter(({ path }) => path?.[0] === field || !data).map(keptError),
});

/** What clients are told of an error, and no more. */
const keptError = (error: GraphQLError): Part['errors'][number] => {
  const code = codeOf(error);
  const path = error.path ?? [];
  const masked = code === 'INTERNAL_SERVER_ERROR';
  const cause = error.originalError instanceof DomainError ? error.originalError : error;
  return masked
    ? { message: 'Something went wrong on our side.', path, extensions: { code } }
    : { message: cause.message, path, extensions: { ...cause.extensions, code } };
};

/** The answer that is made of those of its fields, in their order. */
export const merged = (fields: Iterable<string>, parts: ReadonlyMap<string, Part>): ExecutionResult => {
  const inOrder = [...fields].flatMap((field) => {
    const part = parts.get(field);
    return part === undefined ? [] : [[field, part] as const];
  });
  const errors = inOrder.flatMap(([, part]) => part.errors).map(toldAgain);
  const data = inOrder.some(([, { none }]) => none)
    ? null
    : Object.fromEntries(inOrder.map(([field, part]) => [field, part.data]));
  return errors.length === 0 ? { data } : { data, errors };
};

const toldAgain = ({ message, path, extensions }: Part['errors'][number]): GraphQLError => {
  const { code, ...details } = extensions;
  // The casts are safe: `keptError` wrote them.
  const cause = new DomainError(code as never, message, details);
  return new GraphQLError(message, { path, originalError: cause, extensions: cause.extensions });
};
