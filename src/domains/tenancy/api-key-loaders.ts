import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf, type Connection, type ListArguments } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { found } from '../nodes.ts';
import { workspaceById } from './loaders.ts';
import { apiKeys, apiKeyWorkspaces, type WorkspaceRow } from './tables.ts';

/** One's own keys, and all of the organization for who holds its principal: the row policy decides. */
export const apiKeyById = loadOne(
  () =>
    database
      .select()
      .from(apiKeys)
      .where(and(eq(apiKeys.organizationId, bound.organizationId), sql`${apiKeys.id} = any(${bound.keys})`)),
  (key) => key.id,
);

export const apiKeyList = listOf({
  from: apiKeys,
  columns: getTableColumns(apiKeys),
  orders: { CREATED_AT: apiKeys.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: { owner: apiKeys.userId, createdAt: apiKeys.createdAt, revokedAt: apiKeys.revokedAt },
});

interface Entry {
  readonly id: string;
  readonly workspaceId: string;
}

/** In the order of their ids, which is that of their making and has the unique index. */
const entryList = listOf({
  from: apiKeyWorkspaces,
  parent: apiKeyWorkspaces.apiKeyId,
  columns: {
    id: apiKeyWorkspaces.id,
    apiKeyId: apiKeyWorkspaces.apiKeyId,
    workspaceId: apiKeyWorkspaces.workspaceId,
  },
  orders: { WORKSPACE: apiKeyWorkspaces.workspaceId },
  defaultOrder: { field: 'WORKSPACE', direction: 'ASC' },
});

/** Workspaces that a key is limited to, as far as the viewer sees them: one statement for the pages of all keys, one for the workspaces. */
export const workspacesOfApiKey = async (
  unit: UnitOfWork,
  args: ListArguments,
  apiKeyId: string,
): Promise<Connection<WorkspaceRow>> => {
  const page = await entryList<Entry>(unit, args, apiKeyId);
  const edges = page.edges.map(async ({ node, cursor }) => ({
    cursor,
    node: await found('Workspace', node.workspaceId, workspaceById(unit)),
  }));
  return { ...page, edges: await Promise.all(edges) };
};
