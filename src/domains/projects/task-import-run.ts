import { and, eq, inArray } from 'drizzle-orm';
import { z } from 'zod';
import { database } from '../../database/client.ts';
import { Conflict, Forbidden, NotFound } from '../../errors.ts';
import type { JobHandler, Run } from '../../queue/queue.ts';
import { fileById } from '../content/loaders.ts';
import { fileKey } from '../content/stored-bytes.ts';
import { AccessEnded, requesterOf, type Requester } from '../content/written-files.ts';
import { found } from '../nodes.ts';
import type { Work } from '../services.ts';
import { tellBoard } from './board-events.ts';
import { projectById, projectsUnit } from './project-loaders.ts';
import { lockToWork, type HeldProject, type ProjectMeans } from './project-rights.ts';
import { draftsOf, type Draft, type Drafts } from './task-drafts.ts';
import { importWork, type ImportWork } from './task-import.ts';
import { idOfRow, namedIn, namingFaults, writeRows } from './task-import-rows.ts';
import { readSheet, UnreadableSheet, type Sheet } from './task-sheet-reading.ts';
import { tasks } from './task-tables.ts';

/** Rows of a transaction. */
export const batchSize = 500;
/** Faults that are told one by one. */
const maxFaults = 100;

const fault = z.object({ line: z.number(), row: z.number().nullable(), field: z.string(), message: z.string() });

/** How far the work is, written down in the transaction of each batch: no row makes two tasks, whatever crashes. */
const tally = z.object({
  total: z.number(),
  created: z.number(),
  /** Faulty rows. */
  failedCount: z.number(),
  /** Faults of the first of them. */
  failed: z.array(fault),
  ignoredColumns: z.array(z.string()),
  /** Rows, in the order of the drafts, that have had their turn. */
  position: z.number(),
  done: z.boolean(),
});
type Tally = z.infer<typeof tally>;

interface Import {
  readonly asked: ImportWork;
  readonly requester: Requester;
  readonly work: Work;
  readonly run: Run;
}

/**
 * Makes tasks of the rows of a sheet with the rights that its requester has at that time. All rows in one transaction, or batches of sound rows in one each, whose
 * progress is written in the same; the ids of the tasks follow from the job and the row. So a run after a crash doubles nothing.
 */
export const runImport: JobHandler<Work>['run'] = async (work, data, run) => {
  const asked = importWork.parse(data);
  const kept = run.kept === null ? null : tally.parse(run.kept);
  if (kept?.done === true) return told(kept, asked);
  const importing = { asked, work, run, requester: requesterOf(work, asked.credential, 'TASK_WRITE') };
  try {
    const { drafts, faults, ...sheet } = await rowsOf(importing);
    const so = kept ?? counted({ ...sheet, position: 0, created: 0, failedCount: 0, failed: [], done: false }, faults);
    await run.progress(Math.max(10, percentOf(so)));
    const importRows = asked.mode === 'VALID_ROWS' && !asked.dryRun ? importSound : importAll;
    return told(await importRows(importing, drafts, so), asked);
  } catch (error) {
    if (error instanceof UnreadableSheet) return { ...nothing(asked), failed: [error.fault] };
    if (error instanceof AccessEnded || error instanceof NotFound || error instanceof Forbidden)
      return { ...nothing(asked), ...(kept && told(kept, asked)), stopped: 'ACCESS_ENDED' };
    if (error instanceof Conflict) return { ...nothing(asked), ...(kept && told(kept, asked)), stopped: 'ARCHIVED' };
    throw error;
  }
};

const told = ({ position: _position, done: _done, ...so }: Tally, { dryRun }: ImportWork) => ({ ...so, dryRun });
const nothing = ({ dryRun }: ImportWork) => ({
  total: 0,
  created: 0,
  failedCount: 0,
  failed: [],
  ignoredColumns: [],
  dryRun,
});
const percentOf = ({ total, position }: Tally): number => Math.min(99, 10 + (89 * position) / Math.max(total, 1));

/** The tally with more faults, of rows that had none before. */
const counted = (so: Tally, faults: Drafts['faults']): Tally => ({
  ...so,
  failedCount: so.failedCount + new Set(faults.map(({ row }) => row)).size,
  failed: [...so.failed, ...faults].toSorted((a, b) => a.line - b.line).slice(0, maxFaults),
});

const rowsOf = async ({ asked, requester, work: { services } }: Import) => {
  const unit = projectsUnit({ unit: await requester.unit() });
  const project = await found('Project', asked.projectId, projectById(unit));
  const { sha256 } = await found('File', asked.fileId, fileById(unit));
  await unit.rest();
  const mapping = new Map(asked.mapping.map(({ column, field }) => [column, field]));
  const sheet: Sheet = await readSheet(await services.store.read(fileKey(unit.organizationId, sha256 ?? '')), mapping);
  const { drafts, faults } = draftsOf(sheet.rows, project.key);
  return { drafts, faults, total: sheet.rows.length, ignoredColumns: [...sheet.ignored] };
};

/** Who asked, as they stand now. */
const meansOf = async ({ requester, work: { services } }: Import): Promise<ProjectMeans> => ({
  viewer: await requester.viewer(),
  unit: await requester.unit(),
  services,
});

const batches = (drafts: readonly Draft[]): (readonly Draft[])[] =>
  Array.from({ length: Math.ceil(drafts.length / batchSize) }, (_, at) =>
    drafts.slice(at * batchSize, (at + 1) * batchSize),
  );

/** All rows in one transaction, unless one is faulty; or none, for a trial. */
const importAll = async (importing: Import, drafts: readonly Draft[], before: Tally): Promise<Tally> => {
  const { asked, run } = importing;
  const means = await meansOf(importing);
  return means.unit.transact(async () => {
    const held = await lockToWork(means, asked.projectId);
    const { so, named } = await looked(means, held, drafts, before);
    const writes = so.failedCount === 0 && !asked.dryRun;
    for (const { batch, names } of writes ? named : []) {
      run.signal.throwIfAborted();
      await writeRows(means, held, run.jobId, batch, names);
    }
    const created = writes ? drafts.length : 0;
    const after = { ...so, created, position: so.total, done: true };
    if (created > 0) announce(means, held, run, created);
    await run.keep(means.unit, after, 99);
    return after;
  });
};

const looked = async (means: ProjectMeans, held: HeldProject, drafts: readonly Draft[], before: Tally) => {
  const faulty = new Set<number>();
  const named = [];
  let so = before;
  for (const batch of batches(drafts)) {
    const names = await namedIn(means, held, batch);
    so = counted(so, namingFaults(batch, names, held, faulty));
    named.push({ batch, names });
  }
  return { so, named };
};

/** How far the sound rows are, and which rows have no task; null: that is to be looked up. */
interface Step {
  readonly so: Tally;
  readonly faulty: ReadonlySet<number> | null;
}

/** The sound rows, batch by batch. */
const importSound = async (importing: Import, drafts: readonly Draft[], before: Tally): Promise<Tally> => {
  let step: Step = { so: before, faulty: null };
  do {
    importing.run.signal.throwIfAborted();
    step = await importBatch(importing, drafts, step);
  } while (!step.so.done);
  return step.so;
};

const importBatch = async (importing: Import, drafts: readonly Draft[], { so, faulty: known }: Step): Promise<Step> => {
  const { asked, run } = importing;
  const batch = drafts.slice(so.position, so.position + batchSize);
  const means = await meansOf(importing);
  return means.unit.transact(async () => {
    const held = await lockToWork(means, asked.projectId);
    const faulty = new Set(known ?? (await withoutTask(means, run.jobId, drafts.slice(0, so.position))));
    const names = await namedIn(means, held, batch);
    const found = counted(so, namingFaults(batch, names, held, faulty));
    const sound = batch.filter(({ row }) => !faulty.has(row));
    await writeRows(means, held, run.jobId, sound, names);
    if (sound.length > 0) announce(means, held, run, sound.length);
    const position = so.position + batch.length;
    const after = { ...found, position, created: so.created + sound.length, done: position >= drafts.length };
    await run.keep(means.unit, after, percentOf(after));
    return { so: after, faulty };
  });
};

/** Rows that have had their turn in a run before and have no task. */
const withoutTask = async (
  { unit: { organizationId } }: ProjectMeans,
  jobId: string,
  drafts: readonly Draft[],
): Promise<readonly number[]> => {
  if (drafts.length === 0) return [];
  const ids = drafts.map(({ row }) => idOfRow(jobId, row));
  const made = await database
    .select({ id: tasks.id })
    .from(tasks)
    .where(and(eq(tasks.organizationId, organizationId), inArray(tasks.id, ids)));
  const there = new Set(made.map(({ id }) => id));
  return drafts.map(({ row }) => row).filter((row) => !there.has(idOfRow(jobId, row)));
};

/** One event and one word for the board for all of them. */
const announce = ({ unit, services }: ProjectMeans, { project }: HeldProject, run: Run, count: number): void => {
  tellBoard(unit, services, { kind: 'updated', projectId: project.id });
  unit.record({
    action: 'task.imported',
    type: 'Project',
    id: project.id,
    workspaceId: project.workspaceId,
    data: { count, jobId: run.jobId },
  });
};
