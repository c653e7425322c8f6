import { isDeepStrictEqual } from 'node:util';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf, type UnitOfWork } from '../../database/unit-of-work.ts';
import type {
  CreateKnowledgeEntryInput,
  PublishKnowledgeEntryInput,
  UpdateKnowledgeEntryInput,
} from '../../generated/resolvers.ts';
import { viewerOf } from '../context.ts';
import { requirePermission } from '../permissions.ts';
import { fieldsOf, requireOneAudience, summaryOf, type EntryFields } from './entry-input.ts';
import { isEntry, lockEntry, lockOwnEntry, requireVersion, type KnowledgeMeans } from './entry-rights.ts';
import { indexEntry } from './indexing.ts';
import { requireOwnGroup } from './own-group.ts';
import { knowledgeOf } from './schema.ts';
import { knowledgeEntries, type KnowledgeEntryRow } from './tables.ts';

/**
 * Writes an entry, as a draft or published. Throws BadUserInput, Forbidden (publishing without KNOWLEDGE_PUBLISH, a group that the viewer is not in),
 * NotFound (group).
 */
export const createKnowledgeEntry = async (
  context: KnowledgeMeans,
  { publish, ...given }: CreateKnowledgeEntryInput,
): Promise<KnowledgeEntryRow> => {
  const viewer = viewerOf(context);
  if (publish === true) requirePermission(viewer, 'KNOWLEDGE_PUBLISH');
  const { title, content, category } = given;
  const fields = { groupId: null, forVisitors: false, ...fieldsOf(given), title: title.trim(), content };
  requireOneAudience(fields);
  await requireOwnGroup(context, fields.groupId, 'KNOWLEDGE_WRITE');
  const bank = knowledgeOf(context.unit);
  return bank.transact(async ({ organizationId }) => {
    const row = {
      ...fields,
      category: category.trim(),
      organizationId,
      createdById: viewer.userId,
      ...(publish === true && published()),
    };
    const entry = sole(await database.insert(knowledgeEntries).values(row).returning());
    await indexEntry(bank, entry, context.services);
    record(bank, 'created', entry);
    return entry;
  });
};

/**
 * Changes an entry; absent fields stay. Throws BadUserInput, Conflict (another version), Forbidden (another's, or a published one without
 * KNOWLEDGE_PUBLISH; a group that the viewer is not in), NotFound (entry, group).
 */
export const updateKnowledgeEntry = async (
  context: KnowledgeMeans,
  { id, version, changeSummary, ...given }: UpdateKnowledgeEntryInput,
): Promise<KnowledgeEntryRow> => {
  const fields = fieldsOf(given);
  const summary = summaryOf(changeSummary);
  await requireOwnGroup(context, fields.groupId, 'KNOWLEDGE_WRITE');
  const bank = knowledgeOf(context.unit);
  return bank.transact(async () => {
    const current = await lockOwnEntry(bank, viewerOf(context), id);
    requireVersion(current, version);
    requireOneAudience({ ...current, ...fields });
    return changeEntry(context, current, fields, { what: 'updated', changeSummary: summary });
  });
};

/** Publishes a draft; a published entry stays as it is. Throws Conflict (another version), NotFound. */
export const publishKnowledgeEntry = (
  context: KnowledgeMeans,
  { id, version }: PublishKnowledgeEntryInput,
): Promise<KnowledgeEntryRow> => {
  const bank = knowledgeOf(context.unit);
  return bank.transact(async () => {
    const current = await lockEntry(bank, id);
    requireVersion(current, version);
    return current.status === 'PUBLISHED' ? current : changeEntry(context, current, published(), { what: 'published' });
  });
};

/** Makes an entry a draft again; a draft stays as it is. Throws NotFound. */
export const unpublishKnowledgeEntry = (context: KnowledgeMeans, id: string): Promise<KnowledgeEntryRow> => {
  const bank = knowledgeOf(context.unit);
  const draft = { status: 'DRAFT', publishedAt: null } as const;
  return bank.transact(async () => {
    const current = await lockEntry(bank, id);
    return current.status === 'DRAFT' ? current : changeEntry(context, current, draft, { what: 'unpublished' });
  });
};

/** Deletes an entry with its versions and passages, for good. Throws Forbidden (as a change does), NotFound. */
export const deleteKnowledgeEntry = (context: KnowledgeMeans, id: string): Promise<string> => {
  const bank = knowledgeOf(context.unit);
  return bank.transact(async ({ organizationId }) => {
    const entry = await lockOwnEntry(bank, viewerOf(context), id);
    await database.delete(knowledgeEntries).where(isEntry(organizationId, id));
    record(bank, 'deleted', entry);
    return id;
  });
};

type Changes = EntryFields & Partial<Pick<KnowledgeEntryRow, 'status' | 'publishedAt'>>;

/** What is told of a change: in its event, and in the version that it makes. */
interface Told {
  readonly what: 'updated' | 'published' | 'unpublished' | 'restored';
  readonly changeSummary?: string | null;
  readonly data?: Record<string, unknown>;
}

/**
 * Changes an entry that is locked, with its passages and its event, in the running transaction; where nothing is another, nothing happens. Written as the
 * organization: whoever unpublishes an entry, or takes it out of a group, may not see it any more.
 */
export const changeEntry = async (
  { unit, services }: KnowledgeMeans,
  current: KnowledgeEntryRow,
  changes: Changes,
  { what, changeSummary = null, data }: Told,
): Promise<KnowledgeEntryRow> => {
  // The cast is safe: the names are those of the row.
  const fields = Object.entries(changes).flatMap(([name, to]) =>
    isDeepStrictEqual(current[name as keyof KnowledgeEntryRow], to) ? [] : [name],
  );
  if (fields.length === 0) return current;
  const bank = knowledgeOf(unit);
  const { organizationId, scope } = bank;
  const changed = await bank.nested(wholeOf(organizationId, scope.userId), async (whole) => {
    const ofEntry = isEntry(organizationId, current.id);
    const rows = await database
      .update(knowledgeEntries)
      .set({ ...changes, changeSummary })
      .where(ofEntry)
      .returning();
    const entry = sole(rows);
    if (entry.version !== current.version) await indexEntry(whole, entry, services);
    return entry;
  });
  record(bank, what, changed, { fields, ...data });
  return changed;
};

const published = () => ({ status: 'PUBLISHED', publishedAt: new Date().toISOString() }) as const;

/** The log holds no titles and contents: it is read by others than the entries. */
const record = (
  bank: UnitOfWork,
  what: string,
  { id, version }: KnowledgeEntryRow,
  data: Record<string, unknown> = {},
): void => bank.record({ action: `knowledge_entry.${what}`, type: 'KnowledgeEntry', id, data: { version, ...data } });
