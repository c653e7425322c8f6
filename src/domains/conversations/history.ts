import { sql } from 'drizzle-orm';
import type { Turn } from '../../ai/deployment.ts';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { messages, type MessageRow } from './tables.ts';

/** An earlier message as the model is told it. */
export interface Said extends Turn {
  readonly messageId: string;
}

interface Told extends Record<string, unknown> {
  readonly id: string;
  readonly role: MessageRow['role'];
  readonly content: string;
}

/**
 * What was said before a question, oldest first: up the tree from it, at most `length` messages that are COMPLETED and part of
 * the history. People who answer speak for the model's side, and the system says nothing to it. The walk ends as soon as it has them, and after
 * 1,000 steps.
 */
export const historyBefore = async (unit: UnitOfWork, question: MessageRow, length: number): Promise<Said[]> => {
  if (length === 0 || question.parentId === null) return [];
  const counts = sql.raw(`(m.status = 'COMPLETED' and m.included_in_history and m.role <> 'SYSTEM')::int`);
  const rows = await unit.run(() =>
    database.execute<Told>(sql`
      with recursive path as (
        select m.id, m.parent_id, m.role, coalesce(m.prompt, m.content) as content, ${counts} as told, ${counts} as taken, 1 as steps
        from ${messages} m where m.organization_id = ${unit.organizationId} and m.id = ${question.parentId}
        union all
        select m.id, m.parent_id, m.role, coalesce(m.prompt, m.content), ${counts}, path.taken + ${counts}, path.steps + 1
        from path join ${messages} m on m.organization_id = ${unit.organizationId} and m.id = path.parent_id
        where path.taken < ${length} and path.steps < 1000
      )
      select id, role, content from path where told = 1 order by steps desc
    `),
  );
  return rows.map(({ id, role, content }) => ({
    messageId: id,
    role: role === 'USER' ? 'user' : 'assistant',
    text: content,
  }));
};
