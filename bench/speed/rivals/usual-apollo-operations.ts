import {
  dataOf,
  type ConversationAnswer,
  type JudgedMessage,
  type ListedConversation,
  type MessageAnswer,
  type Operations,
} from '../operations.ts';

interface Connection<Node> {
  readonly edges: readonly { readonly node: Node }[];
}

const nodes = <Node>({ edges }: Connection<Node>): Node[] => edges.map(({ node }) => node);

/** The workloads as one asks `usual-apollo.ts` for them. */
export const operations: Operations = {
  W1: {
    query: `query ($id: ID!) { conversation(id: $id) { id title status } }`,
    variables: ({ conversationId }) => ({ id: conversationId }),
    answer: (body) => (dataOf(body) as { conversation: ConversationAnswer }).conversation,
  },
  W2: {
    query: `query ($id: ID!) {
      workspace(id: $id) { id name conversations(first: 20) { edges { node { id title createdAt } } } }
    }`,
    variables: ({ workspaceId }) => ({ id: workspaceId }),
    answer: (body) => {
      const { id, name, conversations } = (
        dataOf(body) as {
          workspace: { id: string; name: string; conversations: Connection<ListedConversation> };
        }
      ).workspace;
      return { id, name, conversations: nodes(conversations) };
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
    variables: ({ workspaceId }) => ({ id: workspaceId }),
    answer: (body) => {
      const { id, conversations } = (
        dataOf(body) as {
          workspace: {
            id: string;
            conversations: Connection<{ id: string; messages: Connection<JudgedMessage> }>;
          };
        }
      ).workspace;
      return {
        id,
        conversations: nodes(conversations).map(({ id, messages }) => ({ id, messages: nodes(messages) })),
      };
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
    variables: ({ conversationId, after }) => ({ id: conversationId, after }),
    answer: (body) => {
      const { messages } = (
        dataOf(body) as {
          conversation: {
            messages: Connection<MessageAnswer> & { totalCount: number; pageInfo: { hasNextPage: boolean } };
          };
        }
      ).conversation;
      return {
        messages: nodes(messages),
        totalCount: messages.totalCount,
        hasNextPage: messages.pageInfo.hasNextPage,
      };
    },
  },
  firstPage: {
    query: `query ($id: ID!) { conversation(id: $id) { messages(first: 50) { pageInfo { endCursor } } } }`,
    variables: ({ conversationId }) => ({ id: conversationId }),
    answer: (body) =>
      (dataOf(body) as { conversation: { messages: { pageInfo: { endCursor: string } } } }).conversation.messages
        .pageInfo.endCursor,
  },
  W5: {
    query: `mutation ($input: AddMessageInput!) { addMessage(input: $input) { id content createdAt } }`,
    variables: ({ conversationId, content }) => ({ input: { conversationId, content } }),
    answer: (body) => (dataOf(body) as { addMessage: MessageAnswer }).addMessage,
  },
};
