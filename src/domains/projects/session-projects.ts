import { and, eq, getTableColumns, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf } from '../../database/unit-of-work.ts';
import { Conflict } from '../../errors.ts';
import type { SetPromptSessionProjectInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { isSession, lockOwnSession, requireLiving } from '../modelhub/prompt-rules.ts';
import { promptSessions, type PromptSessionRow } from '../modelhub/prompt-tables.ts';
import { requirePermission } from '../permissions.ts';
import { lockToWork } from './project-rights.ts';
import { projects } from './project-tables.ts';

/** Prompt sessions of projects that the viewer sees, newest first. */
export const promptSessionsByProject = listOf({
  from: promptSessions,
  parent: promptSessions.projectId,
  columns: getTableColumns(promptSessions),
  orders: { CREATED_AT: promptSessions.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
});

/**
 * Moves a prompt session to a project in which the viewer works, or out of any. Throws Conflict (the session or one of the projects is archived), Forbidden, NotFound
 * (session, project).
 */
export const setPromptSessionProject = (
  context: Context,
  { sessionId, projectId = null }: SetPromptSessionProjectInput,
): Promise<PromptSessionRow> => {
  const { unit } = context;
  requirePermission(viewerOf(context), 'TASK_WRITE');
  return unit.transact(async ({ organizationId }) => {
    // Before the projects, as prompts do that end.
    const session = await lockOwnSession(context, sessionId);
    requireLiving(session, 'sessionId');
    const from = session.projectId;
    if (from === projectId) return session;
    const isClosed = await unit.nested(wholeOf(organizationId), () => lockBoth(organizationId, from, projectId));
    if (projectId !== null) await lockToWork(context, projectId);
    if (isClosed) throw new Conflict('sessionId', 'The session belongs to an archived project: nothing in it changes.');
    const moved = sole(
      await database
        .update(promptSessions)
        .set({ projectId, version: session.version + 1 })
        .where(isSession(organizationId, sessionId))
        .returning(),
    );
    unit.record({
      action: 'prompt_session.moved',
      type: 'PromptSession',
      id: sessionId,
      data: { from, to: projectId },
    });
    return moved;
  });
};

/** Locks both projects of a move, of which the viewer may see neither, in an order that all moves share. Tells whether the one that the session leaves is archived. */
const lockBoth = async (organizationId: string, from: string | null, to: string | null): Promise<boolean> => {
  const ids = [from, to].filter((id) => id !== null);
  const locked = await database
    .select({ id: projects.id, status: projects.status })
    .from(projects)
    .where(and(eq(projects.organizationId, organizationId), inArray(projects.id, ids)))
    .orderBy(projects.id)
    .for('no key update');
  return locked.some(({ id, status }) => id === from && status === 'ARCHIVED');
};
