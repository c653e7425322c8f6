-- The viewer is set by plain statements, which take less time than the call of a function.
DROP FUNCTION app_set_viewer(uuid, uuid, text, text);
