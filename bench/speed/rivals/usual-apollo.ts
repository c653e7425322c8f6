import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import DataLoader from 'dataloader';
import { and, asc, desc, eq, gt, inArray, or, type InferSelectModel } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import { GraphQLError } from 'graphql';
import postgres from 'postgres';
import { conversations, feedback, messages } from '../../../src/domains/conversations/tables.ts';
import { users } from '../../../src/domains/identity/tables.ts';
import { workspaces } from '../../../src/domains/tenancy/tables.ts';
import { events } from '../../../src/events/tables.ts';

/**
 * Tessera's own tables by Apollo Server the usual way: a Drizzle query in each resolver of a list, DataLoader for single rows, the
 * default plugins, graphql-js, and no row security: `NODE_ENV=production node usual-apollo.ts --database <url> --port <n>`. The
 * login owns the tables. The viewer is whoever the headers `x-organization-id` and `x-user-id` name; nobody checks them. It
 * answers at `/` and prints `ready` when it does.
 */
const { values: given } = parseArgs({ options: { database: { type: 'string' }, port: { type: 'string' } } });
if (given.database === undefined || given.port === undefined)
  throw new Error('--database <url> and --port <n> are needed.');
if (process.env['NODE_ENV'] !== 'production') throw new Error('NODE_ENV has to be production.');

const db = drizzle(postgres(given.database, { max: 10 }), { casing: 'snake_case' });

type Conversation = InferSelectModel<typeof conversations>;
type Message = InferSelectModel<typeof messages>;
type Workspace = InferSelectModel<typeof workspaces>;

/** The rows in the order of the ids they were asked for by, null where there is none. */
const inOrder = <Row>(ids: readonly string[], rows: readonly Row[], idOf: (row: Row) => string): (Row | null)[] => {
  const byId = new Map(rows.map((row) => [idOf(row), row]));
  return ids.map((id) => byId.get(id) ?? null);
};

const contextFor = (organizationId: string, userId: string) => ({
  organizationId,
  userId,
  userById: new DataLoader(async (ids: readonly string[]) =>
    inOrder(
      ids,
      await db
        .select()
        .from(users)
        .where(inArray(users.id, [...ids])),
      (user) => user.id,
    ),
  ),
  feedbackByMessage: new DataLoader(async (ids: readonly string[]) => {
    const own = and(
      eq(feedback.organizationId, organizationId),
      inArray(feedback.messageId, [...ids]),
      eq(feedback.userId, userId),
    );
    return inOrder(ids, await db.select().from(feedback).where(own), (row) => row.messageId);
  }),
});
type Context = ReturnType<typeof contextFor>;

const typeDefs = `#graphql
  type Query {
    conversation(id: ID!): Conversation
    workspace(id: ID!): Workspace
  }
  type Mutation {
    addMessage(input: AddMessageInput!): Message!
  }
  input AddMessageInput {
    conversationId: ID!
    content: String!
  }
  type Workspace {
    id: ID!
    name: String!
    "Newest first."
    conversations(first: Int = 20): ConversationConnection!
  }
  type ConversationConnection {
    edges: [ConversationEdge!]!
  }
  type ConversationEdge {
    node: Conversation!
  }
  type Conversation {
    id: ID!
    title: String!
    status: String!
    createdAt: String!
    "Oldest first."
    messages(first: Int = 20, after: String): MessageConnection!
  }
  type MessageConnection {
    edges: [MessageEdge!]!
    pageInfo: PageInfo!
    totalCount: Int!
  }
  type MessageEdge {
    cursor: String!
    node: Message!
  }
  type PageInfo {
    hasNextPage: Boolean!
    endCursor: String
  }
  type Message {
    id: ID!
    content: String!
    createdAt: String!
    sender: User
    "The viewer's own."
    feedback: Feedback
  }
  type User {
    id: ID!
    name: String!
  }
  type Feedback {
    score: Int!
  }
`;

const createdAt = (row: { createdAt: string }) => new Date(row.createdAt).toISOString();

const cursorOf = ({ createdAt, id }: Message) => Buffer.from(JSON.stringify([createdAt, id])).toString('base64url');

const behind = (cursor: string) => {
  const [createdAt, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [string, string];
  return or(gt(messages.createdAt, createdAt), and(eq(messages.createdAt, createdAt), gt(messages.id, id)));
};

const resolvers = {
  Query: {
    conversation: async (_root: unknown, { id }: { id: string }, { organizationId }: Context) => {
      const one = and(eq(conversations.organizationId, organizationId), eq(conversations.id, id));
      return (await db.select().from(conversations).where(one))[0];
    },
    workspace: async (_root: unknown, { id }: { id: string }, { organizationId }: Context) => {
      const one = and(eq(workspaces.organizationId, organizationId), eq(workspaces.id, id));
      return (await db.select().from(workspaces).where(one))[0];
    },
  },
  Mutation: {
    addMessage: (
      _root: unknown,
      { input: { conversationId, content } }: { input: { conversationId: string; content: string } },
      { organizationId, userId }: Context,
    ) =>
      db.transaction(async (tx) => {
        const one = and(eq(conversations.organizationId, organizationId), eq(conversations.id, conversationId));
        const [conversation] = await tx.select().from(conversations).where(one);
        if (conversation === undefined) throw new GraphQLError('The conversation does not exist.');
        const { workspaceId } = conversation;
        const [newest] = await tx
          .select()
          .from(messages)
          .where(and(eq(messages.organizationId, organizationId), eq(messages.conversationId, conversationId)))
          .orderBy(desc(messages.createdAt), desc(messages.id))
          .limit(1);
        const sent = { parentId: newest?.id, role: 'USER', senderId: userId, content } as const;
        const [message] = await tx
          .insert(messages)
          .values({ organizationId, workspaceId, conversationId, ...sent })
          .returning();
        if (message === undefined) throw new GraphQLError('The message was not added.');
        await tx.insert(events).values({
          organizationId,
          workspaceId,
          action: 'message.added',
          targetType: 'Message',
          targetId: message.id,
          actorId: userId,
          requestId: randomUUID(),
        });
        return message;
      }),
  },
  Workspace: {
    conversations: async ({ organizationId, id }: Workspace, { first }: { first: number }) => {
      const rows = await db
        .select()
        .from(conversations)
        .where(and(eq(conversations.organizationId, organizationId), eq(conversations.workspaceId, id)))
        .orderBy(desc(conversations.createdAt), desc(conversations.id))
        .limit(first);
      return { edges: rows.map((node) => ({ node })) };
    },
  },
  Conversation: {
    createdAt,
    messages: async (
      { organizationId, id }: Conversation,
      { first, after }: { first: number; after?: string | null },
    ) => {
      const all = and(eq(messages.organizationId, organizationId), eq(messages.conversationId, id));
      const rows = await db
        .select()
        .from(messages)
        .where(after ? and(all, behind(after)) : all)
        .orderBy(asc(messages.createdAt), asc(messages.id))
        .limit(first + 1);
      const edges = rows.slice(0, first).map((node) => ({ node, cursor: cursorOf(node) }));
      return {
        edges,
        pageInfo: { hasNextPage: rows.length > first, endCursor: edges.at(-1)?.cursor },
        totalCount: () => db.$count(messages, all),
      };
    },
  },
  Message: {
    createdAt,
    sender: ({ senderId }: Message, _arguments: unknown, { userById }: Context) => senderId && userById.load(senderId),
    feedback: ({ id }: Message, _arguments: unknown, { feedbackByMessage }: Context) => feedbackByMessage.load(id),
  },
};

const header = (value: string | string[] | undefined): string => (typeof value === 'string' ? value : '');

await startStandaloneServer(new ApolloServer<Context>({ typeDefs, resolvers }), {
  listen: { host: '127.0.0.1', port: Number(given.port) },
  context: ({ req: { headers } }) =>
    Promise.resolve(contextFor(header(headers['x-organization-id']), header(headers['x-user-id']))),
});
process.stdout.write('ready\n');
