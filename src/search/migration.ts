/**
 * What the schema builder cannot say: statements for the migration that creates the tables of `tables.ts`. Names go into
 * the text as they are.
 */

/**
 * The primary key of postings. With the other columns beside it the index answers by itself, which under row security took
 * a fifth of the time of visiting the table (`docs/retrieval.md`).
 */
export const postingKey = (postings: string): string =>
  `alter table ${postings} add constraint ${postings}_pkey
    primary key (organization_id, workspace_id, term, chunk_id) include (frequency, term_count, readers)`;

/**
 * Keeps vectors in the table itself: moved out of line, the planner does not see what reading them costs and compares all
 * of a large tenant's instead of asking the index. Run before the first row.
 */
export const embeddingStorage = (embeddings: string): string =>
  `alter table ${embeddings} alter column embedding set storage plain`;

/** Names of the tables, as Postgres knows them. */
export interface IndexedTables {
  readonly chunks: string;
  readonly postings: string;
  readonly embeddings: string;
}

/**
 * The statements of a migration that let a table of chunks keep its postings itself, so that the index cannot drift from
 * what it indexes: written with the chunk, moved when its terms, workspace or readers change, gone while it is disabled and with it,
 * also when a cascade deletes it. The chunks need `workspace_id`, `readers` and the columns of `chunkColumns`. The function acts
 * with its owner's rights: whoever may delete a workspace need not be among the readers of all that is in it.
 */
export const postingsTrigger = ({ chunks, postings, embeddings }: IndexedTables): string[] => [
  `create or replace function ${chunks}_index_terms() returns trigger language plpgsql security definer set search_path from current as $$
begin
  if tg_op <> 'INSERT' then
    delete from ${postings}
    where organization_id = old.organization_id and workspace_id = old.workspace_id and term = any(old.terms) and chunk_id = old.id;
  end if;
  if tg_op <> 'DELETE' and new.enabled then
    insert into ${postings} (organization_id, workspace_id, readers, term, chunk_id, frequency, term_count)
    select new.organization_id, new.workspace_id, new.readers, entry.term, new.id, entry.frequency, new.term_count
    from unnest(new.terms, new.frequencies) as entry (term, frequency);
  end if;
  return null;
end $$`,
  `drop trigger if exists ${chunks}_written on ${chunks}`,
  `create trigger ${chunks}_written after insert or delete on ${chunks} for each row execute function ${chunks}_index_terms()`,
  `drop trigger if exists ${chunks}_changed on ${chunks}`,
  `create trigger ${chunks}_changed after update of terms, frequencies, workspace_id, readers, enabled on ${chunks} for each row
  when (old.terms is distinct from new.terms or old.frequencies is distinct from new.frequencies
    or old.workspace_id is distinct from new.workspace_id or old.readers is distinct from new.readers
    or old.enabled is distinct from new.enabled)
  execute function ${chunks}_index_terms()`,
  `create function ${chunks}_mark_vectors() returns trigger language plpgsql set search_path from current as $$
begin
  update ${embeddings} set workspace_id = new.workspace_id, readers = new.readers, enabled = new.enabled
  where organization_id = new.organization_id and chunk_id = new.id;
  return null;
end $$`,
  `create trigger ${chunks}_moved after update of workspace_id, readers, enabled on ${chunks} for each row
  when (old.workspace_id is distinct from new.workspace_id or old.readers is distinct from new.readers
    or old.enabled is distinct from new.enabled)
  execute function ${chunks}_mark_vectors()`,
];
