import type { Resolvers } from '../../../generated/resolvers.ts';
import { highlight, type Span } from '../../../search/highlight.ts';
import { found } from '../../nodes.ts';
import { modelById } from '../../modelhub/loaders.ts';
import { setKnowledgeBank } from '../bank-changes.ts';
import { defaultSettings, settingsByOrganization } from '../bank-settings.ts';
import type { KnowledgeSearchEdgeRow } from '../rows.ts';
import { knowledgeOf } from '../schema.ts';
import { knowledgeEntryById } from '../search-loaders.ts';
import { progressOf, searchKnowledge } from '../searching.ts';

const spanIn = (text: string, { start, end }: Span) => ({ start, end, text: text.slice(start, end) });
const highlightOf = ({ node, query, language }: KnowledgeSearchEdgeRow) => highlight(node.text, query, language);

export const resolvers: Resolvers = {
  Query: {
    searchKnowledge: async (_root, args, context) => ({ edges: await searchKnowledge(context, args) }),
    knowledgeBank: async (_root, _args, { unit }) =>
      (await settingsByOrganization(knowledgeOf(unit)).load(unit.organizationId)) ?? defaultSettings,
  },
  Mutation: {
    setKnowledgeBank: async (_root, { input }, context) => ({ knowledgeBank: await setKnowledgeBank(context, input) }),
  },
  KnowledgeBank: {
    embeddingModel: ({ embeddingModelId }, _args, { unit }) =>
      embeddingModelId === null ? null : modelById(unit).load(embeddingModelId),
    nextEmbeddingModel: ({ nextEmbeddingModelId }, _args, { unit }) =>
      nextEmbeddingModelId === null ? null : modelById(unit).load(nextEmbeddingModelId),
    progress: (settings, _args, { unit }) => progressOf(unit, settings),
  },
  KnowledgeSearchEdge: {
    score: ({ hit }) => hit.score,
    lexicalRank: ({ hit }) => hit.lexicalRank,
    vectorRank: ({ hit }) => hit.vectorRank,
    bm25: ({ hit }) => hit.bm25,
    similarity: ({ hit }) => hit.similarity,
    snippet: (edge) => spanIn(edge.node.text, highlightOf(edge).snippet),
    highlights: (edge) => highlightOf(edge).matches.map((match) => spanIn(edge.node.text, match)),
    explanation: ({ explain }) => explain(),
  },
  KnowledgePassage: {
    entry: ({ entryId }, _args, { unit }) => found('KnowledgeEntry', entryId, knowledgeEntryById(unit)),
  },
};

/** How `node(id)` finds entries. */
export const nodes = { KnowledgeEntry: knowledgeEntryById };
