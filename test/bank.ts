import { eq, and } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { sole } from '../src/database/rows.ts';
import { UnitOfWork, wholeOf } from '../src/database/unit-of-work.ts';
import { indexEntry } from '../src/domains/knowledge/indexing.ts';
import { knowledgeOf } from '../src/domains/knowledge/schema.ts';
import { knowledgeEntries, type KnowledgeEntryRow } from '../src/domains/knowledge/tables.ts';
import { globalId } from '../src/ids.ts';
import { uuidOf } from './talk.ts';
import type { Testbed } from './testbed.ts';

/** What an entry of a test is made of; published, active and for all members where nothing else is said. */
export type EntryFields = Partial<typeof knowledgeEntries.$inferInsert> & {
  readonly title: string;
  readonly content: string;
};

const origin = { requestId: 'test', address: null, userAgent: null };

/** A unit that sees the whole organization of somebody, as jobs do. */
export const wholeUnit = (bed: Testbed, { organizationId }: { readonly organizationId: string }): UnitOfWork =>
  new UnitOfWork(wholeOf(uuidOf(organizationId)), { ...bed.server.installation.services, origin });

/** The same on the database of the bank. */
export const bankOf = (bed: Testbed, owner: { readonly organizationId: string }): UnitOfWork =>
  knowledgeOf(wholeUnit(bed, owner));

/** Writes an entry past the API, with its passages in the same transaction; gives its global id. */
export const writeEntry = async (
  bed: Testbed,
  owner: { readonly organizationId: string },
  fields: EntryFields,
): Promise<string> => {
  const bank = bankOf(bed, owner);
  const status = fields.status ?? 'PUBLISHED';
  return bank.transact(async ({ organizationId }) => {
    const row = {
      category: 'general',
      ...fields,
      status,
      publishedAt: status === 'PUBLISHED' ? new Date().toISOString() : null,
      organizationId,
    };
    const entry = sole(await database.insert(knowledgeEntries).values(row).returning());
    await indexEntry(bank, entry, bed.server.installation.services);
    return globalId('KnowledgeEntry', entry.id);
  });
};

/** Changes an entry past the API, and makes its passages anew. */
export const rewriteEntry = (
  bed: Testbed,
  owner: { readonly organizationId: string },
  id: string,
  fields: Partial<typeof knowledgeEntries.$inferInsert>,
): Promise<KnowledgeEntryRow> => {
  const bank = bankOf(bed, owner);
  return bank.transact(async ({ organizationId }) => {
    const isEntry = and(eq(knowledgeEntries.organizationId, organizationId), eq(knowledgeEntries.id, uuidOf(id)));
    const entry = sole(await database.update(knowledgeEntries).set(fields).where(isEntry).returning());
    await indexEntry(bank, entry, bed.server.installation.services);
    return entry;
  });
};
