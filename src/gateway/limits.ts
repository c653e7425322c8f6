import { GraphQLError } from 'graphql';
import { BadUserInput } from '../errors.ts';

/** Bounds on one GraphQL request, all of them inclusive. "Expanded" counts a fragment each time it is spread. */
export interface Limits {
  /** Length of the document's text, in UTF-16 code units; checked before parsing. */
  readonly documentCharacters: number;
  /** Lexical tokens of the document; parsing stops there. */
  readonly tokens: number;
  /** Operations in one document. More than one is what editors send, which keep a whole tab in each request. */
  readonly operations: number;
  /** Fragment definitions in one document. */
  readonly fragments: number;
  /** Fragment spreads as written. */
  readonly spreads: number;
  /** Length of the name of an operation, in the document and in the request's `operationName`. */
  readonly operationNameCharacters: number;
  /** Fields on the longest path from the root to a leaf, expanded. Everything under `__schema` or `__type` counts as one. */
  readonly depth: number;
  /** Fields under `__schema` or `__type`; the usual introspection query has 14. */
  readonly introspectionDepth: number;
  /** Selection sets inside each other as written, inline fragments included. */
  readonly nesting: number;
  /** Fields on the root of one operation, expanded. */
  readonly rootFields: number;
  /** Fields and inline fragments of one operation, expanded. */
  readonly selections: number;
  /**
   * Pairs of fields with the same place in the answer, of one operation or fragment. Validation compares the two of each
   * pair, about 3 µs, so this bounds its time; a field asked for by n fragments makes n (n - 1) / 2 pairs.
   */
  readonly comparisons: number;
  /** Aliases as written in the whole document, those of `__typename` included. */
  readonly aliases: number;
  /** Length of an alias, which each object of the answer repeats. */
  readonly aliasCharacters: number;
  /** Directives as written in the whole document. */
  readonly directives: number;
  /** Directives on one place. */
  readonly directivesPerPlace: number;
  /** Variables of one operation. */
  readonly variables: number;
  /** Lists inside lists in a variable's type. */
  readonly typeNesting: number;
  /** Lists and objects inside each other, in a literal or in the request's variables. */
  readonly valueNesting: number;
  /** Literal values in the whole document: each scalar, list, object and use of a variable. */
  readonly literals: number;
  /** Values in the request's variables: each scalar, list and object. */
  readonly variableValues: number;
  /** Static cost of an operation as `cost.ts` counts it. */
  readonly cost: number;
  /** Whether `__schema` and `__type` may be asked for. */
  readonly introspection: boolean;
}

/**
 * Room for what an application's screen asks for with fragments beside its components (some 300 fields, eight levels
 * with connections) about three times over. Each bound by itself keeps the cost of checking a document under the
 * standard rules to some milliseconds.
 */
export const productionLimits: Limits = Object.freeze({
  documentCharacters: 40_000,
  tokens: 4_000,
  operations: 20,
  fragments: 60,
  spreads: 200,
  operationNameCharacters: 100,
  depth: 12,
  introspectionDepth: 20,
  nesting: 30,
  rootFields: 20,
  selections: 1_000,
  comparisons: 3_000,
  aliases: 50,
  aliasCharacters: 100,
  directives: 50,
  directivesPerPlace: 4,
  variables: 50,
  typeNesting: 3,
  valueNesting: 12,
  literals: 1_000,
  variableValues: 10_000,
  cost: 10_000,
  introspection: false,
});

/** The same bounds with introspection, so that a query that passes in development passes in production. */
export const developmentLimits: Limits = Object.freeze({ ...productionLimits, introspection: true });

/** The bounds that are numbers. */
export type LimitName = Exclude<keyof Limits, 'introspection'>;

const meanings: Readonly<Record<LimitName, string>> = {
  documentCharacters: 'characters in the document are',
  tokens: 'tokens in the document are',
  operations: 'operations in the document are',
  fragments: 'fragments in the document are',
  spreads: 'fragment spreads are',
  operationNameCharacters: 'characters in an operation name are',
  depth: 'levels of fields are',
  introspectionDepth: 'levels of introspection fields are',
  nesting: 'levels of brackets are',
  rootFields: 'root fields are',
  selections: 'selections with fragments expanded are',
  comparisons: 'repetitions of fields, counted in pairs, are',
  aliases: 'aliases are',
  aliasCharacters: 'characters in an alias are',
  directives: 'directives in the document are',
  directivesPerPlace: 'directives on one place are',
  variables: 'variables are',
  typeNesting: 'levels of lists in a variable type are',
  valueNesting: 'levels of lists and objects in a value are',
  literals: 'literal values are',
  variableValues: 'values in the variables are',
  cost: 'cost is',
};

/**
 * The refusal of a request that passes a bound. `actual` is what was counted when counting stopped, so it is a lower
 * bound where counting further would cost work. Nothing of the request is repeated. Over HTTP, `further` holds the status.
 */
export const queryTooComplex = (
  exceeded: LimitName,
  limit: number,
  actual: number,
  further: Readonly<Record<string, unknown>> = {},
): GraphQLError => {
  const counted = Math.min(actual, Number.MAX_SAFE_INTEGER);
  return new GraphQLError(`The query is too complex: ${meanings[exceeded]} limited to ${limit}.`, {
    extensions: { ...further, code: 'QUERY_TOO_COMPLEX', limit, actual: counted },
  });
};

/** Refuses introspection where it is off; nothing tells whether the schema would have known the field. */
export const introspectionRefused = (): GraphQLError =>
  new GraphQLError('Introspection is off.', { extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } });

/** Refuses `__proto__` as an alias or a variable: answers and the values of variables are plain objects. */
export const nameTaken = (): GraphQLError =>
  new GraphQLError('Nothing can be named "__proto__".', { extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } });

/** Whether Postgres can store a text: it has no null character and no half of a surrogate pair. */
export const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

/** Refuses text that {@link isStorable} does not hold for. */
export const textRefused = (field: string): GraphQLError =>
  new BadUserInput(field, 'Text must be Unicode without null characters.');

/** Throws {@link queryTooComplex} when the count passes the bound of that name. */
export const within = (limits: Limits, name: LimitName, actual: number): void => {
  if (actual > limits[name]) throw queryTooComplex(name, limits[name], actual);
};
