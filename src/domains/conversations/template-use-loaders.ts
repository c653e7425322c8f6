import { isNotNull, sql } from 'drizzle-orm';
import { unionAll, type PgColumn, type PgTable } from 'drizzle-orm/pg-core';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { workspaces } from '../tenancy/tables.ts';
import { agentSettings } from './agent-tables.ts';

/** What uses templates, of all the viewer sees: workspaces for their answers, and for their agents. */
export const templateUses = unionAll(
  database
    .select({
      organizationId: workspaces.organizationId,
      id: workspaces.id,
      createdAt: workspaces.createdAt,
      workspaceId: sql<string>`${workspaces.id}`.as('workspace_id'),
      templateId: workspaces.promptTemplateId,
      label: workspaces.promptTemplateLabel,
      purpose: sql<'ANSWERS' | 'AGENTS'>`'ANSWERS'`.as('purpose'),
    })
    .from(workspaces)
    .where(isNotNull(workspaces.promptTemplateId)),
  database
    .select({
      organizationId: agentSettings.organizationId,
      id: agentSettings.id,
      createdAt: agentSettings.createdAt,
      workspaceId: sql<string>`${agentSettings.workspaceId}`.as('workspace_id'),
      templateId: agentSettings.promptTemplateId,
      label: agentSettings.promptTemplateLabel,
      purpose: sql<'ANSWERS' | 'AGENTS'>`'AGENTS'`.as('purpose'),
    })
    .from(agentSettings)
    .where(isNotNull(agentSettings.promptTemplateId)),
).as('template_uses');
/** Each access to a column of a subquery makes another one, and a list tells its columns apart. */
const { id, createdAt, workspaceId, templateId, label, purpose } = templateUses;

/** What uses a template, newest first. */
export const usesByTemplate = listOf({
  // The cast is safe: a list selects from it, and reads no more of a table than the columns it is told and `organizationId`.
  from: templateUses as unknown as PgTable & { organizationId: PgColumn },
  id,
  parent: templateId,
  columns: { id, createdAt, workspaceId, templateId, label, purpose },
  orders: { CREATED_AT: createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
});
