import { z } from 'zod';
import { Unavailable } from '../../errors.ts';
import { agentTool, type AgentTools } from '../agent-tool.ts';
import { found as existing } from '../nodes.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { searchEntries } from './entry-search.ts';

const searchKnowledge = agentTool({
  description:
    'Searches the knowledge bank of the organization, which holds beside the documents of this workspace, and gives the passages that fit best.',
  input: z.object({
    query: z.string().trim().min(1).max(1000).describe('What to look for, in words or as a question.'),
    limit: z.int().min(1).max(10).optional().describe('How many passages at most; 5 when left out.'),
  }),
  permission: 'KNOWLEDGE_READ',
  changes: false,
  run: async ({ unit, services, workspaceId }, { query, limit: first = 5 }) => {
    const workspace = await existing('Workspace', workspaceId, workspaceById(unit));
    if (!workspace.usesKnowledge) throw new Unavailable('This workspace does not use the knowledge bank.');
    const { similarityThreshold: minimumSimilarity } = workspace;
    const { found } = await searchEntries({ unit, services }, { query, first, minimumSimilarity, workspaceId });
    if (found.length === 0) return 'Nothing was found.';
    return {
      text: `Found in these entries:\n${[...new Set(found.map(({ title }) => title))].join('\n')}`,
      passages: found.map(({ hit, entryId, version, title, text, start, readers }) => ({
        knowledgeEntryId: entryId,
        knowledgeVersion: version,
        readers,
        title,
        text,
        start,
        score: hit.score,
      })),
    };
  },
});

/** What agents can do with the knowledge bank. */
export const tools: AgentTools = { search_knowledge: searchKnowledge };
