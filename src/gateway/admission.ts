import type { ApolloServerPlugin, BaseContext, GraphQLRequest } from '@apollo/server';
import { GraphQLError, Kind, parse, specifiedRules, validate } from 'graphql';
import type { DocumentNode, GraphQLSchema, ValidationRule } from 'graphql';
import { LRUCache } from 'lru-cache';
import { refusalOfShape } from './document-shape.ts';
import { isStorable, queryTooComplex, textRefused, within } from './limits.ts';
import type { Limits } from './limits.ts';

/** Text of the documents kept, in characters; their syntax trees take about a hundred bytes for each. */
const CACHED_CHARACTERS = 1_000_000;

/** Errors of one document that are reported before validation stops. */
const REPORTED_ERRORS = 5;

/**
 * What became of a document: ready to run, beyond a limit, or not valid GraphQL for this schema. `errors` carry no
 * HTTP status.
 */
export type Admission =
  | { readonly state: 'admitted'; readonly document: DocumentNode }
  | { readonly state: 'refused'; readonly errors: readonly [GraphQLError] }
  | { readonly state: 'invalid'; readonly errors: readonly GraphQLError[] };

/**
 * Parses, bounds and validates documents, and keeps the admitted ones. HTTP and sockets share one, so that a document
 * is worked on once. The limits come before the rules because several of the standard ones take quadratic time.
 */
export const createAdmission = (
  schema: GraphQLSchema,
  limits: Limits,
  rules: readonly ValidationRule[] = specifiedRules,
): ((source: string) => Admission) => {
  const admitted = new LRUCache<string, Admission>({
    maxSize: CACHED_CHARACTERS,
    sizeCalculation: (_admission, source) => source.length,
  });
  return (source) => {
    const known = admitted.get(source);
    if (known) return known;
    const admission = examine(schema, limits, rules, source);
    if (admission.state === 'admitted' && source.length > 0) admitted.set(source, admission);
    return admission;
  };
};

const examine = (
  schema: GraphQLSchema,
  limits: Limits,
  rules: readonly ValidationRule[],
  source: string,
): Admission => {
  if (source.length > limits.documentCharacters) {
    return refused(queryTooComplex('documentCharacters', limits.documentCharacters, source.length));
  }
  const document = parsed(source, limits);
  if ('state' in document) return document;
  const refusal = refusalOfShape(document, limits);
  if (refusal) return refused(refusal);
  const errors = validate(schema, document, rules, validationOptions(limits));
  return errors.length > 0 ? { state: 'invalid', errors } : { state: 'admitted', document };
};

const refused = (error: GraphQLError): Admission => ({ state: 'refused', errors: [error] });

/** graphql-js tells its token limit from a syntax error by the wording alone. */
const TOKEN_LIMIT = /tokens\. Parsing aborted\.$/;

const parsed = (source: string, limits: Limits): DocumentNode | Admission => {
  try {
    return parse(source, { maxLexicalTokens: limits.tokens });
  } catch (error) {
    // The parser recurses, so a text of brackets can exhaust a stack that is already deep.
    if (error instanceof RangeError) return refused(queryTooComplex('nesting', limits.nesting, limits.nesting + 1));
    if (!(error instanceof GraphQLError)) throw error;
    if (TOKEN_LIMIT.test(error.message)) return refused(queryTooComplex('tokens', limits.tokens, limits.tokens + 1));
    return { state: 'invalid', errors: [unparsed(error)] };
  }
};

const unparsed = (error: GraphQLError): GraphQLError => {
  const { message, source, positions, originalError } = error;
  return new GraphQLError(message, {
    source,
    positions,
    originalError,
    extensions: { code: 'GRAPHQL_PARSE_FAILED' },
  });
};

/** The document has no operation of the name asked for, or several and none was named. */
export const operationMissing = (further: Readonly<Record<string, unknown>> = {}): GraphQLError =>
  new GraphQLError('The document has no such operation, or several of which operationName must name one.', {
    extensions: { ...further, code: 'OPERATION_RESOLUTION_FAILURE' },
  });

/** For Apollo's option of the same name: few errors, and no names of the schema proposed where it is kept private. */
export const validationOptions = (limits: Limits): { maxErrors: number; hideSuggestions: boolean } => ({
  maxErrors: REPORTED_ERRORS,
  hideSuggestions: !limits.introspection,
});

/** Stands in for a refused document: Apollo neither parses nor validates when there is a document already. */
const emptyDocument: DocumentNode = { kind: Kind.DOCUMENT, definitions: [] };

/**
 * Puts {@link createAdmission} in front of Apollo's own parsing and validation. Apollo's `documentStore` must be null:
 * otherwise it overwrites the document found here and works on it again. Apollo's `validationRules` and `introspection`
 * do not see what is admitted here; rules of that kind are given to {@link createAdmission}.
 *
 * Errors can leave Apollo's early hooks only as an internal error. So a refused request goes on with an empty document
 * and is refused, status 400, when its operation is resolved; `operation` is undefined until then, also for other
 * plugins. An invalid document is left to Apollo, which finds and reports the errors itself.
 */
export const limitsPlugin = <TContext extends BaseContext>(
  admit: (source: string) => Admission,
  limits: Limits,
): ApolloServerPlugin<TContext> => ({
  requestDidStart: async () => {
    let refusal: GraphQLError | undefined;
    return {
      didResolveSource: async (request) => {
        const admission = admit(request.source);
        refusal = admission.state === 'refused' ? admission.errors[0] : refusalOfRequest(request.request, limits);
        if (refusal) Object.assign(request, { document: emptyDocument });
        else if (admission.state === 'admitted') Object.assign(request, { document: admission.document });
      },
      didResolveOperation: async ({ operation }) => {
        if (refusal) throw asBadRequest(refusal);
        if (!operation) throw operationMissing({ http: { status: 400 } });
      },
    };
  },
});

/** Whether {@link limitsPlugin} refused the request that goes on with this document. */
export const isRefused = (document: DocumentNode | undefined): boolean => document === emptyDocument;

const asBadRequest = ({ message, extensions }: GraphQLError): GraphQLError =>
  new GraphQLError(message, { extensions: { ...extensions, http: { status: 400 } } });

/** Bounds what comes beside the document: the name of the operation, and the variables with the text in them. */
export const refusalOfRequest = (
  { operationName, variables }: Pick<GraphQLRequest, 'operationName' | 'variables'>,
  limits: Limits,
): GraphQLError | undefined => {
  try {
    within(limits, 'operationNameCharacters', operationName?.length ?? 0);
    if (variables) checkVariables(variables, limits);
    return undefined;
  } catch (refusal) {
    if (refusal instanceof GraphQLError) return refusal;
    throw refusal;
  }
};

/** A list, because values as deep as a body allows would exhaust the stack of a recursion. */
const checkVariables = (variables: object, limits: Limits): void => {
  let level = [{ field: 'variables', value: variables }];
  let values = 0;
  for (let nesting = 0; level.length > 0; nesting++) {
    // The variables themselves are an object that does not count.
    within(limits, 'valueNesting', nesting);
    const next: typeof level = [];
    for (const { field, value } of level) {
      values += Array.isArray(value) ? value.length : Object.keys(value).length;
      within(limits, 'variableValues', values);
      for (const [key, item] of Object.entries(value) as [string, unknown][]) {
        // What stands in a list has the list's name.
        const name = Array.isArray(value) ? field : key;
        if (typeof item === 'object' && item !== null) next.push({ field: name, value: item });
        else if (typeof item === 'string' && !isStorable(item)) throw textRefused(name.slice(0, 100));
      }
    }
    level = next;
  }
};
