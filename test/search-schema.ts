import { integer, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { embeddingStorage, postingKey, postingsTrigger } from '../src/search/migration.ts';
import { chunkColumns, documentColumns, embeddingColumns, postingColumns } from '../src/search/tables.ts';

const place = () => ({ organizationId: uuid().notNull(), workspaceId: uuid().notNull(), readers: uuid().array() });

const documents = pgTable('search_documents', { ...place(), id: uuid().notNull(), ...documentColumns() });
const chunks = pgTable('search_chunks', {
  ...place(),
  id: uuid().notNull(),
  documentId: uuid().notNull(),
  position: integer().notNull(),
  content: text().notNull(),
  ...chunkColumns(),
});
const postings = pgTable('search_postings', { organizationId: uuid().notNull(), ...postingColumns() });
const embeddings = pgTable('search_embeddings', { organizationId: uuid().notNull(), ...embeddingColumns() });

/** The smallest tables that can be searched, with the policies that tables of a domain have. */
export const searchTables = { documents, chunks, documentId: chunks.documentId, postings, embeddings };

const names = ['search_documents', 'search_chunks', 'search_postings', 'search_embeddings'];
const placeSql = 'organization_id uuid not null, workspace_id uuid not null, readers uuid[]';

const policies = names.flatMap((name) => [
  `alter table ${name} enable row level security`,
  `alter table ${name} force row level security`,
  `create policy ${name}_granted on ${name} using (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
    and search_app_sees(workspace_id) and (readers is null or readers && search_app_principals()))`,
  `grant select, insert, update, delete on ${name} to search_reader`,
]);

/** Creates the tables in the current schema; run by a superuser, on a database with pgvector. */
export const searchSchema: readonly string[] = [
  `do $$ begin create role search_reader nologin; exception when duplicate_object then null; end $$`,
  `grant usage on schema search_test to search_reader`,
  `create function search_app_sees(workspace uuid) returns boolean language sql stable as $$
    select current_setting('app.workspaces', true) = '*' or strpos(current_setting('app.workspaces', true), workspace::text) > 0 $$`,
  `create function search_app_principals() returns uuid[] language sql stable as $$
    select coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] $$`,
  `create table search_documents (${placeSql}, id uuid not null, chunk_count integer not null, term_count integer not null, primary key (organization_id, id))`,
  `create index on search_documents (organization_id, workspace_id)`,
  `create table search_chunks (${placeSql}, id uuid not null, document_id uuid not null, position integer not null, content text not null,
    terms text[] not null, frequencies smallint[] not null, term_count integer not null, enabled boolean not null default true, primary key (organization_id, id))`,
  `create index on search_chunks (organization_id, document_id)`,
  `create table search_postings (${placeSql}, term text collate "C" not null, chunk_id uuid not null, frequency smallint not null, term_count integer not null)`,
  postingKey('search_postings'),
  `create table search_embeddings (${placeSql}, chunk_id uuid not null, model text not null, embedding vector(1536) not null,
    enabled boolean not null default true, indexed_by text not null default 'HNSW', primary key (organization_id, chunk_id, model))`,
  embeddingStorage('search_embeddings'),
  `create index on search_embeddings (organization_id, workspace_id, indexed_by, model)`,
  ...policies,
  ...postingsTrigger({ chunks: 'search_chunks', postings: 'search_postings', embeddings: 'search_embeddings' }),
];
