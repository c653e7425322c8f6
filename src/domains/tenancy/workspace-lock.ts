import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { NotFound } from '../../errors.ts';
import { viewerOf, type Context } from '../context.ts';
import { archived, requirePermission } from '../permissions.ts';
import { workspaces, type WorkspaceRow } from './tables.ts';

/** The one workspace with this id. */
export const ofWorkspace = (organizationId: string, id: string) =>
  and(eq(workspaces.organizationId, organizationId), eq(workspaces.id, id));

/** `update` also waits for whoever is writing something in the workspace, and holds off whoever is about to. */
export type Strength = 'no key update' | 'update';

/** Locks a workspace, archived or not, for its managers. Throws NotFound, Forbidden (needs ADMIN in it). */
export const lockWorkspace = async (context: Context, id: string, strength: Strength): Promise<WorkspaceRow> => {
  const [row] = await database
    .select()
    .from(workspaces)
    .where(ofWorkspace(context.unit.organizationId, id))
    .for(strength);
  if (row === undefined) throw new NotFound('Workspace', id);
  requirePermission(viewerOf(context), 'WORKSPACE_MANAGE', id);
  return row;
};

/** Locks a workspace that its managers are about to change. Throws NotFound, Forbidden (needs ADMIN in it), Conflict (archived). */
export const lockActiveWorkspace = async (context: Context, id: string): Promise<WorkspaceRow> => {
  const row = await lockWorkspace(context, id, 'no key update');
  if (row.archivedAt !== null) throw archived();
  return row;
};
