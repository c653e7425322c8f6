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
 * Waits until a document is READY or FAILED, 60 s at most or until the process stops, and gives it as it is then. Holds no connection
 * meanwhile.
 */
export const whenProcessed = async (context: Context, document: DocumentRow): Promise<DocumentRow> => {
  const messages = context.services.bus.subscribe(documentTopic(document.id));
  const deadline = Date.now() + patienceMs;
  try {
    let message = messages.next();
    for (;;) {
      const current = await documentNow(context, document.id);
      if (current.status === 'READY' || current.status === 'FAILED' || Date.now() >= deadline) return current;
      const later = sleep(lookAgainMs, 'time' as const, { ref: false });
      const outcome = await Promise.race([message, later]);
      if (outcome === 'time') continue;
      if (outcome.done) return await documentNow(context, document.id);
      message = messages.next();
    }
  } finally {
    await messages.return?.();
  }
};

const documentNow = async ({ unit }: Context, id: string): Promise<DocumentRow> => {
  const isDocument = and(eq(documents.organizationId, unit.organizationId), eq(documents.id, id));
  const [current] = await unit.run(() => database.select(documentFields).from(documents).where(isDocument));
  await unit.rest();
  if (current === undefined) throw new NotFound('Document', id);
  return current;
};
