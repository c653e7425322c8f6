import type { Resolvers } from '../../../generated/resolvers.ts';
import { highlight, type Span } from '../../../search/highlight.ts';
import { viewerOf } from '../../context.ts';
import { requirePermission } from '../../permissions.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import type { SearchEdgeRow } from '../rows.ts';
import { searchLogList, searchStatistics } from '../search-log.ts';
import { feedbackOf, fusionOf, search, sentenceOf, termsOf } from '../searching.ts';
import type { SearchLogRow } from '../tables.ts';

const spanIn = (text: string, { start, end }: Span) => ({ start, end, text: text.slice(start, end) });
const highlightOf = ({ node, query, language }: SearchEdgeRow) => highlight(node.text, query, language);

export const resolvers: Resolvers = {
  Query: {
    search: async (_root, args, context) => ({ edges: await search(context, args) }),
  },
  Workspace: {
    searchLog: ({ id }, args, context) => {
      requirePermission(viewerOf(context), 'SEARCH_LOG_READ', id);
      return searchLogList<SearchLogRow>(context.unit, args, id);
    },
    searchStatistics: ({ id }, args, context) => {
      requirePermission(viewerOf(context), 'SEARCH_LOG_READ', id);
      return searchStatistics(context.unit, id, args);
    },
  },
  SearchEdge: {
    score: ({ hit }) => hit.score,
    lexicalRank: ({ hit }) => hit.lexicalRank,
    vectorRank: ({ hit }) => hit.vectorRank,
    bm25: ({ hit }) => hit.bm25,
    similarity: ({ hit }) => hit.similarity,
    snippet: (edge) => spanIn(edge.node.text, highlightOf(edge).snippet),
    highlights: (edge) => highlightOf(edge).matches.map((match) => spanIn(edge.node.text, match)),
    explanation: ({ explain }) => explain(),
  },
  SearchExplanation: {
    text: sentenceOf,
    lexicalRank: ({ hit }) => hit.lexicalRank,
    bm25: ({ hit }) => hit.bm25,
    lexicalScore: (row) => fusionOf(row).lexicalScore,
    lexicalShare: (row) => fusionOf(row).lexicalShare,
    terms: ({ shares }) => termsOf(shares),
    feedbackTerms: ({ shares }) => feedbackOf(shares),
    vectorRank: ({ hit }) => hit.vectorRank,
    similarity: ({ hit }) => hit.similarity,
    weight: (row) => fusionOf(row).weight,
    vectorShare: (row) => fusionOf(row).vectorShare,
    score: ({ hit }) => hit.score,
  },
  SearchLog: {
    user: ({ userId }, _args, { unit }) => (userId === null ? null : memberUserById(unit).load(userId)),
  },
};
