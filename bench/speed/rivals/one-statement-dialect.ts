import { writtenContent, type Dialect, type PageAnswer } from '../workloads.ts';

/** The hand-written server. It gives the common form as it is; a cursor is its order's time and id. */
export const oneStatement: Dialect = {
  request: (workload, { organizationId, workspaceId, conversationId, userId, cursor }) => ({
    path: `/${workload}`,
    headers: {},
    body: JSON.stringify({ organizationId, workspaceId, conversationId, userId, cursor, content: writtenContent }),
  }),
  answer: (workload, body) => {
    if (body === null) throw new Error('The row is not there.');
    return workload === 'W5' ? { content: (body as { content: string }).content } : body;
  },
  cursor: (body) => {
    const { messages } = body as PageAnswer;
    const last = messages.at(-1);
    if (last === undefined) throw new Error('There is no message to go on behind.');
    return `${last.createdAt} ${last.id}`;
  },
};
