import { Kind, type FieldNode, type GraphQLResolveInfo, type SelectionSetNode } from 'graphql';

type Info = Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments'>;

/** By the field's nodes, which a document that is kept compiled keeps too. */
const known = new WeakMap<readonly FieldNode[], ReadonlySet<string>>();

/**
 * Names of the fields that an operation asks of the nodes of a connection field, under `edges { node { … } }`. Conditions (`@skip`, `@include`,
 * types of fragments) are taken as met, so there may be more names than are needed and never fewer.
 */
export const nodeFields = (info: Info): ReadonlySet<string> => {
  const found = known.get(info.fieldNodes);
  if (found !== undefined) return found;
  const edges = below(info.fieldNodes, info).filter(({ name }) => name.value === 'edges');
  const nodes = below(edges, info).filter(({ name }) => name.value === 'node');
  const names = new Set(below(nodes, info).map(({ name }) => name.value));
  known.set(info.fieldNodes, names);
  return names;
};

const below = (fields: readonly FieldNode[], info: Info): FieldNode[] =>
  fields.flatMap(({ selectionSet }) => (selectionSet === undefined ? [] : fieldsIn(selectionSet, info)));

const fieldsIn = ({ selections }: SelectionSetNode, info: Info): FieldNode[] =>
  selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return selection;
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : info.fragments[selection.name.value];
    return fragment === undefined ? [] : fieldsIn(fragment.selectionSet, info);
  });
