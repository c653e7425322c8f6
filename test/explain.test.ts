import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { database } from '../src/database/client.ts';
import { UnitOfWork, type Scope } from '../src/database/unit-of-work.ts';
import { chunkList, documentList } from '../src/domains/content/loaders.ts';
import { lacking } from '../src/domains/content/reembedding.ts';
import { conversationsByWorkspace, messagesByConversation } from '../src/domains/conversations/loaders.ts';
import { memberList, workspaceList } from '../src/domains/tenancy/loaders.ts';
import { discovery, viewerOfMember } from '../src/domains/tenancy/viewers.ts';
import { membersByWorkspace } from '../src/domains/tenancy/workspace-loaders.ts';
import { encodeCursor } from '../src/database/cursor.ts';
import { startTestbed, type Testbed } from './testbed.ts';

/** 400,000 rows and their plans say nothing on the embedded database, and take too long there. */
const onPostgres = process.env.TEST_POSTGRES_URL ? test : test.skip;

const tenants = 4;
const rows = 400_000;
/** The nth id of a kind; ids and times rise together, as they do in life. */
const idOf = (kind: number, number: number): string =>
  `0189${String(kind).padStart(4, '0')}-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
const inSql = (kind: number, number: string) =>
  `('0189${String(kind).padStart(4, '0')}-0000-7000-8000-' || lpad(to_hex((${number})::bigint), 12, '0'))::uuid`;
const [organization, user, workspace, conversation, message, document, chunk, membership, belonging] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9,
] as const;
const time = (number: string) => `timestamptz '2026-01-01' + (${number}) * interval '1 second'`;

let bed: Testbed & { ownerUrl: string | undefined };

/** Several tenants; the first has 100 workspaces, with most rows in one of them. Row n belongs to tenant n mod 4. */
const fill = async (url: string): Promise<void> => {
  const owner = postgres(url, { max: 1, onnotice: () => undefined });
  const run = (text: string) => owner.unsafe(text);
  const tenant = inSql(organization, `n % ${tenants}`);
  // The rows are given as they are: what triggers and references would add is not what is measured.
  await run(`set session_replication_role = replica; set synchronous_commit = off`);
  await run(
    `insert into organizations (id, name, slug) select ${inSql(organization, 'n')}, 'o', 'o' || n from generate_series(0, ${tenants - 1}) n`,
  );
  await run(
    `insert into users (id, email, name) select ${inSql(user, 'n')}, n || '@example.com', 'u' from generate_series(0, 19999) n`,
  );
  await run(`insert into memberships (organization_id, id, user_id, role, created_at)
    select ${tenant}, ${inSql(membership, 'n')}, ${inSql(user, 'n')}, 'MEMBER', ${time('n')} from generate_series(0, 19999) n`);
  await run(`insert into workspaces (organization_id, id, name, slug, created_at)
    select ${tenant}, ${inSql(workspace, 'n')}, 'w', 'w-' || md5(n::text), ${time('n')} from generate_series(0, 9999) n`);
  await run(`insert into workspace_memberships (organization_id, id, workspace_id, user_id, role, created_at)
    select ${tenant}, ${inSql(belonging, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, ${inSql(user, 'n')}, 'VIEWER', ${time('n')} from generate_series(0, 19999) n`);
  await run(`insert into conversations (organization_id, id, workspace_id, title, created_at)
    select ${tenant}, ${inSql(conversation, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, 'c', ${time('n')} from generate_series(0, 79999) n`);
  await run(`insert into messages (organization_id, id, workspace_id, conversation_id, role, content, created_at)
    select ${tenant}, ${inSql(message, 'n')}, ${inSql(workspace, `n % ${tenants}`)},
      ${inSql(conversation, `case when n % 10 < 4 then n % ${tenants} else n % 80000 end`)}, 'USER', 'm', ${time('n')}
    from generate_series(0, ${rows - 1}) n`);
  await run(`insert into documents (organization_id, id, workspace_id, title, mime_type, created_at)
    select ${tenant}, ${inSql(document, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, 't' || md5(n::text), 'text/plain', ${time('n')} from generate_series(0, 79999) n`);
  await run(`insert into document_chunks (organization_id, id, workspace_id, document_id, position, text, headings, start, "end", tokens, terms, frequencies, term_count, hash, created_at)
    select ${tenant}, ${inSql(chunk, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, ${inSql(document, `n % ${tenants}`)}, n, 'c', '{}', 0, 1, 1, '{}', '{}', 0, '', ${time('n')}
    from generate_series(0, 79999) n`);
  await run(
    `analyze organizations, users, memberships, workspaces, workspace_memberships, conversations, messages, documents, document_chunks`,
  );
  await owner.end();
};

beforeAll(async () => {
  if (process.env.TEST_POSTGRES_URL === undefined) return;
  bed = await startTestbed();
  await fill(bed.ownerUrl ?? '');
}, 60_000);
afterAll(() => bed?.stop());

const tenant = idOf(organization, 0);
const member: Scope = {
  organizationId: tenant,
  userId: idOf(user, 0),
  principals: [idOf(user, 0), idOf(workspace, 0)],
  workspaces: [idOf(workspace, 0), idOf(workspace, 4)],
};
const administrator: Scope = { ...member, principals: [idOf(user, 0), tenant], workspaces: '*' };

interface Plan {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
}
const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

const literal = (value: unknown): string =>
  typeof value === 'number' ? String(value) : `'${Array.isArray(value) ? `{${value.join(',')}}` : String(value)}'`;

/**
 * Runs `work` with each of its statements explained as it runs, as the server's role in a unit of `scope`, and gives the plans that the
 * server keeps for them.
 */
const plansOf = async (scope: Scope, work: (unit: UnitOfWork) => Promise<unknown>): Promise<Plan[][]> => {
  const { services } = bed.server.installation;
  const plans: Promise<Plan[]>[] = [];
  const lend = async () => {
    const session = await services.pool.lend();
    const unsafe = session.unsafe.bind(session);
    const explaining = (text: string, values: never[], options: { prepare: boolean }) => {
      const run = `execute explained(${values.map(literal).join(', ')})`;
      const texts = [`prepare explained as ${text}`, `explain (analyze, format json) ${run}`, 'deallocate explained'];
      // Sent at once, before the statement itself and behind the setting that it is planned by.
      const [prepared, explained, done] = texts.map((each) => unsafe(each, [], { prepare: false }).execute());
      plans.push(
        Promise.all([prepared, explained, done]).then(([, found = []]) =>
          nodesOf((found[0] as unknown as { 'QUERY PLAN': { Plan: Plan }[] })['QUERY PLAN'][0]?.Plan as Plan),
        ),
      );
      return unsafe(text, values, options);
    };
    return Object.assign(session, { unsafe: explaining });
  };
  const pool = Object.create(services.pool, { lend: { value: lend } }) as typeof services.pool;
  const unit = new UnitOfWork(scope, {
    ...services,
    pool,
    origin: { requestId: 'test', address: null, userAgent: null },
  });
  await work(unit);
  const found = await Promise.all(plans);
  await unit.rest();
  return found;
};

type Read = (unit: UnitOfWork, args: object) => Promise<unknown>;
const at = (number: number): string =>
  new Date(Date.UTC(2026, 0, 1) + number * 1000)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z/, '+00');
const created = (way: string, kind: number) => encodeCursor(`CREATED_AT ${way}`, [at(8000), idOf(kind, 8000)]);
const lists: readonly (readonly [name: string, index: string, cursor: string | null, read: Read])[] = [
  ['workspaces', 'workspaces_created_at_index', created('DESC', workspace), (unit, args) => workspaceList(unit, args)],
  [
    'workspaces by slug',
    'workspaces_slug_key',
    null,
    (unit, args) => workspaceList(unit, { ...args, orderBy: [{ field: 'SLUG', direction: 'ASC' }] }),
  ],
  [
    'workspaces by name',
    'workspaces_name_index',
    null,
    (unit, args) => workspaceList(unit, { ...args, orderBy: [{ field: 'NAME', direction: 'ASC' }] }),
  ],
  [
    "a workspace's members",
    'workspace_memberships_created_at_index',
    created('ASC', belonging),
    (unit, args) => membersByWorkspace(unit, args, idOf(workspace, 0)),
  ],
  ['members', 'memberships_created_at_index', created('ASC', membership), (unit, args) => memberList(unit, args)],
  [
    'documents',
    'documents_created_at_index',
    created('DESC', document),
    (unit, args) => documentList(unit, args, idOf(workspace, 0)),
  ],
  [
    'documents by title',
    'documents_title_index',
    null,
    (unit, args) =>
      documentList(unit, { ...args, orderBy: [{ field: 'TITLE', direction: 'ASC' }] }, idOf(workspace, 0)),
  ],
  [
    'documents by state',
    'documents_status_index',
    null,
    (unit, args) => documentList(unit, { ...args, filter: { status: { eq: 'READY' } } }, idOf(workspace, 0)),
  ],
  [
    'chunks',
    'document_chunks_position_key',
    encodeCursor('POSITION ASC', [8000, idOf(chunk, 8000)]),
    (unit, args) => chunkList(unit, args, idOf(document, 0)),
  ],
  [
    'conversations',
    'conversations_created_at_index',
    created('DESC', conversation),
    (unit, args) => conversationsByWorkspace(unit, args, idOf(workspace, 0)),
  ],
  [
    'messages',
    'messages_created_at_index',
    created('ASC', message),
    (unit, args) => messagesByConversation(unit, args, idOf(conversation, 0)),
  ],
];

onPostgres.each(lists)('a page of %s comes from its ordered index', async (_name, index, cursor, readPage) => {
  const pages = [
    { first: 20 },
    { last: 20 },
    ...(cursor === null
      ? []
      : [
          { first: 20, after: cursor },
          { last: 20, before: cursor },
        ]),
  ];
  for (const scope of [member, administrator])
    for (const page of pages) {
      const plans = await plansOf(scope, (unit) => readPage(unit, page));
      expect(plans).toHaveLength(1);
      const nodes = plans[0] ?? [];
      const told = {
        page,
        scope: scope.workspaces,
        nodes: nodes.map((node) => `${node['Node Type']} ${node['Index Name'] ?? ''}`),
      };
      // An Incremental Sort reads its index in order and only breaks ties by the id (at most 33 rows beyond the page).
      const sorts = nodes.filter((node) => node['Node Type'] === 'Sort').length;
      const read = nodes.some((node) => node['Index Name'] !== undefined && node['Actual Rows'] > 21 + 33);
      expect({ ...told, sorts, readsOn: read }).toEqual({ ...told, sorts: 0, readsOn: false });
      expect({ ...told, indexes: nodes.flatMap((node) => node['Index Name'] ?? []) }).toEqual({
        ...told,
        indexes: [index],
      });
    }
});

onPostgres('the tables are as large as they are meant to be, and the server sees its tenant alone', async () => {
  const unit = new UnitOfWork(administrator, {
    ...bed.server.installation.services,
    origin: { requestId: 'test', address: null, userAgent: null },
  });
  const [row] = await unit.run(() =>
    database.execute<{ total: number }>(sql`select count(*)::int as total from messages`),
  );
  await unit.rest();
  expect(row?.total).toBe(rows / tenants);
});

onPostgres('a viewer is told the archived workspaces without a look at the others', async () => {
  const [organizationId, userId] = [tenant, idOf(user, 0)];
  const plans = await plansOf(discovery(organizationId, userId), (unit) =>
    viewerOfMember(unit, { organizationId, userId }),
  );
  expect(plans).toHaveLength(1);
  expect(plans[0]?.flatMap((node) => node['Index Name'] ?? [])).toContain('workspaces_archived_index');
});

onPostgres('a batch of the chunks that lack a vector comes from their ordered index', async () => {
  const place = { workspaceId: idOf(workspace, 0), key: 'some model' };
  const plans = await plansOf(administrator, (unit) =>
    unit.run(() => lacking(tenant, place, idOf(chunk, 8000), new Set([idOf(chunk, 8004)])).limit(96)),
  );
  const [nodes = []] = plans;
  expect(nodes.map((node) => node['Node Type'])).not.toContain('Sort');
  const chunks = nodes.filter((node) => node['Relation Name'] === 'document_chunks');
  expect(chunks).toMatchObject([{ 'Index Name': 'document_chunks_workspace_id_index', 'Actual Rows': 96 }]);
  expect(chunks[0]?.['Rows Removed by Filter'] ?? 0).toBeLessThan(2);
});
