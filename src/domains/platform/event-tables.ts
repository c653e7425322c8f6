import { bigint, foreignKey, integer, text, unique, uuid } from 'drizzle-orm/pg-core';
import { tenantTable } from '../../database/tenant-table.ts';
import { organizations } from '../tenancy/tables.ts';

/**
 * Seals of an organization's log, in a chain: each stands for the entries behind those of the seal before it, up to its last one. The time of
 * the sealing is `created_at`.
 */
export const eventSeals = tenantTable(
  'event_seals',
  { log: 'organization' },
  {
    /** Place in the chain, counted from 1. */
    sequence: bigint({ mode: 'number' }).notNull(),
    firstEventId: uuid().notNull(),
    lastEventId: uuid().notNull(),
    count: integer().notNull(),
    /** Base64 of 48 bytes for each entry in the order of their ids: its id, and the SHA-256 of its canonical form. */
    entries: text().notNull(),
    /** SHA-256 of the canonical form of this seal, in hexadecimal digits. */
    digest: text().notNull(),
    /** That of the seal before it; of zeros for the first. */
    previousDigest: text().notNull(),
  },
  (seal) => [
    unique('event_seals_sequence_key').on(seal.organizationId, seal.sequence),
    foreignKey({
      name: 'event_seals_organization_id_fkey',
      columns: [seal.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
  ],
);
export type EventSealRow = typeof eventSeals.$inferSelect;
