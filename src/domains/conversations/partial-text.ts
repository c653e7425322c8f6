import { eq } from 'drizzle-orm';
import pLimit from 'p-limit';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Services } from '../services.ts';
import { streaming } from './settling.ts';
import { messages, type MessageRow } from './tables.ts';

/** How old the stored text of an answer that is being written is at most, while the database keeps up. */
const everyMs = 1000;
/** Texts that this process stores at a time: when the database is slow they are stored less often, and take few of the connections. */
const inTurn = pLimit(2);

/**
 * Stores the text of an answer about every second while it grows, until the function returned is called: whoever joins in another process reads
 * it there, and an answer whose writer dies keeps it. `textSoFar` gives whole characters without NUL.
 */
export const keepPartialText = (
  { log }: Pick<Services, 'log'>,
  unit: UnitOfWork,
  { id }: MessageRow,
  textSoFar: () => string,
): (() => void) => {
  let stored = 0;
  let storing = false;
  let over = false;
  const store = async (): Promise<void> => {
    const content = textSoFar();
    if (over || content.length === stored) return;
    // A unit for each: one that is slow must not take the answer's own into its transaction.
    await unit.as(unit.scope).transact(async ({ organizationId }) => {
      await database
        .update(messages)
        .set({ content })
        .where(streaming(organizationId, eq(messages.id, id)));
    });
    stored = content.length;
  };
  const timer = setInterval(() => {
    if (storing) return;
    storing = true;
    inTurn(store)
      .catch((error: unknown) => log.warn({ err: error, messageId: id }, 'The text of an answer was not stored.'))
      .finally(() => (storing = false));
  }, everyMs);
  return () => {
    over = true;
    clearInterval(timer);
  };
};
