import { sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Context } from '../context.ts';
import type { Means } from './asking.ts';
import { announce } from './conversation-events.ts';
import { lockConversation, ofConversation } from './conversation-lock.ts';
import { requireParticipant } from './conversation-rights.ts';
import { refusal } from './refusal.ts';
import { conversations, type ConversationRow } from './tables.ts';

type Status = ConversationRow['status'];

/** How a conversation gets from one state to another. There is no other way. */
export const moves = {
  end: { from: ['ACTIVE', 'TRANSFERRED'], to: 'ENDED', action: 'conversation.ended' },
  reopen: { from: ['ENDED'], to: 'ACTIVE', action: 'conversation.reopened' },
  transfer: { from: ['ACTIVE'], to: 'TRANSFERRED', action: 'conversation.transferred' },
  handBack: { from: ['TRANSFERRED'], to: 'ACTIVE', action: 'conversation.handed_back' },
} as const satisfies Record<string, { from: readonly Status[]; to: Status; action: string }>;
/** A way from one state to another. */
export type Move = keyof typeof moves;

/** The way from one state to another; undefined where none leads there. */
export const moveTo = (from: Status, to: Status): Move | undefined =>
  // The cast is safe: they are the names of the moves.
  (Object.keys(moves) as Move[]).find((name) => moves[name].to === to && allows(name, from));

const allows = (move: Move, from: Status): boolean => (moves[move].from as readonly Status[]).includes(from);

type Row = typeof conversations.$inferInsert;
type Fields = { readonly [Name in keyof Row]?: Row[Name] | SQL };

/** Changes a conversation that is locked, in the running transaction. */
export const changeConversation = async (
  { unit }: Pick<Means, 'unit'>,
  { id, workspaceId }: Pick<ConversationRow, 'id' | 'workspaceId'>,
  action: string,
  fields: Fields,
  data: Record<string, unknown> = {},
): Promise<ConversationRow> => {
  const changed = database.update(conversations).set(fields).where(ofConversation(unit.organizationId, id)).returning();
  const row = sole(await changed);
  unit.record({ action, type: 'Conversation', id, workspaceId, data });
  return row;
};

/** Moves a locked conversation to another state in the running transaction. Throws Conflict where its state does not lead there. */
export const makeMove = async (
  means: Means,
  current: ConversationRow,
  move: Move,
  fields: Fields = {},
): Promise<ConversationRow> => {
  const { to, action } = moves[move];
  if (!allows(move, current.status)) throw refusal('status', current);
  const anew = { status: to, endedAt: to === 'ENDED' ? sql`now()` : null, waitingSince: null, assignedToId: null };
  const row = await changeConversation(means, current, action, { ...anew, ...fields }, { from: current.status });
  announce(means, row.id, { kind: 'status' });
  return row;
};

const moved = (context: Context, id: string, move: Move): Promise<ConversationRow> =>
  context.unit.transact(async () => {
    const current = await lockConversation(context.unit, id);
    requireParticipant(context, current);
    return makeMove(context, current, move);
  });

/** Ends a conversation; who waits for a person waits no longer. Throws Conflict (it has ended, archived), Forbidden, NotFound. */
export const endConversation = (context: Context, id: string): Promise<ConversationRow> => moved(context, id, 'end');

/** Lets an ended conversation go on. Throws Conflict (it has not ended, archived), Forbidden, NotFound. */
export const reopenConversation = (context: Context, id: string): Promise<ConversationRow> =>
  moved(context, id, 'reopen');
