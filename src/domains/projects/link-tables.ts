import { sql } from 'drizzle-orm';
import { check, foreignKey, index, text, uuid } from 'drizzle-orm/pg-core';
import { oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { documents } from '../content/tables.ts';
import { conversations } from '../conversations/tables.ts';
import { rooms } from '../messaging/room-tables.ts';
import { orders } from '../orders/tables.ts';
import { toProject } from './project-tables.ts';
import { linkKinds, tasks } from './task-tables.ts';

/** What a project or one of its tasks leads to. Whoever sees the project sees the link; what it leads to is seen by who sees that. */
export const projectLinks = tenantTable(
  'project_links',
  'project',
  {
    projectId: uuid().notNull(),
    /** Null: the project itself. */
    taskId: uuid(),
    kind: word(linkKinds).notNull(),
    title: text().notNull().default(''),
    orderId: uuid(),
    documentId: uuid(),
    roomId: uuid(),
    conversationId: uuid(),
    url: text(),
    createdById: uuid(),
  },
  (link) => [
    oneOf('project_links', link.kind, linkKinds),
    check(
      'project_links_shape_check',
      sql`(${link.kind} = 'ORDER') = (${link.orderId} is not null) and (${link.kind} = 'DOCUMENT') = (${link.documentId} is not null) and (${link.kind} = 'ROOM') = (${link.roomId} is not null) and (${link.kind} = 'CONVERSATION') = (${link.conversationId} is not null) and (${link.kind} = 'URL') = (${link.url} is not null)`,
    ),
    toProject('project_links', link),
    foreignKey({
      name: 'project_links_task_id_fkey',
      columns: [link.organizationId, link.projectId, link.taskId],
      foreignColumns: [tasks.organizationId, tasks.projectId, tasks.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'project_links_order_id_fkey',
      columns: [link.organizationId, link.orderId],
      foreignColumns: [orders.organizationId, orders.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'project_links_document_id_fkey',
      columns: [link.organizationId, link.documentId],
      foreignColumns: [documents.organizationId, documents.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'project_links_room_id_fkey',
      columns: [link.organizationId, link.roomId],
      foreignColumns: [rooms.organizationId, rooms.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'project_links_conversation_id_fkey',
      columns: [link.organizationId, link.conversationId],
      foreignColumns: [conversations.organizationId, conversations.id],
    }).onDelete('cascade'),
    index('project_links_project_id_index').on(
      link.organizationId,
      link.projectId,
      link.taskId,
      link.createdAt,
      link.id,
    ),
    index('project_links_task_id_index').on(link.organizationId, link.taskId, link.createdAt, link.id),
    index('project_links_order_id_index').on(link.organizationId, link.orderId, link.createdAt, link.id),
    index('project_links_document_id_index').on(link.organizationId, link.documentId, link.createdAt, link.id),
    index('project_links_room_id_index').on(link.organizationId, link.roomId, link.createdAt, link.id),
    index('project_links_conversation_id_index').on(link.organizationId, link.conversationId, link.createdAt, link.id),
  ],
);
export type ProjectLinkRow = typeof projectLinks.$inferSelect;
