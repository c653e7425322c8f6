import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict } from '../../errors.ts';
import type { BranchConversationInput } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { requireActive } from '../permissions.ts';
import { lockConversation } from './conversation-lock.ts';
import { copyCitations, copyFiles, copyRecords } from './copied-grounds.ts';
import { messageById } from './loaders.ts';
import { maxTitle } from './operations.ts';
import { conversations, messages, type ConversationRow, type MessageRow } from './tables.ts';
import { writtenText } from './written-text.ts';

/** Messages that a branch can be made of. */
export const maxBranch = 1000;

interface Step extends Record<string, unknown> {
  readonly id: string;
  readonly role: MessageRow['role'];
  readonly status: MessageRow['status'];
}

/** The messages from the first to this one, and one more than may be. */
const pathTo = async (organizationId: string, messageId: string): Promise<Step[]> =>
  database.execute<Step>(sql`
    with recursive path as (
      select m.id, m.parent_id, m.role, m.status, 1 as steps from ${messages} m
      where m.organization_id = ${organizationId} and m.id = ${messageId}
      union all
      select m.id, m.parent_id, m.role, m.status, path.steps + 1
      from path join ${messages} m on m.organization_id = ${organizationId} and m.id = path.parent_id
      where path.steps <= ${maxBranch}
    )
    select id, role, status from path order by steps desc`);

/**
 * Begins a conversation of the viewer's own with copies of the messages from the first to this one, in one transaction: with their citations
 * and records as far as the viewer may read the documents, and with the files of the conversation that have been read. What people thought of
 * the messages stays with these. Throws BadUserInput (more than 1,000 messages, the title), Conflict (an answer there is still being written,
 * archived), NotFound.
 */
export const branchConversation = (
  context: Context,
  { messageId, title }: BranchConversationInput,
): Promise<ConversationRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  const { userId } = viewer;
  const written = title === undefined || title === null ? null : writtenText('title', title, maxTitle);
  return unit.transact(async ({ organizationId }) => {
    const { conversationId } = await found('Message', messageId, messageById(unit));
    const origin = await lockConversation(unit, conversationId);
    const { workspaceId } = origin;
    requireActive(viewer, workspaceId);
    const path = await pathTo(organizationId, messageId);
    if (path.length > maxBranch) throw new BadUserInput('messageId', `A branch has at most ${maxBranch} messages.`);
    if (path.some(({ status }) => status === 'STREAMING'))
      throw new Conflict('messageId', 'An answer there is still being written.');
    const row = { organizationId, workspaceId, userId, title: written ?? origin.title };
    const branch = sole(await database.insert(conversations).values(row).returning());
    const copies = new Map(path.map(({ id }) => [id, newId()]));
    await copyMessages(organizationId, copies, branch.id);
    const files = await copyFiles(organizationId, conversationId, branch.id);
    const answers = new Map(
      [...copies].filter(([id]) => path.some((each) => each.id === id && each.role === 'ASSISTANT')),
    );
    await copyCitations(organizationId, answers, { files });
    await copyRecords(organizationId, answers, { messages: copies, files });
    unit.record({
      action: 'conversation.branched',
      type: 'Conversation',
      id: branch.id,
      workspaceId,
      data: { conversationId, messageId },
    });
    return branch;
  });
};

/** Each below the copy of the one before it, at the times at which they were said. */
const copyMessages = async (organizationId: string, copies: ReadonlyMap<string, string>, to: string): Promise<void> => {
  const [oldIds, newIds] = [[...copies.keys()], [...copies.values()]].map(uuidArray);
  await database.execute(sql`
    insert into ${messages} (organization_id, id, created_at, workspace_id, conversation_id, parent_id, role, type, sender_id, content, prompt,
      file_id, duration_ms, metadata, status, error_code, error_message, model, model_id, input_tokens, output_tokens, cost, confidence, below_threshold,
      included_in_history, processed_at)
    select m.organization_id, copy.new_id, m.created_at, m.workspace_id, ${to}, lag(copy.new_id) over (order by copy.place), m.role, m.type,
      m.sender_id, m.content, m.prompt, m.file_id, m.duration_ms, m.metadata, m.status, m.error_code, m.error_message, m.model, m.model_id, m.input_tokens,
      m.output_tokens, m.cost, m.confidence, m.below_threshold, m.included_in_history, m.processed_at
    from unnest(${oldIds}::uuid[], ${newIds}::uuid[]) with ordinality as copy (old_id, new_id, place)
    join ${messages} m on m.organization_id = ${organizationId} and m.id = copy.old_id
    order by copy.place`);
};
