ALTER TABLE "providers" ADD COLUMN "needs_key" boolean DEFAULT true NOT NULL;--> statement-breakpoint
UPDATE providers SET needs_key = false WHERE dialect IN ('BUILTIN', 'OPENAI_COMPATIBLE');
