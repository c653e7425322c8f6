import { and, eq, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { NotFound } from '../../errors.ts';
import type { PromptSessionSharesInput, SharePromptSessionInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { groups, memberships, workspaces } from '../tenancy/tables.ts';
import { isSession, lockOwnSession, refuse, runsOfSession } from './prompt-rules.ts';
import { promptRuns, prompts, promptSessions, type PromptSessionRow } from './prompt-tables.ts';

const maxNamed = 100;

/**
 * Who reads a session: who made it, the organization for its administrators and jobs, and whom it is shared with. What is named stays locked, so
 * that none of them is gone before the share is written. Throws BadUserInput (too many), NotFound.
 */
export const readersOf = async (
  { unit }: Context,
  creatorId: string | null,
  shares: PromptSessionSharesInput,
): Promise<string[]> => {
  const { organizationId } = unit;
  const userIds = shares.userIds ?? [];
  const groupIds = shares.groupIds ?? [];
  const workspaceIds = shares.workspaceIds ?? [];
  refuse(
    Object.entries({ userIds, groupIds, workspaceIds }).flatMap(([field, ids]) =>
      ids.length > maxNamed ? [{ field: `shareWith.${field}`, message: `This takes at most ${maxNamed}.` }] : [],
    ),
  );
  if (userIds.length > 0)
    requireAll(
      'User',
      userIds,
      await database
        .select({ id: memberships.userId })
        .from(memberships)
        .where(and(eq(memberships.organizationId, organizationId), inArray(memberships.userId, userIds)))
        .for('key share'),
    );
  if (groupIds.length > 0)
    requireAll(
      'Group',
      groupIds,
      await database
        .select({ id: groups.id })
        .from(groups)
        .where(and(eq(groups.organizationId, organizationId), inArray(groups.id, groupIds)))
        .for('key share'),
    );
  if (workspaceIds.length > 0)
    requireAll(
      'Workspace',
      workspaceIds,
      await database
        .select({ id: workspaces.id })
        .from(workspaces)
        .where(and(eq(workspaces.organizationId, organizationId), inArray(workspaces.id, workspaceIds)))
        .for('key share'),
    );
  const creator = creatorId === null ? [] : [creatorId];
  return [...new Set([...creator, organizationId, ...userIds, ...groupIds, ...workspaceIds])];
};

const requireAll = (type: string, ids: readonly string[], rows: readonly { readonly id: string }[]): void => {
  const known = new Set(rows.map(({ id }) => id));
  const stranger = ids.find((id) => !known.has(id));
  if (stranger !== undefined) throw new NotFound(type, stranger);
};

/**
 * Says whom a session is shared with, in place of those before. Its prompts and runs follow in the same transaction. Throws BadUserInput,
 * Forbidden, NotFound (session, whom to share with).
 */
export const sharePromptSession = (
  context: Context,
  { id, shareWith }: SharePromptSessionInput,
): Promise<PromptSessionRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const session = await lockOwnSession(context, id);
    const readers = await readersOf(context, session.creatorId, shareWith);
    const version = session.version + 1;
    const rows = await database
      .update(promptSessions)
      .set({ readers, version })
      .where(isSession(organizationId, id))
      .returning();
    await database
      .update(prompts)
      .set({ readers })
      .where(and(eq(prompts.organizationId, organizationId), eq(prompts.sessionId, id)));
    await database.update(promptRuns).set({ readers }).where(runsOfSession(organizationId, id));
    context.unit.record({ action: 'prompt_session.shared', type: 'PromptSession', id, data: { readers } });
    return sole(rows);
  });
