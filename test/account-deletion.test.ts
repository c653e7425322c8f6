import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { and, eq, sql } from 'drizzle-orm';
import { PgBoss } from 'pg-boss';
import { database } from '../src/database/client.ts';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { throttlesOn } from '../src/domains/identity/throttle.ts';
import { accessTokens, throttleCounters, users } from '../src/domains/identity/tables.ts';
import { grantToken } from '../src/domains/identity/tokens.ts';
import { purgeAccounts, removeExpired } from '../src/domains/tenancy/schedules.ts';
import { memberships, organizations, userOrganizations } from '../src/domains/tenancy/tables.ts';
import { events, platformEvents } from '../src/events/tables.ts';
import { newId } from '../src/ids.ts';
import { BossQueue } from '../src/queue/boss.ts';
import { join, password, personalUnit, sessionsOf, signInTo, type SignedUp } from './people.ts';
import { conversationIn, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

const deleteMutation = `mutation ($input: DeleteAccountInput!) { deleteAccount(input: $input) { restorableUntil } }`;
const eraseMutation = `mutation ($input: EraseAccountInput!) { eraseAccount(input: $input) { erased } }`;
const restoreMutation = `mutation ($input: RestoreAccountInput!) { restoreAccount(input: $input) { restored } }`;
const signInMutation = `mutation ($input: SignInInput!) { signIn(input: $input) { token organization { id } } }`;
const whoAmI = '{ viewer { user { id } organization { id } role } }';
const own = { input: { password } };

let bed: Testbed;
beforeAll(async () => {
  bed = await startTestbed();
});
afterAll(() => bed.stop());

/** Rows of the platform, as they are. */
const read = async <Row>(work: () => Promise<Row[]>, organization: string | null = null): Promise<Row[]> => {
  const unit = unitOf(bed, organization);
  try {
    return await unit.run(work);
  } finally {
    await unit.rest();
  }
};
const userRow = async (person: SignedUp) =>
  (
    await read(() =>
      database
        .select()
        .from(users)
        .where(eq(users.id, uuidOf(person.userId))),
    )
  )[0];
const organizationRow = async (organization: string) =>
  (
    await read(() =>
      database
        .select()
        .from(organizations)
        .where(eq(organizations.id, uuidOf(organization))),
    )
  )[0];
const membershipRow = async (organization: string, person: SignedUp) =>
  (
    await read(
      () =>
        database
          .select()
          .from(memberships)
          .where(
            and(eq(memberships.organizationId, uuidOf(organization)), eq(memberships.userId, uuidOf(person.userId))),
          ),
      organization,
    )
  )[0];
const tokensOf = (person: SignedUp) =>
  read(() =>
    database
      .select({ kind: accessTokens.kind })
      .from(accessTokens)
      .where(eq(accessTokens.userId, uuidOf(person.userId))),
  );
const actionsOf = (person: SignedUp) =>
  read(() =>
    database
      .select({ action: platformEvents.action, actorId: platformEvents.actorId, address: platformEvents.address })
      .from(platformEvents)
      .where(eq(platformEvents.targetId, uuidOf(person.userId)))
      .orderBy(platformEvents.id),
  );
const signIn = (person: SignedUp) => bed.anonymous.ask(signInMutation, { input: { email: person.email, password } });
const restore = (email: string, word = password) =>
  bed.anonymous.ask(restoreMutation, { input: { email, password: word } });

/** Somebody with an organization of their own who belongs to that of another. */
const colleagues = async (role: 'OWNER' | 'MEMBER' = 'MEMBER'): Promise<[SignedUp, SignedUp]> => {
  const [ada, boss] = [await bed.signUp('Ada'), await bed.signUp('Boss')];
  await join(bed, boss.organizationId, ada, role);
  return [ada, boss];
};

describe('deleting', () => {
  test('ends every credential, takes the own organization along, and is undone within 30 days', async () => {
    const [ada, boss] = await colleagues();
    const there = await signInTo(bed, boss.organizationId, ada);
    const unit = personalUnit(bed, ada);
    const target = { organizationId: uuidOf(boss.organizationId), userId: uuidOf(ada.userId), subjectId: newId() };
    await grantToken(unit, 'DEVICE', target, new Date(Date.now() + 1000_000));

    const data: { deleteAccount: { restorableUntil: string } } = await ada.want(deleteMutation, own);
    const days = (Date.parse(data.deleteAccount.restorableUntil) - Date.now()) / 86_400_000;
    expect(Math.abs(days - 30)).toBeLessThan(0.01);
    expect([await ada.codes(whoAmI), await there.codes(whoAmI)]).toEqual([['UNAUTHENTICATED'], ['UNAUTHENTICATED']]);
    expect(await tokensOf(ada)).toEqual([]);
    expect((await sessionsOf(bed, ada)).every(({ revokedAt }) => revokedAt !== null)).toBe(true);
    expect((await organizationRow(ada.organizationId))?.deletedAt).not.toBeNull();
    expect((await organizationRow(boss.organizationId))?.deletedAt).toBeNull();
    expect((await membershipRow(boss.organizationId, ada))?.suspendedAt).not.toBeNull();
    expect((await signIn(ada)).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
    const again = await bed.anonymous.ask('mutation ($input: SignUpInput!) { signUp(input: $input) { token } }', {
      input: { email: ada.email.toUpperCase(), password, name: 'Ada', organizationName: 'New' },
    });
    expect(again.errors[0]?.extensions).toMatchObject({ code: 'CONFLICT', field: 'email' });

    expect((await restore(ada.email.toUpperCase())).data).toEqual({ restoreAccount: { restored: true } });
    expect((await organizationRow(ada.organizationId))?.deletedAt).toBeNull();
    expect((await membershipRow(boss.organizationId, ada))?.suspendedAt).toBeNull();
    expect(await ada.codes(whoAmI)).toEqual(['UNAUTHENTICATED']);
    expect((await restore(ada.email)).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
    expect((await signIn(ada)).data).toMatchObject({ signIn: { organization: { id: ada.organizationId } } });
    expect((await actionsOf(ada)).map(({ action }) => action)).toEqual([
      'user.deleted',
      'sign_in.failed',
      'user.restored',
      'user.restoration_failed',
    ]);
    expect((await actionsOf(ada))[0]).toMatchObject({ actorId: uuidOf(ada.userId), address: '127.0.0.1' });
  });

  test('needs the password, tries at which are counted', async () => {
    const ada = await bed.signUp('Ada');
    for (const mutation of [deleteMutation, eraseMutation]) {
      const { errors } = await ada.ask(mutation, { input: { password: 'wrong' } });
      expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'password' });
    }
    expect(await ada.codes(whoAmI)).toEqual([]);
    expect((await organizationRow(ada.organizationId))?.deletedAt).toBeNull();
    const { throttles } = bed.server.installation.services;
    const before = { ...throttles };
    const counters = () => new RateLimiterMemory({ points: 3, duration: 60 });
    Object.assign(throttles, throttlesOn({ countsAll: false, limiter: counters, close: () => undefined }));
    try {
      const tries = Array.from({ length: 8 }, () => ada.codes(deleteMutation, { input: { password: 'wrong' } }));
      const codes = (await Promise.all(tries)).flat().map(String);
      expect(codes.toSorted((a, b) => a.localeCompare(b))).toEqual([
        ...Array(3).fill('BAD_USER_INPUT'),
        ...Array(5).fill('RATE_LIMITED'),
      ]);
      // Whoever is not signed in is counted with those who sign in.
      const restoring = [];
      for (let tries = 0; tries < 4; tries += 1) restoring.push((await restore(ada.email)).errors[0]?.extensions.code);
      expect(restoring.at(-1)).toBe('RATE_LIMITED');
    } finally {
      Object.assign(throttles, before);
    }
  });

  test('is refused to the last owner of what others belong to, whichever way they go, and changes nothing', async () => {
    const [ada, boss] = await colleagues();
    const second = await bed.signUp('Second');
    await join(bed, second.organizationId, ada);
    await join(bed, second.organizationId, boss, 'OWNER');
    const before = [await userRow(boss), await organizationRow(boss.organizationId), await tokensOf(boss)];
    for (const mutation of [deleteMutation, eraseMutation]) {
      const { errors } = await boss.ask(mutation, own);
      expect(errors.map(({ extensions }) => extensions)).toEqual([
        {
          code: 'CONFLICT',
          field: 'organizations',
          organizations: [{ id: boss.organizationId, name: "Boss's" }],
        },
      ]);
    }
    expect([await userRow(boss), await organizationRow(boss.organizationId), await tokensOf(boss)]).toEqual(before);
    expect((await membershipRow(second.organizationId, boss))?.suspendedAt).toBeNull();
    expect(await boss.codes(whoAmI)).toEqual([]);
  });

  test('of two last owners at a time one goes', async () => {
    const [ada, boss] = await colleagues('OWNER');
    const codes = await Promise.all([ada.codes(deleteMutation, own), boss.codes(deleteMutation, own)]);
    expect(codes.toSorted((a, b) => a.length - b.length)).toEqual([[], ['CONFLICT']]);
    const owners = [await membershipRow(boss.organizationId, ada), await membershipRow(boss.organizationId, boss)];
    expect(owners.filter((each) => each?.suspendedAt === null)).toHaveLength(1);
  });

  test('leaves a suspension by somebody else as it was', async () => {
    const [ada, boss] = await colleagues();
    const suspendedAt = '2026-01-01 00:00:00+00';
    await unitOf(bed, boss.organizationId).transact(() =>
      database
        .update(memberships)
        .set({ suspendedAt })
        .where(eq(memberships.userId, uuidOf(ada.userId))),
    );
    await ada.want(deleteMutation, own);
    await restore(ada.email);
    expect((await membershipRow(boss.organizationId, ada))?.suspendedAt).toBe(suspendedAt);
  });

  test('whatever is wrong with bringing back is answered alike', async () => {
    const [ada, live, late, barred] = await Promise.all(
      ['Ada', 'Live', 'Late', 'Barred'].map((name) => bed.signUp(name)),
    );
    if (!ada || !live || !late || !barred) throw new Error('Four have signed up.');
    for (const each of [ada, late, barred]) await each.want(deleteMutation, own);
    const change = (person: SignedUp, values: object) =>
      unitOf(bed, null).transact(() =>
        database
          .update(users)
          .set(values)
          .where(eq(users.id, uuidOf(person.userId))),
      );
    await change(late, { deletedAt: new Date(Date.now() - 31 * 86_400_000).toISOString() });
    await change(barred, { suspendedAt: new Date().toISOString() });
    const answers = [
      await restore(ada.email, 'wrong'),
      await restore('nobody@example.com'),
      await restore(live.email),
      await restore(late.email),
      await restore(barred.email),
    ];
    const [first] = answers;
    expect(first?.errors[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED' });
    for (const { errors, status } of answers) expect([errors, status]).toEqual([first?.errors, first?.status]);
    for (const each of [ada, late, barred]) expect((await userRow(each))?.deletedAt).not.toBeNull();
  });
});

describe('erasing', () => {
  test('leaves nothing but what was written for others, without its author', async () => {
    const [ada, boss] = await colleagues();
    const there = await signInTo(bed, boss.organizationId, ada);
    const workspaceId = await workspaceOf(boss, { published: true });
    const conversationId = await conversationIn(there, workspaceId);
    await there.want('mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { id } } }', {
      input: { conversationId, content: 'Roses need light.' },
    });
    const image = 'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7';
    const { setAvatar }: { setAvatar: { account: { avatarUrl: string } } } = await ada.want(
      'mutation ($input: SetAvatarInput!) { setAvatar(input: $input) { account { avatarUrl } } }',
      { input: { image } },
    );
    await workspaceOf(ada, { name: 'Alone' });
    expect((await fetch(setAvatar.account.avatarUrl)).status).toBe(200);

    expect(await ada.want(eraseMutation, own)).toEqual({ eraseAccount: { erased: true } });

    expect([await ada.codes(whoAmI), await there.codes(whoAmI)]).toEqual([['UNAUTHENTICATED'], ['UNAUTHENTICATED']]);
    expect(await userRow(ada)).toBeUndefined();
    expect(await tokensOf(ada)).toEqual([]);
    expect(await sessionsOf(bed, ada)).toEqual([]);
    expect(await organizationRow(ada.organizationId)).toBeUndefined();
    expect(await membershipRow(boss.organizationId, ada)).toBeUndefined();
    const places = await read(() =>
      database
        .select()
        .from(userOrganizations)
        .where(eq(userOrganizations.userId, uuidOf(ada.userId))),
    );
    expect(places).toEqual([]);
    expect((await fetch(setAvatar.account.avatarUrl)).status).toBe(404);
    const log = await read(
      () =>
        database
          .select()
          .from(events)
          .where(eq(events.organizationId, uuidOf(ada.organizationId))),
      ada.organizationId,
    );
    expect(log).toEqual([]);
    const { data, errors } = await boss.ask(
      `query ($id: ID!) { conversation(id: $id) { startedBy { id } messages { edges { node { content sender { id } } } } } }`,
      { id: conversationId },
    );
    expect(errors).toEqual([]);
    expect(data).toEqual({
      conversation: {
        startedBy: null,
        messages: { edges: [{ node: { content: 'Roses need light.', sender: null } }] },
      },
    });
    // The address is free, and nothing of before comes with it.
    const again = await bed.anonymous.ask('mutation ($input: SignUpInput!) { signUp(input: $input) { user { id } } }', {
      input: { email: ada.email, password, name: 'Ada', organizationName: 'New' },
    });
    expect(again.errors).toEqual([]);
    expect(again.data).not.toMatchObject({ signUp: { user: { id: ada.userId } } });
    expect((await actionsOf(ada)).map(({ action }) => action)).toEqual(['user.erased']);
    expect(JSON.stringify(await read(() => database.select().from(platformEvents)))).not.toContain(ada.email);
  });

  test('an owner goes when there is another one', async () => {
    const [ada, boss] = await colleagues('OWNER');
    expect(await boss.codes(eraseMutation, own)).toEqual([]);
    expect((await membershipRow(boss.organizationId, ada))?.role).toBe('OWNER');
    expect(await organizationRow(boss.organizationId)).toBeDefined();
    expect(await ada.codes(eraseMutation, own)).toEqual([]);
    expect(await organizationRow(boss.organizationId)).toBeUndefined();
  });
});

describe('each night', () => {
  const work = () => ({ unit: unitOf(bed, null), services: bed.server.installation.services });
  const { signal } = new AbortController();

  test('accounts go whose 30 days are over', async () => {
    const [[late], [early], [kept]] = [await colleagues(), await colleagues(), await colleagues()];
    for (const each of [late, early]) await each.want(deleteMutation, own);
    await unitOf(bed, null).transact(async () => {
      for (const [person, days] of [
        [late, 30.01],
        [early, 29.99],
      ] as const)
        await database
          .update(users)
          .set({ deletedAt: new Date(Date.now() - days * 86_400_000).toISOString() })
          .where(eq(users.id, uuidOf(person.userId)));
    });
    await purgeAccounts(work(), signal);
    expect([await userRow(late), (await userRow(early))?.deletedAt !== null, (await userRow(kept))?.deletedAt]).toEqual(
      [undefined, true, null],
    );
    expect(await organizationRow(late.organizationId)).toBeUndefined();
    // Once more there is nothing to do.
    await purgeAccounts(work(), signal);
    expect(await kept.codes(whoAmI)).toEqual([]);
  });

  test('tokens and counters go whose time is over, however many there are', async () => {
    const ada = await bed.signUp('Ada');
    const over = new Date(Date.now() - 1000);
    await unitOf(bed, null).transact(async () => {
      await database.execute(sql`insert into access_tokens (hash, kind, subject_id, expires_at)
        select 'over ' || number, 'UPLOAD', ${newId()}, ${over.toISOString()} from generate_series(1, 2500) number`);
      await database.insert(throttleCounters).values([
        { key: 'over', points: 1, expire: over },
        { key: 'running', points: 1, expire: new Date(Date.now() + 1000_000) },
        { key: 'for ever', points: 1, expire: null },
      ]);
    });
    await removeExpired(work(), signal);
    const left = await read(() =>
      database
        .select()
        .from(accessTokens)
        .where(sql`expires_at < now()`),
    );
    expect(left).toEqual([]);
    expect(await ada.codes(whoAmI)).toEqual([]);
    const counters = await read(() => database.select().from(throttleCounters).orderBy(throttleCounters.key));
    expect(counters.map(({ key }) => key)).toEqual(['for ever', 'running']);
  });
});

describe('what comes again and again', () => {
  /** Runs a statement of the queue's own tables. */
  const run = async (text: string, values: unknown[] = []): Promise<unknown[]> => {
    const rows: unknown = await bed.server.installation.services.pool.run(text, values);
    return [...(rows as Iterable<unknown>)];
  };
  const asText = (value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? JSON.stringify(value) : value;

  test('is planned once for all processes', async () => {
    const rows = await run(`select name, cron, timezone from pgboss.schedule order by name`);
    const nightly = { cron: expect.stringMatching(/^\d+ [123] \* \* \*$/), timezone: 'UTC' };
    const names = ['purge-accounts', 'purge-devices', 'purge-organizations', 'remove-expired'];
    for (const name of names)
      expect(rows.filter((row) => (row as { name: string }).name === `tenancy.${name}`)).toEqual([
        { name: `tenancy.${name}`, ...nightly },
      ]);
  });

  test('is done by one process at a time, in the platform’s name', async () => {
    const { services } = bed.server.installation;
    const kind = `test.${newId()}`;
    const runs: (string | null)[] = [];
    let running = 0;
    let most = 0;
    const schedule = {
      cron: '0 0 1 1 *',
      expireSeconds: 60,
      run: async ({ scope }: ReturnType<typeof unitOf>) => {
        most = Math.max(most, ++running);
        runs.push(scope.organizationId);
        await pause(100);
        running -= 1;
      },
    };
    const queues = [
      await BossQueue.open(services, {}, { [kind]: schedule }),
      await BossQueue.open(services, {}, { [kind]: schedule }),
    ];
    const boss = new PgBoss({
      db: { executeSql: async (text, values = []) => ({ rows: await run(text, values.map(asText)) }) },
      schema: 'pgboss',
      migrate: false,
      createSchema: false,
      supervise: false,
      schedule: false,
    });
    await boss.start();
    try {
      // As the clock does it; the second is refused while the first waits.
      const sent = [await boss.send(kind, {}), await boss.send(kind, {})];
      expect(sent.map((id) => id === null)).toEqual([false, true]);
      await Promise.all(queues.map((queue) => queue.work({}, { [kind]: schedule }, (unit) => unit)));
      for (const deadline = Date.now() + 5000; runs.length === 0 && Date.now() < deadline;) await pause(20);
      await pause(300);
      expect([runs, most]).toEqual([[null], 1]);
    } finally {
      await boss.stop({ graceful: false, close: false });
      for (const queue of queues) await queue.stop(100);
      await run(`delete from pgboss.schedule where name = '${kind}'`);
    }
  });
});
