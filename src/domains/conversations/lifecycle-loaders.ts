import { and, eq, getTableColumns, isNotNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Meaning } from '../../database/filter.ts';
import { listOf, type Connection, type ListArguments, type Wanted } from '../../database/list.ts';
import { bound, loadOne, uuidArray } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { jobs, type JobRow } from '../../queue/tables.ts';
import type { Viewer } from '../context.ts';
import { decisionIn } from '../permissions.ts';
import { conversationNeeds } from './loaders.ts';
import { conversations, messages, type ConversationRow } from './tables.ts';

/** Seconds of all recordings of a conversation. */
export const recordingsByConversation = loadOne(
  () =>
    database
      .select({ id: messages.conversationId, seconds: sql<number>`sum(${messages.durationMs})::float8 / 1000` })
      .from(messages)
      .where(
        and(
          eq(messages.organizationId, bound.organizationId),
          sql`${messages.conversationId} = any(${bound.keys})`,
          isNotNull(messages.durationMs),
        ),
      )
      .groupBy(messages.conversationId),
  (summed) => summed.id,
);

/** In one of these workspaces, given as the text of an array: they may be more than a filter compares with. */
const inWorkspaces: Meaning = (_comparator, ids) => sql`${conversations.workspaceId} = any(${ids}::uuid[])`;

const waiting = listOf({
  from: conversations,
  columns: getTableColumns(conversations),
  orders: { WAITING_SINCE: conversations.waitingSince },
  defaultOrder: { field: 'WAITING_SINCE', direction: 'ASC' },
  filters: {
    workspaceId: conversations.workspaceId,
    waitingSince: conversations.waitingSince,
    answerable: inWorkspaces,
  },
  needs: conversationNeeds,
  where: isNotNull(conversations.waitingSince),
});

/** Conversations that wait for a person, the longest first, where the viewer may answer. */
export const waitingConversations = (
  unit: UnitOfWork,
  viewer: Viewer,
  args: ListArguments,
  wanted?: Wanted,
): Promise<Connection<ConversationRow>> => {
  if (viewer.holdsAllWorkspaces) return waiting<ConversationRow>(unit, args, undefined, wanted);
  const roles = [...viewer.workspaceRoles.keys()];
  const mayAnswer = roles.filter((id) => decisionIn(viewer, 'CONVERSATION_ANSWER', id).allowed);
  const filter = Object.assign({}, args.filter, { answerable: { in: uuidArray(mayAnswer) } });
  return waiting<ConversationRow>(unit, { ...args, filter }, undefined, wanted);
};

/** The row of a job that was just begun. */
export const jobOf = async (unit: UnitOfWork, id: string): Promise<JobRow> => {
  const isJob = and(eq(jobs.organizationId, unit.organizationId), eq(jobs.id, id));
  return sole(await unit.run(() => database.select().from(jobs).where(isJob)));
};
