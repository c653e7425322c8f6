import { globalId, parseGlobalId } from '../../src/ids.ts';
import {
  dataOf,
  moment,
  type ConversationAnswer,
  type JudgedMessage,
  type ListedConversation,
  type MessageAnswer,
  type Operations,
  type Subject,
} from './operations.ts';

interface Connection<Node> {
  readonly edges: readonly { readonly node: Node }[];
}

const uuid = (id: string): string => parseGlobalId(id)?.uuid ?? id;
const nodes = <Node>({ edges }: Connection<Node>): Node[] => edges.map(({ node }) => node);
const workspace = ({ workspaceId }: Subject) => ({ id: globalId('Workspace', workspaceId) });
const conversation = ({ conversationId }: Subject) => ({ id: globalId('Conversation', conversationId) });
const plain = ({ id, content, createdAt }: MessageAnswer): MessageAnswer => ({
  id: uuid(id),
  content,
  createdAt: moment(createdAt),
});

/** The workloads as one asks Tessera for them. */
export const operations: Operations = {
  W1: {
    query: 'query ($id: ID!) { conversation(id: $id) { id title status } }',
    variables: conversation,
    answer: (body) => {
      const { conversation } = dataOf(body) as { conversation: ConversationAnswer };
      return { ...conversation, id: uuid(conversation.id) };
    },
  },
  W2: {
    query: `query ($id: ID!) {
      workspace(id: $id) { id name conversations(first: 20) { edges { node { id title createdAt } } } }
    }`,
    variables: workspace,
    answer: (body) => {
      const { workspace } = dataOf(body) as {
        workspace: { id: string; name: string; conversations: Connection<ListedConversation> };
      };
      const conversations = nodes(workspace.conversations).map(({ id, title, createdAt }) => ({
        id: uuid(id),
        title,
        createdAt: moment(createdAt),
      }));
      return { id: uuid(workspace.id), name: workspace.name, conversations };
    },
  },
  W3: {
    query: `query ($id: ID!) {
      workspace(id: $id) {
        id
        conversations(first: 20) {
          edges {
            node {
              id
              messages(first: 10) {
                edges { node { id content createdAt sender { id name } feedback { score } } }
              }
            }
          }
        }
      }
    }`,
    variables: workspace,
    answer: (body) => {
      const { workspace } = dataOf(body) as {
        workspace: { id: string; conversations: Connection<{ id: string; messages: Connection<JudgedMessage> }> };
      };
      const conversations = nodes(workspace.conversations).map(({ id, messages }) => ({
        id: uuid(id),
        messages: nodes(messages).map(({ content, sender, feedback, ...message }) => ({
          id: uuid(message.id),
          content,
          createdAt: moment(message.createdAt),
          sender: sender && { id: uuid(sender.id), name: sender.name },
          feedback,
        })),
      }));
      return { id: uuid(workspace.id), conversations };
    },
  },
  W4: {
    query: `query ($id: ID!, $after: String!) {
      conversation(id: $id) {
        messages(first: 50, after: $after) {
          edges { node { id content createdAt } }
          totalCount
          pageInfo { hasNextPage }
        }
      }
    }`,
    variables: ({ after, ...subject }) => ({ ...conversation(subject), after }),
    answer: (body) => {
      const { messages } = (
        dataOf(body) as {
          conversation: {
            messages: Connection<MessageAnswer> & { totalCount: number; pageInfo: { hasNextPage: boolean } };
          };
        }
      ).conversation;
      const { totalCount, pageInfo } = messages;
      return { messages: nodes(messages).map(plain), totalCount, hasNextPage: pageInfo.hasNextPage };
    },
  },
  firstPage: {
    query: 'query ($id: ID!) { conversation(id: $id) { messages(first: 50) { pageInfo { endCursor } } } }',
    variables: conversation,
    answer: (body) =>
      (dataOf(body) as { conversation: { messages: { pageInfo: { endCursor: string } } } }).conversation.messages
        .pageInfo.endCursor,
  },
  W5: {
    query: 'mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { id content createdAt } } }',
    variables: ({ conversationId, content }) => ({
      input: { conversationId: globalId('Conversation', conversationId), content },
    }),
    answer: (body) => plain((dataOf(body) as { addMessage: { message: MessageAnswer } }).addMessage.message),
  },
};
