import { and, count, eq, getTableColumns, isNull, or, sql } from 'drizzle-orm';
import { apart } from '../../database/apart.ts';
import { database } from '../../database/client.ts';
import { listOf, type Connection, type ListArguments, type Wanted } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import { nowhere } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { ShareConversationInput } from '../../generated/resolvers.ts';
import { hashToken, issueToken, tokenPrefix } from '../../secrets/tokens.ts';
import type { Context } from '../context.ts';
import { secretLink } from '../links.ts';
import { organizations } from '../tenancy/tables.ts';
import { lockConversation, ofConversation } from './conversation-lock.ts';
import { requireParticipant } from './conversation-rights.ts';
import type { SharedConversationRow } from './rows.ts';
import { conversations, messages, type MessageRow } from './tables.ts';
import { conversationShares, shareTokens, type ConversationShareRow } from './visit-tables.ts';

const prefix = 'tsr_share_';
/** Links that lead to one conversation at a time. */
const maxShares = 20;
const maxMs = 5 * 366 * 24 * 60 * 60 * 1000;

/** A new link; the token is kept nowhere. */
export interface IssuedShare {
  readonly share: ConversationShareRow;
  readonly token: string;
  readonly url: string;
}

const leadsThere = and(
  isNull(conversationShares.revokedAt),
  or(isNull(conversationShares.expiresAt), sql`${conversationShares.expiresAt} > now()`),
);

/** Makes a link that shows a conversation. Throws BadUserInput, Conflict (20 lead there, archived), Forbidden, NotFound. */
export const shareConversation = async (
  context: Context,
  { conversationId, expiresAt }: ShareConversationInput,
): Promise<IssuedShare> => {
  const { unit, services } = context;
  // The types say text; the server hands over what the scalar made of it.
  const until = expiresAt === null || expiresAt === undefined ? null : new Date(expiresAt);
  if (until !== null && (until.getTime() <= Date.now() || until.getTime() > Date.now() + maxMs))
    throw new BadUserInput('expiresAt', 'A link ends in the future, within 5 years.');
  const { token, hash } = issueToken(prefix);
  const share = await unit.transact(async ({ organizationId, userId }) => {
    const conversation = await lockConversation(unit, conversationId);
    requireParticipant(context, conversation);
    const { workspaceId } = conversation;
    const ofIt = and(
      eq(conversationShares.organizationId, organizationId),
      eq(conversationShares.conversationId, conversationId),
    );
    const there = sole(
      await database.select({ number: count() }).from(conversationShares).where(and(ofIt, leadsThere)),
    );
    if (there.number >= maxShares)
      throw new Conflict('conversationId', `${maxShares} links lead to this conversation; revoke one first.`);
    const row = { organizationId, workspaceId, conversationId, createdById: userId, expiresAt: until?.toISOString() };
    const made = sole(await database.insert(conversationShares).values(row).returning());
    await database.insert(shareTokens).values({ tokenHash: hash, organizationId, conversationId, shareId: made.id });
    const data = { shareId: made.id, expiresAt: made.expiresAt };
    unit.record({ action: 'conversation.shared', type: 'Conversation', id: conversationId, workspaceId, data });
    return made;
  });
  return { share, token, url: secretLink(services, '/shared', { token }) };
};

/**
 * Ends a link; one that was revoked stays so. By its maker, who started the conversation, and EDITORs. Throws Conflict (archived), Forbidden,
 * NotFound.
 */
export const revokeConversationShare = (context: Context, id: string): Promise<ConversationShareRow> => {
  const { unit } = context;
  return unit.transact(async ({ organizationId, userId }) => {
    const isIt = and(eq(conversationShares.organizationId, organizationId), eq(conversationShares.id, id));
    const [share] = await database.select().from(conversationShares).where(isIt).for('update');
    if (share === undefined) throw new NotFound('ConversationShare', id);
    const { conversationId, workspaceId, createdById } = share;
    const [conversation] = await database
      .select()
      .from(conversations)
      .where(ofConversation(organizationId, conversationId));
    if (conversation === undefined) throw new NotFound('ConversationShare', id);
    // Whoever made it may end it, whatever their role has become.
    requireParticipant(context, { workspaceId, userId: createdById === userId ? userId : conversation.userId });
    if (share.revokedAt !== null) return share;
    const revoked = await database
      .update(conversationShares)
      .set({ revokedAt: sql`now()` })
      .where(isIt)
      .returning();
    await database
      .delete(shareTokens)
      .where(and(eq(shareTokens.organizationId, organizationId), eq(shareTokens.shareId, id)));
    const data = { shareId: id };
    unit.record({ action: 'conversation.unshared', type: 'Conversation', id: conversationId, workspaceId, data });
    return sole(revoked);
  });
};

export const conversationShareById = loadOne(
  () =>
    database
      .select()
      .from(conversationShares)
      .where(
        and(
          eq(conversationShares.organizationId, bound.organizationId),
          sql`${conversationShares.id} = any(${bound.keys})`,
        ),
      ),
  (share) => share.id,
);

/** Links to a conversation, those that lead nowhere any more among them. */
export const sharesByConversation = listOf({
  from: conversationShares,
  parent: conversationShares.conversationId,
  columns: getTableColumns(conversationShares),
  orders: { CREATED_AT: conversationShares.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
});

/** The token itself is a secret and stays out of the message. */
const unknownLink = () => new NotFound('SharedConversation', 'of this link');

/**
 * The conversation that a token shows. What is read of it goes through a unit that sees nothing else. Throws NotFound (unknown, expired, revoked,
 * its organization is deleted or suspended), RateLimited.
 */
export const sharedConversation = (
  { unit, services, origin }: Context,
  token: string,
): Promise<SharedConversationRow> =>
  apart(unit, async () => {
    await services.throttles.share.spend([`address ${origin.address}`]);
    if (tokenPrefix(token) !== prefix) throw unknownLink();
    const anonymous = unit.as(nowhere);
    const [target] = await anonymous.run(() =>
      database
        .select()
        .from(shareTokens)
        .where(eq(shareTokens.tokenHash, hashToken(token))),
    );
    await anonymous.rest();
    if (target === undefined) throw unknownLink();
    const { organizationId, conversationId, shareId } = target;
    const confined = { ...nowhere, organizationId, conversationId };
    const looking = unit.as({ ...confined, workspaces: '*' });
    const [shown] = await looking.run(() =>
      database
        .select(getTableColumns(conversations))
        .from(conversationShares)
        .innerJoin(
          conversations,
          and(
            eq(conversations.organizationId, conversationShares.organizationId),
            eq(conversations.id, conversationShares.conversationId),
          ),
        )
        .innerJoin(organizations, eq(organizations.id, conversationShares.organizationId))
        .where(
          and(
            eq(conversationShares.organizationId, organizationId),
            eq(conversationShares.id, shareId),
            leadsThere,
            isNull(organizations.deletedAt),
            isNull(organizations.suspendedAt),
          ),
        ),
    );
    await looking.rest();
    if (shown === undefined) throw unknownLink();
    const { id, title, kind, createdAt, endedAt, workspaceId } = shown;
    return { id, title, kind, createdAt, endedAt, unit: unit.as({ ...confined, workspaces: [workspaceId] }) };
  });

const saidMessages = listOf({
  from: messages,
  parent: messages.conversationId,
  columns: getTableColumns(messages),
  orders: { CREATED_AT: messages.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
  where: sql`${messages.role} in ('USER', 'ASSISTANT', 'AGENT') and ${messages.status} = 'COMPLETED'`,
  needs: {},
});

/** What was said in a shared conversation, read as whoever holds the link sees it, beside the operation's own unit. */
export const sharedMessages = (
  { unit }: Context,
  { id, unit: confined }: SharedConversationRow,
  args: ListArguments,
  wanted: Wanted,
): Promise<Connection<MessageRow>> =>
  apart(unit, async () => {
    const page = await saidMessages<MessageRow>(confined, args, id, wanted);
    const totalCount = wanted.totalCount ? await page.totalCount() : 0;
    await confined.rest();
    return { ...page, totalCount: async () => totalCount };
  });
