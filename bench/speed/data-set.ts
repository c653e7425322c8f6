import postgres from 'postgres';
import { issueToken } from '../../src/secrets/tokens.ts';

/** How much of everything there is: 20 organizations × 10 workspaces × 100 conversations, 2,000 messages in each workspace. */
export const amounts = { organizations: 20, members: 50, workspaces: 10, conversations: 100, messages: 2000 };
/** Conversations have 16 messages, but the oldest of each workspace is a long one. */
const shortConversation = 16;
const longConversation = amounts.messages - (amounts.conversations - 1) * shortConversation;

/** A workspace of the data set, and the member whose requests are about it. Ids are UUIDs. */
export interface Place {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly userId: string;
  /** The member's session token. */
  readonly token: string;
  /** Short conversations, oldest first. */
  readonly conversationIds: readonly string[];
  /** The one with several pages of messages. */
  readonly longConversationId: string;
}

/**
 * Fills a migrated, empty database, always with the same rows but for the tokens. Messages are stored in the order of their times, so that those of one
 * conversation lie scattered, as they do where many people write at once. `ownerUrl` is the superuser's.
 */
export const loadDataSet = async (ownerUrl: string): Promise<Place[]> => {
  const sql = postgres(ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    await sql.unsafe(fill);
    const tokens = await issueSessions(sql);
    await sql.unsafe('vacuum (analyze, freeze)');
    const rows = await sql<Omit<Place, 'token'>[]>`
      select w.organization_id as "organizationId", w.id as "workspaceId", m.user_id as "userId",
        c.ids[2:] as "conversationIds", c.ids[1] as "longConversationId"
      from workspaces w
      join workspace_memberships m on (m.organization_id, m.workspace_id) = (w.organization_id, w.id) and m.role = 'EDITOR'
      cross join lateral (
        select array_agg(id order by created_at) as ids from conversations
        where (organization_id, workspace_id) = (w.organization_id, w.id)) c
      order by w.id`;
    return rows.map((row) => Object.assign({ ...row }, { token: tokens.get(row.userId) ?? '' }));
  } finally {
    await sql.end();
  }
};

/** A session for each member who sends requests. */
const issueSessions = async (sql: postgres.Sql): Promise<Map<string, string>> => {
  const members = await sql<{ organization_id: string; user_id: string }[]>`
    select distinct organization_id, user_id from workspace_memberships where role = 'EDITOR'`;
  const issued = members.map((member) => Object.assign(issueToken('tsr_session_'), member));
  await sql`
    with given as (
      select *, gen_random_uuid() as session_id from unnest(
        ${issued.map((each) => each.organization_id)}::uuid[], ${issued.map((each) => each.user_id)}::uuid[],
        ${issued.map((each) => each.hash)}::text[]) as given(organization_id, user_id, hash)),
    opened as (
      insert into sessions (organization_id, id, user_id, expires_at)
      select organization_id, session_id, user_id, now() + interval '1 day' from given)
    insert into access_tokens (hash, kind, organization_id, user_id, subject_id, expires_at)
    select hash, 'SESSION', organization_id, user_id, session_id, now() + interval '1 day' from given`;
  return new Map(issued.map((each) => [each.user_id, each.token]));
};

/** Foreign keys are not checked and no trigger fires while it fills; every reference is made of the same numbers. */
const fill = `
set session_replication_role = replica;

-- A UUIDv7 of the time with what a number hashes to instead of randomness.
create function pg_temp.id(kind text, number bigint, at timestamptz) returns uuid language sql immutable as $$
  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid
  from md5(kind || number) as hash
$$;
create function pg_temp.day() returns timestamptz language sql immutable as $$ select timestamptz '2026-01-01 00:00:00+00' $$;
create function pg_temp.organization(number bigint) returns uuid language sql immutable as $$
  select pg_temp.id('organization', number, pg_temp.day())
$$;
create function pg_temp.member(organization bigint, number bigint) returns uuid language sql immutable as $$
  select pg_temp.id('user', organization * ${amounts.members} + number, pg_temp.day())
$$;
create function pg_temp.workspace(number bigint) returns uuid language sql immutable as $$
  select pg_temp.id('workspace', number, pg_temp.day())
$$;
-- A workspace's conversations begin an hour after one another, a message follows two minutes after the one before.
create function pg_temp.begun(number bigint) returns timestamptz language sql immutable as $$
  select pg_temp.day() + (1 + number % ${amounts.conversations}) * interval '1 hour' + number / ${amounts.conversations} * interval '7 milliseconds'
$$;
create function pg_temp.conversation(number bigint) returns uuid language sql immutable as $$
  select pg_temp.id('conversation', number, pg_temp.begun(number))
$$;
create function pg_temp.said(conversation bigint, place bigint) returns timestamptz language sql immutable as $$
  select pg_temp.begun(conversation) + place * interval '2 minutes'
$$;
create function pg_temp.message(conversation bigint, place bigint) returns uuid language sql immutable as $$
  select pg_temp.id('message', conversation * 1000 + place, pg_temp.said(conversation, place))
$$;

create temp view organization_numbers as select generate_series(0::bigint, ${amounts.organizations - 1}) as o;
create temp view workspace_numbers as select o, o * ${amounts.workspaces} + w as w
  from organization_numbers, generate_series(0::bigint, ${amounts.workspaces - 1}) as w;
create temp view conversation_numbers as select o, w, w * ${amounts.conversations} + c as c,
    case c when 0 then ${longConversation} else ${shortConversation} end as length
  from workspace_numbers, generate_series(0::bigint, ${amounts.conversations - 1}) as c;

insert into organizations (id, name, slug)
  select pg_temp.organization(o), 'Organization ' || o, 'organization-' || o from organization_numbers;
insert into users (id, email, name)
  select pg_temp.member(o, u), 'member-' || o || '-' || u || '@example.com', 'Member ' || u || ' of organization ' || o
  from organization_numbers, generate_series(0, ${amounts.members - 1}) as u;
insert into memberships (organization_id, id, user_id, role)
  select pg_temp.organization(o), pg_temp.id('membership', o * ${amounts.members} + u, pg_temp.day()), pg_temp.member(o, u),
    case u when 0 then 'OWNER' else 'MEMBER' end
  from organization_numbers, generate_series(0, ${amounts.members - 1}) as u;
insert into workspaces (organization_id, id, name, slug)
  select pg_temp.organization(o), pg_temp.workspace(w), 'Workspace ' || w, 'workspace-' || w from workspace_numbers;
-- Member w + 1 edits workspace w and looks into the next one.
insert into workspace_memberships (organization_id, id, workspace_id, user_id, role)
  select pg_temp.organization(o), pg_temp.id('workspace membership', w * 2 + n, pg_temp.day()),
    pg_temp.workspace(o * ${amounts.workspaces} + (w + n) % ${amounts.workspaces}),
    pg_temp.member(o, 1 + w % ${amounts.workspaces}), case n when 0 then 'EDITOR' else 'VIEWER' end
  from workspace_numbers, generate_series(0, 1) as n;
insert into conversations (organization_id, id, created_at, updated_at, workspace_id, user_id, title)
  select pg_temp.organization(o), pg_temp.conversation(c), pg_temp.begun(c), pg_temp.begun(c), pg_temp.workspace(w),
    pg_temp.member(o, 1 + w % ${amounts.workspaces}), 'Conversation ' || c || ' about ' || substr(md5(c::text), 1, 12)
  from conversation_numbers order by pg_temp.begun(c);

-- A thousand texts of about 300 characters, made of 200 words.
create temp table texts as
  select n, string_agg(translate(substr(md5((hashint4(n * 64 + place) & 127)::text), 1, 3 + place % 8), '0123456789', 'ghijklmnop'), ' ' order by place) as text
  from generate_series(0, 999) as n, generate_series(0, 40) as place group by n;
alter table texts add primary key (n);
insert into messages (organization_id, id, created_at, updated_at, workspace_id, conversation_id, parent_id, role, sender_id, content)
  select pg_temp.organization(o), pg_temp.message(c, p), pg_temp.said(c, p), pg_temp.said(c, p), pg_temp.workspace(w), pg_temp.conversation(c),
    case when p > 0 then pg_temp.message(c, p - 1) end, 'USER',
    pg_temp.member(o, (c * 7 + p % 5) % ${amounts.members}), 'Message ' || p || '. ' || text
  from conversation_numbers cross join generate_series(0, length - 1) as p
  join texts on n = (c * 31 + p * 17) % 1000
  order by pg_temp.said(c, p);
-- One message in ten has the feedback of the member who sends the requests.
insert into feedback (organization_id, id, workspace_id, message_id, user_id, score)
  select pg_temp.organization(o), pg_temp.id('feedback', c * 1000 + p, pg_temp.said(c, p)), pg_temp.workspace(w), pg_temp.message(c, p),
    pg_temp.member(o, 1 + w % ${amounts.workspaces}), case when (c + p) % 3 = 0 then -1 else 1 end
  from conversation_numbers cross join generate_series(0, length - 1) as p
  where (c * 3 + p) % 10 = 0 order by pg_temp.said(c, p);

reset session_replication_role;
`;
