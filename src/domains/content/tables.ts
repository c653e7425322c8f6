import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
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
import { chunkColumns, documentColumns, embeddingColumns, postingColumns } from '../../search/tables.ts';
import { organizations, workspaces } from '../tenancy/tables.ts';

export const fileStatuses = ['AWAITED', 'STORED'] as const;
export const documentStatuses = ['PENDING', 'PROCESSING', 'READY', 'FAILED'] as const;

/** Bytes that were brought in; the same bytes are stored once per organization, under their SHA-256. */
export const files = tenantTable(
  'files',
  'granted',
  {
    readers: uuid().array().notNull(),
    name: text().notNull(),
    mimeType: text().notNull(),
    /** Bytes. */
    size: bigint({ mode: 'number' }).notNull(),
    /** Hexadecimal; null until the bytes have arrived. */
    sha256: text(),
    status: word(fileStatuses).notNull().default('AWAITED'),
    uploadedById: uuid(),
  },
  (file) => [
    oneOf('files', file.status, fileStatuses),
    check('files_sha256_check', sql`(${file.status} = 'STORED') = (${file.sha256} is not null)`),
    foreignKey({
      name: 'files_organization_id_fkey',
      columns: [file.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('files_created_at_index').on(file.organizationId, file.createdAt, file.id),
    index('files_sha256_index').on(file.organizationId, file.sha256),
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
    metadata: jsonb().$type<Record<string, unknown>>().notNull().default({}),
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
  ],
);
export type DocumentRow = Omit<typeof documents.$inferSelect, 'text' | 'metadata'>;

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
    enabled: boolean().notNull().default(true),
  },
  (chunk) => [
    unique('document_chunks_position_key').on(chunk.organizationId, chunk.documentId, chunk.position),
    check('document_chunks_span_check', sql`${chunk.start} >= 0 and ${chunk.end} > ${chunk.start}`),
    foreignKey({
      name: 'document_chunks_document_id_fkey',
      columns: [chunk.organizationId, chunk.documentId],
      foreignColumns: [documents.organizationId, documents.id],
    }).onDelete('cascade'),
    index('document_chunks_workspace_id_index').on(chunk.organizationId, chunk.workspaceId),
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
    index('chunk_embeddings_workspace_id_index').on(embedding.organizationId, embedding.workspaceId, embedding.model),
    index('chunk_embeddings_embedding_index').using('hnsw', embedding.embedding.op('vector_cosine_ops')),
  ],
);

/** What `hybridSearch` reads. */
export const searchTables = {
  documents,
  chunks: documentChunks,
  postings: chunkPostings,
  embeddings: chunkEmbeddings,
};
