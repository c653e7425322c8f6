import { sql } from 'drizzle-orm';
import type { Turn } from '../../ai/deployment.ts';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { messages, type MessageRow } from './tables.ts';

interface Told extends Record<string, unknown> {
  readonly role: MessageRow['role'];
  readonly content: string;
}

/**
 * What was said before a question, oldest first: up the tree from it, at most `length` messages that are COMPLETED and part of
 * the history. The walk ends as soon as it has them.
 */
export const historyBefore = async (unit: UnitOfWork, question: MessageRow, length: number): Promise<Turn[]> => {
  if (length === 0 || question.parentId === null) return [];
  const counts = sql.raw(`(m.status = 'COMPLETED' and m.included_in_history)::int`);
  const rows = await unit.run(() =>
    database.execute<Told>(sql`
      with recursive path as (
        select m.parent_id, m.role, coalesce(m.prompt, m.content) as content, ${counts} as told, ${counts} as taken, 1 as steps
        from ${messages} m where m.organization_id = ${unit.organizationId} and m.id = ${question.parentId}
        union all
        select m.parent_id, m.role, coalesce(m.prompt, m.content), ${counts}, path.taken + ${counts}, path.steps + 1
        from path join ${messages} m on m.organization_id = ${unit.organizationId} and m.id = path.parent_id
        where path.taken < ${length} and path.steps < 1000
      )
      select role, content from path where told = 1 order by steps desc
    `),
  );
  return rows.map(({ role, content }) => ({ role: role === 'ASSISTANT' ? 'assistant' : 'user', text: content }));
};
