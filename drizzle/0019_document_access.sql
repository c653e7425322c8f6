ALTER TABLE "files" ADD COLUMN "narrowed_workspace_id" uuid;--> statement-breakpoint
ALTER TABLE "files" ADD COLUMN "narrowed_readers" uuid[];--> statement-breakpoint
ALTER TABLE "citations" ADD COLUMN "readers" uuid[];--> statement-breakpoint
CREATE INDEX "citations_document_id_index" ON "citations" USING btree ("organization_id","document_id");--> statement-breakpoint
DROP POLICY "citations_workspace" ON "citations" CASCADE;--> statement-breakpoint
CREATE POLICY "files_of_documents" ON "files" AS PERMISSIVE FOR SELECT TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(narrowed_workspace_id) and narrowed_readers && app_principals());--> statement-breakpoint
CREATE POLICY "citations_granted" ON "citations" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals())) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals()));--> statement-breakpoint
CREATE POLICY "citations_follow" ON "citations" AS PERMISSIVE FOR ALL TO current_role USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
--> statement-breakpoint
-- What an answer quotes of a document is seen by whoever may read the document, wherever it was cited.
CREATE FUNCTION app_share_citations() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE citations SET readers = NEW.readers WHERE organization_id = NEW.organization_id AND document_id = NEW.id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER share_citations AFTER UPDATE OF readers ON documents FOR EACH ROW
  WHEN (OLD.readers IS DISTINCT FROM NEW.readers) EXECUTE FUNCTION app_share_citations();
--> statement-breakpoint
-- It acts with its owner's rights: whoever deletes a document need not see all that cited it.
CREATE OR REPLACE FUNCTION app_forget_chunk() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE citations SET chunk_id = NULL WHERE organization_id = OLD.organization_id AND chunk_id = OLD.id;
  RETURN OLD;
END $$;
--> statement-breakpoint
SELECT app_guard_tables();
