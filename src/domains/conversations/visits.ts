import { and, eq, gt, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { nowhere, UnitOfWork, type Origin, type Scope } from '../../database/unit-of-work.ts';
import { BadUserInput, Unauthenticated } from '../../errors.ts';
import { isUuid, newId } from '../../ids.ts';
import { hashToken, issueToken, tokenPrefix } from '../../secrets/tokens.ts';
import type { Services } from '../services.ts';
import { visitorTokens, type EmbedWidgetRow } from './embed-tables.ts';
import { readOnce, type PageWidget } from './page-widgets.ts';
import { lockConversation } from './conversation-lock.ts';
import { makeMove } from './states.ts';
import { conversations } from './tables.ts';
import { embedConversations, type EmbedConversationRow } from './visit-tables.ts';

const visitorPrefix = 'tsr_visitor_';
/** How long a visitor may stay away before their conversation is out of their reach. */
const tokenDays = 30;
const tokenEnd = sql`now() + make_interval(days => ${tokenDays})`;
const maxName = 100;

/** Somebody who holds the token of a conversation, on a page that it is bound to. Their unit sees that one conversation. */
export interface Visitor {
  readonly widget: EmbedWidgetRow;
  readonly visit: EmbedConversationRow;
  readonly unit: UnitOfWork;
}

/** A visitor who has just been let in, with the token that is shown to them alone. */
export interface Admitted {
  readonly visitor: Visitor;
  readonly token: string;
}

/** What a visitor sees: one conversation, and of the workspace's knowledge what everybody in it may read. */
const visitorScope = ({ organizationId, workspaceId }: EmbedWidgetRow, conversationId: string): Scope => ({
  organizationId,
  userId: null,
  principals: [workspaceId],
  workspaces: [workspaceId],
  conversationId,
});

/**
 * The visitor whom a token stands for, on this page of this widget; null when it is unknown, expired or bound to another page or widget. The
 * visitor's unit holds no connection.
 */
const visitorOfToken = async (
  services: Services,
  origin: Origin,
  { widget, pageOrigin }: PageWidget,
  token: string | null,
): Promise<Visitor | null> => {
  if (token === null || tokenPrefix(token) !== visitorPrefix) return null;
  const outside = new UnitOfWork(nowhere, { ...services, origin });
  const alive = and(eq(visitorTokens.tokenHash, hashToken(token)), gt(visitorTokens.expiresAt, sql`now()`));
  const [held] = await readOnce(outside, () => database.select().from(visitorTokens).where(alive));
  if (held === undefined || held.organizationId !== widget.organizationId) return null;
  const unit = outside.as(visitorScope(widget, held.conversationId));
  const [visit] = await readOnce(unit, () =>
    database
      .select()
      .from(embedConversations)
      .where(
        and(
          eq(embedConversations.organizationId, widget.organizationId),
          eq(embedConversations.conversationId, held.conversationId),
        ),
      ),
  );
  const bound = visit?.widgetId === widget.id && visit.origin === pageOrigin;
  return bound ? { widget, visit, unit } : null;
};

/** The visitor whom a token stands for. Throws Unauthenticated. */
export const admitVisitor = async (
  services: Services,
  origin: Origin,
  page: PageWidget,
  token: string | null,
): Promise<Visitor> => {
  const visitor = await visitorOfToken(services, origin, page, token);
  if (visitor === null)
    throw new Unauthenticated('This conversation can no longer be reached from here; begin a new one.');
  return visitor;
};

/** What a page says of who is visiting; neither is proven. */
export interface Introduction {
  readonly visitorId: string | null;
  readonly visitorName: string | null;
}

const named = (name: string | null): string | null => {
  const trimmed = name?.trim() || null;
  if ((trimmed?.length ?? 0) > maxName || trimmed?.includes('\0') === true)
    throw new BadUserInput('visitorName', `A name has at most ${maxName} characters.`);
  return trimmed;
};

/**
 * Lets a visitor in: into the conversation of their token, whose time begins anew, or into a new one. Throws BadUserInput, RateLimited (new
 * conversations from one address).
 */
export const beginVisit = async (
  services: Services,
  origin: Origin,
  page: PageWidget,
  token: string | null,
  { visitorId, visitorName }: Introduction,
): Promise<Admitted> => {
  const name = named(visitorName);
  const known = await visitorOfToken(services, origin, page, token);
  if (known !== null && token !== null) return { token, visitor: await returned(known, token, name) };
  await spendVisit(services, origin);
  const { widget, pageOrigin } = page;
  const returning = await hasVisited(services, origin, page, visitorId);
  const visitor = { visitorId: returning ? visitorId : newId(), visitorName: name, pageOrigin };
  const unit = new UnitOfWork(visitorScope(widget, newId()), { ...services, origin });
  return unit.transact(() => newConversation(unit, widget, visitor));
};

const spendVisit = ({ throttles }: Services, { address }: Origin): Promise<void> =>
  throttles.visit.spend([`address ${address ?? ''}`]);

/** Notes that a visitor is back. */
const returned = (visitor: Visitor, token: string, visitorName: string | null): Promise<Visitor> =>
  visitor.unit.transact(async () => {
    await database
      .update(visitorTokens)
      .set({ expiresAt: tokenEnd })
      .where(eq(visitorTokens.tokenHash, hashToken(token)));
    return { ...visitor, visit: await seen(visitor, { ...(visitorName !== null && { visitorName }) }) };
  });

/** Notes in the running transaction when and from where a visitor was last seen. */
export const seen = async (
  { unit, visit }: Visitor,
  fields: Partial<Pick<EmbedConversationRow, 'visitorName'>> = {},
): Promise<EmbedConversationRow> => {
  const { address, userAgent } = unit.options.origin;
  const updated = await database
    .update(embedConversations)
    .set({ ...fields, address, userAgent, lastSeenAt: sql`now()` })
    .where(and(eq(embedConversations.organizationId, visit.organizationId), eq(embedConversations.id, visit.id)))
    .returning();
  return sole(updated);
};

/** Whether the server has given this id to a visitor of the widget, on a page of this origin. */
const hasVisited = async (
  services: Services,
  origin: Origin,
  { widget: { organizationId, workspaceId, id }, pageOrigin }: PageWidget,
  visitorId: string | null,
): Promise<boolean> => {
  if (visitorId === null || !isUuid(visitorId)) return false;
  const scope = { ...nowhere, organizationId, workspaces: [workspaceId] };
  const unit = new UnitOfWork(scope, { ...services, origin });
  const found = await readOnce(unit, () =>
    database
      .select({ id: embedConversations.id })
      .from(embedConversations)
      .where(
        and(
          eq(embedConversations.organizationId, organizationId),
          eq(embedConversations.widgetId, id),
          eq(embedConversations.visitorId, visitorId),
          eq(embedConversations.origin, pageOrigin),
        ),
      )
      .limit(1),
  );
  return found.length > 0;
};

/** Begins the one conversation that the unit is confined to, in its running transaction. */
const newConversation = async (
  unit: UnitOfWork,
  widget: EmbedWidgetRow,
  who: { readonly visitorId: string | null; readonly visitorName: string | null; readonly pageOrigin: string },
): Promise<Admitted> => {
  const { organizationId, workspaceId, id: widgetId } = widget;
  const conversationId = unit.scope.conversationId ?? '';
  const visitorId = who.visitorId ?? newId();
  const { address, userAgent } = unit.options.origin;
  await database.insert(conversations).values({
    organizationId,
    id: conversationId,
    workspaceId,
    visitorId,
    embedWidgetId: widgetId,
    title: who.visitorName ?? `Visitor of ${new URL(who.pageOrigin).host}`.slice(0, 255),
    titlePending: true,
    channel: 'EMBED',
  });
  const ofVisit = { organizationId, workspaceId, conversationId, widgetId, visitorId };
  const visits = await database
    .insert(embedConversations)
    .values({ ...ofVisit, origin: who.pageOrigin, address, userAgent, visitorName: who.visitorName })
    .returning();
  const { token, hash } = issueToken(visitorPrefix);
  await database.insert(visitorTokens).values({ tokenHash: hash, organizationId, conversationId, expiresAt: tokenEnd });
  unit.record({ action: 'conversation.started', type: 'Conversation', id: conversationId, workspaceId });
  return { token, visitor: { widget, visit: sole(visits), unit } };
};

/**
 * Ends a visitor's conversation and begins another one in its place, in one transaction; the old token is good for nothing then. Throws
 * RateLimited.
 */
export const resetVisit = async (services: Services, visitor: Visitor): Promise<Admitted> => {
  const { unit, widget, visit } = visitor;
  await spendVisit(services, unit.options.origin);
  const { organizationId, conversationId, visitorId, visitorName, origin: pageOrigin } = visit;
  return unit.transact(async () => {
    const current = await lockConversation(unit, conversationId);
    if (current.status !== 'ENDED') await makeMove({ unit, services }, current, 'end');
    await database
      .delete(visitorTokens)
      .where(and(eq(visitorTokens.organizationId, organizationId), eq(visitorTokens.conversationId, conversationId)));
    const begun = await unit.nested(visitorScope(widget, newId()), (inner) =>
      newConversation(inner, widget, { visitorId, visitorName, pageOrigin }),
    );
    // The unit that began it ends with this transaction.
    return { ...begun, visitor: { ...begun.visitor, unit: unit.as(begun.visitor.unit.scope) } };
  });
};
