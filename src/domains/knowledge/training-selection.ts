import { and, eq, inArray, isNotNull, isNull, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { conditionOf, mentions } from '../../database/filter.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { trainingExamples, type TrainingExampleRow } from './tables.ts';
import { trainingFilters } from './training-loaders.ts';

/** Examples that are held at a time. */
const atOnce = 100;

/** Which examples an export takes. */
export interface TrainingSelection {
  readonly format: 'JSONL' | 'CSV';
  readonly filter?: unknown;
  readonly includeUsed: boolean;
}

/**
 * What holds for the examples of an export: without a word of the filter on it they are VALIDATED with an expected output, and not used. A line of JSONL has an
 * expected output in any case. Throws BadUserInput.
 */
export const selected = (
  organizationId: string,
  { format, filter, includeUsed }: TrainingSelection,
): SQL | undefined => {
  const decidesStatus = mentions(filter, 'status');
  return and(
    eq(trainingExamples.organizationId, organizationId),
    conditionOf(trainingFilters, filter),
    // A literal, so that the index of those not used serves it.
    decidesStatus ? undefined : sql`${trainingExamples.status} = 'VALIDATED'`,
    decidesStatus && format === 'CSV' ? undefined : isNotNull(trainingExamples.expectedOutput),
    includeUsed || mentions(filter, 'used') ? undefined : isNull(trainingExamples.usedAt),
  );
};

/** How many examples an export takes, as the unit of the bank sees them. */
export const countSelected = async (bank: UnitOfWork, selection: TrainingSelection): Promise<number> => {
  const number = await bank.run(() => database.$count(trainingExamples, selected(bank.organizationId, selection)));
  await bank.rest();
  return number;
};

/** The next examples of an export behind one of them, the oldest first. */
export const selectedPage = (
  organizationId: string,
  selection: TrainingSelection,
  after: Pick<TrainingExampleRow, 'createdAt' | 'id'> | undefined,
) => {
  const behind =
    after && sql`(${trainingExamples.createdAt}, ${trainingExamples.id}) > (${after.createdAt}, ${after.id})`;
  return database
    .select()
    .from(trainingExamples)
    .where(and(selected(organizationId, selection), behind))
    .orderBy(trainingExamples.createdAt, trainingExamples.id)
    .limit(atOnce);
};

/**
 * The examples of an export in pages, the oldest first. `bankNow` gives the unit for each page. With a job's id each is noted as taken by that job as it is: who changes
 * what it says takes the note away.
 */
export async function* pagesOfExamples(
  bankNow: () => Promise<UnitOfWork>,
  selection: TrainingSelection,
  jobId: string | null,
): AsyncGenerator<readonly TrainingExampleRow[]> {
  let after: TrainingExampleRow | undefined;
  for (;;) {
    const bank = await bankNow();
    const { organizationId } = bank;
    const next = selectedPage(organizationId, selection, after);
    const page = await (jobId === null
      ? bank.run(() => next)
      : bank.transact(() => taken(organizationId, next, jobId)));
    await bank.rest();
    if (page.length > 0) yield page;
    if (page.length < atOnce) return;
    after = page.at(-1);
  }
}

const taken = async (
  organizationId: string,
  next: ReturnType<typeof selectedPage>,
  exportJobId: string,
): Promise<TrainingExampleRow[]> => {
  const page = await next.for('update');
  const ids = page.map(({ id }) => id);
  const isOfThese = and(eq(trainingExamples.organizationId, organizationId), inArray(trainingExamples.id, ids));
  if (ids.length > 0) await database.update(trainingExamples).set({ exportJobId }).where(isOfThese);
  return page;
};

/** Marks what a job has taken as used, some at a time; what was used before keeps its time. Once it is done, there is nothing left to do. */
export const markUsed = async (bank: UnitOfWork, exportJobId: string): Promise<void> => {
  const ofOrganization = sql`organization_id = ${bank.organizationId}`;
  // Materialized: read again for each row, the rows would not be those that were locked.
  const marking = sql`with batch as materialized (
      select id from ${trainingExamples} where ${ofOrganization} and export_job_id = ${exportJobId} order by id limit ${atOnce} for update
    )
    update ${trainingExamples} set used_at = coalesce(used_at, now()), export_job_id = null
    where ${ofOrganization} and id in (select id from batch) returning 1`;
  // Until none is left: who changes one meanwhile takes it out of a batch that is not the last.
  for (let marked = 1; marked > 0;) marked = (await bank.transact(() => database.execute(marking))).length;
};
