import { GraphQLError, Kind } from 'graphql';
import type {
  DirectiveNode,
  DocumentNode,
  FieldNode,
  FragmentDefinitionNode,
  OperationDefinitionNode,
  SelectionNode,
  SelectionSetNode,
  TypeNode,
  ValueNode,
} from 'graphql';
import { nameTaken, introspectionRefused, isStorable, textRefused, within } from './limits.ts';
import type { LimitName, Limits } from './limits.ts';

/** What a selection set comes to once its fragments are expanded. */
interface Shape {
  readonly depth: number;
  readonly selections: number;
  /** Fields on the set's own level. */
  readonly fields: number;
}

const nothing: Shape = { depth: 0, selections: 0, fields: 0 };

/**
 * Compares a parsed document with the limits and returns the first refusal, or undefined. It needs no schema and no
 * earlier validation and recurses no deeper than the limits allow. Fragments are measured once and multiplied, so a
 * document whose expansion is exponential costs no more than its text; only what is small then gets expanded. A circle
 * of fragments counts as empty where it closes; the standard rules refuse it.
 */
export const refusalOfShape = (document: DocumentNode, limits: Limits): GraphQLError | undefined => {
  try {
    checkShape(document, limits);
    return undefined;
  } catch (refusal) {
    if (refusal instanceof GraphQLError) return refusal;
    throw refusal;
  }
};

const checkShape = (document: DocumentNode, limits: Limits): void => {
  const operations: OperationDefinitionNode[] = [];
  const definitions: FragmentDefinitionNode[] = [];
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition);
    else if (definition.kind === Kind.FRAGMENT_DEFINITION) definitions.push(definition);
  }
  within(limits, 'operations', operations.length);
  within(limits, 'fragments', document.definitions.length - operations.length);

  // Of several with one name the last is spread, as in validation, which then refuses them all.
  const fragments = new Map(definitions.map((definition) => [definition.name.value, definition]));
  const shapes = new Shapes(limits, fragments);
  for (const operation of operations) shapes.checkOperation(operation);
  // Also those that no operation spreads: the standard rules walk them before they say so.
  for (const definition of definitions) within(limits, 'selections', shapes.ofFragment(definition).selections);

  for (const { selectionSet } of [...operations, ...definitions]) {
    within(limits, 'comparisons', new Merging(limits, fragments).pairs([selectionSet], 1));
  }
};

class Shapes {
  readonly #limits: Limits;
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #measured = new Map<FragmentDefinitionNode, Shape>();
  readonly #counts = new Map<LimitName, number>();

  constructor(limits: Limits, fragments: ReadonlyMap<string, FragmentDefinitionNode>) {
    this.#limits = limits;
    this.#fragments = fragments;
  }

  checkOperation(operation: OperationDefinitionNode): void {
    const limits = this.#limits;
    within(limits, 'operationNameCharacters', operation.name?.value.length ?? 0);
    const variables = operation.variableDefinitions ?? [];
    within(limits, 'variables', variables.length);
    this.#checkDirectives(operation.directives);
    for (const { variable, type, defaultValue, directives } of variables) {
      if (variable.name.value === '__proto__') throw nameTaken();
      within(limits, 'typeNesting', listsIn(type));
      if (defaultValue) this.#checkValue(defaultValue, 0);
      this.#checkDirectives(directives);
    }
    const shape = this.#ofSet(operation.selectionSet, 1);
    within(limits, 'depth', shape.depth);
    within(limits, 'selections', shape.selections);
    within(limits, 'rootFields', shape.fields);
  }

  ofFragment(fragment: FragmentDefinitionNode): Shape {
    const known = this.#measured.get(fragment);
    if (known) return known;
    this.#measured.set(fragment, nothing);
    this.#checkDirectives(fragment.directives);
    const shape = this.#ofSet(fragment.selectionSet, 1);
    this.#measured.set(fragment, shape);
    return shape;
  }

  #ofSet(set: SelectionSetNode, nesting: number): Shape {
    within(this.#limits, 'nesting', nesting);
    let depth = 0;
    let selections = 0;
    let fields = 0;
    for (const selection of set.selections) {
      this.#checkDirectives(selection.directives);
      const shape = this.#ofSelection(selection, nesting);
      depth = Math.max(depth, shape.depth);
      selections += shape.selections;
      fields += shape.fields;
    }
    return { depth, selections, fields };
  }

  #ofSelection(selection: SelectionNode, nesting: number): Shape {
    if (selection.kind === Kind.FIELD) return this.#ofField(selection, nesting);
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      const shape = this.#ofSet(selection.selectionSet, nesting + 1);
      return { ...shape, selections: shape.selections + 1 };
    }
    this.#count('spreads');
    const fragment = this.#fragments.get(selection.name.value);
    return fragment ? this.ofFragment(fragment) : nothing;
  }

  #ofField({ name, alias, arguments: given, selectionSet }: FieldNode, nesting: number): Shape {
    if (alias) this.#checkAlias(alias.value);
    for (const { value } of given ?? []) this.#checkValue(value, 0);
    const introspects = name.value === '__schema' || name.value === '__type';
    if (introspects && !this.#limits.introspection) throw introspectionRefused();
    const inner = selectionSet ? this.#ofSet(selectionSet, nesting + 1) : nothing;
    if (introspects) within(this.#limits, 'introspectionDepth', inner.depth);
    return { depth: introspects ? 1 : inner.depth + 1, selections: inner.selections + 1, fields: 1 };
  }

  #checkAlias(alias: string): void {
    this.#count('aliases');
    within(this.#limits, 'aliasCharacters', alias.length);
    if (alias === '__proto__') throw nameTaken();
  }

  #checkDirectives(directives: readonly DirectiveNode[] = []): void {
    within(this.#limits, 'directivesPerPlace', directives.length);
    for (const directive of directives) {
      this.#count('directives');
      for (const { value } of directive.arguments ?? []) this.#checkValue(value, 0);
    }
  }

  #checkValue(value: ValueNode, nesting: number): void {
    this.#count('literals');
    if (value.kind === Kind.STRING && !isStorable(value.value)) throw textRefused('query');
    if (value.kind !== Kind.LIST && value.kind !== Kind.OBJECT) return;
    within(this.#limits, 'valueNesting', nesting + 1);
    if (value.kind === Kind.LIST) for (const item of value.values) this.#checkValue(item, nesting + 1);
    else for (const field of value.fields) this.#checkValue(field.value, nesting + 1);
  }

  #count(name: LimitName): void {
    const count = (this.#counts.get(name) ?? 0) + 1;
    within(this.#limits, name, count);
    this.#counts.set(name, count);
  }
}

/** Walks the answer's fields as execution merges them, at most as many as the limit of selections. */
class Merging {
  readonly #limits: Limits;
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  #selections = 0;

  constructor(limits: Limits, fragments: ReadonlyMap<string, FragmentDefinitionNode>) {
    this.#limits = limits;
    this.#fragments = fragments;
  }

  /** Pairs of fields in the selection sets of one place of the answer, and in all below. */
  pairs(sets: readonly SelectionSetNode[], level: number): number {
    // Deeper than any document within the limits, so a circle of fragments.
    if (level > this.#limits.nesting) return 0;
    const places = new Map<string, FieldNode[]>();
    const spread = new Set<string>();
    for (const set of sets) this.#collect(set, places, spread);
    let pairs = 0;
    for (const fields of places.values()) {
      pairs += (fields.length * (fields.length - 1)) / 2;
      const below = fields.flatMap(({ selectionSet }) => selectionSet ?? []);
      if (below.length > 0) pairs += this.pairs(below, level + 1);
    }
    return pairs;
  }

  #collect(set: SelectionSetNode, places: Map<string, FieldNode[]>, spread: Set<string>): void {
    for (const selection of set.selections) {
      within(this.#limits, 'selections', ++this.#selections);
      if (selection.kind === Kind.FIELD) {
        const place = (selection.alias ?? selection.name).value;
        const fields = places.get(place);
        if (fields) fields.push(selection);
        else places.set(place, [selection]);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) this.#collect(selection.selectionSet, places, spread);
      else if (!spread.has(selection.name.value)) {
        spread.add(selection.name.value);
        const fragment = this.#fragments.get(selection.name.value);
        if (fragment) this.#collect(fragment.selectionSet, places, spread);
      }
    }
  }
}

const listsIn = (type: TypeNode): number => {
  let lists = 0;
  for (let inner = type; inner.kind !== Kind.NAMED_TYPE; inner = inner.type) if (inner.kind === Kind.LIST_TYPE) lists++;
  return lists;
};
