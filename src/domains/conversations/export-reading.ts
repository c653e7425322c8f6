import { and, eq, isNotNull, isNull, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { users } from '../identity/tables.ts';
import { memberships } from '../tenancy/tables.ts';
import type { ExportWork } from './exporting.ts';
import { conversations, feedback, messages, type ConversationRow, type MessageRow } from './tables.ts';

/** Rows that are held at a time. */
const conversationsAtOnce = 100;
const messagesAtOnce = 500;

/** A message as exports write it. */
export type ExportedMessage = Pick<
  MessageRow,
  'id' | 'role' | 'type' | 'content' | 'status' | 'model' | 'confidence' | 'createdAt'
> & {
  /** Name of the member who wrote it; null for models, and for who has left. */
  readonly sender: string | null;
  /** Whether somebody marked it as bad: a thumb down, or one or two stars. */
  readonly bad: boolean;
};

const within = (organizationId: string, selection: ExportWork['selection']): SQL | undefined =>
  and(
    eq(conversations.organizationId, organizationId),
    'workspaceId' in selection
      ? eq(conversations.workspaceId, selection.workspaceId)
      : sql`${conversations.id} = any(${uuidArray(selection.ids)}::uuid[])`,
  );

/** How many conversations a selection has for who asks. */
export const countSelected = async (unit: UnitOfWork, selection: ExportWork['selection']): Promise<number> => {
  const number = await unit.run(() => database.$count(conversations, within(unit.organizationId, selection)));
  await unit.rest();
  return number;
};

/** The selected conversations in pages, the oldest first, those that are archived behind the others. `unitNow` gives the unit for each page. */
export async function* pagesOfConversations(
  unitNow: () => Promise<UnitOfWork>,
  selection: ExportWork['selection'],
): AsyncGenerator<readonly ConversationRow[]> {
  for (const part of [isNull(conversations.archivedAt), isNotNull(conversations.archivedAt)]) {
    let after: ConversationRow | undefined;
    for (;;) {
      const unit = await unitNow();
      const behind =
        after && sql`(${conversations.createdAt}, ${conversations.id}) > (${after.createdAt}, ${after.id})`;
      const page = await unit.run(() =>
        database
          .select()
          .from(conversations)
          .where(and(within(unit.organizationId, selection), part, behind))
          .orderBy(conversations.createdAt, conversations.id)
          .limit(conversationsAtOnce),
      );
      await unit.rest();
      if (page.length > 0) yield page;
      if (page.length < conversationsAtOnce) break;
      after = page.at(-1);
    }
  }
}

/** The messages of a conversation in pages, the oldest first; answers that are being written are left out. */
export async function* pagesOfMessages(
  unit: UnitOfWork,
  conversationId: string,
): AsyncGenerator<readonly ExportedMessage[]> {
  let after: ExportedMessage | undefined;
  for (;;) {
    const behind = after && sql`(${messages.createdAt}, ${messages.id}) > (${after.createdAt}, ${after.id})`;
    const page = await unit.run(() => selected(unit.organizationId, conversationId, behind));
    await unit.rest();
    if (page.length > 0) yield page;
    if (page.length < messagesAtOnce) return;
    after = page.at(-1);
  }
}

const { id, role, type, content, status, model, confidence, createdAt } = messages;

const selected = (organizationId: string, conversationId: string, behind: SQL | undefined) =>
  database
    .select({
      id,
      role,
      type,
      content,
      status,
      model,
      confidence,
      createdAt,
      sender: users.name,
      bad: sql<boolean>`exists (select from ${feedback}
        where ${feedback.organizationId} = ${messages.organizationId} and ${feedback.messageId} = ${messages.id}
          and (${feedback.score} = -1 or (${feedback.scale} = 'STARS' and ${feedback.score} <= 2)))`,
    })
    .from(messages)
    .leftJoin(
      memberships,
      and(eq(memberships.organizationId, messages.organizationId), eq(memberships.userId, messages.senderId)),
    )
    .leftJoin(users, eq(users.id, memberships.userId))
    .where(
      and(
        eq(messages.organizationId, organizationId),
        eq(messages.conversationId, conversationId),
        sql`${messages.status} <> 'STREAMING'`,
        behind,
      ),
    )
    .orderBy(messages.createdAt, messages.id)
    .limit(messagesAtOnce);
