import { getOperationAST, Kind, valueFromASTUntyped } from 'graphql';
import type {
  DocumentNode,
  FieldNode,
  GraphQLCompositeType,
  GraphQLSchema,
  OperationDefinitionNode,
  SelectionSetNode,
} from 'graphql';
import { amountOf, greatest, product, sum } from './cost-amount.ts';
import type { Amount, Variables } from './cost-amount.ts';
import { costOfParts, isRecord } from './cost-answer.ts';
import type { Part } from './cost-answer.ts';
import { CostFacts, DEFAULT_SIZE } from './cost-facts.ts';
import type { FieldFacts, ListSize } from './cost-facts.ts';
import { Selections, setsUnder } from './cost-selection.ts';
import type { SelectedField } from './cost-selection.ts';
import { NO_SIZE, sizeIn, SizedFields } from './cost-size.ts';

/** The two costs of an operation. */
export interface OperationCost {
  /**
   * What the operation can cost at most with these variables, not yet coerced. Both branches of `@skip` and `@include`
   * count, and of an abstract type's answers the dearest.
   */
  readonly requested: (variables: Variables) => number;
  /**
   * What `data` did cost: the same weights over the values that are there. A type condition is taken as met where the
   * answer has the field.
   */
  readonly actual: (variables: Variables, data: unknown) => number;
}

/**
 * Reads the costs of operations from `@cost` and `@listSize`, as the GraphQL Cost Directives specification defines
 * them (https://ibm.github.io/graphql-specs/cost-spec.html). One number is the sum of that specification's type cost
 * (1 for each object of the answer, the root included, times the sizes of the lists above it) and of its field cost,
 * in which only what carries `@cost` weighs, and a mutation's root field 10. The default 1 of a field of composite
 * type is left out of the second, since its objects count in the first already; input objects weigh nothing without
 * `@cost`.
 *
 * All reading of document and schema happens once for an operation of a document; the result is kept with the
 * document. Where sizes are variables, a use evaluates every place of the answer, whose number the limit of selections
 * bounds. Undefined when the document has no such operation.
 */
export const operationCosts = (
  schema: GraphQLSchema,
): ((document: DocumentNode, operationName?: string | null) => OperationCost | undefined) => {
  const facts = new CostFacts(schema);
  const compiled = new WeakMap<OperationDefinitionNode, OperationCost>();
  return (document, operationName) => {
    const operation = getOperationAST(document, operationName);
    if (!operation) return undefined;
    const cost = compiled.get(operation) ?? compile(facts, document, operation);
    compiled.set(operation, cost);
    return cost;
  };
};

/** Cost of one operation for one use; see {@link operationCosts}. Throws an Error when the document has no such operation. */
export const compileCost = (schema: GraphQLSchema, document: DocumentNode, operationName?: string): OperationCost => {
  const cost = operationCosts(schema)(document, operationName);
  if (!cost) throw new Error('The document has no such operation');
  return cost;
};

const compile = (facts: CostFacts, document: DocumentNode, operation: OperationDefinitionNode): OperationCost => {
  const root = facts.schema.getRootType(operation.operation);
  if (!root) return { requested: () => 0, actual: () => 0 };
  const compiler = new Compiler(facts, document, operation);
  const sets = [operation.selectionSet];
  const rootWeight = facts.ofValue(root);
  const requested = sum([rootWeight, compiler.ofAnswer(root, sets)]);
  const parts = compiler.parts(root, sets);
  return {
    requested: (variables) => amountOf(requested, variables),
    actual: (variables, data) => (isRecord(data) ? rootWeight + costOfParts(parts, data, variables) : 0),
  };
};

class Compiler {
  readonly #facts: CostFacts;
  readonly #selections: Selections;
  readonly #defaults: ReadonlyMap<string, unknown>;
  // Kept by the places that make up a field, so that a fragment spread in a hundred places is worked on once.
  readonly #values = new Map<string, Amount>();
  readonly #parts = new Map<string, readonly Part[]>();

  constructor(facts: CostFacts, document: DocumentNode, { variableDefinitions = [] }: OperationDefinitionNode) {
    this.#facts = facts;
    this.#selections = new Selections(facts.schema, document);
    this.#defaults = new Map(
      variableDefinitions.flatMap(({ variable, defaultValue }) =>
        defaultValue ? [[variable.name.value, valueFromASTUntyped(defaultValue)] as const] : [],
      ),
    );
  }

  /** Cost of the fields of one object, `sized` giving the sizes that a field above has set for its children. */
  ofAnswer(type: GraphQLCompositeType, sets: readonly SelectionSetNode[], sized?: SizedFields): Amount {
    const branches = this.#selections.branches(type, sets);
    return greatest(
      branches.map((branch) => this.#ofBranch(branch, sets, sized)),
      0,
    );
  }

  #ofBranch(type: GraphQLCompositeType, sets: readonly SelectionSetNode[], sized?: SizedFields): Amount {
    const fields = this.#selections.fields(type, sets, (condition) => this.#selections.includes(condition, type));
    return sum([...fields.values()].map((field) => this.#ofField(type, field, sized)));
  }

  #ofField(type: GraphQLCompositeType, field: SelectedField, sized?: SizedFields): Amount {
    const [node] = field.nodes;
    const parent = this.#facts.ofField(type, node.name.value) ? type : field.parent;
    const facts = this.#facts.ofField(parent, node.name.value);
    if (!facts) return 0;
    const own = facts.listSize ? this.#size(facts.listSize, node) : DEFAULT_SIZE;
    const passesOn = facts.listSize && facts.listSize.sizedFields.length > 0;
    const size = facts.isList ? (sized?.sizeOf(node.name.value) ?? (passesOn ? DEFAULT_SIZE : own)) : 1;
    const children = passesOn ? new SizedFields(facts.listSize.sizedFields, own) : undefined;
    const value = this.#ofValue(parent, field, facts, children);
    return sum([this.#weight(facts, node), product(size, value)]);
  }

  #ofValue(parent: GraphQLCompositeType, field: SelectedField, facts: FieldFacts, sized?: SizedFields): Amount {
    if (!facts.composite) return facts.valueWeight;
    const sets = setsUnder(field);
    const key = `${parent.name}:${this.#selections.key(sets)}`;
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    // Ends a circle of fragments, which only an unvalidated document can hold.
    this.#values.set(key, 0);
    const value = sum([facts.valueWeight, this.ofAnswer(facts.composite, sets, sized)]);
    this.#values.set(key, value);
    return value;
  }

  /** Weight of the field and its arguments. */
  #weight(facts: FieldFacts, { arguments: given = [] }: FieldNode): Amount {
    if (facts.inputs.size === 0) return facts.weight;
    const inputs = given.flatMap(({ name, value }): Amount[] => {
      const weight = facts.inputs.get(name.value);
      return weight ? [(variables) => weight(valueFromASTUntyped(value, this.#withDefaults(variables)))] : [];
    });
    return sum([facts.weight, ...inputs]);
  }

  #withDefaults(variables: Variables): Record<string, unknown> {
    return { ...Object.fromEntries(this.#defaults), ...variables };
  }

  #size({ slicingArguments, assumedSize = DEFAULT_SIZE }: ListSize, { arguments: given = [] }: FieldNode): Amount {
    const sizes = slicingArguments.map(({ name, defaultValue }): Amount => {
      const value = given.find((each) => each.name.value === name)?.value;
      if (!value) return sizeIn(defaultValue);
      if (value.kind !== Kind.VARIABLE) return sizeIn(valueFromASTUntyped(value));
      const variable = value.name.value;
      const otherwise = this.#defaults.has(variable) ? this.#defaults.get(variable) : defaultValue;
      return (variables) => sizeIn(variables[variable] === undefined ? otherwise : variables[variable]);
    });
    const largest = greatest(sizes, NO_SIZE);
    if (typeof largest === 'number') return largest < 0 ? assumedSize : largest;
    return (variables) => {
      const size = largest(variables);
      return size < 0 ? assumedSize : size;
    };
  }

  /** What has to be counted in an answer. Fields that weigh nothing, with nothing below that does, are left out. */
  parts(type: GraphQLCompositeType, sets: readonly SelectionSetNode[]): readonly Part[] {
    const key = `${type.name}:${this.#selections.key(sets)}`;
    const known = this.#parts.get(key);
    if (known) return known;
    const parts: Part[] = [];
    this.#parts.set(key, parts);
    for (const [name, field] of this.#selections.fields(type, sets, () => true)) {
      const [node] = field.nodes;
      const facts = this.#facts.ofField(field.parent, node.name.value);
      if (!facts) continue;
      const weight = this.#weight(facts, node);
      const below = facts.composite ? this.parts(facts.composite, setsUnder(field)) : [];
      const weighs = weight !== 0 || facts.valueWeight !== 0 || below.length > 0;
      if (weighs) parts.push({ key: name, weight, valueWeight: facts.valueWeight, parts: below });
    }
    return parts;
  }
}
