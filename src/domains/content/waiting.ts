import { setTimeout as sleep } from 'node:timers/promises';
import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { NotFound } from '../../errors.ts';
import type { Context } from '../context.ts';
import { documentFields } from './loaders.ts';
import { documents, type DocumentRow } from './tables.ts';

const patienceMs = 60_000;
/** The bus tells at once; looking again covers a message that was lost. */
const lookAgainMs = 1000;

/** Where a document's status is published. */
export const documentTopic = (id: string): string => `document:${id}`;

/**
 * Reads something until it is settled, 60 s at most or until the process stops, and gives it as it is then. It is read whenever the bus tells
 * of its topic, and once a second. Holds no connection meanwhile.
 */
export const whenSettled = async <Row>(
  { services, unit }: Context,
  topic: string,
  read: () => Promise<Row>,
  isSettled: (row: Row) => boolean,
): Promise<Row> => {
  const messages = services.bus.subscribe(topic);
  const deadline = Date.now() + patienceMs;
  const readAndRest = async () => {
    const row = await read();
    await unit.rest();
    return row;
  };
  try {
    let message = messages.next();
    for (;;) {
      const current = await readAndRest();
      if (isSettled(current) || Date.now() >= deadline) return current;
      const later = sleep(lookAgainMs, 'time' as const, { ref: false });
      const outcome = await Promise.race([message, later]);
      if (outcome === 'time') continue;
      if (outcome.done) return await readAndRest();
      message = messages.next();
    }
  } finally {
    await messages.return?.();
  }
};

/** Waits until a document is READY or FAILED, as `whenSettled` does. */
export const whenProcessed = (context: Context, document: DocumentRow): Promise<DocumentRow> =>
  whenSettled(
    context,
    documentTopic(document.id),
    () => documentNow(context, document.id),
    ({ status }) => status === 'READY' || status === 'FAILED',
  );

const documentNow = async ({ unit }: Context, id: string): Promise<DocumentRow> => {
  const isDocument = and(eq(documents.organizationId, unit.organizationId), eq(documents.id, id));
  const [current] = await unit.run(() => database.select(documentFields).from(documents).where(isDocument));
  if (current === undefined) throw new NotFound('Document', id);
  return current;
};
