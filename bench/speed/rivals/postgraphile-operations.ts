import { dataOf, moment, type MessageAnswer, type Operations } from '../operations.ts';

const named = ({ rowId, ...rest }: { rowId: string; content: string; createdAt: string }): MessageAnswer => ({
  id: rowId,
  content: rest.content,
  createdAt: moment(rest.createdAt),
});

/** The workloads as one asks `postgraphile.mjs` for them: lists where no cursor is needed, and one statement each. */
export const operations: Operations = {
  W1: {
    query: `query ($organizationId: UUID!, $id: UUID!) {
      conversationByOrganizationIdAndRowId(organizationId: $organizationId, rowId: $id) { rowId title status }
    }`,
    variables: ({ organizationId, conversationId }) => ({ organizationId, id: conversationId }),
    answer: (body) => {
      const { rowId, title, status } = (
        dataOf(body) as {
          conversationByOrganizationIdAndRowId: { rowId: string; title: string; status: string };
        }
      ).conversationByOrganizationIdAndRowId;
      return { id: rowId, title, status };
    },
  },
  W2: {
    query: `query ($organizationId: UUID!, $id: UUID!) {
      workspaceByOrganizationIdAndRowId(organizationId: $organizationId, rowId: $id) {
        rowId
        name
        conversations(first: 20, orderBy: [CREATED_AT_DESC, ROW_ID_DESC]) { rowId title createdAt }
      }
    }`,
    variables: ({ organizationId, workspaceId }) => ({ organizationId, id: workspaceId }),
    answer: (body) => {
      const { rowId, name, conversations } = (
        dataOf(body) as {
          workspaceByOrganizationIdAndRowId: {
            rowId: string;
            name: string;
            conversations: { rowId: string; title: string; createdAt: string }[];
          };
        }
      ).workspaceByOrganizationIdAndRowId;
      const listed = conversations.map(({ rowId, title, createdAt }) => ({
        id: rowId,
        title,
        createdAt: moment(createdAt),
      }));
      return { id: rowId, name, conversations: listed };
    },
  },
  W3: {
    query: `query ($organizationId: UUID!, $id: UUID!) {
      workspaceByOrganizationIdAndRowId(organizationId: $organizationId, rowId: $id) {
        rowId
        conversations(first: 20, orderBy: [CREATED_AT_DESC, ROW_ID_DESC]) {
          rowId
          messagesList(first: 10, orderBy: [CREATED_AT_ASC, ROW_ID_ASC]) {
            rowId
            content
            createdAt
            sender { rowId name }
            feedbackOfViewer { score }
          }
        }
      }
    }`,
    variables: ({ organizationId, workspaceId }) => ({ organizationId, id: workspaceId }),
    answer: (body) => {
      const { rowId, conversations } = (
        dataOf(body) as {
          workspaceByOrganizationIdAndRowId: {
            rowId: string;
            conversations: {
              rowId: string;
              messagesList: {
                rowId: string;
                content: string;
                createdAt: string;
                sender: { rowId: string; name: string } | null;
                feedbackOfViewer: { score: number } | null;
              }[];
            }[];
          };
        }
      ).workspaceByOrganizationIdAndRowId;
      return {
        id: rowId,
        conversations: conversations.map(({ rowId, messagesList }) => ({
          id: rowId,
          messages: messagesList.map(({ sender, feedbackOfViewer, ...message }) => ({
            ...named(message),
            sender: sender && { id: sender.rowId, name: sender.name },
            feedback: feedbackOfViewer && { score: feedbackOfViewer.score },
          })),
        })),
      };
    },
  },
  W4: {
    query: `query ($organizationId: UUID!, $id: UUID!, $after: Cursor!) {
      conversationByOrganizationIdAndRowId(organizationId: $organizationId, rowId: $id) {
        messages(first: 50, after: $after, orderBy: [CREATED_AT_ASC, ROW_ID_ASC]) {
          nodes { rowId content createdAt }
          totalCount
          pageInfo { hasNextPage }
        }
      }
    }`,
    variables: ({ organizationId, conversationId, after }) => ({ organizationId, id: conversationId, after }),
    answer: (body) => {
      const { nodes, totalCount, pageInfo } = (
        dataOf(body) as {
          conversationByOrganizationIdAndRowId: {
            messages: {
              nodes: { rowId: string; content: string; createdAt: string }[];
              totalCount: number;
              pageInfo: { hasNextPage: boolean };
            };
          };
        }
      ).conversationByOrganizationIdAndRowId.messages;
      return { messages: nodes.map(named), totalCount, hasNextPage: pageInfo.hasNextPage };
    },
  },
  firstPage: {
    query: `query ($organizationId: UUID!, $id: UUID!) {
      conversationByOrganizationIdAndRowId(organizationId: $organizationId, rowId: $id) {
        messages(first: 50, orderBy: [CREATED_AT_ASC, ROW_ID_ASC]) { pageInfo { endCursor } }
      }
    }`,
    variables: ({ organizationId, conversationId }) => ({ organizationId, id: conversationId }),
    answer: (body) =>
      (dataOf(body) as { conversationByOrganizationIdAndRowId: { messages: { pageInfo: { endCursor: string } } } })
        .conversationByOrganizationIdAndRowId.messages.pageInfo.endCursor,
  },
  W5: {
    query: `mutation ($conversationId: UUID!, $content: String!) {
      addMessage(conversationId: $conversationId, content: $content) { id content createdAt }
    }`,
    variables: ({ conversationId, content }) => ({ conversationId, content }),
    answer: (body) => {
      const { id, content, createdAt } = (dataOf(body) as { addMessage: MessageAnswer }).addMessage;
      return { id, content, createdAt: moment(createdAt) };
    },
  },
};
