import { and, arrayContains, arrayOverlaps, eq, getTableColumns, sql, type SQL } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { database } from '../../database/client.ts';
import { listOf, type Needs } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { BadUserInput } from '../../errors.ts';
import type { KnowledgeEntry, KnowledgeVersion } from '../../generated/resolvers.ts';
import { knowledgeEntries, knowledgeVersions, type KnowledgeEntryRow, type KnowledgeVersionRow } from './tables.ts';

/** Entries by id. As all of the bank, it is asked of `knowledgeOf(unit)`. */
export const knowledgeEntryById = loadOne(
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

export const knowledgeVersionById = loadOne(
  () =>
    database
      .select()
      .from(knowledgeVersions)
      .where(
        and(
          eq(knowledgeVersions.organizationId, bound.organizationId),
          sql`${knowledgeVersions.id} = any(${bound.keys})`,
        ),
      ),
  (version) => version.id,
);

const nothing = sql`false`;

/** Entries by their tags: `has`, `hasAny` and `hasAll`; tags are compared as they are stored. */
const byTags = (comparator: string, operand: unknown): SQL | undefined => {
  if (operand === null) return undefined;
  const wanted = (Array.isArray(operand) ? operand : [operand]).map((tag) => String(tag).trim().toLowerCase());
  if (comparator === 'hasAny') return wanted.length === 0 ? nothing : arrayOverlaps(knowledgeEntries.tags, wanted);
  return wanted.length === 0 ? undefined : arrayContains(knowledgeEntries.tags, wanted);
};

const maxWords = 10;
const maxWordsLength = 200;

/** Entries whose title holds each of some words. Throws BadUserInput. */
const byTitle = (_comparator: string, operand: unknown): SQL | undefined => {
  if (typeof operand !== 'string') return undefined;
  const words = operand.split(/\s+/u).filter((word) => word !== '');
  if (words.length < 1 || words.length > maxWords || operand.length > maxWordsLength)
    throw new BadUserInput('filter.title', `This takes 1 to ${maxWords} words of ${maxWordsLength} characters.`);
  return and(...words.map((word) => sql`strpos(lower(${knowledgeEntries.title}), lower(${word})) > 0`));
};

/** Entries that the viewer sees. */
export const knowledgeEntryList = listOf({
  from: knowledgeEntries,
  columns: getTableColumns(knowledgeEntries),
  orders: {
    CREATED_AT: knowledgeEntries.createdAt,
    UPDATED_AT: knowledgeEntries.updatedAt,
    TITLE: knowledgeEntries.title,
  },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    status: knowledgeEntries.status,
    active: knowledgeEntries.active,
    category: knowledgeEntries.category,
    subcategory: knowledgeEntries.subcategory,
    tags: byTags,
    groupId: knowledgeEntries.groupId,
    createdById: knowledgeEntries.createdById,
    title: byTitle,
    createdAt: knowledgeEntries.createdAt,
    updatedAt: knowledgeEntries.updatedAt,
  },
  needs: {
    group: ['groupId'],
    createdBy: ['createdById'],
    editedBy: ['editedById'],
    versions: [],
    usedIn: [],
  } satisfies Needs<KnowledgeEntry, KnowledgeEntryRow>,
});

/** What entries have said, newest first. */
export const versionsByEntry = listOf({
  from: knowledgeVersions,
  parent: knowledgeVersions.entryId,
  columns: getTableColumns(knowledgeVersions),
  orders: { VERSION: knowledgeVersions.version },
  defaultOrder: { field: 'VERSION', direction: 'DESC' },
  needs: {
    editor: ['editorId'],
    entry: ['entryId'],
  } satisfies Needs<KnowledgeVersion, KnowledgeVersionRow>,
});

/** Subcategories told of a category. */
const maxSubcategories = 100;

const bySubcategory = database
  .select({
    organizationId: knowledgeEntries.organizationId,
    category: knowledgeEntries.category,
    subcategory: knowledgeEntries.subcategory,
    entryCount: sql<number>`count(*)`.as('entry_count'),
  })
  .from(knowledgeEntries)
  .groupBy(knowledgeEntries.organizationId, knowledgeEntries.category, knowledgeEntries.subcategory)
  .as('by_subcategory');

const byCategory = database
  .select({
    organizationId: bySubcategory.organizationId,
    name: bySubcategory.category,
    entryCount: sql<number>`sum(${bySubcategory.entryCount})::integer`.as('entry_count'),
    subcategories: sql<{ name: string; entryCount: number }[]>`to_jsonb(coalesce((array_agg(jsonb_build_object(
      'name', ${bySubcategory.subcategory}, 'entryCount', ${bySubcategory.entryCount}) order by ${bySubcategory.subcategory})
      filter (where ${bySubcategory.subcategory} is not null))[:${sql.raw(String(maxSubcategories))}], '{}'))`.as(
      'subcategories',
    ),
  })
  .from(bySubcategory)
  .groupBy(bySubcategory.organizationId, bySubcategory.category)
  .as('by_category');
/** Each access to a column of a subquery makes another one, and a list tells its columns apart. */
const { organizationId, name, entryCount, subcategories } = byCategory;

/** The categories of the entries that the viewer sees, in alphabetical order. */
export const categoryList = listOf({
  // The cast is safe: a list selects from it, and reads no more of a table than the columns it is told and `organizationId`.
  from: byCategory as unknown as PgTable & { organizationId: PgColumn },
  id: organizationId,
  columns: { id: organizationId, name, entryCount, subcategories },
  orders: { NAME: name },
  defaultOrder: { field: 'NAME', direction: 'ASC' },
});
