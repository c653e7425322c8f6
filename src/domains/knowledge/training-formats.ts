import { stringify } from 'csv-stringify/sync';
import { globalId } from '../../ids.ts';
import type { TrainingExampleRow } from './tables.ts';

type Pages = AsyncIterable<readonly TrainingExampleRow[]>;

/** How a file of training data is named and written. */
export interface TrainingFormat {
  readonly extension: string;
  readonly mimeType: string;
  /** The text, page by page; none where there is no example. */
  readonly write: (pages: Pages, systemPrompt: string | null) => AsyncGenerator<string>;
}

/**
 * One line for each example, as APIs for tuning chat models take it (https://platform.openai.com/docs/guides/supervised-fine-tuning,
 * https://docs.together.ai/docs/fine-tuning/data-preparation): nothing but `messages`, for some of them refuse what they do not know.
 */
async function* jsonLines(pages: Pages, systemPrompt: string | null): AsyncGenerator<string> {
  const before = systemPrompt === null ? [] : [{ role: 'system', content: systemPrompt }];
  for await (const page of pages)
    yield page
      .map(({ input, expectedOutput }) => {
        const turns = [
          { role: 'user', content: input },
          { role: 'assistant', content: expectedOutput },
        ];
        return `${JSON.stringify({ messages: [...before, ...turns] })}\n`;
      })
      .join('');
}

const columns = [
  'id',
  'type',
  'status',
  'input',
  'expectedOutput',
  'intent',
  'entities',
  'confidence',
  'groupId',
  'messageId',
  'createdAt',
] as const;

const cellsOf = (row: TrainingExampleRow): Record<(typeof columns)[number], string | number | null> => ({
  id: globalId('TrainingExample', row.id),
  type: row.type,
  status: row.status,
  input: row.input,
  expectedOutput: row.expectedOutput,
  intent: row.intent,
  entities: JSON.stringify(row.entities),
  confidence: row.confidence,
  groupId: row.groupId === null ? null : globalId('Group', row.groupId),
  messageId: row.messageId === null ? null : globalId('Message', row.messageId),
  createdAt: new Date(row.createdAt).toISOString(),
});

async function* csv(pages: Pages): AsyncGenerator<string> {
  let head = stringify([columns]);
  for await (const page of pages) {
    // A cell that begins like a formula is none for a spreadsheet.
    yield head + stringify(page.map(cellsOf), { columns: [...columns], escape_formulas: true });
    head = '';
  }
}

/** The formats by their names. */
export const trainingFormats: Readonly<Record<'JSONL' | 'CSV', TrainingFormat>> = {
  JSONL: { extension: 'jsonl', mimeType: 'application/x-ndjson', write: jsonLines },
  CSV: { extension: 'csv', mimeType: 'text/csv', write: csv },
};
