import type { Resolvers } from '../../../generated/resolvers.ts';
import { found } from '../../nodes.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { compareVersions } from '../comparison.ts';
import { documentEvents } from '../document-stream.ts';
import { documentById, documentListOfAll, documentMetadataById, fileById } from '../loaders.ts';
import { setChunkEnabled } from '../passages.ts';
import { pinDocument, unpinDocument } from '../pinned.ts';
import { previewOfDocument, previewUpload } from '../preview.ts';
import type { DocumentTagRow } from '../rows.ts';
import type { DocumentRow, DocumentVersionRow } from '../tables.ts';
import { restoreVersion, versionById, versionList, versionTextById } from '../versions.ts';
import { whenProcessed } from '../waiting.ts';
import { documentCountsByWorkspace, tagList } from '../workspace-knowledge.ts';

const noDocuments = { pending: 0, processing: 0, ready: 0, failed: 0 };

export const resolvers: Resolvers = {
  Query: {
    documents: (_root, args, { unit }) => documentListOfAll<DocumentRow>(unit, args),
    documentVersion: (_root, { id }, { unit }) => found('DocumentVersion', id, versionById(unit)),
    compareDocumentVersions: (_root, { id, from, to }, { unit }) => compareVersions(unit, id, from, to),
  },
  Mutation: {
    pinDocument: async (_root, { input }, context) => ({ document: await pinDocument(context, input.id) }),
    unpinDocument: async (_root, { input }, context) => ({ document: await unpinDocument(context, input.id) }),
    restoreDocumentVersion: async (_root, { input }, context) => {
      const document = await restoreVersion(context, input.id, input.version);
      return { document: input.wait === true ? await whenProcessed(context, document) : document };
    },
    disableChunk: async (_root, { input }, context) => ({ chunk: await setChunkEnabled(context, input.id, false) }),
    enableChunk: async (_root, { input }, context) => ({ chunk: await setChunkEnabled(context, input.id, true) }),
    previewUpload: (_root, { input }, context) => previewUpload(context, input.fileId),
  },
  Subscription: {
    documentEvents: {
      subscribe: (_root, { workspaceId }, context) => documentEvents(context, workspaceId),
    },
  },
  Workspace: {
    documentTags: ({ id }, args, { unit }) => tagList<DocumentTagRow>(unit, args, id),
    documentCounts: async ({ id }, _args, { unit }) => (await documentCountsByWorkspace(unit).load(id)) ?? noDocuments,
  },
  Document: {
    metadata: async ({ id }, _args, { unit }) => (await documentMetadataById(unit).load(id))?.metadata ?? {},
    preview: ({ id }, { from, length }, { unit }) => previewOfDocument(unit, id, from, length),
    versions: ({ id }, args, { unit }) => versionList<DocumentVersionRow>(unit, args, id),
  },
  DocumentVersion: {
    text: async ({ id }, _args, { unit }) => (await versionTextById(unit).load(id))?.text ?? '',
    document: ({ documentId }, _args, { unit }) => found('Document', documentId, documentById(unit)),
    file: ({ fileId }, _args, { unit }) => (fileId === null ? null : fileById(unit).load(fileId)),
    replacedBy: ({ replacedById }, _args, { unit }) =>
      replacedById === null ? null : memberUserById(unit).load(replacedById),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = {
  DocumentVersion: versionById,
};
