-- What models cost until now becomes their first price.
INSERT INTO model_prices (id, model_id, effective_from, input_price, output_price)
SELECT app_new_id(), id, created_at, input_price, output_price FROM models
WHERE input_price IS NOT NULL OR output_price IS NOT NULL;
--> statement-breakpoint
ALTER TABLE "models" DROP COLUMN "input_price";--> statement-breakpoint
ALTER TABLE "models" DROP COLUMN "output_price";
