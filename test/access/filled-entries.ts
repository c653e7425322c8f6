import type { Person } from '../testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** An entry of the knowledge bank that the owner wrote for all members, published or as a draft, with its first version. */
export const filledEntry = async (
  owner: Person,
  secret: string,
  { publish = true }: { readonly publish?: boolean } = {},
): Promise<Record<'KnowledgeEntry' | 'KnowledgeVersion', string>> => {
  const { createKnowledgeEntry }: Data = await owner.want(
    'mutation ($input: CreateKnowledgeEntryInput!) { createKnowledgeEntry(input: $input) { entry { id versions(first: 1) { edges { node { id } } } } } }',
    { input: { title: `${secret} entry`, content: secret, category: secret, publish } },
  );
  const { id, versions } = createKnowledgeEntry.entry;
  return { KnowledgeEntry: id, KnowledgeVersion: versions.edges[0].node.id };
};
