import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { wholeOf, type UnitOfWork } from '../../database/unit-of-work.ts';
import { executionContents } from './execution-tables.ts';
import type { ModelCall } from './model-call.ts';

/** What a call said, and what came back. */
export interface CallContent {
  /** Text as it is; anything else is kept as the text of its JSON. */
  readonly input: unknown;
  readonly output: unknown;
}

/** In an object, because a column of JSON reads a text that is JSON itself as what it says. */
interface KeptText {
  readonly text: string;
}

const maxBytes = 64 * 1024;
const mark = ' … [cut]';

/** At most 64 KiB of UTF-8, and nothing that Postgres keeps in no JSON: NUL, and halves of characters. */
const bounded = (value: unknown): KeptText | null => {
  if (value === null || value === undefined) return null;
  const text = (typeof value === 'string' ? value : JSON.stringify(value)).replaceAll('\0', '').toWellFormed();
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return { text };
  // Cut inside a character, its bytes so far become one that stands for what cannot be read.
  const room = maxBytes - Buffer.byteLength(mark);
  return { text: bytes.subarray(0, room).toString('utf8').replace(/�+$/u, '') + mark };
};

/**
 * Keeps what a call said and what came back, where the organization wants that (`keepCallContents`): for its user and its administrators. In the
 * running transaction, in which the call is settled. What is kept of a call stays as it is. One statement, and none where nothing is kept.
 */
export const keepContent = async (
  unit: UnitOfWork,
  { executionId, route }: ModelCall,
  content: () => CallContent,
): Promise<void> => {
  if (!route.keepsContents) return;
  const { organizationId, scope } = unit;
  const { input, output } = content();
  const readers = [...(scope.userId === null ? [] : [scope.userId]), organizationId];
  const row = { organizationId, executionId, readers, input: bounded(input), output: bounded(output) };
  // A visitor, whose call it may be, reads no contents: they are written as the organization.
  await unit.nested(wholeOf(organizationId), () =>
    database.insert(executionContents).values(row).onConflictDoNothing(),
  );
};

/** What is kept of a call, for who may read it. */
export const contentByCall = loadOne(
  () =>
    database
      .select(getTableColumns(executionContents))
      .from(executionContents)
      .where(
        and(
          eq(executionContents.organizationId, bound.organizationId),
          sql`${executionContents.executionId} = any(${bound.keys})`,
        ),
      ),
  (content) => content.executionId,
);
