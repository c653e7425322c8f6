import { globalId, parseGlobalId } from '../../src/ids.ts';
import {
  instant,
  writtenContent,
  type ConversationAnswer,
  type DeepAnswer,
  type Dialect,
  type InsertedAnswer,
  type PageAnswer,
  type Subject,
  type WorkspaceAnswer,
  type Workload,
} from './workloads.ts';

const documents: Record<Workload, string> = {
  W1: 'query ($id: ID!) { conversation(id: $id) { id title status } }',
  W2: 'query ($id: ID!) { workspace(id: $id) { id name conversations(first: 20) { edges { node { id title createdAt } } } } }',
  W3: `query ($id: ID!) { workspace(id: $id) { id conversations(first: 20) { edges { node { id
    messages(first: 10) { edges { node { id content createdAt sender { id name } feedback { score } } } } } } } } }`,
  W4: `query ($id: ID!, $after: String) { conversation(id: $id) { messages(first: 50, after: $after) {
    edges { node { id content createdAt } } totalCount pageInfo { hasNextPage endCursor } } } }`,
  W5: 'mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { id content createdAt } } }',
};

const variables = (workload: Workload, { workspaceId, conversationId, cursor }: Subject): object => {
  const workspace = globalId('Workspace', workspaceId);
  const conversation = globalId('Conversation', conversationId);
  switch (workload) {
    case 'W1':
      return { id: conversation };
    case 'W2':
    case 'W3':
      return { id: workspace };
    case 'W4':
      return { id: conversation, after: cursor };
    case 'W5':
      return { input: { conversationId: conversation, content: writtenContent } };
  }
};

interface Nodes<Node> {
  readonly edges: readonly { readonly node: Node }[];
}
interface Data {
  readonly conversation: ConversationAnswer & {
    readonly messages: Nodes<PageAnswer['messages'][number]> & {
      readonly totalCount: number;
      readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
    };
  };
  readonly workspace: {
    readonly id: string;
    readonly name: string;
    readonly conversations: Nodes<
      WorkspaceAnswer['conversations'][number] & {
        readonly messages: Nodes<DeepAnswer['conversations'][number]['messages'][number]>;
      }
    >;
  };
  readonly addMessage: { readonly message: InsertedAnswer };
}

const dataOf = (body: unknown): Data => {
  const { data, errors } = body as { data?: Data; errors?: unknown };
  if (data === undefined || errors !== undefined) throw new Error(JSON.stringify(body).slice(0, 500));
  return data;
};

const uuid = (id: string): string => parseGlobalId(id)?.uuid ?? id;
const nodes = <Node>({ edges }: Nodes<Node>): Node[] => edges.map(({ node }) => node);

const answer = (workload: Workload, body: unknown) => {
  const { conversation, workspace, addMessage } = dataOf(body);
  switch (workload) {
    case 'W1':
      return { ...conversation, id: uuid(conversation.id) } satisfies ConversationAnswer;
    case 'W2':
      return {
        id: uuid(workspace.id),
        name: workspace.name,
        conversations: nodes(workspace.conversations).map(({ id, title, createdAt }) => ({
          id: uuid(id),
          title,
          createdAt: instant(createdAt),
        })),
      } satisfies WorkspaceAnswer;
    case 'W3':
      return {
        id: uuid(workspace.id),
        conversations: nodes(workspace.conversations).map(({ id, messages }) => ({
          id: uuid(id),
          messages: nodes(messages).map(({ id, content, createdAt, sender, feedback }) => ({
            id: uuid(id),
            content,
            createdAt: instant(createdAt),
            sender: sender && { id: uuid(sender.id), name: sender.name },
            feedback,
          })),
        })),
      } satisfies DeepAnswer;
    case 'W4':
      return {
        messages: nodes(conversation.messages).map(({ id, content, createdAt }) => ({
          id: uuid(id),
          content,
          createdAt: instant(createdAt),
        })),
        totalCount: conversation.messages.totalCount,
        hasNextPage: conversation.messages.pageInfo.hasNextPage,
      } satisfies PageAnswer;
    case 'W5':
      return { content: addMessage.message.content } satisfies InsertedAnswer;
  }
};

/** Tessera itself. */
export const tessera: Dialect = {
  request: (workload, subject) => ({
    path: '/graphql',
    headers: { authorization: `Bearer ${subject.token}` },
    body: JSON.stringify({ query: documents[workload], variables: variables(workload, subject) }),
  }),
  answer,
  cursor: (body) => dataOf(body).conversation.messages.pageInfo.endCursor,
};
