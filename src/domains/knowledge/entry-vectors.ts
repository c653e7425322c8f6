import { and, asc, eq, gt, notInArray, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import { entryChunks, entryEmbeddings, knowledgeEntries } from './tables.ts';

/** Rows of one statement: a vector is some kilobytes as text. */
const rowsAtOnce = 200;

/** Vectors by the ids of their passages. */
export type Vectors = ReadonlyMap<string, readonly number[]>;

/**
 * Writes the vectors of a model, in the running transaction. A passage that has one already keeps it, and those that are gone are passed over.
 */
export const storeVectors = async (organizationId: string, key: string, vectors: Vectors): Promise<void> => {
  const given = [...vectors];
  for (let from = 0; from < given.length; from += rowsAtOnce) {
    const batch = given.slice(from, from + rowsAtOnce);
    const ids = uuidArray(batch.map(([id]) => id));
    const texts = batch.map(([, vector]) => `[${vector.join(',')}]`);
    await database.execute(sql`
      insert into ${entryEmbeddings} (organization_id, readers, chunk_id, model, embedding, enabled)
      select chunk.organization_id, chunk.readers, chunk.id, ${key}, given.embedding::vector, chunk.enabled
      from unnest(${ids}::uuid[], ${sql.param(texts)}::text[]) as given (id, embedding)
      join ${entryChunks} chunk on chunk.organization_id = ${organizationId} and chunk.id = given.id
      for key share of chunk
      on conflict do nothing`);
  }
};

const ofModel = (key: string): SQL => sql`(
  select from ${entryEmbeddings} embedding
  where embedding.organization_id = ${entryChunks.organizationId} and embedding.chunk_id = ${entryChunks.id} and embedding.model = ${key}
)`;

/**
 * Passages without a vector of a model, in the order of their ids from one on; those of which it is known that they can have none are left out.
 */
export const lackingPassages = (organizationId: string, key: string, after: string, without: ReadonlySet<string>) =>
  database
    .select({
      id: entryChunks.id,
      text: entryChunks.text,
      headings: entryChunks.headings,
      title: knowledgeEntries.title,
      language: knowledgeEntries.language,
    })
    .from(entryChunks)
    .innerJoin(
      knowledgeEntries,
      and(eq(knowledgeEntries.organizationId, organizationId), eq(knowledgeEntries.id, entryChunks.entryId)),
    )
    .where(
      and(
        eq(entryChunks.organizationId, organizationId),
        gt(entryChunks.id, after),
        sql`not exists ${ofModel(key)}`,
        sql`not ${entryChunks.id} = any(${uuidArray([...without])}::uuid[])`,
      ),
    )
    .orderBy(asc(entryChunks.id));

/** An entry at one of its texts. */
export interface Text {
  readonly id: string;
  readonly version: number;
}

/** Notes that all passages of entries have a vector of the bank's model, as far as they can have one and no text has become another meanwhile. */
export const markEmbedded = async (
  organizationId: string,
  key: string,
  texts: readonly Text[],
  without: ReadonlySet<string>,
): Promise<void> => {
  if (texts.length === 0) return;
  const versions = `{${texts.map(({ version }) => version).join(',')}}`;
  await database.execute(sql`
    update ${knowledgeEntries} entry set embedded = true
    from unnest(${uuidArray(texts.map(({ id }) => id))}::uuid[], ${versions}::integer[]) as seen (id, version)
    where entry.organization_id = ${organizationId} and entry.id = seen.id and entry.version = seen.version and not entry.embedded
      and not exists (
        select from ${entryChunks}
        where ${entryChunks.organizationId} = ${organizationId} and ${entryChunks.entryId} = entry.id
          and not exists ${ofModel(key)} and not ${entryChunks.id} = any(${uuidArray([...without])}::uuid[])
      )`);
};

const removedAtOnce = 500;

/** Removes some of the vectors of other models than these; gives their number. */
export const dropVectorsBut = async (organizationId: string, keys: readonly string[]): Promise<number> => {
  const some = database
    .select({ chunkId: entryEmbeddings.chunkId, model: entryEmbeddings.model })
    .from(entryEmbeddings)
    .where(and(eq(entryEmbeddings.organizationId, organizationId), notInArray(entryEmbeddings.model, [...keys])))
    .limit(removedAtOnce);
  const removed = await database
    .delete(entryEmbeddings)
    .where(
      and(
        eq(entryEmbeddings.organizationId, organizationId),
        sql`(${entryEmbeddings.chunkId}, ${entryEmbeddings.model}) in ${some}`,
      ),
    )
    .returning({ chunkId: entryEmbeddings.chunkId });
  return removed.length;
};

/** How many passages there are, and how many of them have a vector of a model. */
export const countPassages = async (
  organizationId: string,
  key: string,
): Promise<{ readonly total: number; readonly embedded: number }> => {
  const [counts] = await database
    .select({
      total: sql<number>`count(*)::integer`,
      embedded: sql<number>`count(*) filter (where exists ${ofModel(key)})::integer`,
    })
    .from(entryChunks)
    .where(eq(entryChunks.organizationId, organizationId));
  return counts ?? { total: 0, embedded: 0 };
};
