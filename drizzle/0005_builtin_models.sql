-- What answers and embeds without any provider; the ids are known to the code.
INSERT INTO providers (id, name, slug, description, dialect)
VALUES ('01980000-0000-7000-8000-000000000001', 'Tessera', 'tessera', 'Built in; needs no network and no key.', 'BUILTIN')
ON CONFLICT DO NOTHING;
--> statement-breakpoint
INSERT INTO models (id, provider_id, name, type, context_window, input_price, output_price)
VALUES
  ('01980000-0000-7000-8000-000000000002', '01980000-0000-7000-8000-000000000001', 'extractive', 'TEXT', 32768, 0, 0),
  ('01980000-0000-7000-8000-000000000003', '01980000-0000-7000-8000-000000000001', 'hashing-1536', 'EMBEDDING', 8192, 0, 0)
ON CONFLICT DO NOTHING;
