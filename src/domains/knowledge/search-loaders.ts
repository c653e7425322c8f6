import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { bound, loadOne, type Loader } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { knowledgeOf } from './schema.ts';
import { knowledgeEntries, type KnowledgeEntryRow } from './tables.ts';

const inBank = loadOne(
  () =>
    database
      .select()
      .from(knowledgeEntries)
      .where(
        and(
          eq(knowledgeEntries.organizationId, bound.organizationId),
          sql`${knowledgeEntries.id} = any(${bound.keys})`,
        ),
      ),
  (entry) => entry.id,
);

/** Entries by id, as far as the viewer sees them. */
export const knowledgeEntryById = (unit: UnitOfWork): Loader<KnowledgeEntryRow | null> => inBank(knowledgeOf(unit));
