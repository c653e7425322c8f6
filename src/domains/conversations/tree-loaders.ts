import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadMany, loadOne } from '../../database/loader.ts';
import { messageList } from './loaders.ts';
import { maxSiblings } from './placing.ts';
import { conversations, messages } from './tables.ts';

/** Messages of a path, counted from its end. */
export const maxPath = 1000;

/**
 * The newest messages of the path on which a conversation goes on: up the tree from where that is. Its end is chosen in a select of its own,
 * because behind a row policy no index serves a condition with a coalesce in it.
 */
export const pathByConversation = listOf({
  ...messageList,
  where: sql`${messages.id} = any(array(
    with recursive path as (
      select tip.id, tip.parent_id, 1 as steps from ${messages} tip
      where tip.organization_id = ${bound.organizationId} and tip.id = (select coalesce(
        (select active_message_id from ${conversations} going where going.organization_id = ${bound.organizationId} and going.id = parent.id),
        (select newest.id from ${messages} newest
          where newest.organization_id = ${bound.organizationId} and newest.conversation_id = parent.id
          order by newest.created_at desc, newest.id desc limit 1)
      ))
      union all
      select m.id, m.parent_id, path.steps + 1
      from path join ${messages} m on m.organization_id = ${bound.organizationId} and m.id = path.parent_id
      where path.steps < ${sql.raw(String(maxPath))}
    )
    select path.id from path
  ))`,
});

/**
 * What stands below a message, or at the beginning of a conversation, the oldest first: by the id of the one or of the other. Placing bounds
 * their number.
 */
export const messagesBelow = loadMany(
  () =>
    database
      .select()
      .from(messages)
      .where(
        and(
          eq(messages.organizationId, bound.organizationId),
          sql`${messages.id} = any(array(
            select below.id from unnest(${bound.keys}::uuid[]) as key (id)
            cross join lateral (
              (select m.id from ${messages} m
                where m.organization_id = ${bound.organizationId} and m.parent_id = key.id limit ${sql.raw(String(maxSiblings))})
              union all
              (select m.id from ${messages} m
                where m.organization_id = ${bound.organizationId} and m.conversation_id = key.id and m.parent_id is null
                order by m.created_at, m.id limit ${sql.raw(String(maxSiblings))})
            ) as below
          ))`,
        ),
      )
      .orderBy(messages.createdAt, messages.id),
  (message) => message.parentId ?? message.conversationId,
);

/** A message's place among those that stand beside it, from 0, and the number of all of them. */
export const placeByMessage = loadOne(
  () =>
    database
      .select({
        id: messages.id,
        index: sql<number>`place.index`,
        count: sql<number>`place.count`,
      })
      .from(messages)
      .innerJoin(
        sql`lateral (
          select count(*) filter (where (beside.created_at, beside.id) < (${messages.createdAt}, ${messages.id}))::integer as index,
            count(*)::integer as count
          from (
            select m.created_at, m.id from ${messages} m
            where m.organization_id = ${bound.organizationId} and m.parent_id = ${messages.parentId}
            union all
            select m.created_at, m.id from ${messages} m
            where m.organization_id = ${bound.organizationId} and ${messages.parentId} is null and m.parent_id is null
              and m.conversation_id = ${messages.conversationId}
          ) as beside
        ) as place`,
        sql`true`,
      )
      .where(and(eq(messages.organizationId, bound.organizationId), sql`${messages.id} = any(${bound.keys})`)),
  (place) => place.id,
);
