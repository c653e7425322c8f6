import postgres from 'postgres';

/** What came of one document, by its title, in words that two databases have in common. */
export type States = ReadonlyMap<string, string>;

/** Rows of one document: what was read, how it was cut, what it is found by. Ids and times differ from database to database. */
const statement = `
  select document.title, document.status, document.failure, document.version, document.content_hash, document.chunk_count, document.token_count, document.term_count,
    coalesce((
      select json_agg(json_build_array(chunk.position, chunk.hash, chunk.page, chunk.start, chunk."end", chunk.term_count, md5(vector.embedding::text)) order by chunk.position)
      from document_chunks chunk
      left join chunk_embeddings vector on vector.organization_id = chunk.organization_id and vector.chunk_id = chunk.id
      where chunk.organization_id = document.organization_id and chunk.document_id = document.id
    ), '[]') as chunks,
    (
      select count(*) from document_chunks chunk
      join chunk_postings posting on posting.organization_id = chunk.organization_id and posting.workspace_id = chunk.workspace_id
        and posting.term = any (chunk.terms) and posting.chunk_id = chunk.id
      where chunk.organization_id = document.organization_id and chunk.document_id = document.id
    ) as postings
  from documents document order by document.title`;

/** The end state of all documents of a database. `ownerUrl` is the superuser's: row security would hide them. */
export const statesIn = async (ownerUrl: string): Promise<States> => {
  const sql = postgres(ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    const rows = await sql.unsafe<{ title: string }[]>(statement);
    const states = new Map(rows.map(({ title, ...state }) => [title, JSON.stringify(state)]));
    if (states.size !== rows.length) throw new Error('A document stands there twice.');
    return states;
  } finally {
    await sql.end();
  }
};

/** Titles whose states are not the same on both sides. */
export const differences = (left: States, right: States): string[] =>
  [...new Set([...left.keys(), ...right.keys()])].filter((title) => left.get(title) !== right.get(title));

/** Jobs and rows that nobody would ever come back to: none when all is well. */
export const leftOpen = async (ownerUrl: string): Promise<number> => {
  const sql = postgres(ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    const [row] = await sql<{ open: number }[]>`
      select ((select count(*) from jobs where state in ('QUEUED', 'RUNNING')) +
        (select count(*) from documents where status in ('PENDING', 'PROCESSING')) +
        (select count(*) from chunk_postings posting where not exists (
          select from document_chunks chunk where chunk.organization_id = posting.organization_id and chunk.id = posting.chunk_id)))::int as open`;
    return row?.open ?? 0;
  } finally {
    await sql.end();
  }
};
