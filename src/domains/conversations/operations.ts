import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { bound, lazily, uuidArray } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import { violates } from '../../database/failures.ts';
import { BadUserInput, Conflict } from '../../errors.ts';
import { logged } from '../../events/ledger.ts';
import type { AddMessageInput, StartConversationInput, UpdateConversationInput } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { renewFileReaders } from '../content/file-readers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { requireActive } from '../permissions.ts';
import { giveUpAnswersOf } from './answering.ts';
import { announce } from './conversation-events.ts';
import { lockConversation, lockOpenConversation, nextPlace, ofConversation } from './conversation-lock.ts';
import { requireOwner } from './conversation-rights.ts';
import { addFileMessage, filesOfConversation, requireTextAlone } from './file-messages.ts';
import { freeData } from './free-data.ts';
import { requireHandBack } from './handover.ts';
import { goOnAtNewest, placeIn } from './placing.ts';
import { refusal } from './refusal.ts';
import { changeConversation, makeMove, moveTo } from './states.ts';
import { conversations, messages, type ConversationRow, type MessageRow } from './tables.ts';
import { standInTitle } from './titles.ts';
import { writtenText } from './written-text.ts';

/** Characters of a title of a conversation. */
export const maxTitle = 255;

const slugPattern = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const maxSlug = 100;

const writtenSlug = (slug: string): string => {
  if (slug.length > maxSlug || !slugPattern.test(slug))
    throw new BadUserInput(
      'slug',
      `A slug has 1 to ${maxSlug} small letters and digits, with single hyphens between them.`,
    );
  return slug;
};

/** What a statement gives that may find its slug taken. Throws Conflict then. */
const withSlug = async <Result>(written: PromiseLike<Result>): Promise<Result> => {
  try {
    return await written;
  } catch (error) {
    if (violates(error, 'conversations_slug_key'))
      throw new Conflict('slug', 'Another conversation of this workspace has this slug.');
    throw error;
  }
};

/** Begins a conversation. Throws BadUserInput, Conflict (slug taken, archived), NotFound (workspace). */
export const startConversation = (
  context: Context,
  { workspaceId, title, slug, kind, channel, metadata }: StartConversationInput,
): Promise<ConversationRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  const { userId, credential } = viewer;
  if (channel === 'EMBED') throw new BadUserInput('channel', 'Only widgets hold conversations in EMBED.');
  const named = title ?? null;
  const fields = {
    title: named === null ? standInTitle : writtenText('title', named, maxTitle),
    titlePending: named === null,
    slug: slug === null || slug === undefined ? null : writtenSlug(slug),
    kind: kind ?? 'CHAT',
    channel: channel ?? (credential.kind === 'API_KEY' ? 'API' : 'APP'),
    metadata: metadata === null || metadata === undefined ? {} : freeData('metadata', metadata),
  } as const;
  return unit.transact(async ({ organizationId }) => {
    await found('Workspace', workspaceId, workspaceById(unit));
    requireActive(viewer, workspaceId);
    const row = { organizationId, workspaceId, userId, ...fields };
    const started = sole(await withSlug(database.insert(conversations).values(row).returning()));
    unit.record({ action: 'conversation.started', type: 'Conversation', id: started.id, workspaceId });
    return started;
  });
};

/**
 * Changes a conversation; a state only as the moves of `states.ts` lead there. Throws BadUserInput, Conflict (slug taken, no way to that state,
 * archived), Forbidden, NotFound.
 */
export const updateConversation = (
  context: Context,
  { id, title, slug, status, metadata }: UpdateConversationInput,
): Promise<ConversationRow> => {
  if (title === null) throw new BadUserInput('title', 'A conversation has a title.');
  if (status === null) throw new BadUserInput('status', 'A conversation has a status.');
  const fields = {
    ...(title !== undefined && { title: writtenText('title', title, maxTitle), titlePending: false }),
    ...(slug !== undefined && { slug: slug === null ? null : writtenSlug(slug) }),
    ...(metadata !== undefined && { metadata: metadata === null ? {} : freeData('metadata', metadata) }),
  };
  return context.unit.transact(async () => {
    const current = await lockConversation(context.unit, id);
    requireOwner(context, current);
    const moved = status === undefined ? current : await toStatus(context, current, status);
    if (Object.keys(fields).length === 0) return moved;
    const data = { fields: Object.keys(fields).filter((field) => field !== 'titlePending') };
    const row = await withSlug(changeConversation(context, moved, 'conversation.updated', fields, data));
    if (row.title !== current.title) announce(context, id, { kind: 'title' });
    return row;
  });
};

const toStatus = (
  context: Context,
  current: ConversationRow,
  status: ConversationRow['status'],
): Promise<ConversationRow> | ConversationRow => {
  if (status === current.status) return current;
  const move = moveTo(current.status, status);
  if (move === undefined) throw refusal('status', current);
  if (move === 'handBack') requireHandBack(context, current);
  return makeMove(
    context,
    current,
    move,
    move === 'transfer' ? { waitingSince: sql`now()`, transferReason: null } : {},
  );
};

/**
 * Deletes a conversation with its messages and links, and gives up answers being written here; uploaded files stay. Throws Conflict (archived),
 * Forbidden, NotFound.
 */
export const deleteConversation = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const { workspaceId, ...current } = await lockConversation(context.unit, id);
    requireOwner(context, { workspaceId, ...current });
    const fileIds = await filesOfConversation(organizationId, id);
    await database.delete(conversations).where(ofConversation(organizationId, id));
    // Whoever saw them by this conversation alone sees them no longer.
    await renewFileReaders(context.unit, fileIds);
    context.unit.record({ action: 'conversation.deleted', type: 'Conversation', id, workspaceId });
    context.unit.afterCommit(() => giveUpAnswersOf(id));
    return id;
  });

const { organizationId: ofTenant, userId: byViewer } = bound;
const ofConversationId = sql.placeholder('conversationId');

/**
 * The next message of a conversation that is locked, behind its newest. Its workspace is null, which fails, where the conversation takes none or
 * goes on elsewhere.
 */
const nextMessage = lazily(() => {
  const { newest, parentId, createdAt } = nextPlace(ofTenant, ofConversationId);
  return logged(
    { action: 'message.added', type: 'Message' },
    messages,
    database
      .with(newest)
      .insert(messages)
      .values({
        organizationId: ofTenant,
        id: sql.placeholder('id'),
        workspaceId: sql`(select ${conversations.workspaceId} from ${conversations}
          where ${conversations.organizationId} = ${ofTenant} and ${conversations.id} = ${ofConversationId} and ${conversations.status} <> 'ENDED'
            and ${conversations.activeMessageId} is null and ${conversations.workspaceId} <> all(${sql.placeholder('archivedWorkspaces')}))`,
        conversationId: ofConversationId,
        parentId,
        role: 'USER',
        senderId: byViewer,
        content: sql.placeholder('content'),
        createdAt,
      })
      .returning(),
  );
});

/** The conversation goes on behind a message that was chosen, and not behind its newest. */
class GoesOnElsewhere extends Error {}

/**
 * Adds a message that no model answers, also while a person does. Throws BadUserInput, Conflict (ENDED, archived, the file's bytes have not arrived,
 * no room below the parent), NotFound (conversation, file, parent).
 */
export const addMessage = async (context: Context, input: AddMessageInput): Promise<MessageRow> => {
  const { conversationId, content, fileId, parentId } = input;
  const metadata =
    input.metadata === null || input.metadata === undefined ? null : freeData('metadata', input.metadata);
  if (typeof fileId === 'string') return addFileMessage(context, { ...input, fileId }, metadata);
  requireTextAlone(input);
  const text = writtenText('content', content);
  const further = { text, metadata };
  if (parentId !== undefined || metadata !== null) return addMessageAt(context, conversationId, parentId, further);
  try {
    return await addNextMessage(context, conversationId, text);
  } catch (error) {
    if (error instanceof GoesOnElsewhere) return addMessageAt(context, conversationId, undefined, further);
    throw error;
  }
};

const addNextMessage = (context: Context, conversationId: string, content: string): Promise<MessageRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  const { userId } = viewer;
  return unit.transact(async ({ organizationId, conclude }) => {
    const id = newId();
    announce(context, conversationId, { kind: 'message', messageId: id });
    // Not one statement: what waits for a lock does not see what was committed meanwhile, such as the message before this one.
    const [locked, added] = await Promise.allSettled([
      lockOpenConversation(unit, conversationId),
      conclude(nextMessage(), {
        organizationId,
        userId,
        id,
        conversationId,
        content,
        archivedWorkspaces: uuidArray([...viewer.archivedWorkspaces]),
      }),
    ]);
    if (added.status === 'fulfilled') return sole(added.value);
    // Where the conversation takes no message, the insert fails without saying why.
    if (locked.status === 'rejected') throw locked.reason;
    requireActive(viewer, locked.value.workspaceId);
    if (locked.value.activeMessageId !== null) throw new GoesOnElsewhere();
    throw added.reason;
  });
};

/** Adds a message at another place than behind the newest, or with more than a text. */
const addMessageAt = (
  context: Context,
  conversationId: string,
  behind: string | null | undefined,
  { text: content, metadata }: { readonly text: string; readonly metadata: MessageRow['metadata'] },
): Promise<MessageRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  return unit.transact(async ({ organizationId, userId: senderId }) => {
    const conversation = await lockOpenConversation(unit, conversationId);
    const { workspaceId } = conversation;
    requireActive(viewer, workspaceId);
    const { newest, parentId, createdAt } = await placeIn(unit, conversation, behind);
    const row = { organizationId, workspaceId, conversationId, role: 'USER' as const, senderId, content, metadata };
    const insert = database.with(newest).insert(messages);
    const added = sole(await insert.values({ ...row, parentId, createdAt }).returning());
    await goOnAtNewest(organizationId, conversation);
    unit.record({ action: 'message.added', type: 'Message', id: added.id, workspaceId });
    announce(context, conversationId, { kind: 'message', messageId: added.id });
    return added;
  });
};
