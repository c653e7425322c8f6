import { and, count, eq, isNull, type SQL } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, NotFound, type InputIssue } from '../../errors.ts';
import { viewerOf, type Context } from '../context.ts';
import { archived, requirePermission } from '../permissions.ts';
import { memberships, organizations, workspaces, type WorkspaceRow } from '../tenancy/tables.ts';
import { ofWorkspace } from '../tenancy/workspace-lock.ts';

/** A fault of a text that must have 1 to `max` characters, none when it is fine or not given. */
export const textIssues = (field: string, text: string | null | undefined, max: number, min = 1): InputIssue[] => {
  const fine = text !== null && (text === undefined || (text.trim().length >= min && text.length <= max));
  return fine ? [] : [{ field, message: `This takes ${min} to ${max.toLocaleString('en')} characters.` }];
};

/** Throws BadUserInput with all issues where there are any. */
export const refuse = (issues: readonly InputIssue[]): void => {
  if (issues.length > 0) throw new BadUserInput(issues);
};

/** Locks a workspace whose prompts are about to change. Throws NotFound, Forbidden (needs ADMIN in it), Conflict (archived). */
export const lockWorkspaceForPrompts = async (context: Context, id: string): Promise<WorkspaceRow> => {
  const [row] = await database
    .select()
    .from(workspaces)
    .where(ofWorkspace(context.unit.organizationId, id))
    .for('no key update');
  if (row === undefined) throw new NotFound('Workspace', id);
  requirePermission(viewerOf(context), 'PROMPT_MANAGE', id);
  if (row.archivedAt !== null) throw archived();
  return row;
};

/** Locks what the organization has in common, so that one at a time adds to it. Throws Forbidden. */
export const lockLibrary = async (context: Context): Promise<void> => {
  requirePermission(viewerOf(context), 'PROMPT_LIBRARY_MANAGE');
  const { organizationId } = context.unit;
  await database
    .select({ id: organizations.id })
    .from(organizations)
    .where(and(eq(organizations.id, organizationId), isNull(organizations.deletedAt)))
    .for('no key update');
};

/** Locks what is the viewer's own, so that one at a time is added to it. */
export const lockOwn = async (context: Context): Promise<void> => {
  const { userId, organizationId } = viewerOf(context);
  await database
    .select({ id: memberships.id })
    .from(memberships)
    .where(and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId)))
    .for('no key update');
};

/** Throws Conflict at `field` when there are as many rows as there may be; whoever adds one holds the lock of their place. */
export const requireRoom = async (
  field: string,
  table: PgTable,
  counted: SQL | undefined,
  max: number,
): Promise<void> => {
  const { there } = sole(await database.select({ there: count() }).from(table).where(counted));
  if (there >= max)
    throw new Conflict(field, `There are ${max.toLocaleString('en')} here already; delete one first.`, { limit: max });
};
