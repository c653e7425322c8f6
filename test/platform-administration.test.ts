import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { and, eq, isNull, sql } from 'drizzle-orm';
import postgres from 'postgres';
import { database } from '../src/database/client.ts';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import { users } from '../src/domains/identity/tables.ts';
import { executionLogs } from '../src/domains/modelhub/execution-tables.ts';
import { joined, quiet } from './access/cast.ts';
import { conversationIn, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any
type SignedUp = Awaited<ReturnType<Testbed['signUp']>>;

const onPostgres = process.env.TEST_POSTGRES_URL ? test : test.skip;

let bed: Testbed & { readonly ownerUrl: string | undefined };
let root: SignedUp;
let ada: SignedUp;
let bob: SignedUp;
/** A guest of Ada's organization. */
let bertha: SignedUp;

/** Ada's organization holds a guest, two workspaces, a conversation with two messages and a document; Bob's holds Bob. */
beforeAll(async () => {
  bed = await startTestbed();
  root = await bed.signUp('Root');
  await promote(bed, root, 'SUPERADMIN');
  ada = await bed.signUp('Ada');
  bob = await bed.signUp('Bob');
  const garden = await workspaceOf(ada);
  await workspaceOf(ada, { name: 'Shed' });
  const conversationId = await conversationIn(ada, garden);
  for (const content of ['one', 'two'])
    await ada.want('mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { id } } }', {
      input: { conversationId, content },
    });
  await ada.want('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
    input: { workspaceId: garden, title: 'Roses', text: 'Water them.', wait: true },
  });
  await quiet(bed, ada.organizationId);
  bertha = await joined(bed, ada.organizationId, 'Bertha', 'GUEST', null, 'VIEWER');
}, 60_000);
afterAll(() => bed.stop());

const mutate = (person: SignedUp, name: string, input: object, selection: string) =>
  person.ask(
    `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { ${selection} } }`,
    { input },
  );
const done = async (name: string, input: object, selection = 'user { id }'): Promise<Data> => {
  const { data, errors } = await mutate(root, name, input, selection);
  expect(errors).toEqual([]);
  return (data as Data)[name];
};
const refused = async (name: string, input: object, selection = 'user { id }') =>
  (await mutate(root, name, input, selection)).errors.map(({ extensions: { code, field } }) => ({ code, field }));

const platformRows = (): Promise<Data[]> => {
  const unit = unitOf(bed, null);
  const rows = unit.run(() => database.execute(sql`select * from platform_events order by created_at, id`));
  return rows.then(async (found) => {
    await unit.rest();
    return [...found];
  });
};

test('all accounts are walked page by page, two statements each, and each page is written down', async () => {
  await root.want('{ viewer { role } }');
  const before = (await platformRows()).length;
  const seen: string[] = [];
  let after: string | null = null;
  let pages = 0;
  do {
    const { data, errors, statements }: Data = await root.ask(
      `query ($after: String) { platformUsers(first: 2, after: $after, orderBy: [{ field: EMAIL }]) {
        edges { node { id email } } pageInfo { hasNextPage endCursor } } }`,
      { after },
    );
    expect(errors).toEqual([]);
    expect(statements).toHaveLength(2);
    const { edges, pageInfo } = data.platformUsers;
    seen.push(...edges.map((edge: Data) => edge.node.id));
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
    pages += 1;
  } while (after !== null);
  expect(seen).toEqual(expect.arrayContaining([root.userId, ada.userId, bob.userId, bertha.userId]));
  expect(new Set(seen).size).toBe(seen.length);
  const written = (await platformRows()).slice(before);
  expect(written).toHaveLength(pages);
  expect(written[0]).toMatchObject({
    action: 'platform.read',
    target_type: 'User',
    actor_id: uuidOf(root.userId),
    address: expect.stringMatching(/127\.0\.0\.1/),
    user_agent: expect.any(String),
    data: { field: 'platformUsers', ids: seen.slice(0, 2).map(uuidOf) },
  });
});

test('accounts are found by address in any case, by role and by state', async () => {
  const found = async (filter: object) => {
    const data: Data = await root.want(
      'query ($filter: PlatformUserFilter) { platformUsers(filter: $filter) { totalCount edges { node { id } } } }',
      { filter },
    );
    expect(data.platformUsers.totalCount).toBe(data.platformUsers.edges.length);
    return data.platformUsers.edges.map((edge: Data) => edge.node.id);
  };
  expect(await found({ email: { eq: ada.email.toUpperCase() } })).toEqual([ada.userId]);
  expect(await found({ platformRole: { eq: 'SUPERADMIN' }, createdAt: { gt: '2020-01-01T00:00:00Z' } })).toContain(
    root.userId,
  );
  expect(await found({ suspendedAt: { isNull: false } })).toEqual([]);
});

const usage = 'usage { memberCount workspaceCount documentCount conversationCount messageCount storageBytes }';

test('what two organizations hold is counted apart, for the whole page in one statement', async () => {
  const { data, errors, statements }: Data = await root.ask(
    `{ platformOrganizations(first: 100) { edges { node { id name type apiKeyStrategy ${usage} } } } }`,
  );
  expect(errors).toEqual([]);
  expect(statements).toHaveLength(3);
  const by = (id: string) => data.platformOrganizations.edges.find((edge: Data) => edge.node.id === id).node;
  expect(by(ada.organizationId)).toMatchObject({
    name: "Ada's",
    type: 'TEAM',
    apiKeyStrategy: 'PLATFORM',
    usage: {
      memberCount: 2,
      workspaceCount: 2,
      documentCount: 1,
      conversationCount: 1,
      messageCount: 2,
      storageBytes: '0',
    },
  });
  expect(by(bob.organizationId).usage).toMatchObject({ memberCount: 1, workspaceCount: 0, messageCount: 0 });
});

test('the organizations of several people cost the same statements as those of one', async () => {
  const ask = async (people: readonly SignedUp[]): Promise<{ of: (person: SignedUp) => Data; statements: number }> => {
    const { data, errors, statements }: Data = await root.ask(
      `query ($emails: [String!]) { platformUsers(filter: { email: { in: $emails } }) { edges { node { id
        organizations { totalCount edges { role joinedAt suspendedAt node { id ${usage} } } } } } } }`,
      { emails: people.map(({ email }) => email) },
    );
    expect(errors).toEqual([]);
    const of = ({ userId }: SignedUp) =>
      data.platformUsers.edges.find(({ node }: Data) => node.id === userId).node.organizations;
    return { of, statements: statements.length };
  };
  const all = await ask([ada, bob, bertha]);
  expect(all.of(bertha).totalCount).toBe(2);
  // In the order in which the organizations were made.
  expect(all.of(bertha).edges).toMatchObject([
    { role: 'GUEST', node: { id: ada.organizationId } },
    { role: 'OWNER', node: { usage: { memberCount: 1 } } },
  ]);
  expect(all.of(ada).edges).toMatchObject([
    { role: 'OWNER', suspendedAt: null, node: { id: ada.organizationId, usage: { memberCount: 2 } } },
  ]);
  // The page and its entry in the log; places, their number, organizations, roles and usage.
  expect(all.statements).toBe(7);
  expect((await ask([ada])).statements).toBe(7);
});

onPostgres('an owner whom row security binds counts the same', async () => {
  const ask = async (): Promise<Data> => {
    const { data, errors } = await root.ask(
      `{ platformOrganizations(first: 100) { edges { node { id ${usage} } } }
        platformUser(id: "${bertha.userId}") { organizations { edges { role } } } }`,
    );
    expect(errors).toEqual([]);
    return data;
  };
  const before = await ask();
  const owner = postgres(bed.ownerUrl ?? '', { max: 1, onnotice: () => undefined });
  const [superuser] = await owner.unsafe<{ name: string }[]>('select current_user as name');
  const bound = `bound_${randomUUID().replaceAll('-', '')}`;
  const give = (to: string) =>
    owner.unsafe(`do $$ declare f regprocedure; begin
      for f in select oid from pg_proc where prosecdef and proname like 'app\\_%' loop
        execute format('alter function %s owner to ${to}', f);
      end loop; end $$`);
  await owner.unsafe(
    `create role ${bound}; grant tessera_server to ${bound}; grant create on schema public to ${bound}`,
  );
  try {
    await give(bound);
    expect(await ask()).toEqual(before);
  } finally {
    await give(String(superuser?.name));
    await owner.unsafe(`drop owned by ${bound}; drop role ${bound}`);
    await owner.end();
  }
});

test('usage of the installation sums all organizations, by day', async () => {
  const call = (organization: string, day: string, cost: string | null) =>
    unitOf(bed, organization).transact(({ organizationId }) =>
      database.insert(executionLogs).values({
        organizationId,
        providerName: 'p',
        modelName: 'm',
        purpose: 'answer',
        status: 'SUCCESS',
        inputTokens: 10,
        outputTokens: 5,
        cost,
        createdAt: `${day} 23:59:59.999+00`,
      }),
    );
  await call(ada.organizationId, '2026-01-01', '0.1');
  await call(bob.organizationId, '2026-01-01', '0.2');
  await call(bob.organizationId, '2026-01-03', null);
  await call(bob.organizationId, '2026-01-04', '7');
  const ask = (from: string, to: string): Promise<Data> =>
    root.ask(
      `query ($from: Date!, $to: Date!) { platformUsage(from: $from, to: $to) { userCount activeUserCount organizationCount workspaceCount
        documentCount messageCount storageBytes days { date calls inputTokens outputTokens cost } } }`,
      { from, to },
    );
  const { data, errors, statements } = await ask('2026-01-01', '2026-01-03');
  expect(errors).toEqual([]);
  expect(statements).toHaveLength(2);
  expect(data.platformUsage).toMatchObject({
    activeUserCount: 0,
    workspaceCount: 2,
    documentCount: 1,
    messageCount: 2,
    days: [
      { date: '2026-01-01', calls: 2, inputTokens: '20', outputTokens: '10', cost: '0.3' },
      { date: '2026-01-03', calls: 1, inputTokens: '10', outputTokens: '5', cost: '0' },
    ],
  });
  expect(data.platformUsage.userCount).toBeGreaterThanOrEqual(4);
  const today = new Date().toISOString().slice(0, 10);
  expect((await ask(today, today)).data.platformUsage.activeUserCount).toBe(data.platformUsage.userCount);
  expect((await ask('2026-01-02', '2026-01-01')).errors[0].extensions.field).toBe('to');
  expect((await ask('2026-01-01', '2026-04-02')).errors).toEqual([]);
  expect((await ask('2026-01-01', '2026-04-03')).errors[0].extensions.code).toBe('BAD_USER_INPUT');
});

test('nobody else gets anything, and nothing is written down', async () => {
  const admin = await bed.signUp('Admin');
  await promote(bed, admin, 'ADMIN');
  const before = await platformRows();
  const fields = [
    'platformUsers { edges { node { id } } }',
    `platformUser(id: "${ada.userId}") { id }`,
    'platformOrganizations { edges { node { id } } }',
    `platformOrganization(id: "${ada.organizationId}") { id }`,
    'platformUsage(from: "2026-01-01", to: "2026-01-02") { userCount }',
    'platformEvents { edges { node { id } } }',
  ];
  for (const person of [ada, bertha, admin])
    for (const field of fields) expect(await person.codes(`{ ${field} }`)).toEqual(['FORBIDDEN']);
  for (const person of [ada, admin])
    expect(
      (await mutate(person, 'suspendUser', { userId: bob.userId }, 'user { id }')).errors[0]?.extensions.code,
    ).toBe('FORBIDDEN');
  expect(await platformRows()).toEqual(before);
});

const asServer = (userId: string | null, organizationId: string | null = null) =>
  new UnitOfWork(
    { ...nowhere, userId, organizationId },
    { ...bed.server.installation.services, origin: { requestId: 'test', address: null, userAgent: null } },
  );

test("the database's functions look at the role by themselves, refuse to read unseen, and leave the viewer as it was", async () => {
  const [organization, user] = [uuidOf(ada.organizationId), uuidOf(ada.userId)];
  const calls = [
    `select app_record_platform_read('{}', 'User', '{}')`,
    `select * from app_platform_usage('{}', array['${organization}']::uuid[])`,
    `select * from app_platform_memberships('{}', array['${organization}']::uuid[], array['${user}']::uuid[])`,
    `select * from app_platform_executions('{}', array['${organization}']::uuid[], '2026-01-01', '2026-01-02')`,
  ];
  const rooted = uuidOf(root.userId);
  for (const call of calls) {
    const run = () => database.execute(sql.raw(call));
    for (const other of [user, null])
      await expect(asServer(other).transact(run)).rejects.toMatchObject({ code: '42501' });
    const reading = asServer(rooted);
    await expect(reading.run(run)).rejects.toMatchObject({ code: '25006' });
    await reading.rest();
    await asServer(rooted, uuidOf(bob.organizationId)).transact(async () => {
      const scope = () => database.execute(sql.raw('select app_scope() as scope'));
      const before = await scope();
      await run();
      expect([...(await scope())]).toEqual([...before]);
      expect(before[0]?.scope).toEqual([uuidOf(bob.organizationId), '{}', '']);
      // After an error that the transaction survives as well: the second organization is none.
      await database.execute(sql.raw('savepoint s'));
      await database
        .execute(sql.raw(call.replace(`'${organization}'`, `'${organization}', null`)))
        .catch(() => undefined);
      await database.execute(sql.raw('rollback to s'));
      expect([...(await scope())]).toEqual([...before]);
    });
  }
  const many = `select * from app_platform_usage('{}', (select array_agg(gen_random_uuid()) from generate_series(1, 101)))`;
  await expect(asServer(rooted).transact(() => database.execute(sql.raw(many)))).rejects.toMatchObject({
    code: '54000',
  });
});

test('what could not be written down is not told, whatever else was asked', async () => {
  const former = await bed.signUp('Former');
  await promote(bed, former, 'SUPERADMIN');
  await former.want('{ viewer { role } }');
  // Behind the back of the cache.
  await unitOf(bed, null).transact(() =>
    database
      .update(users)
      .set({ platformRole: 'NONE' })
      .where(eq(users.id, uuidOf(former.userId))),
  );
  const before = await platformRows();
  const { data, errors } = await former.ask(`{ viewer { role } platformUser(id: "${ada.userId}") { email } }`);
  // Without it the viewer's own role would stand there.
  expect(data).toBeNull();
  expect(errors.map(({ extensions }) => extensions.code)).toEqual(['FORBIDDEN', 'UNAVAILABLE']);
  expect(errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', permission: 'PLATFORM_ADMINISTER' });
  expect((await mutate(former, 'suspendUser', { userId: bob.userId }, 'user { id }')).errors[0]?.extensions.code).toBe(
    'FORBIDDEN',
  );
  expect(await platformRows()).toEqual(before);
});

test('a read across organizations goes together with other reads, on one connection too', async () => {
  const { data, errors }: Data = await root.ask(
    `{ viewer { user { name } organization { name members { edges { node { role } } } } }
      platformUsers(first: 3) { edges { node { createdBy { id } organizations { edges { role } } } } }
      platformOrganizations(first: 3) { edges { node { ${usage} } } } workspaces { totalCount } }`,
  );
  expect(errors).toEqual([]);
  expect(data.viewer.organization.members.edges).toHaveLength(1);
  expect(data.platformOrganizations.edges).toHaveLength(3);
});

test('a suspended person is out at once, and in again with the same token', async () => {
  const eve = await bed.signUp('Eve');
  await eve.want('{ viewer { role } }');
  const { user } = await done('suspendUser', { userId: eve.userId }, 'user { id suspendedAt }');
  expect(user).toEqual({ id: eve.userId, suspendedAt: expect.any(String) });
  expect(await eve.codes('{ viewer { role } }')).toEqual(['UNAUTHENTICATED']);
  expect((await done('resumeUser', { userId: eve.userId }, 'user { suspendedAt }')).user.suspendedAt).toBeNull();
  await eve.want('{ viewer { role } }');
  expect((await done('endUserSessions', { userId: eve.userId }, 'count')).count).toBe(1);
  expect(await eve.codes('{ viewer { role } }')).toEqual(['UNAUTHENTICATED']);
  expect((await done('endUserSessions', { userId: eve.userId }, 'count')).count).toBe(0);
  const unknown = root.organizationId.replace('organization_', 'user_');
  for (const name of ['suspendUser', 'resumeUser'])
    expect(await refused(name, { userId: unknown })).toMatchObject([{ code: 'NOT_FOUND' }]);
  const data: Data = await root.want(
    `query ($id: ID!) { platformEvents(filter: { targetId: { eq: $id } }) { totalCount edges { node { id action targetId actorId address data createdAt } } } }`,
    { id: eve.userId },
  );
  const events = data.platformEvents.edges.map((edge: Data) => edge.node);
  expect(events.map(({ action }: Data) => action)).toEqual([
    'user.sessions_ended',
    'user.sessions_ended',
    'user.resumed',
    'user.suspended',
  ]);
  expect(events[3]).toMatchObject({
    id: expect.stringMatching(/^platform_event_/),
    targetId: eve.userId,
    actorId: root.userId,
    address: expect.any(String),
  });
});

test('a suspended or deleted organization is closed at once, and opened again', async () => {
  const gil = await bed.signUp('Gil');
  const guest = await joined(bed, gil.organizationId, 'Gala', 'MEMBER', null, 'VIEWER');
  const { organizationId } = gil;
  const state = 'organization { suspendedAt deletedAt }';
  await guest.want('{ viewer { role } }');
  expect((await done('suspendOrganization', { organizationId }, state)).organization.suspendedAt).not.toBeNull();
  expect(await gil.codes('{ viewer { role } }')).toEqual(['UNAUTHENTICATED']);
  await done('resumeOrganization', { organizationId }, state);
  await gil.want('{ viewer { role } }');
  expect((await done('deletePlatformOrganization', { organizationId }, state)).organization.deletedAt).not.toBeNull();
  expect(await guest.codes('{ viewer { role } }')).toEqual(['UNAUTHENTICATED']);
  expect(await refused('deletePlatformOrganization', { organizationId }, state)).toMatchObject([{ code: 'CONFLICT' }]);
  await done('restorePlatformOrganization', { organizationId }, state);
  await guest.want('{ viewer { role } }');
  expect(await refused('restorePlatformOrganization', { organizationId }, state)).toMatchObject([{ code: 'CONFLICT' }]);
  for (const name of ['suspendOrganization', 'deletePlatformOrganization'])
    expect(await refused(name, { organizationId: root.organizationId }, state)).toEqual([
      { code: 'CONFLICT', field: 'organizationId' },
    ]);
  const typed = await done('changeOrganizationType', { organizationId, type: 'ENTERPRISE' }, 'organization { type }');
  expect(typed.organization.type).toBe('ENTERPRISE');
});

const signIn = (email: string, password: string) =>
  bed.anonymous.ask('mutation ($input: SignInInput!) { signIn(input: $input) { user { id } organization { id } } }', {
    input: { email, password },
  });

test('accounts are made in new organizations and in existing ones, with a password or without', async () => {
  const email = 'Founder@Example.org';
  const password = 'a garden full of roses';
  const { user } = await done(
    'createPlatformUser',
    { email, name: 'Founder', password, organizationName: 'Founded' },
    `user { id name createdBy { id } organizations { edges { role node { id name type ${usage} } } } }`,
  );
  expect(user).toMatchObject({ name: 'Founder', createdBy: { id: root.userId } });
  const [{ role, node }] = user.organizations.edges;
  expect([role, node.name, node.usage.memberCount]).toEqual(['OWNER', 'Founded', 1]);
  expect(((await signIn(email, password)).data as Data).signIn).toEqual({
    user: { id: user.id },
    organization: { id: node.id },
  });
  const member = { email: 'member@example.org', name: 'Member', organizationId: node.id, role: 'MANAGER' };
  const joinedUser = (await done('createPlatformUser', member, 'user { id organizations { edges { role } } }')).user;
  expect(joinedUser.organizations.edges).toEqual([{ role: 'MANAGER' }]);
  expect((await signIn(member.email, '')).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
  const before = await counts();
  expect(await refused('createPlatformUser', { ...member, email: 'FOUNDER@example.org' })).toEqual([
    { code: 'CONFLICT', field: 'email' },
  ]);
  expect(await refused('createPlatformUser', { ...member, email: 'x@example.org', organizationName: 'X' })).toEqual([
    { code: 'BAD_USER_INPUT', field: 'organizationId' },
  ]);
  const weak = { email: 'x@example.org', name: '', password: 'short', organizationName: 'X', role: 'GUEST' };
  const { errors } = await mutate(root, 'createPlatformUser', weak, 'user { id }');
  expect(errors[0]?.extensions.issues).toMatchObject(['name', 'password', 'role'].map((field) => ({ field })));
  const unknown = root.userId.replace('user_', 'organization_');
  expect(
    await refused('createPlatformUser', { ...member, email: 'x@example.org', organizationId: unknown }),
  ).toMatchObject([{ code: 'NOT_FOUND' }]);
  expect(await counts()).toEqual(before);
  const changed = await done(
    'updatePlatformUser',
    { userId: joinedUser.id, name: 'Other', email: 'other@example.org', dailyMessageLimit: 5 },
    'user { name email verifiedAt dailyMessageLimit }',
  );
  expect(changed.user).toEqual({ name: 'Other', email: 'other@example.org', verifiedAt: null, dailyMessageLimit: 5 });
  expect(await refused('updatePlatformUser', { userId: joinedUser.id, email: 'founder@example.org' })).toEqual([
    { code: 'CONFLICT', field: 'email' },
  ]);
  expect(await refused('updatePlatformUser', { userId: joinedUser.id, name: null, dailyMessageLimit: -1 })).toEqual([
    { code: 'BAD_USER_INPUT', field: 'name' },
  ]);
});

const counts = async () => {
  const unit = unitOf(bed, null);
  const rows = await unit.run(() =>
    database.execute(
      sql`select (select count(*) from users) as users, (select count(*) from organizations) as organizations,
        (select count(*) from user_organizations) as places, (select count(*) from platform_events) as events`,
    ),
  );
  await unit.rest();
  return [...rows];
};

test('an organization is made for an existing account', async () => {
  const { organization } = await done(
    'createPlatformOrganization',
    { name: 'Third', type: 'ENTERPRISE', ownerEmail: bob.email.toUpperCase() },
    `organization { id name type ${usage} }`,
  );
  expect(organization).toMatchObject({ name: 'Third', type: 'ENTERPRISE', usage: { memberCount: 1 } });
  const before = await counts();
  expect(
    await refused('createPlatformOrganization', { name: 'X', ownerEmail: 'nobody@example.org' }, 'organization { id }'),
  ).toEqual([{ code: 'BAD_USER_INPUT', field: 'ownerEmail' }]);
  expect(await counts()).toEqual(before);
});

const superAdmins = async (): Promise<string[]> => {
  const unit = unitOf(bed, null);
  const acting = and(eq(users.platformRole, 'SUPERADMIN'), isNull(users.suspendedAt), isNull(users.deletedAt));
  const rows = await unit.run(() => database.select({ id: users.id }).from(users).where(acting));
  await unit.rest();
  return rows.map(({ id }) => id);
};

test('a super admin is always left, whatever is done at a time', async () => {
  const crowd = [root, ...(await Promise.all(['Una', 'Duo', 'Tre'].map((name) => bed.signUp(name))))];
  for (let round = 0; round < 5; round += 1) {
    for (const person of crowd) await promote(bed, person, 'SUPERADMIN');
    await unitOf(bed, null).transact(() => database.update(users).set({ suspendedAt: null }));
    bed.server.installation.services.viewers.forgetAll();
    const acts = crowd.flatMap((actor, at) => {
      const next = crowd[(at + 1 + round) % crowd.length] ?? actor;
      return [
        mutate(actor, 'setPlatformRole', { userId: next.userId, role: 'NONE' }, 'user { platformRole }'),
        mutate(actor, 'suspendUser', { userId: actor.userId }, 'user { id }'),
      ];
    });
    const codes = (await Promise.all(acts)).flatMap(({ errors }) => errors.map(({ extensions }) => extensions.code));
    expect(await superAdmins()).toHaveLength(1);
    expect(codes.filter((code) => !['CONFLICT', 'FORBIDDEN', 'UNAUTHENTICATED'].includes(String(code)))).toEqual([]);
  }
  // The one that is left cannot go by any way.
  const [last] = await superAdmins();
  await promote(bed, root, 'SUPERADMIN');
  await unitOf(bed, null).transact(() => database.update(users).set({ suspendedAt: null, platformRole: 'NONE' }));
  await promote(bed, root, 'SUPERADMIN');
  expect(last).toBeDefined();
  const before = await counts();
  expect(await refused('setPlatformRole', { userId: root.userId, role: 'ADMIN' })).toEqual([
    { code: 'CONFLICT', field: 'userId' },
  ]);
  expect(await refused('suspendUser', { userId: root.userId })).toEqual([{ code: 'CONFLICT', field: 'userId' }]);
  for (const [name, selection] of [
    ['deleteAccount', 'restorableUntil'],
    ['eraseAccount', 'erased'],
  ] as const)
    expect(await refused(name, { password: 'correct horse battery' }, selection)).toEqual([
      { code: 'CONFLICT', field: 'userId' },
    ]);
  expect(await counts()).toEqual(before);
  const raised = await done('setPlatformRole', { userId: ada.userId, role: 'SUPERADMIN' }, 'user { platformRole }');
  expect(raised.user.platformRole).toBe('SUPERADMIN');
  await ada.want('{ platformUsers { totalCount } }');
  await done('setPlatformRole', { userId: ada.userId, role: 'NONE' });
  expect(await ada.codes('{ platformUsers { totalCount } }')).toEqual(['FORBIDDEN']);
}, 30_000);
