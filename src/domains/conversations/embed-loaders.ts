import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { embedWidgets } from './embed-tables.ts';
import { embedConversations } from './visit-tables.ts';

export const embedWidgetById = loadOne(
  () =>
    database
      .select()
      .from(embedWidgets)
      .where(and(eq(embedWidgets.organizationId, bound.organizationId), sql`${embedWidgets.id} = any(${bound.keys})`)),
  (widget) => widget.id,
);

export const embedConversationById = loadOne(
  () =>
    database
      .select()
      .from(embedConversations)
      .where(
        and(
          eq(embedConversations.organizationId, bound.organizationId),
          sql`${embedConversations.id} = any(${bound.keys})`,
        ),
      ),
  (visit) => visit.id,
);

/** The widgets of a workspace. */
export const embedWidgetsByWorkspace = listOf({
  from: embedWidgets,
  parent: embedWidgets.workspaceId,
  columns: getTableColumns(embedWidgets),
  orders: { CREATED_AT: embedWidgets.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
});

/** The conversations that a widget's visitors have had. */
export const embedConversationsByWidget = listOf({
  from: embedConversations,
  parent: embedConversations.widgetId,
  columns: getTableColumns(embedConversations),
  orders: { CREATED_AT: embedConversations.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
});
