-- A sync run marks each document it sees, which is no change of the document: its time of change stays.
DROP TRIGGER IF EXISTS touch_updated_at ON documents;
--> statement-breakpoint
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON documents FOR EACH ROW
  WHEN (OLD.seen_in_id IS NOT DISTINCT FROM NEW.seen_in_id) EXECUTE FUNCTION app_touch_updated_at();
