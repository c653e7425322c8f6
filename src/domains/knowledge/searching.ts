import { and, eq, sql, type SQL } from 'drizzle-orm';
import { conditionOf, type Meaning } from '../../database/filter.ts';
import { lazily } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, type InputIssue } from '../../errors.ts';
import type { Context } from '../context.ts';
import { keysOf, type BankSettings } from './bank-settings.ts';
import { explainedEntries, searchEntries } from './entry-search.ts';
import { countPassages } from './entry-vectors.ts';
import type { KnowledgeSearchEdgeRow } from './rows.ts';
import { knowledgeOf } from './schema.ts';
import { knowledgeEntries } from './tables.ts';
import { database } from '../../database/client.ts';

const maxHits = 50;
/** Cosine below which a passage is not found by its vector alone: what new workspaces have. */
const minimumSimilarity = 0.25;
const maxQuery = 2000;

const tagOf = (tag: unknown): string => String(tag).trim().toLowerCase();

/** Entries by their tags: `has`, `hasAny` and `hasAll`; tags are compared as they are stored. */
const byTags: Meaning = (comparator, operand) => {
  if (operand === null) return undefined;
  const wanted = sql`array[${sql.join(
    (Array.isArray(operand) ? operand : [operand]).map((tag) => sql`${tagOf(tag)}`),
    sql`, `,
  )}]::text[]`;
  return comparator === 'hasAll'
    ? sql`${knowledgeEntries.tags} @> ${wanted}`
    : sql`${knowledgeEntries.tags} && ${wanted}`;
};

const searchFilters = {
  category: knowledgeEntries.category,
  tags: byTags,
  group: knowledgeEntries.groupId,
};

/** What is looked for. */
interface BankSearch {
  readonly query: string;
  readonly first: number;
  readonly filter?: unknown;
}

/** Searches the bank of the organization. Throws BadUserInput, Unavailable (the bank cannot be reached). */
export const searchKnowledge = async (
  { unit, services }: Context,
  { query, first, filter }: BankSearch,
): Promise<KnowledgeSearchEdgeRow[]> => {
  const issues: InputIssue[] = [];
  if (query.trim() === '' || query.length > maxQuery || query.includes('\0'))
    issues.push({ field: 'query', message: 'This takes 1 to 2,000 characters, and no NUL.' });
  if (first < 1 || first > maxHits)
    issues.push({ field: 'first', message: `A search gives 1 to ${maxHits} passages.` });
  if (issues.length > 0) throw new BadUserInput(issues);
  const where: SQL | undefined = conditionOf(searchFilters, filter);
  const searched = await searchEntries(
    { unit, services },
    { query, first, where, minimumSimilarity, workspaceId: null },
  );
  const { asked, language } = searched;
  const shares = lazily(() => explainedEntries(unit, searched));
  return searched.found.map((node) => ({
    hit: node.hit,
    node,
    query,
    language,
    explain: async () => ({ hit: node.hit, asked, shares: (await shares()).get(node.hit.chunkId) ?? [] }),
  }));
};

/** How much of a bank follows its settings, 0 to 1; null where all does. */
export const progressOf = async (unit: UnitOfWork, settings: BankSettings): Promise<number | null> => {
  if (!settings.behind) return null;
  const bank = knowledgeOf(unit);
  const { organizationId } = bank;
  const shares = [await bank.run(() => analysedShare(organizationId, settings.language))];
  const next = keysOf(settings)[1];
  if (next !== undefined) {
    const { total, embedded } = await bank.run(() => countPassages(organizationId, next));
    shares.push(total === 0 ? 0 : embedded / total);
  }
  return Math.min(...shares);
};

const analysedShare = async (organizationId: string, language: string): Promise<number> => {
  const [share] = await database
    .select({
      analysed: sql<number>`coalesce(avg((${knowledgeEntries.language} is not distinct from ${language})::integer), 0)::float8`,
    })
    .from(knowledgeEntries)
    .where(and(eq(knowledgeEntries.organizationId, organizationId)));
  return share?.analysed ?? 0;
};
