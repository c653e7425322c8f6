import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { workspaceMemberships, workspaceSettings } from './tables.ts';

export const workspaceMembershipById = loadOne(
  () =>
    database
      .select()
      .from(workspaceMemberships)
      .where(
        and(
          eq(workspaceMemberships.organizationId, bound.organizationId),
          sql`${workspaceMemberships.id} = any(${bound.keys})`,
        ),
      ),
  (membership) => membership.id,
);

export const membersByWorkspace = listOf({
  from: workspaceMemberships,
  parent: workspaceMemberships.workspaceId,
  columns: getTableColumns(workspaceMemberships),
  orders: { CREATED_AT: workspaceMemberships.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
  filters: { role: workspaceMemberships.role, createdAt: workspaceMemberships.createdAt },
});

export const settingsColumns = {
  workspaceId: workspaceSettings.workspaceId,
  branding: workspaceSettings.branding,
  tone: workspaceSettings.tone,
  welcomeMessage: workspaceSettings.welcomeMessage,
};

/** Settings by workspace; null where nobody has said anything. */
export const settingsByWorkspace = loadOne(
  () =>
    database
      .select(settingsColumns)
      .from(workspaceSettings)
      .where(
        and(
          eq(workspaceSettings.organizationId, bound.organizationId),
          sql`${workspaceSettings.workspaceId} = any(${bound.keys})`,
        ),
      ),
  (settings) => settings.workspaceId,
);
