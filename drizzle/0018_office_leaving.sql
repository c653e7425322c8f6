-- Who leaves the organization sees what was shared with them no more, not even when they come back: the shares go with the membership by their
-- foreign key, and this takes their person out of the readers before. The documents are locked in the order of their ids, and before
-- their shares, as by whoever else changes them, so that two who leave at a time do not wait for each other.
CREATE FUNCTION app_leave_office_documents() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  shared uuid[];
BEGIN
  -- An organization that is erased takes documents and members along.
  IF NOT EXISTS (SELECT FROM organizations WHERE id = OLD.organization_id) THEN
    RETURN OLD;
  END IF;
  SELECT array_agg(locked.id) INTO shared FROM (
    SELECT id FROM office_documents
    WHERE organization_id = OLD.organization_id AND owner_id <> OLD.user_id AND id IN (
      SELECT document_id FROM office_document_shares
      WHERE organization_id = OLD.organization_id AND user_id = OLD.user_id)
    ORDER BY id FOR UPDATE
  ) AS locked;
  UPDATE office_documents SET readers = array_remove(readers, OLD.user_id)
  WHERE organization_id = OLD.organization_id AND id = ANY (shared);
  RETURN OLD;
END $$;
--> statement-breakpoint
CREATE TRIGGER leave_office_documents BEFORE DELETE ON memberships FOR EACH ROW EXECUTE FUNCTION app_leave_office_documents();
