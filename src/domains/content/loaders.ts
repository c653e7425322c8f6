import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne, type Loader } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { byMetadata, byTags } from './labels.ts';
import { documentChunks, documents, files, type FileRow } from './tables.ts';

const { text: _text, metadata: _metadata, ...lightDocument } = getTableColumns(documents);
const { terms: _terms, frequencies: _frequencies, ...lightChunk } = getTableColumns(documentChunks);

/** What a document's row is read with: all but its text and metadata. */
export const documentFields = lightDocument;
/** What a chunk's row is read with: all but the lexical index. */
export const chunkFields = lightChunk;

export const documentById = loadOne(
  () =>
    database
      .select(documentFields)
      .from(documents)
      .where(and(eq(documents.organizationId, bound.organizationId), sql`${documents.id} = any(${bound.keys})`)),
  (document) => document.id,
);

/** The texts of documents, which are long. */
export const documentTextById = loadOne(
  () =>
    database
      .select({ id: documents.id, text: documents.text })
      .from(documents)
      .where(and(eq(documents.organizationId, bound.organizationId), sql`${documents.id} = any(${bound.keys})`)),
  (document) => document.id,
);

/** The metadata of documents, up to 16 kB each. */
export const documentMetadataById = loadOne(
  () =>
    database
      .select({ id: documents.id, metadata: documents.metadata })
      .from(documents)
      .where(and(eq(documents.organizationId, bound.organizationId), sql`${documents.id} = any(${bound.keys})`)),
  (document) => document.id,
);

export const chunkById = loadOne(
  () =>
    database
      .select(chunkFields)
      .from(documentChunks)
      .where(
        and(eq(documentChunks.organizationId, bound.organizationId), sql`${documentChunks.id} = any(${bound.keys})`),
      ),
  (chunk) => chunk.id,
);

const fileInSight = loadOne(
  () =>
    database
      .select()
      .from(files)
      .where(and(eq(files.organizationId, bound.organizationId), sql`${files.id} = any(${bound.keys})`)),
  (file) => file.id,
);

/** Files by id, those sent in the viewer's rooms and put to tasks of their projects among them. */
export const fileById = (unit: UnitOfWork): Loader<FileRow | null> => {
  unit.enter('rooms');
  unit.enter('projects');
  return fileInSight(unit);
};

/** What documents are filtered by, in lists and in search. */
export const documentFilters = {
  id: documents.id,
  workspaceId: documents.workspaceId,
  datasourceId: documents.datasourceId,
  status: documents.status,
  title: documents.title,
  mimeType: documents.mimeType,
  pinned: documents.pinned,
  createdAt: documents.createdAt,
  tags: byTags,
  metadata: byMetadata,
};

const allDocuments = {
  from: documents,
  columns: documentFields,
  orders: { CREATED_AT: documents.createdAt, TITLE: documents.title },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: documentFilters,
} as const;

/** Documents of a workspace. */
export const documentList = listOf({ ...allDocuments, parent: documents.workspaceId });

/** Documents of all workspaces that the viewer sees. */
export const documentListOfAll = listOf(allDocuments);

/** Chunks of a document in reading order. */
export const chunkList = listOf({
  from: documentChunks,
  parent: documentChunks.documentId,
  columns: chunkFields,
  orders: { POSITION: documentChunks.position },
  defaultOrder: { field: 'POSITION', direction: 'ASC' },
  filters: { enabled: documentChunks.enabled },
});
