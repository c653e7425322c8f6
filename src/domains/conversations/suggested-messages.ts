import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, NotFound, type InputIssue } from '../../errors.ts';
import type {
  CreateSuggestedMessageInput,
  MoveSuggestedMessageInput,
  SetSuggestedMessagesInput,
  SuggestedMessageInput,
  UpdateSuggestedMessageInput,
} from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { moved, place } from './ordering.ts';
import { suggestedMessageById } from './prompt-loaders.ts';
import { lockWorkspaceForPrompts, refuse, requireRoom, textIssues } from './prompt-rules.ts';
import { suggestedMessages, type SuggestedMessageRow } from './prompt-tables.ts';

/** Suggested messages that a workspace has. */
const maxMessages = 20;
const maxHeading = 200;
const maxMessage = 2000;

const issuesOf = (
  { heading, message }: Partial<Record<keyof SuggestedMessageInput, string | null | undefined>>,
  path = '',
): InputIssue[] => [
  ...textIssues(`${path}heading`, heading, maxHeading),
  ...textIssues(`${path}message`, message, maxMessage),
];

const ofList = (organizationId: string, workspaceId: string) =>
  and(eq(suggestedMessages.organizationId, organizationId), eq(suggestedMessages.workspaceId, workspaceId));
const isOne = (organizationId: string, id: string) =>
  and(eq(suggestedMessages.organizationId, organizationId), eq(suggestedMessages.id, id));

const listOf = (organizationId: string, workspaceId: string): Promise<SuggestedMessageRow[]> =>
  database
    .select()
    .from(suggestedMessages)
    .where(ofList(organizationId, workspaceId))
    .orderBy(suggestedMessages.position, suggestedMessages.id);

/** Puts a list of suggested messages in the place of a workspace's own, all or nothing. Throws BadUserInput, Conflict (archived), Forbidden (needs ADMIN in it), NotFound (workspace). */
export const setSuggestedMessages = (
  context: Context,
  { workspaceId, messages }: SetSuggestedMessagesInput,
): Promise<SuggestedMessageRow[]> =>
  context.unit.transact(async ({ organizationId }) => {
    await lockWorkspaceForPrompts(context, workspaceId);
    if (messages.length > maxMessages) throw new BadUserInput('messages', `A workspace has at most ${maxMessages}.`);
    refuse(messages.flatMap((each, at) => issuesOf(each, `messages.${at}.`)));
    await database.delete(suggestedMessages).where(ofList(organizationId, workspaceId));
    const rows = messages.map(({ heading, message }, position) => ({
      organizationId,
      workspaceId,
      heading: heading.trim(),
      message: message.trim(),
      position,
    }));
    const written = rows.length === 0 ? [] : await database.insert(suggestedMessages).values(rows).returning();
    context.unit.record({
      action: 'suggested_messages.set',
      type: 'Workspace',
      id: workspaceId,
      workspaceId,
      data: { count: rows.length },
    });
    return written.sort((one, other) => one.position - other.position);
  });

/** Puts a suggested message behind the others. Throws BadUserInput, Conflict (there are 20, or archived), Forbidden (needs ADMIN in it), NotFound (workspace). */
export const createSuggestedMessage = (
  context: Context,
  { workspaceId, heading, message }: CreateSuggestedMessageInput,
): Promise<SuggestedMessageRow> =>
  context.unit.transact(async ({ organizationId }) => {
    await lockWorkspaceForPrompts(context, workspaceId);
    refuse(issuesOf({ heading, message }));
    await requireRoom('workspaceId', suggestedMessages, ofList(organizationId, workspaceId), maxMessages);
    const last = (await listOf(organizationId, workspaceId)).at(-1)?.position ?? -1;
    const values = {
      organizationId,
      workspaceId,
      heading: heading.trim(),
      message: message.trim(),
      position: last + 1,
    };
    const row = sole(await database.insert(suggestedMessages).values(values).returning());
    record(context, 'suggested_message.created', row);
    return row;
  });

/** Changes a suggested message. Throws BadUserInput, Conflict (archived), Forbidden (needs ADMIN in its workspace), NotFound. */
export const updateSuggestedMessage = (
  context: Context,
  { id, heading, message }: UpdateSuggestedMessageInput,
): Promise<SuggestedMessageRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const current = await locked(context, id);
    refuse(issuesOf({ heading, message }));
    const fields = {
      ...(typeof heading === 'string' && { heading: heading.trim() }),
      ...(typeof message === 'string' && { message: message.trim() }),
    };
    if (Object.keys(fields).length === 0) return current;
    const row = sole(await database.update(suggestedMessages).set(fields).where(isOne(organizationId, id)).returning());
    record(context, 'suggested_message.updated', row, { fields: Object.keys(fields) });
    return row;
  });

/** Moves a suggested message to a place in its list, counted from 0; the last one where there are fewer. Throws BadUserInput, Conflict (archived), Forbidden (needs ADMIN in its workspace), NotFound. */
export const moveSuggestedMessage = (
  context: Context,
  { id, position }: MoveSuggestedMessageInput,
): Promise<SuggestedMessageRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const current = await locked(context, id);
    if (position < 0) throw new BadUserInput('position', 'Places are counted from 0.');
    const ids = (await listOf(organizationId, current.workspaceId)).map((each) => each.id);
    await place(suggestedMessages, organizationId, moved(ids, id, position));
    record(context, 'suggested_message.moved', current, { position });
    return sole(await database.select().from(suggestedMessages).where(isOne(organizationId, id)));
  });

/** Deletes a suggested message. Throws Conflict (archived), Forbidden (needs ADMIN in its workspace), NotFound. */
export const deleteSuggestedMessage = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const current = await locked(context, id);
    await database.delete(suggestedMessages).where(isOne(organizationId, id));
    record(context, 'suggested_message.deleted', current);
    return id;
  });

/** The list is locked by its workspace. */
const locked = async (context: Context, id: string): Promise<SuggestedMessageRow> => {
  const { workspaceId } = await found('SuggestedMessage', id, suggestedMessageById(context.unit));
  await lockWorkspaceForPrompts(context, workspaceId);
  const [row] = await database.select().from(suggestedMessages).where(isOne(context.unit.organizationId, id));
  if (row === undefined) throw new NotFound('SuggestedMessage', id);
  return row;
};

const record = (
  { unit }: Context,
  action: string,
  { id, workspaceId }: SuggestedMessageRow,
  data: Record<string, unknown> = {},
): void => unit.record({ action, type: 'SuggestedMessage', id, workspaceId, data });
