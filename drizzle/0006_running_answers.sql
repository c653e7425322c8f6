CREATE TABLE "running_answers" (
	"message_id" uuid PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"lease_until" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "running_answers_lease_until_index" ON "running_answers" USING btree ("lease_until");