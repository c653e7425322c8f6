import { and, eq, getTableColumns, isNotNull, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Meaning } from '../../database/filter.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { trainingExamples } from './tables.ts';

/** By their ids, on a unit of the bank. */
export const trainingExampleById = loadOne(
  () =>
    database
      .select()
      .from(trainingExamples)
      .where(
        and(
          eq(trainingExamples.organizationId, bound.organizationId),
          sql`${trainingExamples.id} = any(${bound.keys})`,
        ),
      ),
  (example) => example.id,
);

const isUsed: Meaning = (comparator, wanted) =>
  (comparator === 'eq') === (wanted === true) ? isNotNull(trainingExamples.usedAt) : isNull(trainingExamples.usedAt);

/** What lists and exports of training examples are filtered by. */
export const trainingFilters = {
  type: trainingExamples.type,
  status: trainingExamples.status,
  groupId: trainingExamples.groupId,
  intent: trainingExamples.intent,
  used: isUsed,
  createdById: trainingExamples.createdById,
  validatedById: trainingExamples.validatedById,
  messageId: trainingExamples.messageId,
  confidence: trainingExamples.confidence,
  createdAt: trainingExamples.createdAt,
};

/** Training examples that the viewer sees, on a unit of the bank. */
export const trainingExampleList = listOf({
  from: trainingExamples,
  columns: getTableColumns(trainingExamples),
  orders: { CREATED_AT: trainingExamples.createdAt, CONFIDENCE: trainingExamples.rankedConfidence },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: trainingFilters,
});
