import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { postgraphile } from 'postgraphile';
import { sideEffectWithPgClient } from 'postgraphile/@dataplan/pg';
import { makePgService } from 'postgraphile/adaptors/pg';
import { access, context } from 'postgraphile/grafast';
import { grafserv } from 'postgraphile/grafserv/node';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { extendSchema, gql, jsonPgSmartTags } from 'postgraphile/utils';

/**
 * PostGraphile 5 over Tessera's own tables with row security, as its documentation advises for production:
 * `NODE_ENV=production GRAPHILE_ENV=production node postgraphile.mjs --database <url> --port <n>`. The login is a member of
 * `tessera_server`. The viewer is whoever the headers `x-organization-id` and `x-user-id` name, and sees all workspaces; nobody
 * checks them. It answers at `/graphql` and prints `ready` when it does; of pgvector's type, which it does not know, it warns
 * before. In JavaScript, because its packages are not the repository's own: `npm ci --prefix bench/speed/rivals` installs them.
 */
const {
  values: { database, port },
} = parseArgs({ options: { database: { type: 'string' }, port: { type: 'string' } } });
if (database === undefined || port === undefined) throw new Error('--database <url> and --port <n> are needed.');
if (process.env.NODE_ENV !== 'production' || process.env.GRAPHILE_ENV !== 'production')
  throw new Error('NODE_ENV and GRAPHILE_ENV have to be production.');

/** What the row policies read. */
const viewerOf = ({ node }) => {
  const { 'x-organization-id': organizationId = '', 'x-user-id': userId = '' } = node?.req.headers ?? {};
  return {
    organizationId,
    userId,
    pgSettings: {
      role: 'tessera_server',
      'app.organization_id': organizationId,
      'app.user_id': userId,
      'app.principals': '{}',
      'app.workspaces': '*',
    },
  };
};

/** Short names for the relations, and the one to users, of which the catalogue knows nothing. */
const relations = jsonPgSmartTags({
  version: 1,
  config: {
    class: {
      conversations: {
        constraint: {
          conversations_workspace_id_fkey: { tags: { foreignSimpleFieldName: 'conversations' } },
        },
      },
      messages: {
        tags: { foreignKey: '(sender_id) references users (id)|@fieldName sender' },
        constraint: {
          messages_conversation_id_fkey: {
            tags: { foreignFieldName: 'messages', foreignSimpleFieldName: 'messagesList' },
          },
        },
      },
    },
  },
});

/** The viewer's own feedback by its unique key, which becomes a join in the statement of the messages. */
const feedbackOfViewer = extendSchema((build) => ({
  typeDefs: gql`
    extend type Message {
      feedbackOfViewer: Feedback
    }
  `,
  objects: {
    Message: {
      plans: {
        feedbackOfViewer: ($message) =>
          build.pgResources.feedback.get({
            organization_id: $message.get('organization_id'),
            message_id: $message.get('id'),
            user_id: context().get('userId'),
          }),
      },
    },
  },
}));

/**
 * A message and the event of it in one statement, hence in one transaction: the mutations that PostGraphile makes of tables
 * would be two, and ids have no default in the database.
 */
const insertMessage = `
  with message as (
    insert into messages (organization_id, id, workspace_id, conversation_id, parent_id, role, sender_id, content, created_at)
    select c.organization_id, $1, c.workspace_id, c.id,
      (select m.id from messages m where m.organization_id = c.organization_id and m.conversation_id = c.id
        order by m.created_at desc, m.id desc limit 1),
      'USER', $2, $3, clock_timestamp()
    from conversations c where c.organization_id = $4 and c.id = $5 and c.status = 'ACTIVE'
    returning organization_id, id, workspace_id, content, created_at
  ), event as (
    insert into events (organization_id, id, workspace_id, action, target_type, target_id, actor_id, request_id)
    select organization_id, $6, workspace_id, 'message.added', 'Message', id, $2, $7 from message
  )
  select id, content, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "createdAt" from message`;

const addMessage = extendSchema((build) => ({
  typeDefs: gql`
    type AddedMessage {
      id: UUID!
      content: String!
      createdAt: String!
    }
    extend type Mutation {
      addMessage(conversationId: UUID!, content: String!): AddedMessage
    }
  `,
  objects: {
    Mutation: {
      plans: {
        addMessage: (_root, { $conversationId, $content }) =>
          sideEffectWithPgClient(
            build.pgExecutor,
            {
              organizationId: context().get('organizationId'),
              userId: context().get('userId'),
              conversationId: $conversationId,
              content: $content,
            },
            async (client, { organizationId, userId, conversationId, content }) => {
              const values = [
                randomUUID(),
                userId,
                content,
                organizationId,
                conversationId,
                randomUUID(),
                randomUUID(),
              ];
              const { rows } = await client.query({ name: 'insertMessage', text: insertMessage, values });
              if (rows.length === 0) throw new Error(`Conversation ${conversationId} does not exist.`);
              return rows[0];
            },
          ),
      },
    },
    AddedMessage: {
      plans: {
        id: ($message) => access($message, 'id'),
        content: ($message) => access($message, 'content'),
        createdAt: ($message) => access($message, 'createdAt'),
      },
    },
  },
}));

const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  plugins: [relations, feedbackOfViewer, addMessage],
  // Lists beside connections: they are cheaper where no cursor is asked for.
  schema: { defaultBehavior: '+list +connection' },
  grafast: { context: viewerOf, explain: false },
  grafserv: { watch: false, graphiql: false, websockets: false },
  pgServices: [makePgService({ connectionString: database, poolConfig: { max: 10 }, schemas: ['public'] })],
});
const server = createServer();
await instance.createServ(grafserv).addTo(server);
await instance.getSchema();
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
