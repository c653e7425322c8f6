import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Passage } from '../content/retrieval.ts';
import { documentChunks, documents } from '../content/tables.ts';
import { citations } from './tables.ts';

/** Where passages are looked for, and how many are wanted. */
export interface Recent {
  readonly workspaceId: string;
  /** Messages of the history, the oldest first. */
  readonly messageIds: readonly string[];
  /** Chunks that are there already. */
  readonly known: readonly string[];
  readonly first: number;
}

/**
 * Passages that the answers of a history cite, of the newest answer first: what a question leans on whose own words find too little. Only such
 * as the viewer still sees, of the text as it is now, and switched on. They can be cited anew. One statement, and none where nothing is wanted.
 */
export const recentPassages = async (
  unit: UnitOfWork,
  { workspaceId, messageIds, known, first }: Recent,
): Promise<Passage[]> => {
  if (first <= 0 || messageIds.length === 0) return [];
  const { organizationId } = unit;
  type Row = { [Name in keyof Passage]: Passage[Name] };
  return unit.run(() =>
    database.execute<Row>(sql`
      with cited as (
        select distinct on (citation.chunk_id) citation.chunk_id, answer.place, citation.position, citation.score
        from unnest(${uuidArray(messageIds)}::uuid[]) with ordinality as answer (id, place)
        join ${citations} citation on citation.organization_id = ${organizationId} and citation.message_id = answer.id
        where citation.chunk_id is not null and citation.chunk_id <> all(${uuidArray(known)}::uuid[])
        order by citation.chunk_id, answer.place desc, citation.position
      )
      select chunk.id as "chunkId", document.id as "documentId", document.version as "documentVersion", document.title, chunk.text, chunk.start,
        chunk.headings, chunk.page, cited.score, null as similarity, null as "lexicalRank", null as "vectorRank"
      from cited
      join ${documentChunks} chunk on chunk.organization_id = ${organizationId} and chunk.id = cited.chunk_id
        and chunk.workspace_id = ${workspaceId} and chunk.enabled
      join ${documents} document on document.organization_id = ${organizationId} and document.id = chunk.document_id
      order by cited.place desc, cited.position, chunk.id limit ${first}
    `),
  );
};
