import { Kind, type FieldNode, type GraphQLResolveInfo, type SelectionNode, type SelectionSetNode } from 'graphql';
import type { Wanted } from '../database/list.ts';

type Info = Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments'>;

/** By the field's nodes, which a document that is kept compiled keeps too. */
const known = new WeakMap<readonly FieldNode[], Wanted>();

/**
 * What an operation asks of a connection field. Conditions (`@skip`, `@include`, types of fragments) are taken as met, so there may be more than is
 * needed and never less; `certain` alone leaves out what `@skip` and `@include` may.
 */
export const wantedOf = (info: Info): Wanted => {
  const found = known.get(info.fieldNodes);
  if (found !== undefined) return found;
  const connection = below(info.fieldNodes, info, () => true);
  const wanted = {
    fields: ofNodes(info, () => true),
    certain: ofNodes(info, ({ directives = [] }) => directives.length === 0),
    totalCount: named('totalCount', connection).length > 0,
    pageInfo: named('pageInfo', connection).length > 0,
  };
  known.set(info.fieldNodes, wanted);
  return wanted;
};

type Condition = (selection: SelectionNode) => boolean;

/** Names of the fields under `edges { node { … } }`. */
const ofNodes = (info: Info, holds: Condition): Set<string> => {
  const edges = named('edges', below(info.fieldNodes, info, holds));
  const nodes = named('node', below(edges, info, holds));
  return new Set(below(nodes, info, holds).map(({ name }) => name.value));
};

const named = (field: string, fields: readonly FieldNode[]) => fields.filter(({ name }) => name.value === field);

const below = (fields: readonly FieldNode[], info: Info, holds: Condition): FieldNode[] =>
  fields.flatMap(({ selectionSet }) => (selectionSet === undefined ? [] : fieldsIn(selectionSet, info, holds)));

const fieldsIn = ({ selections }: SelectionSetNode, info: Info, holds: Condition): FieldNode[] =>
  selections.filter(holds).flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return selection;
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : info.fragments[selection.name.value];
    return fragment === undefined ? [] : fieldsIn(fragment.selectionSet, info, holds);
  });
