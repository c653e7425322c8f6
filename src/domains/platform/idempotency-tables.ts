import { foreignKey, index, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { globalColumns } from '../../database/tenant-table.ts';
import { organizations } from '../tenancy/tables.ts';

/**
 * Mutations that were carried out under a key of their client's: a row is written in the transaction of the effect, and lives a day. Its id stands for
 * organization, user, key and field. Whichever unit the effect happens in writes it, so it has no row security; it names no
 * user, for a reference would lock them against each other's mutations.
 */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    ...globalColumns(),
    organizationId: uuid().notNull(),
    /** The request that carried it out. */
    requestId: text().notNull(),
    /** SHA-256 of the operation and its variables, in hexadecimal digits. */
    fingerprint: text().notNull(),
    /** The answer as a JWE; null until it is known. */
    encryptedResult: text(),
  },
  (key) => [
    foreignKey({
      name: 'idempotency_keys_organization_id_fkey',
      columns: [key.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('idempotency_keys_organization_id_index').on(key.organizationId),
    index('idempotency_keys_created_at_index').on(key.createdAt, key.id),
  ],
);
