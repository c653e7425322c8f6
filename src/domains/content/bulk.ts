import { z } from 'zod';
import { conditionOf } from '../../database/filter.ts';
import { BadUserInput } from '../../errors.ts';
import type { BulkDocumentsInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { maxTags, tagIssues, tagsOf } from './labels.ts';
import { documentFilters } from './loaders.ts';
import { requireWorkspace } from './operations.ts';

/** The job that does one thing with many documents; `bulk-run.ts` handles it. */
export const bulkKind = 'content.bulk-documents';

const maxIds = 100;
const tags = z.array(z.string());
const place = z.object({ workspaceId: z.string() });

const selection = z.union([
  z.object({ ids: z.array(z.string()) }),
  z.object({ workspaceId: z.string(), filter: z.json() }),
]);
const operation = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('delete') }),
  z.object({ kind: z.literal('move'), ...place.shape }),
  z.object({ kind: z.literal('copy'), ...place.shape }),
  z.object({ kind: z.literal('tag'), add: tags, remove: tags }),
  z.object({ kind: z.literal('reprocess') }),
  z.object({ kind: z.literal('pin'), pinned: z.boolean() }),
]);

/** What the job is given: the work, and what its requester showed, whose limits hold for it. */
export const bulkWork = z.object({
  documents: selection,
  operation,
  credential: z.object({ kind: z.enum(['SESSION', 'API_KEY', 'DEVICE', 'EXTENSION_KEY']), id: z.string() }),
});
export type BulkWork = z.infer<typeof bulkWork>;

/**
 * Begins to do one thing with many documents in the background; gives the job's id. Each document is checked when its turn comes.
 * Throws BadUserInput, NotFound (a workspace named), Forbidden (needs EDITOR there), Conflict (it is archived).
 */
export const bulkDocuments = (context: Context, input: BulkDocumentsInput): Promise<string> => {
  const { unit, services } = context;
  const viewer = viewerOf(context);
  const documents = selectionOf(input.documents);
  const work: BulkWork = {
    documents,
    operation: operationOf(input.operation),
    credential: { kind: viewer.credential.kind, id: viewer.credential.id },
  };
  const named = [
    ...('workspaceId' in documents ? [documents.workspaceId] : []),
    ...('workspaceId' in work.operation ? [work.operation.workspaceId] : []),
  ];
  return unit.transact(async (transaction) => {
    for (const workspaceId of named) {
      await requireWorkspace(transaction, workspaceId);
      requirePermission(viewer, 'DOCUMENT_WRITE', workspaceId);
      requireActive(viewer, workspaceId);
    }
    const { organizationId } = transaction;
    const [workspaceId] = named;
    const target =
      workspaceId === undefined ? { type: 'Organization', id: organizationId } : { type: 'Workspace', id: workspaceId };
    const about = workspaceId === undefined ? target : { ...target, workspaceId };
    unit.record({ action: 'documents.bulk_requested', ...about, data: { operation: work.operation.kind } });
    // Not for all who see the workspace: it names documents that not all of them may see.
    return services.queue.enqueue(unit, { kind: bulkKind, data: work, target, readers: [viewer.self] });
  });
};

const selectionOf = ({ ids, workspaceId, filter }: BulkDocumentsInput['documents']): BulkWork['documents'] => {
  const byIds = ids ?? null;
  const byWorkspace = workspaceId ?? null;
  if ((byIds === null) === (byWorkspace === null))
    throw new BadUserInput('documents', 'Give exactly one of ids and workspaceId.');
  if (byIds !== null) {
    if (byIds.length < 1 || byIds.length > maxIds)
      throw new BadUserInput('documents.ids', `Give 1 to ${maxIds} documents.`);
    if (filter !== null && filter !== undefined)
      throw new BadUserInput('documents.filter', 'A filter goes with workspaceId.');
    return { ids: [...new Set(byIds)] };
  }
  // Checked as that of the list, and kept as it was given.
  conditionOf(documentFilters, filter);
  return { workspaceId: byWorkspace ?? '', filter: z.json().parse(JSON.parse(JSON.stringify(filter ?? null))) };
};

const operationOf = (input: BulkDocumentsInput['operation']): BulkWork['operation'] => {
  const given = Object.entries(input).filter(([, value]) => value !== null && value !== undefined);
  const [[kind, value] = ['', undefined], ...others] = given;
  const flag = kind === 'delete' || kind === 'reprocess';
  if (others.length > 0 || kind === '' || (flag && value !== true))
    throw new BadUserInput('operation', 'Give exactly one operation.');
  if (kind === 'pin') return { kind, pinned: value === true };
  if (kind !== 'tag') return operation.parse({ kind, ...(typeof value === 'object' && value) });
  const [add, remove] = [input.tag?.add ?? [], input.tag?.remove ?? []];
  const issues = [...tagIssues(add, 'operation.tag.add'), ...tagIssues(remove, 'operation.tag.remove')];
  if (add.length + remove.length < 1 || add.length + remove.length > maxTags)
    issues.push({ field: 'operation.tag', message: `Give 1 to ${maxTags} tags.` });
  if (issues.length > 0) throw new BadUserInput(issues);
  return { kind, add: tagsOf(add), remove: tagsOf(remove) };
};
