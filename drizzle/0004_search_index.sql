-- Vectors stay in the table itself: moved out of line, the planner does not see what reading them costs.
ALTER TABLE chunk_embeddings ALTER COLUMN embedding SET STORAGE PLAIN;
--> statement-breakpoint
-- Terms are compared byte by byte: no collation rules in the largest index.
ALTER TABLE chunk_postings ALTER COLUMN term TYPE text COLLATE "C";
--> statement-breakpoint
ALTER TABLE chunk_postings DROP CONSTRAINT chunk_postings_pkey;
--> statement-breakpoint
-- The key covers all that scoring reads, so that search is answered by index-only scans.
ALTER TABLE chunk_postings ADD CONSTRAINT chunk_postings_pkey PRIMARY KEY (organization_id, workspace_id, term, chunk_id) INCLUDE (frequency, term_count, readers);
--> statement-breakpoint
create function document_chunks_index_terms() returns trigger language plpgsql set search_path from current as $$
begin
  if tg_op <> 'INSERT' then
    delete from chunk_postings
    where organization_id = old.organization_id and workspace_id = old.workspace_id and term = any(old.terms) and chunk_id = old.id;
  end if;
  if tg_op <> 'DELETE' then
    insert into chunk_postings (organization_id, workspace_id, readers, term, chunk_id, frequency, term_count)
    select new.organization_id, new.workspace_id, new.readers, entry.term, new.id, entry.frequency, new.term_count
    from unnest(new.terms, new.frequencies) as entry (term, frequency);
  end if;
  return null;
end $$;
--> statement-breakpoint
create trigger document_chunks_written after insert or delete on document_chunks for each row execute function document_chunks_index_terms();
--> statement-breakpoint
create trigger document_chunks_changed after update of terms, frequencies, workspace_id, readers on document_chunks for each row
  when (old.terms is distinct from new.terms or old.frequencies is distinct from new.frequencies
    or old.workspace_id is distinct from new.workspace_id or old.readers is distinct from new.readers)
  execute function document_chunks_index_terms();
