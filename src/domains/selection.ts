import { Kind, type FieldNode, type GraphQLResolveInfo, type SelectionSetNode } from 'graphql';
import type { Wanted } from '../database/list.ts';

type Info = Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments'>;

/** By the field's nodes, which a document that is kept compiled keeps too. */
const known = new WeakMap<readonly FieldNode[], Wanted>();

/**
 * What an operation asks of a connection field: the fields of its nodes, under `edges { node { … } }`, and whether its `totalCount` and
 * `pageInfo`. Conditions
 * (`@skip`, `@include`, types of fragments) are taken as met, so there may be more than is needed and never less.
 */
export const wantedOf = (info: Info): Wanted => {
  const found = known.get(info.fieldNodes);
  if (found !== undefined) return found;
  const connection = below(info.fieldNodes, info);
  const nodes = named('node', below(named('edges', connection), info));
  const wanted = {
    fields: new Set(below(nodes, info).map(({ name }) => name.value)),
    totalCount: named('totalCount', connection).length > 0,
    pageInfo: named('pageInfo', connection).length > 0,
  };
  known.set(info.fieldNodes, wanted);
  return wanted;
};

const named = (field: string, fields: readonly FieldNode[]) => fields.filter(({ name }) => name.value === field);

const below = (fields: readonly FieldNode[], info: Info): FieldNode[] =>
  fields.flatMap(({ selectionSet }) => (selectionSet === undefined ? [] : fieldsIn(selectionSet, info)));

const fieldsIn = ({ selections }: SelectionSetNode, info: Info): FieldNode[] =>
  selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return selection;
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : info.fragments[selection.name.value];
    return fragment === undefined ? [] : fieldsIn(fragment.selectionSet, info);
  });
