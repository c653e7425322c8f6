import { Kind, isAbstractType, isCompositeType, isObjectType } from 'graphql';
import type {
  DocumentNode,
  FieldNode,
  FragmentDefinitionNode,
  GraphQLCompositeType,
  GraphQLObjectType,
  GraphQLSchema,
  SelectionSetNode,
} from 'graphql';

/** The places that together give one field of the answer. */
export interface SelectedField {
  /** Type of which the first of the places asks the field. */
  readonly parent: GraphQLCompositeType;
  readonly nodes: [FieldNode, ...FieldNode[]];
}

/** Fields by the name they have in the answer. */
export type SelectedFields = ReadonlyMap<string, SelectedField>;

/** Reads selections as execution does: fragments in place, equal response names merged; `@skip` and `@include` ignored. */
export class Selections {
  readonly #schema: GraphQLSchema;
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  readonly #numbers = new Map<SelectionSetNode, number>();

  constructor(schema: GraphQLSchema, document: DocumentNode) {
    this.#schema = schema;
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition);
    }
  }

  /** A name for the combination of selection sets, the same however often it is met in the document. */
  key(sets: readonly SelectionSetNode[]): string {
    return sets.map((set) => this.#number(set)).join();
  }

  #number(set: SelectionSetNode): number {
    const number = this.#numbers.get(set) ?? this.#numbers.size;
    this.#numbers.set(set, number);
    return number;
  }

  /** Fields asked for under `type`, through those type conditions that `follows` accepts. */
  fields(
    type: GraphQLCompositeType,
    sets: readonly SelectionSetNode[],
    follows: (condition: GraphQLCompositeType) => boolean,
  ): SelectedFields {
    const fields = new Map<string, SelectedField>();
    this.#walk(
      type,
      sets,
      (condition) => follows(condition),
      (parent, node) => {
        const name = (node.alias ?? node.name).value;
        const field = fields.get(name);
        if (field) field.nodes.push(node);
        else fields.set(name, { parent, nodes: [node] });
      },
    );
    return fields;
  }

  /**
   * Ways in which an object of the type can answer, as the type to take fields from. For an abstract type these are
   * the members that some fragment is conditioned on, and the type itself for all others.
   */
  branches(type: GraphQLCompositeType, sets: readonly SelectionSetNode[]): GraphQLCompositeType[] {
    if (!isAbstractType(type)) return [type];
    const members = this.#schema.getPossibleTypes(type);
    const singled = new Set<GraphQLObjectType>();
    this.#walk(type, sets, (condition) => {
      const matched = members.filter((member) => this.includes(condition, member));
      if (matched.length < members.length) for (const member of matched) singled.add(member);
      return true;
    });
    return [type, ...singled];
  }

  /** Whether every object of the type meets the condition. */
  includes(condition: GraphQLCompositeType, type: GraphQLCompositeType): boolean {
    if (condition === type) return true;
    if (!isAbstractType(condition)) return false;
    if (isObjectType(type)) return this.#schema.isSubType(condition, type);
    return this.#schema.getPossibleTypes(type).every((member) => this.#schema.isSubType(condition, member));
  }

  #walk(
    type: GraphQLCompositeType,
    sets: readonly SelectionSetNode[],
    follows: (condition: GraphQLCompositeType) => boolean,
    found: (parent: GraphQLCompositeType, node: FieldNode) => void = () => undefined,
  ): void {
    const spread = new Set<string>();
    const walk = (parent: GraphQLCompositeType, set: SelectionSetNode): void => {
      for (const selection of set.selections) {
        if (selection.kind === Kind.FIELD) found(parent, selection);
        else if (selection.kind === Kind.INLINE_FRAGMENT) enter(parent, selection);
        else if (!spread.has(selection.name.value)) {
          spread.add(selection.name.value);
          const fragment = this.#fragments.get(selection.name.value);
          if (fragment) enter(parent, fragment);
        }
      }
    };
    const enter = (
      parent: GraphQLCompositeType,
      fragment: { typeCondition?: FragmentDefinitionNode['typeCondition'] | undefined; selectionSet: SelectionSetNode },
    ): void => {
      const condition = fragment.typeCondition && this.#schema.getType(fragment.typeCondition.name.value);
      if (!condition) walk(parent, fragment.selectionSet);
      else if (isCompositeType(condition) && follows(condition)) walk(condition, fragment.selectionSet);
    };
    for (const set of sets) walk(type, set);
  }
}

/** Selection sets under the places of one field. */
export const setsUnder = ({ nodes }: SelectedField): SelectionSetNode[] =>
  nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
