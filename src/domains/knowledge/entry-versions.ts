import { and, eq, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Connection, ListArguments, Wanted } from '../../database/list.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { NotFound } from '../../errors.ts';
import type { RestoreKnowledgeVersionInput } from '../../generated/resolvers.ts';
import { viewerOf } from '../context.ts';
import { compareTexts } from '../text-comparison.ts';
import { changeEntry } from './entries.ts';
import { summaryOf } from './entry-input.ts';
import { versionsByEntry } from './entry-loaders.ts';
import { isEntry, lockOwnEntry, type KnowledgeMeans } from './entry-rights.ts';
import type { KnowledgeComparisonRow } from './rows.ts';
import { knowledgeOf } from './schema.ts';
import { knowledgeEntries, knowledgeVersions, type KnowledgeEntryRow, type KnowledgeVersionRow } from './tables.ts';

/** The versions of an entry that the viewer sees, each under its number. */
const versionsOf = async ({ organizationId }: UnitOfWork, entryId: string, numbers: readonly number[]) => {
  const rows = await database
    .select()
    .from(knowledgeVersions)
    .where(
      and(
        eq(knowledgeVersions.organizationId, organizationId),
        eq(knowledgeVersions.entryId, entryId),
        inArray(knowledgeVersions.version, [...numbers]),
      ),
    );
  return (number: number): KnowledgeVersionRow => {
    const version = rows.find((each) => each.version === number);
    if (version === undefined) throw new NotFound('KnowledgeVersion', String(number));
    return version;
  };
};

/** Throws NotFound for an entry that the viewer does not see. */
const requireEntry = async (bank: UnitOfWork, id: string): Promise<void> => {
  const [entry] = await bank.run(() =>
    database.select({ id: knowledgeEntries.id }).from(knowledgeEntries).where(isEntry(bank.organizationId, id)),
  );
  if (entry === undefined) throw new NotFound('KnowledgeEntry', id);
};

/** What an entry has said, newest first. Throws BadUserInput, NotFound. */
export const knowledgeVersionList = async (
  bank: UnitOfWork,
  entryId: string,
  args: ListArguments,
  wanted: Wanted,
): Promise<Connection<KnowledgeVersionRow>> => {
  await requireEntry(bank, entryId);
  return versionsByEntry<KnowledgeVersionRow>(bank, args, entryId, wanted);
};

/** What an entry said at one version. Throws NotFound (entry or version). */
export const knowledgeVersion = async (
  bank: UnitOfWork,
  entryId: string,
  version: number,
): Promise<KnowledgeVersionRow> => {
  await requireEntry(bank, entryId);
  return (await bank.run(() => versionsOf(bank, entryId, [version])))(version);
};

const parts = ['title', 'content', 'category', 'subcategory', 'tags'] as const;

/** What differs between two versions of an entry. Throws NotFound (entry or version), BadUserInput (they differ too much). */
export const compareKnowledgeVersions = async (
  bank: UnitOfWork,
  { entryId, from, to }: { readonly entryId: string; readonly from: number; readonly to: number },
): Promise<KnowledgeComparisonRow> => {
  await requireEntry(bank, entryId);
  const versionOf = await bank.run(() => versionsOf(bank, entryId, [from, to]));
  const [earlier, later] = [versionOf(from), versionOf(to)];
  await bank.rest();
  const [had, has] = [new Set(earlier.tags), new Set(later.tags)];
  const differs = (part: (typeof parts)[number]) => JSON.stringify(earlier[part]) !== JSON.stringify(later[part]);
  return {
    from: earlier,
    to: later,
    // The cast is safe: the names of parts are theirs in the API in upper case.
    changed: parts.filter(differs).map((part) => part.toUpperCase() as KnowledgeComparisonRow['changed'][number]),
    addedTags: [...has.difference(had)],
    removedTags: [...had.difference(has)],
    ...(await compareTexts(earlier.content, later.content)),
  };
};

/**
 * Gives an entry what it said at one of its versions, as its next version; what is current already stays. Throws BadUserInput, Forbidden (as a change
 * does), NotFound (entry or version).
 */
export const restoreKnowledgeVersion = async (
  context: KnowledgeMeans,
  { entryId, version, changeSummary }: RestoreKnowledgeVersionInput,
): Promise<KnowledgeEntryRow> => {
  const summary = summaryOf(changeSummary) ?? `Restored version ${version}.`;
  const bank = knowledgeOf(context.unit);
  return bank.transact(async () => {
    const current = await lockOwnEntry(bank, viewerOf(context), entryId);
    const { title, content, category, subcategory, tags } = (await versionsOf(bank, entryId, [version]))(version);
    const former = { title, content, category, subcategory, tags };
    return changeEntry(context, current, former, {
      what: 'restored',
      changeSummary: summary,
      data: { restoredVersion: version },
    });
  });
};
