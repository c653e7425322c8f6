import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf, type Needs } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import type { AnswerPassage } from '../../generated/resolvers.ts';
import { answerPassages, answerRecords, type AnswerPassageRow } from './answer-tables.ts';

/** What an answer was made with. */
export const recordByMessage = loadOne(
  () =>
    database
      .select()
      .from(answerRecords)
      .where(
        and(
          eq(answerRecords.organizationId, bound.organizationId),
          sql`${answerRecords.messageId} = any(${bound.keys})`,
        ),
      ),
  (record) => record.messageId,
);

/** The passages of an answer in the order of its prompt. */
export const passagesByAnswer = listOf({
  from: answerPassages,
  parent: answerPassages.messageId,
  columns: getTableColumns(answerPassages),
  orders: { POSITION: answerPassages.position },
  defaultOrder: { field: 'POSITION', direction: 'ASC' },
  needs: {
    marker: ['position'],
    document: ['documentId'],
    chunk: ['chunkId'],
    parsedFile: ['parsedFileId'],
    knowledgeEntry: ['knowledgeEntryId'],
    cited: ['messageId', 'position'],
  } satisfies Needs<AnswerPassage, AnswerPassageRow>,
});
