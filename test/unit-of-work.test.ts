import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { GraphQLError } from 'graphql';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { and, eq, sql } from 'drizzle-orm';
import { pino } from 'pino';
import postgres from 'postgres';
import { v7 } from 'uuid';
import { database } from '../src/database/client.ts';
import { bound } from '../src/database/loader.ts';
import { serverRole } from '../src/database/migrations.ts';
import { Pool } from '../src/database/pool.ts';
import { nowhere, UnitOfWork, type Change, type Scope, type UnitOptions } from '../src/database/unit-of-work.ts';
import { memberships, organizations, workspaces } from '../src/domains/tenancy/tables.ts';
import { users } from '../src/domains/identity/tables.ts';
import { conversations } from '../src/domains/conversations/tables.ts';
import { logged } from '../src/events/ledger.ts';
import { events } from '../src/events/tables.ts';
import { newId } from '../src/ids.ts';
import { maskingWith } from '../src/gateway/masking.ts';
import { TooBusy } from '../src/secrets/bounded.ts';
import { uuidOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

const origin = { requestId: 'test', address: null, userAgent: null };

let bed: Testbed & { ownerUrl: string | undefined };
/** A pool of one connection: the embedded database's own, or a second one on the server's database. */
let pool: Pool;
let organizationId: string;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let sent: string[];
let announced: Change[];

beforeAll(async () => {
  bed = await startTestbed({ DATABASE_POOL_SIZE: '2', DATABASE_ACQUIRE_TIMEOUT_SECONDS: '1' });
  const { services } = bed.server.installation;
  const { database: settings } = services.settings;
  pool =
    settings.url === undefined
      ? services.pool
      : new Pool({ ...settings, role: serverRole, url: settings.url, size: 1, acquireTimeoutMs: 1000 });
  ada = await bed.signUp('Ada');
  organizationId = uuidOf(ada.organizationId);
});
beforeEach(() => {
  [sent, announced] = [[], []];
});
afterAll(async () => {
  if (pool !== bed.server.installation.services.pool) await pool.close();
  await bed.stop();
});

const options = (): UnitOptions => ({
  pool,
  ledger: {
    entry: (change, unit) => bed.server.installation.services.ledger.entry(change, unit),
    announce: (changes) => announced.push(...changes),
  },
  origin,
  onStatement: (text) => void sent.push(text),
});
const ofAda = () => new UnitOfWork({ ...nowhere, organizationId, workspaces: '*' }, options());
const members = () => database.select({ id: memberships.id }).from(memberships);
const workspaceNamed = (slug: string) => database.insert(workspaces).values({ organizationId, name: slug, slug });
const slugs = async (slug: string) => {
  const unit = ofAda();
  const ofSlug = and(eq(workspaces.organizationId, organizationId), eq(workspaces.slug, slug));
  const rows = await unit.run(() => database.select({ slug: workspaces.slug }).from(workspaces).where(ofSlug));
  await unit.rest();
  return rows.map((row) => row.slug);
};

/** A unit whose transactions begin with another message. */
const opening = (message: string): UnitOfWork => {
  const lend = async () => {
    const session = await pool.lend();
    const send = session.send.bind(session);
    return Object.assign(session, {
      send: (text: string) => send(text.startsWith('begin') ? message : text),
    });
  };
  const faulty = Object.create(pool, { lend: { value: lend } }) as Pool;
  return new UnitOfWork({ ...nowhere, organizationId, workspaces: '*' }, { ...options(), pool: faulty });
};

test.each([
  ['in the transaction', 'begin; select 1 / 0', '22012'],
  ['before the transaction', 'begin; select from', '42601'],
])('behind a viewer message that fails %s no statement gives a row', async (_where, message, code) => {
  const unit = opening(message);
  if (code === '42601') {
    // A message that cannot be parsed begins nothing; what follows it runs, sees nobody's rows, and its answer is refused.
    const rows: unknown[] = [];
    await expect(unit.run(async () => rows.push(...(await members())))).rejects.toMatchObject({ code });
    expect(rows).toEqual([]);
  } else await expect(unit.run(members)).rejects.toMatchObject({ code });
  await unit.rest();
  await expect(opening(message).transact(members)).rejects.toMatchObject({ code });
  const values = await started('Seen by nobody');
  const concluding = opening(message).transact(({ conclude }) => conclude(conversationLogged, values));
  await expect(concluding).rejects.toThrow();
  expect([await titles(values.id), await entriesOf(values.id), announced]).toEqual([[], [], []]);
  expect(await ofAdaOnce(members)).toHaveLength(1);
});

const ofAdaOnce = async <Row>(statement: () => Promise<Row[]>): Promise<Row[]> => {
  const unit = ofAda();
  const rows = await unit.run(statement);
  await unit.rest();
  return rows;
};

test('a connection that is handed on with its transaction open lends nobody its rights', async () => {
  const first = ofAda();
  expect(await first.run(members)).toHaveLength(1);
  const rows: unknown[] = [];
  // It waits for the only connection, and gets it with the end of the first unit's transaction in front of its own faulty message.
  const second = opening('begin; select from');
  const waiting = second.run(async () => rows.push(...(await members())));
  const refused = expect(waiting).rejects.toMatchObject({ code: '42601' });
  await pause(20);
  await first.rest();
  await refused;
  await second.rest();
  expect(rows).toEqual([]);
  expect(await ofAdaOnce(members)).toHaveLength(1);
});

test('statements of a unit that is over do not reach whoever has the connection now', async () => {
  const session = await pool.lend();
  session.release();
  expect(() => session.send('select 1')).toThrow('The connection to the database was lost.');
});

/** Frees all memory that nothing refers to. */
const collectGarbage = async () => {
  setFlagsFromString('--expose-gc');
  // What this turn has looked at is kept until it ends.
  await pause(0);
  runInNewContext('gc')();
};

test.each([
  ['that is prepared', { prepare: true }],
  ['that is described before each run', { prepare: false }],
])('a statement %s is let go once it has its answer', async (_kind, how) => {
  const session = await pool.lend();
  const statements: WeakRef<object>[] = [];
  for (let run = 0; run < 10; run += 1) {
    const statement = session.unsafe('select $1::text', ['x'] as never[], how);
    statements.push(new WeakRef(statement));
    await statement;
  }
  await collectGarbage();
  // The driver keeps the last one until the next.
  expect(statements.filter((statement) => statement.deref() !== undefined).length).toBeLessThan(3);
  session.release();
});

test('a unit of nobody sees no row of a tenant', async () => {
  const unit = new UnitOfWork(nowhere, options());
  expect(await unit.run(members)).toEqual([]);
  await unit.rest();
});

test('a viewer whose ids are no UUIDs is refused before anything is sent', () => {
  const scope = { ...nowhere, organizationId: "'; drop table users; --" };
  expect(() => new UnitOfWork(scope, options())).toThrow('A viewer holds an id that is no UUID.');
  expect(() => new UnitOfWork({ ...nowhere, workspaces: ['*'] }, options())).toThrow();
});

test('a statement outside a unit of work is refused', async () => {
  await expect(Promise.resolve(members())).rejects.toHaveProperty(
    'cause.message',
    'A statement ran outside a unit of work.',
  );
});

test('reading refuses to write, and goes on afterwards', async () => {
  const unit = ofAda();
  await expect(unit.run(() => workspaceNamed('read-only'))).rejects.toMatchObject({ code: '25006' });
  expect(await unit.run(members)).toHaveLength(1);
  await unit.rest();
  expect(await slugs('read-only')).toEqual([]);
});

test('a row of another tenant cannot be written', async () => {
  const foreign = { organizationId: v7(), name: 'x', slug: 'x' };
  await expect(ofAda().transact(() => database.insert(workspaces).values(foreign))).rejects.toMatchObject({
    code: '42501',
  });
});

test('a failure that was passed over undoes the transaction', async () => {
  const swallowing = ofAda().transact(async () => {
    await workspaceNamed('swallowed');
    await database.execute(sql`select 1 / 0`).catch(() => 'passed over');
  });
  await expect(swallowing).rejects.toThrow('A failed statement was passed over');
  expect(await slugs('swallowed')).toEqual([]);
});

test('what throws is undone, and neither logged nor announced nor followed', async () => {
  const unit = ofAda();
  const id = v7();
  let followed = false;
  const failing = unit.transact(async () => {
    await workspaceNamed('thrown');
    unit.record({ action: 'workspace.created', type: 'Workspace', id });
    unit.afterCommit(() => (followed = true));
    throw new Error('Changed my mind.');
  });
  await expect(failing).rejects.toThrow('Changed my mind.');
  expect(await slugs('thrown')).toEqual([]);
  expect({ announced, followed }).toEqual({ announced: [], followed: false });
  // The next transaction of the same unit starts clean.
  await unit.transact(() => workspaceNamed('kept'));
  expect(await slugs('kept')).toEqual(['kept']);
  expect(announced).toEqual([]);
  const logged = () => database.select({ id: events.id }).from(events).where(eq(events.targetId, id));
  expect(await ofAdaOnce(logged)).toEqual([]);
});

test('nested transactions are one, logged and announced once', async () => {
  const unit = ofAda();
  const id = v7();
  const followed: string[] = [];
  await unit.transact(async () => {
    await workspaceNamed('outer');
    await unit.transact(async () => {
      await workspaceNamed('inner');
      unit.record({ action: 'workspace.created', type: 'Workspace', id });
      unit.afterCommit(() => followed.push('inner'));
    });
    // Nothing is told before the outer transaction ends.
    expect({ announced, followed }).toEqual({ announced: [], followed: [] });
  });
  expect(announced).toEqual([{ action: 'workspace.created', type: 'Workspace', id }]);
  expect(followed).toEqual(['inner']);
  const logged = () => database.select({ action: events.action }).from(events).where(eq(events.targetId, id));
  expect(await ofAdaOnce(logged)).toEqual([{ action: 'workspace.created' }]);

  const undone = unit.transact(async () => {
    await unit.transact(() => workspaceNamed('inner-undone'));
    throw new Error('The outer one fails.');
  });
  await expect(undone).rejects.toThrow('The outer one fails.');
  expect(await slugs('inner-undone')).toEqual([]);
});

test('a read within a transaction sees what it wrote', async () => {
  const unit = ofAda();
  const seen = await unit.transact(async () => {
    await workspaceNamed('seen');
    return unit.run(() => database.select().from(workspaces).where(eq(workspaces.slug, 'seen')));
  });
  expect(seen).toHaveLength(1);
});

/** A conversation with its entry. */
const conversationLogged = logged(
  { action: 'conversation.started', type: 'Conversation' },
  conversations,
  database
    .insert(conversations)
    .values({
      organizationId: bound.organizationId,
      id: sql.placeholder('id'),
      workspaceId: sql.placeholder('workspaceId'),
      title: sql.placeholder('title'),
    })
    .returning(),
);
const started = async (title: string) => {
  const slug = v7();
  const [workspace] = await ofAda().transact(() => workspaceNamed(slug).returning());
  return { organizationId, id: v7(), workspaceId: workspace?.id ?? '', title };
};
const entriesOf = (id: string) =>
  ofAdaOnce(() =>
    database
      .select({ action: events.action, targetType: events.targetType, workspaceId: events.workspaceId })
      .from(events)
      .where(eq(events.targetId, id)),
  );
const titles = (id: string) =>
  ofAdaOnce(() => database.select({ title: conversations.title }).from(conversations).where(eq(conversations.id, id)));

test('what concludes a transaction is written with its entry and the commit, and nothing comes behind it', async () => {
  const values = await started('Concluded');
  const unit = ofAda();
  const recorded = { action: 'workspace.updated', type: 'Workspace', id: values.workspaceId };
  let late: unknown[] = [];
  const rows = await unit.transact(async ({ conclude }) => {
    unit.record(recorded);
    const concluded = await conclude(conversationLogged, values);
    const run = await unit.run(members).catch((error: Error) => error.message);
    expect(() => unit.record(recorded)).toThrow('outside a transaction');
    late = [run];
    return concluded;
  });
  expect(rows).toMatchObject([values]);
  expect(late).toEqual(['The transaction is concluded.']);
  const { workspaceId } = values;
  expect(await entriesOf(values.id)).toEqual([
    { action: 'conversation.started', targetType: 'Conversation', workspaceId },
  ]);
  expect(await entriesOf(workspaceId)).toHaveLength(1);
  expect(announced).toEqual([recorded, { action: 'conversation.started', type: 'Conversation', id: values.id }]);
});

test('what fails to conclude a transaction undoes it, told as it is', async () => {
  const values = { ...(await started('Never')), workspaceId: v7() };
  const unit = ofAda();
  const failing = unit.transact(async ({ conclude }) => {
    await workspaceNamed('concluded-in-vain');
    return conclude(conversationLogged, values);
  });
  await expect(failing).rejects.toMatchObject({ code: '23503' });
  expect(await slugs('concluded-in-vain')).toEqual([]);
  expect([await titles(values.id), await entriesOf(values.id), announced]).toEqual([[], [], []]);
});

test('what concludes an inner transaction stands and falls with the outer one', async () => {
  const values = await started('Inner');
  const unit = ofAda();
  const inner = () => unit.transact(({ conclude }) => conclude(conversationLogged, values));
  const undone = unit.transact(async () => {
    await inner();
    throw new Error('The outer one fails.');
  });
  await expect(undone).rejects.toThrow('The outer one fails.');
  expect([await titles(values.id), await entriesOf(values.id), announced]).toEqual([[], [], []]);
  await unit.transact(async () => {
    await inner();
    await workspaceNamed('behind-the-inner');
  });
  expect(await slugs('behind-the-inner')).toEqual(['behind-the-inner']);
  expect(await entriesOf(values.id)).toHaveLength(1);
  expect(announced).toHaveLength(1);
});

test('recording and following need a transaction', () => {
  const unit = ofAda();
  expect(() => unit.record({ action: 'a.b', type: 'User', id: v7() })).toThrow('outside a transaction');
  expect(() => unit.afterCommit(() => undefined)).toThrow('no transaction to follow');
});

/** Reads, waits for something outside, writes and reads. */
const operation = async (at: number) => {
  const unit = ofAda();
  const before = await unit.run(members);
  await unit.rest();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await unit.transact(() => workspaceNamed(`shared-${at}`));
  const after = await Promise.all([unit.run(members), unit.run(members)]);
  await unit.rest();
  await unit.rest();
  return [before, ...after].map((rows) => rows.length);
};

test('fifty operations share one connection, each giving it back while it waits', async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, (_, at) => operation(at)));
  expect(answers).toEqual(Array.from({ length: 50 }, () => [1, 1, 1]));
});

const snapshot = () => database.execute<{ at: string }>(sql`select now()::text as at`);
test('statements of one reading run in one transaction', async () => {
  const unit = ofAda();
  const [first, second] = await Promise.all([unit.run(snapshot), unit.run(snapshot)]);
  const third = await unit.run(snapshot);
  await unit.rest();
  // The embedded clock tells milliseconds.
  await pause(5);
  const later = await unit.run(snapshot);
  await unit.rest();
  expect(second[0]).toEqual(first[0]);
  expect(third[0]).toEqual(first[0]);
  expect(later[0]).not.toEqual(first[0]);
});

test('no free connection is UNAVAILABLE after the time set, and an operation then works again', async () => {
  const holder = await pool.lend();
  await expect(ofAda().run(members)).rejects.toMatchObject({ extensions: { code: 'UNAVAILABLE' } });
  await expect(ofAda().transact(members)).rejects.toMatchObject({ extensions: { code: 'UNAVAILABLE' } });
  holder.release();
  expect(await ofAdaOnce(members)).toHaveLength(1);
});

test('clients are told UNAVAILABLE when every connection is taken', async () => {
  const { services } = bed.server.installation;
  const viewer = '{ viewer { role } workspaces { totalCount } }';
  const held = await Promise.all(
    Array.from({ length: bed.ownerUrl === undefined ? 1 : 2 }, () => services.pool.lend()),
  );
  expect(await ada.codes(viewer)).toEqual(['UNAVAILABLE']);
  for (const session of held) session.release();
  expect(await ada.codes(viewer)).toEqual([]);
});

test('a full queue of hashes is UNAVAILABLE, too', () => {
  const mask = maskingWith(pino({ level: 'silent' }), { suggestions: false });
  const error = new GraphQLError('x', { originalError: new TooBusy('busy') });
  expect(mask({ message: 'x' }, error).extensions).toMatchObject({ code: 'UNAVAILABLE' });
});

test('an error tells nothing of the values that a statement bound', async () => {
  const marker = 'marker-7391';
  const account = { email: `${marker}@example.com`, name: marker };
  const failures = [
    // Taken already, outside the words allowed, missing, and of the wrong kind.
    () =>
      database.insert(users).values([
        { id: v7(), ...account },
        { id: v7(), ...account },
      ]),
    () => database.insert(users).values({ id: v7(), ...account, platformRole: marker as 'NONE' }),
    () => database.insert(organizations).values({ name: marker, slug: marker, settings: sql`null` as never }),
    () => database.select().from(users).where(eq(users.id, marker)),
    () => database.execute(sql`select ${marker}::int`),
    () => database.execute(sql`select from nowhere where ${marker} = 1`),
  ];
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line) => lines.push(line) });
  const mask = maskingWith(log, { suggestions: true });
  for (const failure of failures) {
    const error = await ofAda()
      .transact<unknown>(failure)
      .then(
        () => new Error('It did not fail.'),
        (thrown: unknown) => thrown as Error,
      );
    expect(error).toHaveProperty('code');
    expect(`${error.message} ${error.stack}`).not.toContain(marker);
    const told = mask({ message: error.message }, new GraphQLError(error.message, { originalError: error }));
    expect(JSON.stringify(told)).not.toContain(marker);
  }
  expect(lines).toHaveLength(failures.length);
  expect(lines.join('')).not.toContain(marker);
});

// The embedded database has one session, which nobody can end from another.
const onPostgres = process.env.TEST_POSTGRES_URL === undefined ? test.skip : test;

/** Ends a connection from outside, as a crash or an administrator would. */
const terminate = async (pid: number) => {
  const owner = postgres(bed.ownerUrl ?? '', { max: 1 });
  await owner`select pg_terminate_backend(${pid})`;
  await owner.end();
};
const pidOf = async (unit: UnitOfWork): Promise<number> => {
  const [row] = await unit.run(() => database.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`));
  return row?.pid ?? 0;
};

onPostgres('no statement waits for ever behind one whose connection was lost', async () => {
  const unit = ofAda();
  const pid = await pidOf(unit);
  // The second waits in the driver until the server has described the first, which it has never seen.
  const outcomes = Promise.allSettled([
    unit.run(() => database.execute(sql`select pg_sleep(5), ${v7()}::text`)),
    unit.run(() => database.execute(sql`select ${v7()}::text`)),
  ]);
  await pause(200);
  await terminate(pid);
  const unavailable = expect.objectContaining({ extensions: expect.objectContaining({ code: 'UNAVAILABLE' }) });
  expect(await outcomes).toEqual([1, 2].map(() => ({ status: 'rejected', reason: unavailable })));
  await unit.rest();
  expect(await ofAdaOnce(members)).toHaveLength(1);
});

onPostgres('a unit whose connection was lost does not run in the transaction of the next that has it', async () => {
  const viewer = () =>
    database.execute(sql`select pg_backend_pid() as pid, current_setting('app.organization_id', true) as organization`);
  const lost = ofAda();
  await terminate(await pidOf(lost));
  await pause(100);
  const next = new UnitOfWork(nowhere, options());
  let late: Promise<unknown> | undefined;
  await next.transact(async () => {
    const [before] = await viewer();
    late = lost.run(viewer);
    await pause(50);
    expect(await viewer()).toEqual([before]);
  });
  expect(await late).toMatchObject([{ organization: organizationId }]);
  await lost.rest();
});

describe('work as another scope sees it', () => {
  const strange = newId();
  const elsewhere = { ...nowhere, organizationId: strange, workspaces: '*' as const };
  const change = (action: string): Change => ({ action, type: 'Test', id: strange });
  const logOf = async (action: string) => {
    const read = (scope: Scope) => async () => {
      const unit = new UnitOfWork(scope, options());
      const rows = await unit.run(() => database.select().from(events).where(eq(events.action, action)));
      await unit.rest();
      return rows.length;
    };
    return [await read(ofAda().scope)(), await read(elsewhere)()];
  };

  test('belongs to the same transaction, sees its own tenant alone, and is logged and announced there', async () => {
    const unit = ofAda();
    const seen = await unit.transact(async () => {
      await workspaceNamed('nested-outer');
      unit.record(change('nested.outer'));
      const inner = await unit.nested(elsewhere, async (nested) => {
        nested.record(change('nested.inner'));
        return nested.transact(members);
      });
      return [inner.length, (await members()).length, announced.length];
    });
    expect(seen).toEqual([0, 1, 0]);
    expect(announced.map(({ action }) => action)).toEqual(['nested.outer', 'nested.inner']);
    expect([await logOf('nested.outer'), await logOf('nested.inner')]).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(await slugs('nested-outer')).toEqual(['nested-outer']);
  });

  test('is undone with it, and it with the work', async () => {
    const unit = ofAda();
    const failing = unit.transact(async () => {
      await workspaceNamed('nested-undone');
      await unit.nested(elsewhere, async (nested) => nested.record(change('nested.undone')));
      throw new Error('On purpose.');
    });
    await expect(failing).rejects.toThrow('On purpose.');
    const refused = unit.transact(async () => {
      await workspaceNamed('nested-undone');
      await unit.nested(elsewhere, async () => workspaceNamed('nested-foreign'));
    });
    await expect(refused).rejects.toMatchObject({ code: '42501' });
    expect([await slugs('nested-undone'), await logOf('nested.undone'), announced]).toEqual([[], [0, 0], []]);
  });

  test('whoever catches what it throws goes on with the rights of before', async () => {
    const unit = ofAda();
    const seen = await unit.transact(async () => {
      const thrown = unit.nested(elsewhere, async () => {
        throw new Error('On purpose.');
      });
      await expect(thrown).rejects.toThrow('On purpose.');
      return members();
    });
    expect(seen).toHaveLength(1);
  });

  test('needs a transaction', async () => {
    await expect(ofAda().nested(elsewhere, members)).rejects.toThrow('There is no transaction to work in.');
  });
});

test('reads that are written down share a transaction of their own, which is committed before anything is told', async () => {
  const unit = ofAda();
  await unit.run(members);
  unit.recordReads();
  await Promise.all([unit.run(members), unit.run(() => workspaceNamed('written-down')), unit.run(members)]);
  await unit.recorded();
  expect(await slugs('written-down')).toEqual(['written-down']);
});

test('what could not be written down is told to whoever waits for it, and nothing of it stays', async () => {
  const unit = ofAda();
  unit.recordReads();
  await unit.run(() => workspaceNamed('undone'));
  await expect(unit.run(() => database.execute(sql`select 1 / 0`))).rejects.toMatchObject({ code: '22012' });
  await unit.run(members);
  await expect(unit.recorded()).rejects.toMatchObject({ extensions: { code: 'UNAVAILABLE' } });
  expect(await slugs('undone')).toEqual([]);
  const reading = ofAda();
  await expect(reading.run(() => workspaceNamed('undone'))).rejects.toMatchObject({ code: '25006' });
  await reading.recorded();
  await reading.rest();
});
