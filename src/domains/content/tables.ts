import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  pgPolicy,
  pgTable,
  primaryKey,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { moment, oneOf, policies, sameTenant, tenantTable, word } from '../../database/tenant-table.ts';
import { chunkColumns, documentColumns, embeddingColumns, postingColumns, vectorIndexes } from '../../search/tables.ts';
import { organizations, workspaces } from '../tenancy/tables.ts';
import { datasources } from './datasource-tables.ts';

export const fileStatuses = ['AWAITED', 'STORED'] as const;
export const fileVisibilities = ['PRIVATE', 'PUBLIC'] as const;
export const documentStatuses = ['PENDING', 'PROCESSING', 'READY', 'FAILED'] as const;

/** The principal of whoever has no account: readers of what is public hold it. */
export const everybody = '00000000-0000-0000-0000-000000000000';

/** Bytes that were brought in; the same bytes are stored once per organization, under their SHA-256. */
export const files = tenantTable(
  'files',
  'granted',
  {
    readers: uuid().array().notNull(),
    /** The workspace whose narrowed documents are made from it, and who may read those; they see it while they see the workspace. */
    narrowedWorkspaceId: uuid(),
    narrowedReaders: uuid().array(),
    name: text().notNull(),
    mimeType: text().notNull(),
    /** Bytes. */
    size: bigint({ mode: 'number' }).notNull(),
    /** Hexadecimal; null until the bytes have arrived. */
    sha256: text(),
    status: word(fileStatuses).notNull().default('AWAITED'),
    uploadedById: uuid(),
    /** PUBLIC: `everybody` is among the readers. */
    visibility: word(fileVisibilities).notNull().default('PRIVATE'),
    /** Written in batches, about a minute late. */
    downloadCount: bigint({ mode: 'number' }).notNull().default(0),
  },
  (file) => [
    oneOf('files', file.status, fileStatuses),
    oneOf('files', file.visibility, fileVisibilities),
    check(
      'files_everybody_check',
      sql`(${file.visibility} = 'PUBLIC') = ('${sql.raw(everybody)}'::uuid = any(${file.readers}))`,
    ),
    check('files_sha256_check', sql`(${file.status} = 'STORED') = (${file.sha256} is not null)`),
    foreignKey({
      name: 'files_organization_id_fkey',
      columns: [file.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    // Whoever lost sight of the workspace of a narrowed document loses what it was made from with it.
    pgPolicy('files_of_documents', {
      for: 'select',
      using: sql`${sameTenant} and app_sees(narrowed_workspace_id) and narrowed_readers && app_principals()`,
    }),
    index('files_created_at_index').on(file.organizationId, file.createdAt, file.id),
    index('files_sha256_index').on(file.organizationId, file.sha256),
    index('files_name_index').on(file.organizationId, file.name, file.id),
    index('files_size_index').on(file.organizationId, file.size, file.id),
    index('files_uploaded_by_id_index').on(file.organizationId, file.uploadedById, file.createdAt, file.id),
  ],
);
export type FileRow = typeof files.$inferSelect;

/** One source of knowledge of a workspace: text, or a file that was parsed into text. */
export const documents = tenantTable(
  'documents',
  'granted',
  {
    workspaceId: uuid().notNull(),
    /** Null: all who see the workspace. */
    readers: uuid().array(),
    title: text().notNull(),
    sourceUri: text(),
    mimeType: text().notNull(),
    fileId: uuid(),
    /** What was given as text, or parsed out of the file; null until then. */
    text: text(),
    /** SHA-256 of the text, hexadecimal. */
    contentHash: text(),
    status: word(documentStatuses).notNull().default('PENDING'),
    /** Why it FAILED, for a person. */
    failure: text(),
    /** Counts the texts it has had, from 1. */
    version: integer().notNull().default(1),
    ...documentColumns(),
    /** Model tokens of all chunks. */
    tokenCount: integer().notNull().default(0),
    /** The workspace's language when its chunks were analysed; null until then. */
    language: text(),
    addedById: uuid(),
    processedAt: moment(),
    /** Free-form, at most 16 kB; scalars at the top can be filtered by (`document_labels`). */
    metadata: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    /** In lower case, without repetitions. */
    tags: text()
      .array()
      .notNull()
      .default(sql`'{}'`),
    /** Its whole text goes into every prompt of the workspace, as far as there is room. */
    pinned: boolean().notNull().default(false),
    /** Where it was synced from; null for what was brought in by hand. */
    datasourceId: uuid(),
    /** What the datasource calls it. */
    externalId: text(),
    /** SHA-256 of what the source gave, hexadecimal: unchanged, it is not read again. */
    sourceHash: text(),
    /** What the source said of its version, to be sent back: ETag and Last-Modified. */
    sourceVersion: jsonb().$type<Record<string, string>>(),
    /** The sync run that saw it last. */
    seenInId: uuid(),
  },
  (document) => [
    oneOf('documents', document.status, documentStatuses),
    check('documents_failure_check', sql`(${document.status} = 'FAILED') = (${document.failure} is not null)`),
    foreignKey({
      name: 'documents_workspace_id_fkey',
      columns: [document.organizationId, document.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'documents_file_id_fkey',
      columns: [document.organizationId, document.fileId],
      foreignColumns: [files.organizationId, files.id],
    }),
    index('documents_created_at_index').on(
      document.organizationId,
      document.workspaceId,
      document.createdAt,
      document.id,
    ),
    index('documents_status_index').on(
      document.organizationId,
      document.workspaceId,
      document.status,
      document.createdAt,
      document.id,
    ),
    index('documents_title_index').on(document.organizationId, document.workspaceId, document.title, document.id),
    index('documents_file_id_index').on(document.organizationId, document.fileId),
    foreignKey({
      name: 'documents_datasource_id_fkey',
      columns: [document.organizationId, document.datasourceId],
      foreignColumns: [datasources.organizationId, datasources.id],
    }),
    check('documents_external_id_check', sql`(${document.datasourceId} is null) = (${document.externalId} is null)`),
    unique('documents_external_id_key').on(document.organizationId, document.datasourceId, document.externalId),
    index('documents_datasource_id_index').on(
      document.organizationId,
      document.datasourceId,
      document.createdAt,
      document.id,
    ),
    index('documents_mime_type_index').on(
      document.organizationId,
      document.workspaceId,
      document.mimeType,
      document.createdAt,
      document.id,
    ),
    index('documents_pinned_index')
      .on(document.organizationId, document.workspaceId, document.createdAt, document.id)
      .where(sql`${document.pinned}`),
    index('documents_all_created_at_index').on(document.organizationId, document.createdAt, document.id),
    index('documents_all_title_index').on(document.organizationId, document.title, document.id),
  ],
);
export type DocumentRow = Omit<typeof documents.$inferSelect, 'text' | 'metadata'>;

/** A text that a document had before; the last fifty are kept. */
export const documentVersions = tenantTable(
  'document_versions',
  'granted',
  {
    workspaceId: uuid().notNull(),
    /** As the document's, kept by a trigger. */
    readers: uuid().array(),
    documentId: uuid().notNull(),
    version: integer().notNull(),
    title: text().notNull(),
    mimeType: text().notNull(),
    text: text().notNull(),
    /** SHA-256 of the text, hexadecimal. */
    contentHash: text().notNull(),
    fileId: uuid(),
    /** Who replaced it; null for a sync. */
    replacedById: uuid(),
  },
  (version) => [
    unique('document_versions_version_key').on(version.organizationId, version.documentId, version.version),
    foreignKey({
      name: 'document_versions_document_id_fkey',
      columns: [version.organizationId, version.documentId],
      foreignColumns: [documents.organizationId, documents.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'document_versions_file_id_fkey',
      columns: [version.organizationId, version.fileId],
      foreignColumns: [files.organizationId, files.id],
    }),
    index('document_versions_file_id_index').on(version.organizationId, version.fileId),
  ],
);
export type DocumentVersionRow = Omit<typeof documentVersions.$inferSelect, 'text'>;

const labelColumns = {
  workspaceId: uuid().notNull(),
  readers: uuid().array(),
  documentId: uuid().notNull(),
  /** A name at the top of the metadata; empty for a tag. */
  key: text().notNull(),
  value: text().notNull(),
};

/** Which documents have a tag, or a scalar of at most 500 characters in their metadata. Written by a trigger of the documents alone. */
export const documentLabels = pgTable(
  'document_labels',
  { organizationId: uuid().notNull(), ...labelColumns },
  (label) => [
    primaryKey({
      name: 'document_labels_pkey',
      columns: [label.organizationId, label.workspaceId, label.key, label.value, label.documentId],
    }),
    ...policies('document_labels', 'granted', labelColumns),
    foreignKey({
      name: 'document_labels_document_id_fkey',
      columns: [label.organizationId, label.documentId],
      foreignColumns: [documents.organizationId, documents.id],
    }).onDelete('cascade'),
    index('document_labels_document_id_index').on(label.organizationId, label.documentId),
  ],
);

/** A passage of a document: what is found, given to models and cited. */
export const documentChunks = tenantTable(
  'document_chunks',
  'granted',
  {
    workspaceId: uuid().notNull(),
    /** As the document's. */
    readers: uuid().array(),
    documentId: uuid().notNull(),
    /** Place in the document, counted from 0. */
    position: integer().notNull(),
    text: text().notNull(),
    /** Headings above the passage, outermost first. */
    headings: text().array().notNull(),
    /** Page or slide, counted from 1; null where the format has none. */
    page: integer(),
    /** Offsets into the document's text, in UTF-16 code units. */
    start: integer().notNull(),
    end: integer().notNull(),
    /** Model tokens. */
    tokens: integer().notNull(),
    ...chunkColumns(),
    /** SHA-256 of what is embedded, hexadecimal. */
    hash: text().notNull(),
  },
  (chunk) => [
    unique('document_chunks_position_key').on(chunk.organizationId, chunk.documentId, chunk.position),
    check('document_chunks_span_check', sql`${chunk.start} >= 0 and ${chunk.end} > ${chunk.start}`),
    foreignKey({
      name: 'document_chunks_document_id_fkey',
      columns: [chunk.organizationId, chunk.documentId],
      foreignColumns: [documents.organizationId, documents.id],
    }).onDelete('cascade'),
    index('document_chunks_workspace_id_index').on(chunk.organizationId, chunk.workspaceId, chunk.id),
  ],
);
export type DocumentChunkRow = Omit<typeof documentChunks.$inferSelect, 'terms' | 'frequencies'>;

const postingParts = postingColumns();

/**
 * The lexical index: which chunks hold a term, and how often. Written by a trigger of the chunks alone, in the same
 * statement, and therefore without a foreign key, whose check and index would cost more than the index itself.
 */
export const chunkPostings = pgTable(
  'chunk_postings',
  { organizationId: uuid().notNull(), ...postingParts },
  (posting) => [
    // A migration makes the key cover all that scoring reads, which cannot be said here.
    primaryKey({
      name: 'chunk_postings_pkey',
      columns: [posting.organizationId, posting.workspaceId, posting.term, posting.chunkId],
    }),
    ...policies('chunk_postings', 'granted', postingParts),
    // No foreign key takes them along: the tables' owner erases those of an organization, whoever may read them.
    pgPolicy('chunk_postings_erase', { to: 'current_role', using: sameTenant }),
  ],
);

const embeddingParts = embeddingColumns();

/** The vectors of chunks, one for each model. */
export const chunkEmbeddings = pgTable(
  'chunk_embeddings',
  { organizationId: uuid().notNull(), ...embeddingParts },
  (embedding) => [
    primaryKey({
      name: 'chunk_embeddings_pkey',
      columns: [embedding.organizationId, embedding.chunkId, embedding.model],
    }),
    ...policies('chunk_embeddings', 'granted', embeddingParts),
    foreignKey({
      name: 'chunk_embeddings_chunk_id_fkey',
      columns: [embedding.organizationId, embedding.chunkId],
      foreignColumns: [documentChunks.organizationId, documentChunks.id],
    }).onDelete('cascade'),
    index('chunk_embeddings_workspace_id_index').on(
      embedding.organizationId,
      embedding.workspaceId,
      embedding.indexedBy,
      embedding.model,
    ),
    oneOf('chunk_embeddings', embedding.indexedBy, vectorIndexes),
    index('chunk_embeddings_hnsw_index')
      .using('hnsw', embedding.embedding.op('vector_cosine_ops'))
      .where(sql`${embedding.indexedBy} = 'HNSW'`),
    index('chunk_embeddings_ivfflat_index')
      .using('ivfflat', embedding.embedding.op('vector_cosine_ops'))
      .with({ lists: 100 })
      .where(sql`${embedding.indexedBy} = 'IVFFLAT'`),
  ],
);

/** A search that somebody made, for the administrators of the workspace. Written in batches. */
export const searchLogs = tenantTable(
  'search_logs',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    userId: uuid(),
    query: text().notNull(),
    /** The filter as it was given; null without one. */
    filter: jsonb().$type<Record<string, unknown>>(),
    hitCount: integer().notNull(),
    /** Of the best hit; null without one. */
    topScore: doublePrecision(),
    latencyMs: integer().notNull(),
  },
  (log) => [
    foreignKey({
      name: 'search_logs_workspace_id_fkey',
      columns: [log.organizationId, log.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
    index('search_logs_created_at_index').on(log.organizationId, log.workspaceId, log.createdAt, log.id),
    index('search_logs_user_id_index').on(log.organizationId, log.workspaceId, log.userId, log.createdAt, log.id),
  ],
);
export type SearchLogRow = typeof searchLogs.$inferSelect;

/** What `hybridSearch` reads. */
export const searchTables = {
  documents,
  chunks: documentChunks,
  documentId: documentChunks.documentId,
  postings: chunkPostings,
  embeddings: chunkEmbeddings,
};
