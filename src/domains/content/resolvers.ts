import { BadUserInput } from '../../errors.ts';
import type { Resolvers } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { highlight, type Span } from '../../search/highlight.ts';
import { found } from '../nodes.ts';
import { memberUserById, workspaceById } from '../tenancy/loaders.ts';
import { chunkById, chunkList, documentById, documentList, documentTextById, fileById } from './loaders.ts';
import { addDocument, deleteDocument, reprocessDocument, updateDocument } from './operations.ts';
import { searchChunks } from './retrieval.ts';
import type { SearchEdgeRow } from './rows.ts';
import type { DocumentChunkRow, DocumentRow } from './tables.ts';
import { createUpload } from './uploads.ts';
import { issuesOf } from './validation.ts';
import { whenProcessed } from './waiting.ts';

const maxHits = 50;

const spanIn = (text: string, { start, end }: Span) => ({ start, end, text: text.slice(start, end) });
const highlightOf = ({ node, query, language }: SearchEdgeRow) => highlight(node.text, query, language);

export const resolvers: Resolvers = {
  Query: {
    document: (_root, { id }, { unit }) => found('Document', id, documentById(unit)),
    file: (_root, { id }, { unit }) => found('File', id, fileById(unit)),
    search: async (_root, { workspaceId, query, first }, { unit, services }) => {
      const issues = issuesOf('query', query, 2000);
      if (first < 1 || first > maxHits)
        issues.push({ field: 'first', message: `A search gives 1 to ${maxHits} passages.` });
      if (issues.length > 0) throw new BadUserInput(issues);
      const workspace = await found('Workspace', workspaceId, workspaceById(unit));
      const hits = await searchChunks({ unit, services }, { workspace, query, first });
      const edges = hits.map(({ hit, chunk }) => ({ hit, node: chunk, query, language: workspace.language }));
      return { edges };
    },
  },
  Mutation: {
    createUpload: async (_root, { input }, context) => {
      const { file, url } = await createUpload(context, input);
      return { file, upload: { url, method: 'PUT', headers: { 'content-type': file.mimeType } } };
    },
    addDocument: async (_root, { input }, context) => {
      const document = await addDocument(context, input);
      return { document: input.wait === true ? await whenProcessed(context, document) : document };
    },
    updateDocument: async (_root, { input }, context) => {
      const document = await updateDocument(context, input);
      return { document: input.wait === true ? await whenProcessed(context, document) : document };
    },
    deleteDocument: async (_root, { input }, context) => ({
      deletedId: globalId('Document', await deleteDocument(context, input.id)),
    }),
    reprocessDocument: async (_root, { input }, context) => {
      const document = await reprocessDocument(context, input.id);
      return { document: input.wait === true ? await whenProcessed(context, document) : document };
    },
  },
  Workspace: {
    documents: (workspace, args, { unit }) => documentList<DocumentRow>(unit, args, workspace.id),
  },
  Document: {
    text: async ({ id }, _args, { unit }) => (await documentTextById(unit).load(id))?.text ?? null,
    workspace: ({ workspaceId }, _args, { unit }) => found('Workspace', workspaceId, workspaceById(unit)),
    file: ({ fileId }, _args, { unit }) => (fileId === null ? null : fileById(unit).load(fileId)),
    addedBy: ({ addedById }, _args, { unit }) => (addedById === null ? null : memberUserById(unit).load(addedById)),
    chunks: ({ id }, args, { unit }) => chunkList<DocumentChunkRow>(unit, args, id),
  },
  DocumentChunk: {
    document: ({ documentId }, _args, { unit }) => found('Document', documentId, documentById(unit)),
  },
  SearchEdge: {
    score: ({ hit }) => hit.score,
    lexicalRank: ({ hit }) => hit.lexicalRank,
    vectorRank: ({ hit }) => hit.vectorRank,
    bm25: ({ hit }) => hit.bm25,
    similarity: ({ hit }) => hit.similarity,
    snippet: (edge) => spanIn(edge.node.text, highlightOf(edge).snippet),
    highlights: (edge) => highlightOf(edge).matches.map((match) => spanIn(edge.node.text, match)),
  },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = {
  Document: documentById,
  DocumentChunk: chunkById,
  File: fileById,
};
