import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { and, asc, eq, sql, type SQL } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import postgres from 'postgres';
import { database } from '../src/database/client.ts';
import { trimAll } from '../src/domains/platform/event-retention.ts';
import { finalBound, sealAll, sealUpTo } from '../src/domains/platform/event-sealing.ts';
import { eventSeals } from '../src/domains/platform/event-tables.ts';
import { events } from '../src/events/tables.ts';
import { firstIdAt, globalId, newId } from '../src/ids.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { tamper } from './machines.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

const onPostgres = process.env.TEST_POSTGRES_URL ? test : test.skip;

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any
type Owner = Awaited<ReturnType<Testbed['signUp']>>;

let bed: Testbed & { readonly ownerUrl: string | undefined };
const signal = new AbortController().signal;

beforeAll(async () => {
  bed = await startTestbed();
}, 120_000);
afterAll(() => bed.stop());

/** Changes rows as whoever owns the tables: the server itself cannot. */
const asOwner = async (organization: string, ...statements: SQL[]): Promise<void> => {
  const viewer = `set local app.organization_id = '${uuidOf(organization)}'; set local app.workspaces = '*'`;
  if (bed.ownerUrl === undefined) {
    await unitOf(bed, organization).transact(async () => {
      await database.execute(sql`set local role none`);
      for (const statement of statements) await database.execute(statement);
    });
    return;
  }
  const owner = postgres(bed.ownerUrl, { max: 1, onnotice: () => undefined });
  await owner.begin(async (transaction) => {
    await transaction.unsafe(viewer);
    for (const statement of statements) {
      const { sql: text, params } = new PgDialect({ casing: 'snake_case' }).sqlToQuery(statement);
      await transaction.unsafe(text, params as never[]);
    }
  });
  await owner.end();
};

const inLog = async (organization: string) => {
  const unit = unitOf(bed, organization);
  const rows = await unit.run(() =>
    database
      .select()
      .from(events)
      .where(eq(events.organizationId, uuidOf(organization)))
      .orderBy(asc(events.id)),
  );
  await unit.rest();
  return rows;
};

const seals = async (organization: string) => {
  const unit = unitOf(bed, organization);
  const rows = await unit.run(() =>
    database
      .select()
      .from(eventSeals)
      .where(eq(eventSeals.organizationId, uuidOf(organization)))
      .orderBy(asc(eventSeals.sequence)),
  );
  await unit.rest();
  return rows;
};

/** Seals all that there is, as if minutes had passed. */
const sealNow = (organization: string): Promise<number> =>
  sealUpTo(unitOf(bed, organization), firstIdAt(Date.now() + 1000), signal);

/** Entries written past the API, in order. */
const write = (owner: Owner, count: number) =>
  unitOf(bed, owner.organizationId).transact(async ({ organizationId }) => {
    const row = () => ({
      organizationId,
      id: newId(),
      action: 'thing.done',
      targetType: 'Thing',
      targetId: newId(),
      requestId: 'test',
      data: { number: 1.5, nested: { b: [1, null], a: 'ä' } },
    });
    await database.insert(events).values(Array.from({ length: count }, row));
  });

const verify = `mutation ($input: VerifyEventLogInput!) { verifyEventLog(input: $input) {
  verification { intact seals entries head { sequence digest } fault { kind sequence entryId } } job { id } } }`;

const verification = async (person: Person, known?: object): Promise<Data> => {
  const { verifyEventLog }: Data = await person.want(verify, { input: known === undefined ? {} : { known } });
  expect(verifyEventLog.job).toBeNull();
  return verifyEventLog.verification;
};

const ended = async (person: Person, id: string): Promise<Data> => {
  for (let tries = 0; tries < 600; tries++) {
    const { job }: Data = await person.want('query ($id: ID!) { job(id: $id) { state progress result error } }', {
      id,
    });
    if (job.state === 'FAILED') throw new Error(job.error);
    if (job.state === 'SUCCEEDED') return job.result;
    await pause(50);
  }
  throw new Error('The job did not end.');
};

describe('the list', () => {
  let ada: Owner;
  let admin: Colleague;
  let garden: string;
  const fields = 'id action actor { id } actorId targetType targetId workspace { id } data requestId address userAgent';
  const list = `query ($first: Int, $after: String, $filter: EventLogFilter, $orderBy: [EventLogOrder!]) {
    eventLog(first: $first, after: $after, filter: $filter, orderBy: $orderBy) { totalCount edges { cursor node { ${fields} createdAt } } } }`;
  const actions = async (person: Person, filter: object): Promise<string[]> => {
    const { eventLog }: Data = await person.want(list, { first: 100, filter });
    expect(eventLog.totalCount).toBe(eventLog.edges.length);
    return eventLog.edges.map(({ node }: Data) => node.action);
  };

  beforeAll(async () => {
    ada = await bed.signUp('Ada');
    garden = await workspaceOf(ada);
    admin = await colleagueOf(bed, ada.organizationId, 'Admin', 'ADMIN');
  });

  test('tells what happened, to whom, by whom and from where', async () => {
    const asked = { 'user-agent': 'Test/1' };
    const { data }: Data = await ada.ask(
      'mutation ($input: CreateGroupInput!) { createGroup(input: $input) { group { id } } }',
      { input: { name: 'Gardeners' } },
      asked,
    );
    const { eventLog }: Data = await admin.want(list, { first: 1 });
    const [entry] = await inLog(ada.organizationId).then((rows) => rows.slice(-1));
    expect(eventLog.edges[0].node).toEqual({
      id: globalId('EventLogEntry', entry?.id ?? ''),
      action: 'group.created',
      actor: { id: ada.userId },
      actorId: ada.userId,
      targetType: 'Group',
      targetId: data.createGroup.group.id,
      workspace: null,
      data: entry?.data,
      requestId: entry?.requestId,
      address: expect.stringMatching(/127\.0\.0\.1|::1/),
      userAgent: 'Test/1',
      createdAt: new Date(entry?.createdAt ?? '').toISOString(),
    });
    const { node }: Data = await admin.want('query ($id: ID!) { node(id: $id) { ... on EventLogEntry { action } } }', {
      id: eventLog.edges[0].node.id,
    });
    expect(node).toEqual({ action: 'group.created' });
  });

  test('is filtered by each thing, and read by pages', async () => {
    expect(await actions(ada, { action: { eq: 'workspace.created' } })).toEqual(['workspace.created']);
    expect(await actions(ada, { targetId: { eq: garden }, action: { ne: 'x' } })).toContain('workspace.created');
    expect(await actions(ada, { targetType: { eq: 'Group' } })).toEqual(['group.created']);
    expect(await actions(ada, { workspaceId: { eq: garden } })).toEqual(
      await actions(ada, { targetId: { in: [garden] } }),
    );
    expect(await actions(ada, { actorId: { eq: admin.userId } })).toEqual(['session.started']);
    expect(await actions(ada, { createdAt: { gt: new Date(Date.now() + 60_000).toISOString() } })).toEqual([]);
    const all = (await inLog(ada.organizationId)).map(({ id }) => globalId('EventLogEntry', id));
    const walked: string[] = [];
    for (let after: string | null = null; ;) {
      const orderBy = [{ field: 'CREATED_AT', direction: 'ASC' }];
      const { eventLog }: Data = await ada.want(list, { first: 2, after, orderBy });
      walked.push(...eventLog.edges.map(({ node }: Data) => node.id));
      if (eventLog.edges.length < 2) break;
      after = eventLog.edges.at(-1).cursor;
    }
    expect(walked.toSorted()).toEqual(all.toSorted());
  });

  test('costs a statement a level, whatever its length', async () => {
    const { statements } = await ada.ask(
      '{ eventLog(first: 50) { edges { node { action actor { name } workspace { name } } } } }',
    );
    expect(statements).toHaveLength(3);
  });

  test('is for administrators, each of their organization', async () => {
    const manager = await colleagueOf(bed, ada.organizationId, 'Manager', 'MANAGER');
    const { errors } = await manager.ask('{ eventLog(first: 1) { totalCount } }');
    expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', permission: 'EVENT_LOG_READ' } }]);
    const stranger = await bed.signUp('Stranger');
    expect(await actions(stranger, { targetId: { eq: garden } })).toEqual([]);
    const { errors: malformed } = await ada.ask(list, { filter: { targetId: { eq: 'nothing' } } });
    expect(malformed).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'filter.targetId' } }]);
  });

  test('goes into files of both kinds', async () => {
    const time = { from: new Date(Date.now() - 60_000).toISOString(), to: new Date(Date.now() + 60_000).toISOString() };
    const exported = async (input: object): Promise<{ text: string; result: Data }> => {
      const { exportEventLog }: Data = await admin.want(
        'mutation ($input: ExportEventLogInput!) { exportEventLog(input: $input) { job { id } } }',
        { input: { ...time, ...input } },
      );
      const result = await ended(admin, exportEventLog.job.id);
      const { createFileLink }: Data = await admin.want(
        'mutation ($input: CreateFileLinkInput!) { createFileLink(input: $input) { url } }',
        { input: { id: result.fileId } },
      );
      return { text: await (await fetch(createFileLink.url)).text(), result };
    };
    const before = await inLog(ada.organizationId);
    const jsonl = await exported({ format: 'JSONL' });
    const lines: Data[] = jsonl.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(jsonl.result).toMatchObject({ rows: lines.length, complete: true });
    expect(
      lines
        .slice(0, before.length)
        .map(({ id }) => String(id))
        .toSorted(),
    ).toEqual(before.map(({ id }) => globalId('EventLogEntry', id)).toSorted());
    const csv = await exported({ filter: { targetId: garden, action: 'workspace.created' } });
    const [row, ...others]: Data[] = parse(csv.text, { columns: true });
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      action: 'workspace.created',
      targetId: garden,
      actorId: ada.userId,
      targetType: 'Workspace',
    });
    const { errors } = await admin.ask(
      'mutation ($input: ExportEventLogInput!) { exportEventLog(input: $input) { job { id } } }',
      { input: { from: time.to, to: time.from } },
    );
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'to' } }]);
  }, 60_000);
});

describe('sealing', () => {
  test('makes a chain of batches that a verification finds whole', async () => {
    const ada = await bed.signUp('Ada');
    const before = (await inLog(ada.organizationId)).length;
    await write(ada, 1200 - before);
    expect(await sealNow(ada.organizationId)).toBe(3);
    const chain = await seals(ada.organizationId);
    expect(chain.map(({ sequence, count }) => [sequence, count])).toEqual([
      [1, 500],
      [2, 500],
      [3, 200],
    ]);
    expect(chain.map(({ previousDigest }) => previousDigest)).toEqual([
      '0'.repeat(64),
      chain[0]?.digest,
      chain[1]?.digest,
    ]);
    expect(await sealNow(ada.organizationId)).toBe(0);
    const head = { sequence: 3, digest: chain[2]?.digest };
    expect(await verification(ada)).toEqual({ intact: true, seals: 3, entries: 1200, head, fault: null });
    // What a verification tells of is sealed, too.
    expect(await sealNow(ada.organizationId)).toBe(1);
    expect(await verification(ada, head)).toMatchObject({ intact: true, seals: 4, entries: 1201 });
  }, 60_000);

  test('leaves alone what may still be preceded', async () => {
    const ada = await bed.signUp('Ada');
    const work = { unit: unitOf(bed, null), services: bed.server.installation.services };
    await sealAll(work, signal);
    expect(await seals(ada.organizationId)).toEqual([]);
  });

  test('gives an entry that comes late an id of its coming', async () => {
    const ada = await bed.signUp('Ada');
    const late = firstIdAt(Date.now() - 6 * 60_000);
    const early = firstIdAt(Date.now() - 4 * 60_000);
    await unitOf(bed, ada.organizationId).transact(async ({ organizationId }) => {
      const row = { organizationId, targetType: 'Thing', targetId: newId(), requestId: 'test' };
      await database.insert(events).values([
        { ...row, id: late, action: 'late.done' },
        { ...row, id: early, action: 'early.done' },
      ]);
    });
    const rows = await inLog(ada.organizationId);
    const idOf = (action: string) => rows.find((row) => row.action === action)?.id ?? '';
    expect(idOf('early.done')).toBe(early);
    expect(idOf('late.done') > firstIdAt(Date.now() - 60_000)).toBe(true);
    expect(idOf('late.done') < firstIdAt(Date.now() + 60_000)).toBe(true);
    expect(idOf('late.done')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  onPostgres(
    'waits for transactions of before',
    async () => {
      const ada = await bed.signUp('Ada');
      let hold: (() => void) | undefined;
      const held = new Promise<void>((resolve) => (hold = resolve));
      const began = Promise.withResolvers<void>();
      const writing = unitOf(bed, ada.organizationId).transact(async ({ organizationId }) => {
        await database.insert(events).values({
          organizationId,
          id: newId(),
          action: 'slow.done',
          targetType: 'Thing',
          targetId: newId(),
          requestId: 'test',
        });
        began.resolve();
        await held;
      });
      await began.promise;
      expect(await finalBound(unitOf(bed, null), AbortSignal.timeout(1000))).toBeNull();
      hold?.();
      await writing;
      const bound = await finalBound(unitOf(bed, null), AbortSignal.timeout(20_000));
      expect(bound?.slice(0, 8)).toBe(firstIdAt(Date.now() - 5 * 60_000).slice(0, 8));
    },
    30_000,
  );

  onPostgres('is done once by two processes at a time', async () => {
    const ada = await bed.signUp('Ada');
    await write(ada, 1100);
    const made = await Promise.all(Array.from({ length: 4 }, () => sealNow(ada.organizationId)));
    for (let more = 1; more > 0;) more = await sealNow(ada.organizationId);
    const chain = await seals(ada.organizationId);
    expect(made.reduce((sum, each) => sum + each)).toBeGreaterThan(0);
    expect(chain.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(await verification(ada)).toMatchObject({ intact: true, seals: 3 });
  });
});

describe('a verification finds', () => {
  /** An organization of 1,100 entries in three seals. */
  const sealed = async () => {
    const ada = await bed.signUp('Ada');
    await write(ada, 1100 - (await inLog(ada.organizationId)).length);
    await sealNow(ada.organizationId);
    const [rows, chain] = [await inLog(ada.organizationId), await seals(ada.organizationId)];
    const ofEvent = (at: number) =>
      and(eq(events.organizationId, uuidOf(ada.organizationId)), eq(events.id, rows[at]?.id ?? ''));
    const ofSeal = (sequence: number) =>
      and(eq(eventSeals.organizationId, uuidOf(ada.organizationId)), eq(eventSeals.sequence, sequence));
    const entryId = (at: number) => globalId('EventLogEntry', rows[at]?.id ?? '');
    return { ada, rows, chain, ofEvent, ofSeal, entryId };
  };

  test.each([
    ['an address', sql`address = '10.0.0.1'`],
    ['data', sql`data = data || '{"number": 2}'`],
    ['its actor', sql`actor_id = gen_random_uuid()`],
    ['its time', sql`created_at = created_at + interval '1 millisecond'`],
    ['its workspace', sql`workspace_id = gen_random_uuid()`],
  ])('an entry whose row was changed: %s', async (_name, change) => {
    const { ada, ofEvent, entryId, chain } = await sealed();
    await asOwner(ada.organizationId, sql`update events set ${change} where ${ofEvent(700)}`);
    expect(await verification(ada)).toEqual({
      intact: false,
      seals: 2,
      entries: 500,
      head: { sequence: 1, digest: chain[0]?.digest },
      fault: { kind: 'ENTRY_CHANGED', sequence: 2, entryId: entryId(700) },
    });
  });

  test.each([0, 499, 500, 1099])('an entry that was removed: number %d', async (at) => {
    const { ada, ofEvent, entryId } = await sealed();
    await asOwner(ada.organizationId, sql`delete from events where ${ofEvent(at)}`);
    const sequence = Math.floor(at / 500) + 1;
    expect((await verification(ada)).fault).toEqual({ kind: 'ENTRY_REMOVED', sequence, entryId: entryId(at) });
  });

  test('an entry that was put in', async () => {
    const { ada, rows } = await sealed();
    const before = rows[600]?.id ?? '';
    const id = `${before.slice(0, -12)}${(BigInt(`0x${before.slice(-12)}`) + 1n).toString(16).padStart(12, '0')}`;
    const organizationId = uuidOf(ada.organizationId);
    await asOwner(
      ada.organizationId,
      sql`alter table events disable trigger date_event`,
      sql`insert into events (organization_id, id, action, target_type, target_id, request_id)
        values (${organizationId}, ${id}, 'thing.done', 'Thing', ${id}, 'test')`,
      sql`alter table events enable trigger date_event`,
    );
    expect((await verification(ada)).fault).toEqual({
      kind: 'ENTRY_INSERTED',
      sequence: 2,
      entryId: globalId('EventLogEntry', id),
    });
  });

  test('a seal that was changed, and one that is gone', async () => {
    const { ada, ofSeal } = await sealed();
    await asOwner(
      ada.organizationId,
      sql`update event_seals set entries = translate(entries, 'A', 'B') where ${ofSeal(2)}`,
    );
    expect((await verification(ada)).fault).toEqual({ kind: 'SEAL_CHANGED', sequence: 2, entryId: null });
    await asOwner(ada.organizationId, sql`delete from event_seals where ${ofSeal(2)}`);
    expect((await verification(ada)).fault).toEqual({ kind: 'SEAL_MISSING', sequence: 2, entryId: null });
    await asOwner(ada.organizationId, sql`delete from event_seals where ${ofSeal(1)}`);
    expect((await verification(ada)).fault).toEqual({ kind: 'SEAL_MISSING', sequence: 1, entryId: null });
  });

  test('a chain that was cut off or made anew, by what was noted of it', async () => {
    const { ada, chain, ofSeal } = await sealed();
    const head = { sequence: 3, digest: chain[2]?.digest };
    await asOwner(ada.organizationId, sql`delete from event_seals where ${ofSeal(3)}`);
    expect(await verification(ada)).toMatchObject({ intact: true, seals: 2 });
    expect((await verification(ada, head)).fault).toEqual({ kind: 'SEAL_MISSING', sequence: 3, entryId: null });
    await sealNow(ada.organizationId);
    expect(await verification(ada)).toMatchObject({ intact: true, seals: 3 });
    expect((await verification(ada, head)).fault).toEqual({ kind: 'SEAL_CHANGED', sequence: 3, entryId: null });
    const { errors } = await ada.ask(verify, { input: { known: { sequence: 1, digest: 'x' } } });
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'known.digest' } }]);
  });

  test('the same by a job where the log is long', async () => {
    const { ada, ofEvent, entryId } = await sealed();
    for (let more = 0; more < 20; more++) {
      await write(ada, 1);
      await sealNow(ada.organizationId);
    }
    const { verifyEventLog }: Data = await ada.want(verify, { input: {} });
    expect(verifyEventLog.verification).toBeNull();
    expect(await ended(ada, verifyEventLog.job.id)).toMatchObject({
      intact: true,
      seals: 23,
      entries: 1120,
      fault: null,
    });
    await asOwner(ada.organizationId, sql`delete from events where ${ofEvent(3)}`);
    const { verifyEventLog: again }: Data = await ada.want(verify, { input: {} });
    expect(await ended(ada, again.job.id)).toMatchObject({
      intact: false,
      fault: { kind: 'ENTRY_REMOVED', sequence: 1, entryId: entryId(3) },
    });
  }, 60_000);
});

describe('retention', () => {
  const set = (person: Person, eventLogDays: number | null) =>
    person.ask(
      `mutation ($settings: OrganizationSettingsInput!) { updateOrganization(input: { settings: $settings }) { organization { settings { eventLogDays } } } }`,
      { settings: { eventLogDays } },
    );
  const trim = () => trimAll({ unit: unitOf(bed, null), services: bed.server.installation.services }, signal);
  /** Entries of a day long ago, and a seal of them. */
  const writeOld = async (ada: Owner, daysAgo: number, count: number): Promise<void> => {
    const at = Date.now() - daysAgo * 86_400_000;
    const organizationId = uuidOf(ada.organizationId);
    await asOwner(
      ada.organizationId,
      sql`alter table events disable trigger date_event`,
      sql`insert into events (organization_id, id, created_at, action, target_type, target_id, request_id)
        select ${organizationId}::uuid, (lpad(to_hex(${at}::bigint + n), 12, '0') || '7000' || '8000' || lpad('', 12, '0'))::uuid,
          to_timestamp((${at}::bigint + n) / 1000.0), 'old.done', 'Thing', gen_random_uuid(), 'test' from generate_series(1, ${count}::int) n`,
      sql`alter table events enable trigger date_event`,
    );
    await sealUpTo(unitOf(bed, ada.organizationId), firstIdAt(at + 1000 + count), signal);
  };

  test('deletes sealed batches beyond it, and the chain goes on from there', async () => {
    const ada = await bed.signUp('Ada');
    await writeOld(ada, 100, 700);
    await writeOld(ada, 40, 10);
    await writeOld(ada, 20, 10);
    await sealNow(ada.organizationId);
    const before = await inLog(ada.organizationId);
    await trim();
    expect(await inLog(ada.organizationId)).toEqual(before);
    expect((await set(ada, 30)).errors).toEqual([]);
    await trim();
    const after = await inLog(ada.organizationId);
    expect(after.filter(({ action }) => action === 'old.done')).toHaveLength(10);
    const chain = await seals(ada.organizationId);
    expect(chain.map(({ sequence }) => sequence)).toEqual([4, 5]);
    const told = after.find(({ action }) => action === 'event_log.trimmed');
    expect(told?.data).toEqual({
      sequence: 3,
      digest: chain[0]?.previousDigest,
      lastEventId: expect.any(String),
      entries: 710,
    });
    expect(await verification(ada)).toMatchObject({ intact: true, seals: 2 });
    await sealNow(ada.organizationId);
    expect(await verification(ada)).toMatchObject({ intact: true, seals: 3 });
    // Whoever takes more away than the log tells is found.
    await asOwner(
      ada.organizationId,
      sql`delete from event_seals where organization_id = ${uuidOf(ada.organizationId)} and sequence = 4`,
      sql`delete from events where organization_id = ${uuidOf(ada.organizationId)} and action = 'old.done'`,
    );
    expect((await verification(ada)).fault).toEqual({ kind: 'SEAL_MISSING', sequence: 4, entryId: null });
  }, 60_000);

  test('cannot be shorter than 30 days, and the database keeps to it', async () => {
    const ada = await bed.signUp('Ada');
    expect((await set(ada, 29)).errors).toMatchObject([
      { extensions: { code: 'BAD_USER_INPUT', field: 'settings.eventLogDays' } },
    ]);
    await writeOld(ada, 25, 10);
    await sealNow(ada.organizationId);
    const organizationId = uuidOf(ada.organizationId);
    const days = sql`update organizations set settings = '{"eventLogDays": 1}' where id = ${organizationId}`;
    await tamper(bed, ada, days);
    const before = await inLog(ada.organizationId);
    const unit = unitOf(bed, ada.organizationId);
    await unit.transact(() => database.execute(sql`select app_trim_events(${organizationId})`));
    expect(await inLog(ada.organizationId)).toEqual(before);
    await tamper(bed, ada, sql`update organizations set settings = '{}' where id = ${organizationId}`);
  });

  test('is the only way: the server deletes neither entries nor seals, nor trims the log of another', async () => {
    const [ada, bob] = [await bed.signUp('Ada'), await bed.signUp('Bob')];
    await sealNow(ada.organizationId);
    const tried = async (statement: SQL) =>
      unitOf(bed, ada.organizationId)
        .transact(() => database.execute(statement))
        .then(
          () => 'done',
          (error: { code?: string }) => error.code,
        );
    expect(await tried(sql`delete from events where organization_id = ${uuidOf(ada.organizationId)}`)).toBe('42501');
    expect(await tried(sql`delete from event_seals where organization_id = ${uuidOf(ada.organizationId)}`)).toBe(
      '42501',
    );
    expect(
      await tried(sql`update event_seals set digest = '' where organization_id = ${uuidOf(ada.organizationId)}`),
    ).toBe('42501');
    expect(await tried(sql`select app_trim_events(${uuidOf(bob.organizationId)})`)).toBe('42501');
  });
});
