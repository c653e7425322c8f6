import { sql } from 'drizzle-orm';
import { sealOf, sealSize } from '../../domains/platform/event-sealing.ts';
import { eventSeals } from '../../domains/platform/event-tables.ts';
import { events, type EventRow } from '../../events/tables.ts';
import { days, firstDay, madeAt, momentOf, sampleId } from './chance.ts';
import { organizationId } from './company.ts';
import type { Fill } from './fill.ts';
import { conversationIdOf, settingOf } from './talk.ts';

const sealedAt = new Date(firstDay + days * 86_400_000);

/** What changed, sealed in a chain. The entries are months old, and keep their ids: the database would date them anew. */
export const fillLog = async ({ size, put, run }: Fill): Promise<void> => {
  const entries = Array.from({ length: size.conversations }, (_, number) => entryOf(number, size));
  await run(sql`alter table events disable trigger date_event`);
  await put(events, entries);
  await run(sql`alter table events enable trigger date_event`);
  await put(eventSeals, sealsOf(entries));
};

const entryOf = (number: number, size: Fill['size']): EventRow => {
  const { userId, workspaceId } = settingOf(number, size);
  const moment = Date.parse(momentOf(number, size.conversations));
  return {
    ...madeAt(number, size.conversations),
    organizationId,
    workspaceId,
    id: sampleId('event', number, moment),
    action: 'conversation.created',
    targetType: 'Conversation',
    targetId: conversationIdOf(number),
    actorId: userId,
    requestId: `sample-${number}`,
    address: null,
    userAgent: null,
    data: {},
  };
};

function* sealsOf(entries: readonly EventRow[]) {
  let last: ReturnType<typeof sealOf> = null;
  for (let from = 0; from < entries.length; from += sealSize) {
    last = sealOf(organizationId, entries.slice(from, from + sealSize), last ?? undefined, sealedAt);
    if (last === null) return;
    yield { ...last, id: sampleId('event seal', last.sequence), updatedAt: last.createdAt };
  }
}
