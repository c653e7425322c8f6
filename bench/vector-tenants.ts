import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Sql } from 'postgres';
import { v5 } from 'uuid';
import { clusteredVectors, dimensions } from './clustered-vectors.ts';

/** The model that the vectors are stored under. */
export const model = 'clustered';

const chunksPerDocument = 10;
/** Every so many documents one is apart: in a workspace of its own, or chosen by a filter. */
const documentsApart = 100;

/** A tenant with its share of all vectors, 0 to 1. */
export interface Tenant {
  readonly share: number;
  readonly organizationId: string;
  /** Holds all but a hundredth of its documents. */
  readonly workspaceId: string;
  /** Holds the last hundredth. */
  readonly smallWorkspaceId: string;
  /** A hundredth of the documents of the large workspace. */
  readonly chosenDocumentIds: readonly string[];
}

interface Chunk {
  readonly tenant: Tenant;
  readonly id: string;
  readonly documentId: string;
  readonly workspaceId: string;
  readonly position: number;
}

const namespace = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
const idOf = (name: string): string => v5(name, namespace);

const shares = [0.01, 0.1, 0.5, ...Array.from({ length: 39 }, () => 0.01)];

const tenantsOf = (count: number): Tenant[] =>
  shares.map((share, number) => {
    const documents = Math.ceil((share * count) / chunksPerDocument);
    const chosen = Array.from({ length: Math.ceil(documents / documentsApart) }, (_, at) => at * documentsApart + 1);
    return {
      share,
      organizationId: idOf(`organization ${number}`),
      workspaceId: idOf(`workspace ${number}`),
      smallWorkspaceId: idOf(`small workspace ${number}`),
      chosenDocumentIds: chosen.map((document) => idOf(`document ${number} ${document}`)),
    };
  });

/** Tenants lie between each other in the tables, as if all had brought their documents in over the same time. */
const chunksOf = (tenants: readonly Tenant[], count: number): Chunk[] => {
  const written = tenants.map(() => 0);
  const goldenRatio = (Math.sqrt(5) - 1) / 2;
  return Array.from({ length: count }, (_, at) => {
    const place = (at * goldenRatio) % 1;
    let number = 0;
    for (let below = shares[0] ?? 1; place >= below && number < tenants.length - 1; below += shares[number] ?? 1)
      number++;
    const tenant = tenants[number];
    if (tenant === undefined) throw new Error('There is no tenant.');
    const before = written[number] ?? 0;
    written[number] = before + 1;
    const document = Math.floor(before / chunksPerDocument);
    return {
      tenant,
      id: idOf(`chunk ${at}`),
      documentId: idOf(`document ${number} ${document}`),
      workspaceId: document % documentsApart === 0 ? tenant.smallWorkspaceId : tenant.workspaceId,
      position: before % chunksPerDocument,
    };
  });
};

/**
 * Fills the product's tables with `count` chunks of clustered vectors, without text, and gives the tenants: 1 %, 10 % and 50 % of all
 * come first, the rest are of 1 %. The vector index is made after the vectors are there; how long that took, in milliseconds.
 */
export const writeTenants = async (owner: Sql, count: number): Promise<{ tenants: Tenant[]; indexMs: number }> => {
  const tenants = tenantsOf(count);
  await writePlaces(owner, tenants);
  const chunks = chunksOf(tenants, count);
  await writeDocuments(owner, chunks);
  for (let from = 0; from < chunks.length; from += 10_000) await writeChunks(owner, chunks.slice(from, from + 10_000));
  const [index] = await owner<{ indexdef: string }[]>`
    select indexdef from pg_indexes where indexname = 'chunk_embeddings_hnsw_index'`;
  await owner`drop index chunk_embeddings_hnsw_index`;
  const columns = 'organization_id, workspace_id, readers, chunk_id, model, embedding';
  const copy = await owner.unsafe(`copy chunk_embeddings (${columns}) from stdin (format binary)`).writable();
  await pipeline(Readable.from(binaryRows(chunks)), copy);
  const started = performance.now();
  await owner.unsafe(index?.indexdef ?? '');
  const indexMs = performance.now() - started;
  for (const table of ['documents', 'document_chunks', 'chunk_embeddings'])
    await owner.unsafe(`vacuum analyze ${table}`);
  return { tenants, indexMs };
};

const writePlaces = async (owner: Sql, tenants: readonly Tenant[]): Promise<void> => {
  const organizations = tenants.map(({ organizationId: id }) => ({ id, name: id, slug: id }));
  await owner`insert into organizations ${owner(organizations)}`;
  const workspaces = tenants.flatMap(({ organizationId, workspaceId, smallWorkspaceId }) =>
    [workspaceId, smallWorkspaceId].map((id) => ({ organization_id: organizationId, id, name: id, slug: id })),
  );
  await owner`insert into workspaces ${owner(workspaces)}`;
};

const writeDocuments = async (owner: Sql, chunks: readonly Chunk[]): Promise<void> => {
  const byDocument = Map.groupBy(chunks, ({ documentId }) => documentId);
  const documents = chunks.filter(({ position }) => position === 0);
  await owner`
    insert into documents (organization_id, id, workspace_id, chunk_count, title, mime_type, status)
    select *, 'Clustered', 'text/plain', 'READY' from unnest(
      ${documents.map(({ tenant }) => tenant.organizationId)}::uuid[], ${documents.map(({ documentId }) => documentId)}::uuid[],
      ${documents.map(({ workspaceId }) => workspaceId)}::uuid[], ${documents.map(({ documentId }) => byDocument.get(documentId)?.length ?? 0)}::integer[])`;
};

const writeChunks = (owner: Sql, chunks: readonly Chunk[]) => owner`
  insert into document_chunks (organization_id, id, workspace_id, document_id, position, text, headings, start, "end", tokens, terms, frequencies, term_count, hash)
  select *, '', '{}', 0, 1, 0, '{}', '{}', 0, '' from unnest(
    ${chunks.map(({ tenant }) => tenant.organizationId)}::uuid[], ${chunks.map(({ id }) => id)}::uuid[],
    ${chunks.map(({ workspaceId }) => workspaceId)}::uuid[], ${chunks.map(({ documentId }) => documentId)}::uuid[],
    ${chunks.map(({ position }) => position)}::integer[])`;

/** The binary format of COPY (PostgreSQL, "COPY", File Formats), which is several times as fast to write and read as text. */
function* binaryRows(chunks: readonly Chunk[]): Generator<Buffer> {
  yield Buffer.concat([Buffer.from('PGCOPY\n\u00ff\r\n\0', 'latin1'), Buffer.alloc(8)]);
  const vector = clusteredVectors(2);
  for (const { tenant, workspaceId, id } of chunks)
    yield Buffer.concat([
      int16(6),
      field(uuid(tenant.organizationId)),
      field(uuid(workspaceId)),
      int32(-1),
      field(uuid(id)),
      field(Buffer.from(model)),
      field(Buffer.concat([int16(dimensions), int16(0), Buffer.from(vector().buffer).swap32()])),
    ]);
  yield int16(-1);
}

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const uuid = (text: string): Buffer => Buffer.from(text.replaceAll('-', ''), 'hex');
const field = (bytes: Buffer): Buffer => Buffer.concat([int32(bytes.length), bytes]);
