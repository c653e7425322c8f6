import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import postgres from 'postgres';
import { v7 } from 'uuid';

/**
 * The limit: what five hand-written statements give behind a bare HTTP server. Postgres builds the JSON. There is no
 * GraphQL, no row security, no authentication and no limit; nobody could keep an API of a hundred types so.
 * `node bench/speed/rivals/one-statement.ts --database <owner's URL> --port <n>`
 */

const { values } = parseArgs({ options: { database: { type: 'string' }, port: { type: 'string' } } });
/** Ten connections, each with a driver of its own: the driver's pool of several gets slower with every request while it is never idle. */
const connections = Array.from({ length: 10 }, () => postgres(values.database ?? '', { max: 1 }));
let turn = 0;

/** Times as Tessera writes them. */
const iso = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;

const statements: Record<string, { readonly text: string; readonly values: readonly string[] }> = {
  W1: {
    text: `select json_build_object('id', id, 'title', title, 'status', status)::text as json
      from conversations where organization_id = $1 and id = $2`,
    values: ['organizationId', 'conversationId'],
  },
  W2: {
    text: `select json_build_object('id', w.id, 'name', w.name, 'conversations', (
        select json_agg(json_build_object('id', id, 'title', title, 'createdAt', to_char(created_at, ${iso}))) from (
          select id, title, created_at from conversations where organization_id = $1 and workspace_id = w.id
          order by created_at desc, id desc limit 20) as c))::text as json
      from workspaces w where organization_id = $1 and id = $2`,
    values: ['organizationId', 'workspaceId'],
  },
  W3: {
    text: `select json_build_object('id', w.id, 'conversations', (
        select json_agg(json_build_object('id', c.id, 'messages', m.list)) from (
          select id from conversations where organization_id = $1 and workspace_id = w.id
          order by created_at desc, id desc limit 20) as c
        cross join lateral (
          select json_agg(json_build_object('id', m.id, 'content', m.content, 'createdAt', to_char(m.created_at, ${iso}),
            'sender', case when u.id is not null then json_build_object('id', u.id, 'name', u.name) end,
            'feedback', case when f.score is not null then json_build_object('score', f.score) end)
            order by m.created_at, m.id) as list
          from (select id, content, created_at, sender_id from messages where organization_id = $1 and conversation_id = c.id
            order by created_at, id limit 10) as m
          left join users u on u.id = m.sender_id
          left join feedback f on f.organization_id = $1 and f.message_id = m.id and f.user_id = $3) as m))::text as json
      from workspaces w where organization_id = $1 and id = $2`,
    values: ['organizationId', 'workspaceId', 'userId'],
  },
  W4: {
    text: `with page as (
        select id, content, created_at from messages where organization_id = $1 and conversation_id = $2
          and ($3::text is null or (created_at, id) > (split_part($3, ' ', 1)::timestamptz, split_part($3, ' ', 2)::uuid))
        order by created_at, id limit 51)
      select json_build_object('messages', (select json_agg(json_build_object('id', id, 'content', content, 'createdAt', to_char(created_at, ${iso}))) from (
          select id, content, created_at from page limit 50) as page),
        'hasNextPage', (select count(*) > 50 from page),
        'totalCount', (select count(*) from messages where organization_id = $1 and conversation_id = $2))::text as json`,
    values: ['organizationId', 'conversationId', 'after'],
  },
  W5: {
    text: `with message as (
        insert into messages (organization_id, id, workspace_id, conversation_id, parent_id, role, sender_id, content)
        select organization_id, $4, workspace_id, id, (
            select id from messages where organization_id = $1 and conversation_id = $2
            order by created_at desc, id desc limit 1), 'USER', $3, $5
        from conversations where organization_id = $1 and id = $2 and status = 'ACTIVE'
        returning *),
      event as (
        insert into events (organization_id, id, workspace_id, action, target_type, target_id, actor_id, request_id)
        select organization_id, $6::uuid, workspace_id, 'message.added', 'Message', id, sender_id, $6::text from message)
      select json_build_object('id', id, 'content', content, 'createdAt', to_char(created_at, ${iso}))::text as json from message`,
    values: ['organizationId', 'conversationId', 'userId', 'messageId', 'content', 'eventId'],
  },
};
const bodyOf = async (request: IncomingMessage): Promise<Record<string, string | null>> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string | null>;
};

const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const statement = statements[request.url?.slice(1) ?? ''];
  if (statement === undefined) return void response.writeHead(404).end();
  const given: Record<string, string | null> = { ...(await bodyOf(request)), messageId: v7(), eventId: v7() };
  turn = (turn + 1) % connections.length;
  const [row] = await (connections[turn] as postgres.Sql).unsafe<{ json: string }[]>(
    statement.text,
    statement.values.map((name) => given[name] ?? null),
    { prepare: true },
  );
  const json = row?.json ?? 'null';
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) }).end(json);
};

const server = createServer((request, response) => void answer(request, response));
server.listen(Number(values.port), '127.0.0.1', () => process.stdout.write('ready\n'));
