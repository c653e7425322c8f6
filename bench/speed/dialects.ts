import {
  writtenContent,
  type MessageAnswer,
  type Operations,
  type PageAnswer,
  type Subject,
  type Workload,
} from './operations.ts';

/** What is asked for: the subject, and for W4 the server's own word for the place behind the first fifty messages. */
export interface Asked extends Subject {
  readonly after: string;
}

/** A request as it is sent to a server. */
export interface Sent {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How a server is asked, and what its answers mean. */
export interface Dialect {
  request(workload: Workload, asked: Asked): Sent;
  /** The first fifty messages of a conversation. */
  firstPage(subject: Subject): Sent;
  /** The place behind them, from the answer to that. */
  cursor(body: unknown): string;
  /** The answer in the form that is the same for all servers. Throws when it holds an error. */
  answer(workload: Workload, body: unknown): unknown;
}

/** What differs from one insert to the next is left out. */
const comparable = (workload: Workload, answer: unknown): unknown =>
  workload === 'W5' ? { content: (answer as MessageAnswer).content } : answer;

/** A GraphQL server with these operations, which knows the viewer by these headers. */
export const graphql = (
  operations: Operations,
  headers: (subject: Subject) => Record<string, string>,
  path = '/graphql',
): Dialect => {
  const sent = (query: string, variables: object, subject: Subject): Sent => ({
    path,
    headers: headers(subject),
    body: JSON.stringify({ query, variables }),
  });
  return {
    request: (workload, asked) => {
      const { query, variables } = operations[workload];
      return sent(query, variables({ ...asked, content: writtenContent }), asked);
    },
    firstPage: (subject) => sent(operations.firstPage.query, operations.firstPage.variables(subject), subject),
    cursor: (body) => operations.firstPage.answer(body),
    answer: (workload, body) => comparable(workload, operations[workload].answer(body)),
  };
};

/** The hand-written server: it gives the common form as it is, and its cursor is a time and an id. */
export const oneStatement: Dialect = {
  request: (workload, { token: _token, ...asked }) => ({
    path: `/${workload}`,
    headers: {},
    body: JSON.stringify({ ...asked, content: writtenContent }),
  }),
  firstPage: ({ token: _token, ...subject }) => ({ path: '/W4', headers: {}, body: JSON.stringify(subject) }),
  cursor: (body) => {
    const last = (body as PageAnswer).messages.at(-1);
    if (last === undefined) throw new Error('There is no message to go on behind.');
    return `${last.createdAt} ${last.id}`;
  },
  answer: (workload, body) => {
    if (body === null) throw new Error('The row is not there.');
    return comparable(workload, body);
  },
};
