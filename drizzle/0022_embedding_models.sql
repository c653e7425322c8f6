DROP INDEX "chunk_embeddings_workspace_id_index";--> statement-breakpoint
DROP INDEX "document_chunks_workspace_id_index";--> statement-breakpoint
CREATE INDEX "chunk_embeddings_workspace_id_index" ON "chunk_embeddings" USING btree ("organization_id","workspace_id","indexed_by","model");--> statement-breakpoint
CREATE INDEX "document_chunks_workspace_id_index" ON "document_chunks" USING btree ("organization_id","workspace_id","id");
--> statement-breakpoint
-- Builds the IVFFlat index anew when it holds at least twice as many vectors as at its last building, which its comment tells: its lists are the
-- centres of what was there then. As many lists as pgvector's README says. Reads go on meanwhile, writes wait. The number of vectors is
-- estimated from a sample: row security would keep the owner from counting them. Memory as pgvector asks for it, or it refuses to build.
CREATE FUNCTION app_train_ivfflat() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
  current_index regclass := 'chunk_embeddings_ivfflat_index'::regclass;
  trained_on bigint := coalesce(substring(obj_description(current_index, 'pg_class') FROM '\d+')::bigint, 0);
  vectors bigint;
  lists bigint;
  samples bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('app_train_ivfflat')) THEN
    RETURN false;
  END IF;
  ANALYZE chunk_embeddings (indexed_by);
  SELECT reltuples INTO vectors FROM pg_class WHERE oid = current_index;
  IF vectors < 1 OR vectors < 2 * trained_on THEN
    RETURN false;
  END IF;
  lists := greatest(10, CASE WHEN vectors <= 1000000 THEN vectors / 1000 ELSE sqrt(vectors) END);
  samples := greatest(10000, 50 * lists);
  EXECUTE format('SET LOCAL maintenance_work_mem = %L', 64 + (5 * (samples * (1536 + lists) + lists * (5000 + lists))) / 1048576 || 'MB');
  EXECUTE format('CREATE INDEX chunk_embeddings_trained_index ON chunk_embeddings USING ivfflat (embedding vector_cosine_ops)
    WITH (lists = %s) WHERE indexed_by = ''IVFFLAT''', lists);
  DROP INDEX chunk_embeddings_ivfflat_index;
  ALTER INDEX chunk_embeddings_trained_index RENAME TO chunk_embeddings_ivfflat_index;
  EXECUTE format('COMMENT ON INDEX chunk_embeddings_ivfflat_index IS %L', 'Built from ' || vectors || ' vectors.');
  RETURN true;
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION app_train_ivfflat() FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION app_train_ivfflat() TO tessera_server;
