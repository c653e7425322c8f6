import { and, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { database } from '../../database/client.ts';
import { NotFound } from '../../errors.ts';
import { globalId, parseGlobalId, prefixOf } from '../../ids.ts';
import { agentTool, type AgentTools, type ToolUse } from '../agent-tool.ts';
import { found } from '../nodes.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { addDocument } from './operations.ts';
import { retrieve } from './retrieval.ts';
import { documents } from './tables.ts';

/** Characters of a document that are read at once. */
const maxRead = 12_000;
/** Characters of one passage; an answer cites a place in it. */
const passageLength = 2_000;
const maxListed = 50;

const searchWorkspace = agentTool({
  description:
    'Searches the documents of this workspace and gives the passages that fit best, each with its document. Use it for every question that documents could answer.',
  input: z.object({
    query: z.string().trim().min(1).max(1000).describe('What to look for, in words or as a question.'),
    limit: z.int().min(1).max(10).optional().describe('How many passages at most; 5 when left out.'),
  }),
  permission: 'DOCUMENT_READ',
  changes: false,
  run: async ({ unit, services, workspaceId }, { query, limit = 5 }) => {
    const workspace = await found('Workspace', workspaceId, workspaceById(unit));
    const passages = await retrieve({ unit, services }, { workspace, query, first: limit });
    if (passages.length === 0) return 'Nothing was found.';
    const sources = new Map(passages.map(({ documentId, title }) => [documentId, title]));
    const lines = [...sources].map(([id, title]) => `${globalId('Document', id)}: ${title}`);
    return { text: `Found in these documents, by id and title:\n${lines.join('\n')}`, passages };
  },
});

const listDocuments = agentTool({
  description: 'Lists documents of this workspace by id and title, the newest first.',
  input: z.object({
    title: z.string().trim().min(1).max(200).optional().describe('Only those whose title holds this.'),
  }),
  permission: 'DOCUMENT_READ',
  changes: false,
  run: async ({ unit, workspaceId }, { title }) => {
    const rows = await unit.run(() =>
      database
        .select({ id: documents.id, title: documents.title, status: documents.status })
        .from(documents)
        .where(
          and(
            eq(documents.organizationId, unit.organizationId),
            eq(documents.workspaceId, workspaceId),
            ...(title === undefined ? [] : [sql`position(lower(${title}) in lower(${documents.title})) > 0`]),
          ),
        )
        .orderBy(sql`${documents.createdAt} desc, ${documents.id} desc`)
        .limit(maxListed),
    );
    if (rows.length === 0) return 'There are none.';
    return rows.map((row) => `${globalId('Document', row.id)}: ${row.title}`).join('\n');
  },
});

const readDocument = agentTool({
  description:
    'Reads the text of a document of this workspace, 12,000 characters at once. Use it when a passage is not enough.',
  input: z.object({
    id: z.string().max(100).describe('Id of the document, document_…'),
    start: z.int().min(0).max(100_000_000).optional().describe('First character to read; 0 when left out.'),
  }),
  permission: 'DOCUMENT_READ',
  changes: false,
  run: async (use, { id, start = 0 }) => {
    const document = await readable(use, id, start);
    const { title, version, length } = document;
    const end = start + document.text.length;
    const from = Array.from({ length: Math.ceil(document.text.length / passageLength) }, (_, at) => at * passageLength);
    return {
      text:
        document.text === ''
          ? `The text of “${title}” has ${length} characters: there is nothing from ${start} on.`
          : `Characters ${start} to ${end} of the ${length} of “${title}”.`,
      passages: from.map((at) => ({
        chunkId: null,
        documentId: document.id,
        documentVersion: version,
        title,
        text: document.text.slice(at, at + passageLength),
        start: start + at,
        score: 1,
      })),
    };
  },
});

/** A stretch of a document of the workspace that the user may read. Throws NotFound for every other id. */
const readable = async ({ unit, workspaceId }: ToolUse, given: string, start: number) => {
  const parsed = parseGlobalId(given);
  const id = parsed?.prefix === prefixOf('Document') ? parsed.uuid : null;
  if (id === null) throw new NotFound('Document', given);
  const [row] = await unit.run(() =>
    database
      .select({ id: documents.id, title: documents.title, version: documents.version, text: documents.text })
      .from(documents)
      .where(
        and(
          eq(documents.organizationId, unit.organizationId),
          eq(documents.workspaceId, workspaceId),
          eq(documents.id, id),
        ),
      ),
  );
  if (row === undefined) throw new NotFound('Document', given);
  // Counted as citations are, in UTF-16 code units, which the database does not.
  const text = row.text ?? '';
  return { ...row, length: text.length, text: text.slice(start, start + maxRead) };
};

const addTextDocument = agentTool({
  description:
    'Saves a text as a new document of this workspace, which everybody there can then read and find. The user is asked first.',
  input: z.object({
    title: z.string().trim().min(1).max(500),
    text: z.string().trim().min(1).max(100_000).describe('The text, as Markdown.'),
  }),
  permission: 'DOCUMENT_WRITE',
  changes: true,
  run: async ({ viewer, unit, services, workspaceId }, { title, text }) => {
    const context = { viewer, unit, services, origin: unit.options.origin };
    const document = await addDocument(context, { workspaceId, title, text, mimeType: 'text/markdown' });
    return `Saved as ${globalId('Document', document.id)}: ${document.title}`;
  },
});

/** What agents can do with the documents of a workspace. */
export const tools: AgentTools = {
  search_workspace: searchWorkspace,
  list_documents: listDocuments,
  read_document: readDocument,
  add_document: addTextDocument,
};
