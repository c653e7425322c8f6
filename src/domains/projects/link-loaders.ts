import { and, eq, getTableColumns, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Permission } from '../../generated/resolvers.ts';
import { documentById } from '../content/loaders.ts';
import type { Viewer } from '../context.ts';
import { conversationById } from '../conversations/loaders.ts';
import { roomById, roomsUnit } from '../messaging/room-loaders.ts';
import { orderById } from '../orders/loaders.ts';
import { projectLinks, type ProjectLinkRow } from './link-tables.ts';

export const projectLinkById = loadOne(
  () =>
    database
      .select()
      .from(projectLinks)
      .where(and(eq(projectLinks.organizationId, bound.organizationId), sql`${projectLinks.id} = any(${bound.keys})`)),
  (link) => link.id,
);

const linkList = {
  from: projectLinks,
  columns: getTableColumns(projectLinks),
  orders: { CREATED_AT: projectLinks.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
} as const;

/** Where projects themselves lead to, without their tasks. */
export const linksByProject = listOf({
  ...linkList,
  parent: projectLinks.projectId,
  where: isNull(projectLinks.taskId),
});
export const linksByTask = listOf({ ...linkList, parent: projectLinks.taskId });
/** What leads to an order and so on, of projects that the viewer sees. */
export const linksByOrder = listOf({ ...linkList, parent: projectLinks.orderId });
export const linksByDocument = listOf({ ...linkList, parent: projectLinks.documentId });
export const linksByRoom = listOf({ ...linkList, parent: projectLinks.roomId });
export const linksByConversation = listOf({ ...linkList, parent: projectLinks.conversationId });

/** The column that names what a link of a kind leads to. */
export const targetColumns = {
  ORDER: 'orderId',
  DOCUMENT: 'documentId',
  ROOM: 'roomId',
  CONVERSATION: 'conversationId',
} as const satisfies Record<string, keyof ProjectLinkRow>;
type EntityKind = keyof typeof targetColumns;

const permissions: Readonly<Record<EntityKind, Permission>> = {
  ORDER: 'ORDER_READ',
  DOCUMENT: 'DOCUMENT_READ',
  ROOM: 'ROOM_READ',
  CONVERSATION: 'CONVERSATION_READ',
};

const ofKind = async (unit: UnitOfWork, kind: EntityKind, id: string) => {
  switch (kind) {
    case 'ORDER': {
      const order = await orderById(unit).load(id);
      return order && ({ __typename: 'Order', ...order } as const);
    }
    case 'DOCUMENT': {
      const document = await documentById(unit).load(id);
      return document && ({ __typename: 'Document', ...document } as const);
    }
    case 'ROOM': {
      const room = await roomById(roomsUnit({ unit })).load(id);
      return room && ({ __typename: 'Room', ...room } as const);
    }
    default: {
      const conversation = await conversationById(unit).load(id);
      return conversation && ({ __typename: 'Conversation', ...conversation } as const);
    }
  }
};

/** What a link leads to; null for an address, and for what the viewer does not see or may not read. */
export const targetOf = (
  unit: UnitOfWork,
  viewer: Viewer,
  link: Pick<ProjectLinkRow, 'kind' | (typeof targetColumns)[EntityKind]>,
): ReturnType<typeof ofKind> => {
  if (link.kind === 'URL' || !viewer.permissions.has(permissions[link.kind])) return Promise.resolve(null);
  const id = link[targetColumns[link.kind]];
  return id === null ? Promise.resolve(null) : ofKind(unit, link.kind, id);
};
