import {
  getDirectiveValues,
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isObjectType,
} from 'graphql';
import type {
  DirectiveNode,
  GraphQLArgument,
  GraphQLCompositeType,
  GraphQLField,
  GraphQLInputType,
  GraphQLNamedType,
  GraphQLObjectType,
  GraphQLOutputType,
  GraphQLSchema,
} from 'graphql';

/** Weight of a mutation's root field that names none: writing locks, logs and notifies, whatever it answers. */
const MUTATION_WEIGHT = 10;

/** Items counted for a list that says nothing of its size, and for a page without a size: the page size of the API. */
export const DEFAULT_SIZE = 20;

/** `@listSize` of one field. */
export interface ListSize {
  readonly assumedSize: number | undefined;
  readonly slicingArguments: readonly GraphQLArgument[];
  readonly sizedFields: readonly string[];
}

/** Weight of one value given for an argument or input field. */
export type InputWeight = (value: unknown) => number;

/** What the schema says about the cost of a field. */
export interface FieldFacts {
  /** Added each time the field is answered, whatever the answer. */
  readonly weight: number;
  /** Added for each value of the answer: its type's weight, for an abstract type that of the heaviest member. */
  readonly valueWeight: number;
  /** The answer's type where it has fields. */
  readonly composite: GraphQLCompositeType | undefined;
  readonly isList: boolean;
  readonly listSize: ListSize | undefined;
  /** Arguments that weigh something, by name. */
  readonly inputs: ReadonlyMap<string, InputWeight>;
}

/** Answers what `@cost` and `@listSize` say, each field read once. Throws an Error for a directive that makes no sense. */
export class CostFacts {
  readonly schema: GraphQLSchema;
  readonly #fields = new Map<GraphQLField<unknown, unknown>, FieldFacts>();

  constructor(schema: GraphQLSchema) {
    this.schema = schema;
  }

  /** Undefined for a field the type does not have, and for the fields of introspection, which cost nothing. */
  ofField(parent: GraphQLCompositeType, name: string): FieldFacts | undefined {
    const field = 'getFields' in parent ? parent.getFields()[name] : undefined;
    if (!field) return undefined;
    const known = this.#fields.get(field);
    if (known) return known;
    const facts = this.#read(parent, field);
    this.#fields.set(field, facts);
    return facts;
  }

  /** Weight of a value of the type: as given, else 1 for what has fields and 0 for scalars and enums. */
  ofValue(type: GraphQLNamedType): number {
    if (isAbstractType(type))
      return Math.max(0, ...this.schema.getPossibleTypes(type).map((each) => this.ofValue(each)));
    return this.#weight(type) ?? (isCompositeType(type) ? 1 : 0);
  }

  #read(parent: GraphQLCompositeType, field: GraphQLField<unknown, unknown>): FieldFacts {
    // Through an interface any implementation may answer: the heaviest counts, and the first size that is told.
    const everywhere = [field, ...this.#implementations(parent, field.name)];
    const weights = everywhere.map((each) => this.#weight(each)).filter((weight) => weight !== undefined);
    const type = getNamedType(field.type);
    return {
      weight: weights.length > 0 ? Math.max(...weights) : this.#defaultWeight(parent),
      valueWeight: this.ofValue(type),
      composite: isCompositeType(type) ? type : undefined,
      isList: isListType(getNullableType(field.type)),
      listSize: everywhere.map((each) => this.#listSize(parent, each)).find((size) => size !== undefined),
      inputs: this.#inputs(field.args),
    };
  }

  #defaultWeight(parent: GraphQLCompositeType): number {
    return parent === this.schema.getMutationType() ? MUTATION_WEIGHT : 0;
  }

  #implementations(parent: GraphQLCompositeType, name: string): GraphQLField<unknown, unknown>[] {
    if (!isInterfaceType(parent)) return [];
    return this.schema.getPossibleTypes(parent).flatMap((type) => type.getFields()[name] ?? []);
  }

  #inputs(inputs: Iterable<GraphQLArgument>): ReadonlyMap<string, InputWeight> {
    const weights = new Map<string, InputWeight>();
    for (const input of inputs) {
      const weight = this.#ofInput(input.type, this.#weight(input) ?? 0, new Map());
      if (weight) weights.set(input.name, weight);
    }
    return weights;
  }

  /** Undefined when nothing that can be given weighs anything, which is the usual case and then costs no time. */
  #ofInput(
    type: GraphQLInputType,
    own: number,
    open: Map<GraphQLInputType, Map<string, InputWeight>>,
  ): InputWeight | undefined {
    const named = getNamedType(type);
    if (!isInputObjectType(named)) return own === 0 ? undefined : (value) => (value === undefined ? 0 : own);
    let fields = open.get(named);
    if (!fields) {
      fields = new Map();
      open.set(named, fields);
      for (const field of Object.values(named.getFields())) {
        const weight = this.#ofInput(field.type, this.#weight(field) ?? 0, open);
        if (weight) fields.set(field.name, weight);
      }
    }
    // A type within itself is met before its fields are known, so it is kept whatever they turn out to weigh.
    return own === 0 && fields.size === 0 ? undefined : inputWeight(own, fields);
  }

  #weight(element: { astNode?: { directives?: readonly DirectiveNode[] } | null | undefined }): number | undefined {
    const given = this.#directive('cost', element)?.weight;
    if (given === undefined) return undefined;
    const weight = typeof given === 'string' ? Number(given) : Number.NaN;
    if (!(weight >= 0 && Number.isFinite(weight)))
      throw new Error(`@cost(weight: ${JSON.stringify(given)}) is no weight`);
    return weight;
  }

  #listSize(parent: GraphQLCompositeType, field: GraphQLField<unknown, unknown>): ListSize | undefined {
    const given = this.#directive('listSize', field);
    if (!given) return undefined;
    const place = `${parent.name}.${field.name}`;
    return {
      assumedSize: typeof given.assumedSize === 'number' ? given.assumedSize : undefined,
      slicingArguments: names(given.slicingArguments).map((name) => argumentOf(field, name, place)),
      sizedFields: names(given.sizedFields).map((name) => sizedFieldOf(field.type, name, place)),
    };
  }

  #directive(
    name: string,
    element: { astNode?: { directives?: readonly DirectiveNode[] } | null | undefined },
  ): Record<string, unknown> | undefined {
    const directive = this.schema.getDirective(name);
    return directive && element.astNode ? getDirectiveValues(directive, element.astNode) : undefined;
  }
}

const names = (given: unknown): string[] => (Array.isArray(given) ? given : []);

const argumentOf = (field: GraphQLField<unknown, unknown>, name: string, place: string): GraphQLArgument => {
  const argument = field.args.find((each) => each.name === name);
  if (!argument) throw new Error(`@listSize on ${place} names the argument "${name}", which is missing`);
  return argument;
};

const sizedFieldOf = (type: GraphQLOutputType, name: string, place: string): string => {
  const named = getNamedType(type);
  const fields = 'getFields' in named ? named.getFields() : {};
  if (!fields[name]) throw new Error(`@listSize on ${place} names the field "${name}", which is missing`);
  return name;
};

const inputWeight =
  (own: number, fields: ReadonlyMap<string, InputWeight>): InputWeight =>
  (value) => {
    if (Array.isArray(value)) return own + value.reduce((sum: number, item) => sum + inputWeight(0, fields)(item), 0);
    if (typeof value !== 'object' || value === null) return value === undefined ? 0 : own;
    let sum = own;
    for (const [name, item] of Object.entries(value)) sum += fields.get(name)?.(item) ?? 0;
    return sum;
  };

/**
 * Reads the directives of every field, so that a wrong one is found when the server starts, and names the lists of
 * objects whose size nothing tells (`Type.field`); they are counted as {@link DEFAULT_SIZE}.
 */
export const unsizedLists = (schema: GraphQLSchema): string[] => {
  const facts = new CostFacts(schema);
  const types = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type));
  const all = types.filter((type) => !type.name.startsWith('__')).flatMap((type) => fieldsOf(facts, type));
  const sized = new Set(
    all.flatMap(({ of }) => of.listSize?.sizedFields.map((name) => `${of.composite?.name}.${name}`) ?? []),
  );
  return all
    .filter(({ of, path }) => of.isList && of.composite && !of.listSize && !sized.has(path))
    .map(({ path }) => path);
};

const fieldsOf = (facts: CostFacts, type: GraphQLObjectType): { path: string; of: FieldFacts }[] =>
  Object.keys(type.getFields()).flatMap((name) => {
    const of = facts.ofField(type, name);
    return of ? [{ path: `${type.name}.${name}`, of }] : [];
  });
