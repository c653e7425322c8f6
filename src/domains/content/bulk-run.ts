import { and, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { database } from '../../database/client.ts';
import { conditionOf } from '../../database/filter.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { DomainError } from '../../errors.ts';
import { globalId } from '../../ids.ts';
import type { JobHandler, Run } from '../../queue/queue.ts';
import { jobs } from '../../queue/tables.ts';
import type { Context, Viewer } from '../context.ts';
import type { Work } from '../services.ts';
import { discovery, scopeOf, viewerOfCredential, viewerOfMember } from '../tenancy/viewers.ts';
import { bulkWork, type BulkWork } from './bulk.ts';
import { documentFilters } from './loaders.ts';
import { copyDocument, moveDocument } from './moving.ts';
import { deleteDocument, reprocessDocument } from './operations.ts';
import { pinDocument, unpinDocument } from './pinned.ts';
import { documents } from './tables.ts';
import { tagDocument } from './tagging.ts';

/** Documents between two looks at what the requester may do. */
const batchSize = 20;
/** Failures that are told one by one. */
const maxFailures = 100;

/** How far the work is, written down in the transaction of each document: none is worked on twice, whatever crashes. */
const tally = z.object({
  total: z.number(),
  done: z.number(),
  failedCount: z.number(),
  failed: z.array(z.object({ id: z.string(), reason: z.string() })),
  /** Documents up to here have had their turn. */
  position: z.object({ at: z.string(), id: z.string() }).nullable(),
});
type Tally = z.infer<typeof tally>;

/** A document whose turn it is, and where that is in the order. */
interface Turn {
  readonly id: string;
  readonly at: string;
}

/** Does one thing with each document selected, in the order in which they were brought in, or in which they were named. */
export const runBulk: JobHandler<Work>['run'] = async (work, data, run) => {
  const { documents: selection, operation, credential } = bulkWork.parse(data);
  const asked = await askedAt(work, run.jobId);
  let so: Tally | null = run.kept === null ? null : tally.parse(run.kept);
  for (;;) {
    run.signal.throwIfAborted();
    const viewer = await viewerNow(work, credential);
    if (viewer === null) return { ...told(so), stopped: 'ACCESS_ENDED' };
    const unit = work.unit.as(scopeOf(viewer));
    so ??= { total: await countOf(unit, selection, asked), done: 0, failedCount: 0, failed: [], position: null };
    const turns = await turnsOf(unit, selection, asked, so.position);
    await unit.rest();
    if (turns.length === 0) return told(so);
    const context: Context = { viewer, unit, services: work.services, origin: unit.options.origin };
    for (const turn of turns) {
      run.signal.throwIfAborted();
      so = await take(context, operation, turn, so, run);
    }
  }
};

const told = (so: Tally | null) => ({
  total: so?.total ?? 0,
  done: so?.done ?? 0,
  failedCount: so?.failedCount ?? 0,
  failed: so?.failed ?? [],
});

const take = async (
  context: Context,
  operation: BulkWork['operation'],
  turn: Turn,
  before: Tally,
  run: Run,
): Promise<Tally> => {
  const { unit } = context;
  const keep = async (so: Tally): Promise<Tally> => {
    const percent = Math.min(99, (100 * (so.done + so.failedCount)) / Math.max(so.total, 1));
    await run.keep(unit, so, percent);
    return so;
  };
  const position = { at: turn.at, id: turn.id };
  try {
    return await unit.transact(async () => {
      await perform(context, operation, turn.id);
      return keep({ ...before, position, done: before.done + 1 });
    });
  } catch (error) {
    if (!(error instanceof DomainError) || error.extensions.code === 'UNAVAILABLE') throw error;
    const failure = { id: globalId('Document', turn.id), reason: error.message };
    const failed = before.failed.length < maxFailures ? [...before.failed, failure] : before.failed;
    return keep({ ...before, position, failedCount: before.failedCount + 1, failed });
  }
};

const perform = (context: Context, operation: BulkWork['operation'], id: string): Promise<unknown> => {
  if (operation.kind === 'delete') return deleteDocument(context, id);
  if (operation.kind === 'move') return moveDocument(context, { id, workspaceId: operation.workspaceId });
  if (operation.kind === 'copy') return copyDocument(context, { id, workspaceId: operation.workspaceId });
  if (operation.kind === 'tag') return tagDocument(context, { id, add: operation.add, remove: operation.remove });
  if (operation.kind === 'reprocess') return reprocessDocument(context, id);
  return operation.pinned ? pinDocument(context, id) : unpinDocument(context, id);
};

/** What the requester may do now, within the limits of what they showed; null when that has ended. A session may: a sign-in is not needed for long. */
export const viewerNow = async (
  { unit, services }: Work,
  { kind, id }: BulkWork['credential'],
): Promise<Viewer | null> => {
  const { userId } = unit.scope;
  if (userId === null) return null;
  const whose = { organizationId: unit.organizationId, userId };
  const looking = unit.as(discovery(whose.organizationId, userId));
  try {
    return kind === 'SESSION'
      ? await viewerOfMember(looking, whose)
      : await viewerOfCredential(looking, { ...whose, kind, id }, services.settings.sessions);
  } finally {
    await looking.rest();
  }
};

/** When the job was asked for: what is brought in later, such as the copies themselves, has no turn. */
const askedAt = async ({ unit }: Work, jobId: string): Promise<string> => {
  const isJob = and(eq(jobs.organizationId, unit.organizationId), eq(jobs.id, jobId));
  const { at } = sole(await unit.run(() => database.select({ at: jobs.createdAt }).from(jobs).where(isJob)));
  await unit.rest();
  return at;
};

const inSelection = (unit: UnitOfWork, workspaceId: string, filter: unknown, asked: string) =>
  and(
    eq(documents.organizationId, unit.organizationId),
    eq(documents.workspaceId, workspaceId),
    conditionOf(documentFilters, filter),
    sql`${documents.createdAt} <= ${asked}`,
  );

const countOf = (unit: UnitOfWork, selection: BulkWork['documents'], asked: string): Promise<number> => {
  if ('ids' in selection) return Promise.resolve(selection.ids.length);
  const { workspaceId, filter } = selection;
  return unit.run(() => database.$count(documents, inSelection(unit, workspaceId, filter, asked)));
};

/** The next documents to have their turn, in the order in which they were brought in, or in which they were named. */
export const turnsOf = async (
  unit: UnitOfWork,
  selection: BulkWork['documents'],
  asked: string,
  position: Tally['position'],
): Promise<readonly Turn[]> => {
  if ('ids' in selection) {
    const from = position === null ? 0 : Number(position.at) + 1;
    return selection.ids.slice(from, from + batchSize).map((id, index) => ({ id, at: String(from + index) }));
  }
  const { workspaceId, filter } = selection;
  const after =
    position === null ? undefined : sql`(${documents.createdAt}, ${documents.id}) > (${position.at}, ${position.id})`;
  return unit.run(() =>
    database
      .select({ id: documents.id, at: documents.createdAt })
      .from(documents)
      .where(and(inSelection(unit, workspaceId, filter, asked), after))
      .orderBy(documents.createdAt, documents.id)
      .limit(batchSize),
  );
};
