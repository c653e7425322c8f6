import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { and, desc, eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { accessTokens, devices, extensionKeys } from '../src/domains/identity/tables.ts';
import { grantToken, type TokenKind } from '../src/domains/identity/tokens.ts';
import { Activity } from '../src/domains/tenancy/activity.ts';
import { apiKeys, memberships, organizations } from '../src/domains/tenancy/tables.ts';
import { founderOf } from '../src/domains/tenancy/viewers.ts';
import { events } from '../src/events/tables.ts';
import { globalId, newId } from '../src/ids.ts';
import { ageSession, join, personalUnit, sessionsOf, signInTo, type SignedUp } from './people.ts';
import { unitOf, uuidOf } from './talk.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';

const sessionsQuery = `query ($filter: SessionFilter, $first: Int) { viewer { account { sessions(filter: $filter, first: $first) {
  totalCount pageInfo { hasNextPage } edges { node { id current active userAgent address organization { id name current }
  createdAt lastActivityAt expiresAt revokedAt } } } } } }`;
const organizationsQuery = `query ($first: Int, $after: String) { viewer { account { organizations(first: $first, after: $after) {
  totalCount pageInfo { hasNextPage endCursor } edges { joinedAt node { id name slug type active current } } } } } }`;
const revokeMutation = `mutation ($input: RevokeSessionInput!) { revokeSession(input: $input) { session { id active revokedAt } } }`;
const switchMutation = `mutation ($input: SwitchOrganizationInput!) { switchOrganization(input: $input) { token user { id }
  organization { id name members { totalCount } } } }`;
const whoAmI = '{ viewer { user { id } organization { id } role } }';

interface Session {
  readonly id: string;
  readonly current: boolean;
  readonly active: boolean;
  readonly userAgent: string | null;
  readonly organization: { readonly id: string; readonly name: string; readonly current: boolean } | null;
  readonly expiresAt: string;
}
interface Page<Node> {
  readonly totalCount: number;
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
  readonly edges: readonly { readonly node: Node }[];
}

const day = 86_400_000;
let bed: Testbed;
let other: SignedUp;
beforeAll(async () => {
  bed = await startTestbed({ SESSION_DAYS: '20', SESSION_IDLE_DAYS: '7', ACTIVITY_SECONDS: '0.1' });
  other = await bed.signUp('Other');
});
afterAll(() => bed.stop());

const sessionPage = async (person: Person, variables: object = {}): Promise<Page<Session>> => {
  const data: { viewer: { account: { sessions: Page<Session> } } } = await person.want(sessionsQuery, variables);
  return data.viewer.account.sessions;
};
const namesOf = (page: Page<Session>) => page.edges.map(({ node }) => node.userAgent);
const codeOfViewer = async (person: Person) => (await person.codes(whoAmI))[0];
const logOf = async (organization: string, limit: number): Promise<string[]> => {
  const unit = unitOf(bed, organization);
  const rows = await unit.run(() => database.select().from(events).orderBy(desc(events.id)).limit(limit));
  await unit.rest();
  return rows.map(({ action }) => action);
};

describe('sessions', () => {
  test('are listed newest first, from all organizations, without those that have ended', async () => {
    const ada = await bed.signUp('Ada');
    await join(bed, other.organizationId, ada, 'GUEST');
    const there = await signInTo(bed, other.organizationId, ada, 'there');
    await signInTo(bed, ada.organizationId, ada, 'idle');
    await signInTo(bed, ada.organizationId, ada, 'over');
    const rows = await sessionsOf(bed, ada);
    const ago = (days: number) => new Date(Date.now() - days * day).toISOString();
    await ageSession(bed, ada, rows[2]?.id ?? '', { lastActivityAt: ago(7.01) });
    await ageSession(bed, ada, rows[3]?.id ?? '', { expiresAt: ago(0.01) });

    const live = await sessionPage(ada);
    expect(namesOf(live)).toEqual(['there', 'node']);
    expect(live).toMatchObject({ totalCount: 2, pageInfo: { hasNextPage: false } });
    expect(live.edges.map(({ node }) => [node.current, node.active, node.organization])).toEqual([
      [false, true, { id: other.organizationId, name: "Other's", current: false }],
      [true, true, { id: ada.organizationId, name: "Ada's", current: true }],
    ]);
    const lifeDays = (Date.parse(live.edges[0]?.node.expiresAt ?? '') - Date.now()) / day;
    expect(lifeDays).toBeGreaterThan(19.9);
    expect(lifeDays).toBeLessThan(20.1);
    // From there they are the same, seen from the other side.
    expect((await sessionPage(there)).edges.map(({ node }) => node.current)).toEqual([true, false]);

    const all = await sessionPage(ada, { filter: {} });
    expect(namesOf(all)).toEqual(['over', 'idle', 'there', 'node']);
    expect(all.edges.map(({ node }) => node.active)).toEqual([false, false, true, true]);
    expect(namesOf(await sessionPage(ada, { filter: { expiresAt: { lt: new Date() } } }))).toEqual(['over']);
    expect(namesOf(await sessionPage(ada, { first: 1 }))).toEqual(['there']);
    const { statements } = await ada.ask(sessionsQuery);
    // User, organization, account, page, count, organizations of the sessions.
    expect(statements).toHaveLength(6);
    const tooMany = await ada.ask(sessionsQuery, { first: 101 });
    expect(tooMany.errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'first' });
    // Nobody else finds them.
    const id = globalId('Session', rows[0]?.id ?? '');
    expect(await ada.want('query ($id: ID!) { node(id: $id) { id } }', { id })).toEqual({ node: { id } });
    expect(await other.codes('query ($id: ID!) { node(id: $id) { id } }', { id })).toEqual(['NOT_FOUND']);
    expect(await other.codes(revokeMutation, { input: { id } })).toEqual(['NOT_FOUND']);
    expect(namesOf(await sessionPage(ada))).toEqual(['there', 'node']);
  });

  test('end after their days, and after some days without a request', async () => {
    const ada = await bed.signUp('Ada');
    const idle = await signInTo(bed, ada.organizationId, ada);
    const over = await signInTo(bed, ada.organizationId, ada);
    const [, idleRow, overRow] = await sessionsOf(bed, ada);
    expect([await codeOfViewer(idle), await codeOfViewer(over)]).toEqual([undefined, undefined]);
    // What was noted is written before the clock is turned.
    await pause(300);
    const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
    await ageSession(bed, ada, idleRow?.id ?? '', { lastActivityAt: ago(7 * day - 60_000) });
    expect(await codeOfViewer(idle)).toBeUndefined();
    await pause(300);
    await ageSession(bed, ada, idleRow?.id ?? '', { lastActivityAt: ago(7 * day + 60_000) });
    await ageSession(bed, ada, overRow?.id ?? '', { expiresAt: ago(1000) });
    expect([await codeOfViewer(idle), await codeOfViewer(over)]).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED']);
    expect(await codeOfViewer(ada)).toBeUndefined();
  });

  test('are revoked one by one, and all but this one', async () => {
    const ada = await bed.signUp('Ada');
    await join(bed, other.organizationId, ada);
    const [first, second, third] = [
      await signInTo(bed, ada.organizationId, ada),
      await signInTo(bed, ada.organizationId, ada),
      await signInTo(bed, other.organizationId, ada),
    ];
    expect(await codeOfViewer(first)).toBeUndefined();
    const id = globalId('Session', (await sessionsOf(bed, ada))[1]?.id ?? '');
    const { data } = await ada.ask(revokeMutation, { input: { id } });
    expect(data).toMatchObject({ revokeSession: { session: { id, active: false } } });
    expect(await logOf(ada.organizationId, 1)).toEqual(['session.revoked']);
    expect(await codeOfViewer(first)).toBe('UNAUTHENTICATED');
    expect(await ada.codes(revokeMutation, { input: { id } })).toEqual(['NOT_FOUND']);
    expect(await codeOfViewer(second)).toBeUndefined();
    expect(await ada.want('mutation { revokeOtherSessions { count } }')).toEqual({ revokeOtherSessions: { count: 2 } });
    expect([await codeOfViewer(second), await codeOfViewer(third)]).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED']);
    expect(await codeOfViewer(ada)).toBeUndefined();
    expect(await ada.want('mutation { revokeOtherSessions { count } }')).toEqual({ revokeOtherSessions: { count: 0 } });
    const unit = unitOf(bed, null);
    const tokens = await unit.run(() =>
      database
        .select()
        .from(accessTokens)
        .where(eq(accessTokens.userId, uuidOf(ada.userId))),
    );
    await unit.rest();
    expect(tokens.filter(({ kind }) => kind === 'SESSION')).toHaveLength(1);
  });
});

describe('organizations', () => {
  test('are listed with the time of joining, page by page', async () => {
    const ada = await bed.signUp('Ada');
    const third = await bed.signUp('Third');
    await join(bed, other.organizationId, ada);
    await join(bed, third.organizationId, ada);
    const page = async (variables: object) => {
      const data: { viewer: { account: { organizations: Page<{ id: string; current: boolean }> } } } = await ada.want(
        organizationsQuery,
        variables,
      );
      return data.viewer.account.organizations;
    };
    const all = await page({});
    expect(all.edges.map(({ node }) => node.id)).toEqual([
      other.organizationId,
      ada.organizationId,
      third.organizationId,
    ]);
    expect(all.edges.map(({ node }) => node.current)).toEqual([false, true, false]);
    expect(all).toMatchObject({
      totalCount: 3,
      edges: [{ node: { name: "Other's", type: 'TEAM', active: true } }, {}, {}],
    });
    const first = await page({ first: 2 });
    expect(first.pageInfo.hasNextPage).toBe(true);
    const rest = await page({ first: 2, after: first.pageInfo.endCursor });
    expect(rest.edges.map(({ node }) => node.id)).toEqual([third.organizationId]);
    expect((await ada.ask(organizationsQuery)).statements).toHaveLength(6);
  });

  test('switching starts a session there and ends the one here', async () => {
    const ada = await bed.signUp('Ada');
    await join(bed, other.organizationId, ada, 'ADMIN');
    const input = { organizationId: other.organizationId };
    const data: { switchOrganization: { token: string; organization: { id: string; name: string } } } = await ada.want(
      switchMutation,
      { input },
    );
    const { token, ...rest } = data.switchOrganization;
    expect(rest).toMatchObject({
      user: { id: ada.userId },
      organization: { id: other.organizationId, name: "Other's", members: { totalCount: expect.any(Number) } },
    });
    expect(await codeOfViewer(ada)).toBe('UNAUTHENTICATED');
    expect(await new Person(bed, token).want(whoAmI)).toMatchObject({
      viewer: { user: { id: ada.userId }, organization: { id: other.organizationId }, role: 'ADMIN' },
    });
    expect(await logOf(ada.organizationId, 1)).toEqual(['session.ended']);
    expect(await logOf(other.organizationId, 1)).toEqual(['session.started']);
    expect((await sessionsOf(bed, ada)).map(({ revokedAt }) => revokedAt !== null)).toEqual([true, false]);
  });

  test('of two switches at a time one succeeds', async () => {
    const ada = await bed.signUp('Ada');
    await join(bed, other.organizationId, ada);
    const input = { organizationId: other.organizationId };
    const both = await Promise.all([ada.codes(switchMutation, { input }), ada.codes(switchMutation, { input })]);
    expect(both.filter((codes) => codes.length === 0)).toHaveLength(1);
    expect(both.flat()).toEqual([expect.stringMatching(/^(CONFLICT|UNAUTHENTICATED)$/)]);
    expect(await sessionsOf(bed, ada)).toHaveLength(2);
  });

  test('where one may not enter is NOT_FOUND, and the session goes on', async () => {
    const ada = await bed.signUp('Ada');
    const [strange, barred, closed, deleted] = await Promise.all(
      ['Strange', 'Barred', 'Closed', 'Deleted'].map((name) => bed.signUp(name)),
    );
    if (!strange || !barred || !closed || !deleted) throw new Error('Four have signed up.');
    for (const each of [barred, closed, deleted]) await join(bed, each.organizationId, ada, 'ADMIN');
    await unitOf(bed, barred.organizationId).transact(() =>
      database
        .update(memberships)
        .set({ suspendedAt: new Date().toISOString() })
        .where(eq(memberships.userId, uuidOf(ada.userId))),
    );
    const now = new Date().toISOString();
    const change = (organization: string, values: object) =>
      unitOf(bed, null).transact(() =>
        database
          .update(organizations)
          .set(values)
          .where(eq(organizations.id, uuidOf(organization))),
      );
    await change(closed.organizationId, { suspendedAt: now });
    await change(deleted.organizationId, { deletedAt: now });
    const unknown = { organizationId: globalId('Organization', newId()) };
    for (const { organizationId } of [strange, barred, closed, deleted, unknown])
      expect(await ada.codes(switchMutation, { input: { organizationId } })).toEqual(['NOT_FOUND']);
    expect(await codeOfViewer(ada)).toBeUndefined();
    expect(await sessionsOf(bed, ada)).toHaveLength(1);
  });
});

describe('activity', () => {
  /** A device, key or extension of a person, with the token that stands for it. */
  const credential = async (ada: SignedUp, kind: TokenKind): Promise<{ id: string; person: Person }> => {
    const [organizationId, userId, id] = [uuidOf(ada.organizationId), uuidOf(ada.userId), newId()];
    const now = new Date().toISOString();
    const own = { id, userId, organizationId };
    const scope = { organizationId, userId, principals: [userId], workspaces: '*' as const };
    const unit = personalUnit(bed, ada).as(scope);
    const token = await unit.transact(async () => {
      if (kind === 'DEVICE')
        await database.insert(devices).values({ ...own, name: 'Phone', system: 'IOS', approvedAt: now });
      if (kind === 'EXTENSION_KEY')
        await database.insert(extensionKeys).values({ ...own, label: 'Fox', prefix: 'tsr' });
      if (kind === 'API_KEY')
        await database.insert(apiKeys).values({
          ...own,
          readers: [userId, organizationId],
          label: 'Cron',
          prefix: 'tsr',
          scopes: ['WORKSPACE_READ'],
          allWorkspaces: true,
        });
      return grantToken(unit, kind, { organizationId, userId, subjectId: id }, new Date(Date.now() + day));
    });
    return { id, person: new Person(bed, token) };
  };

  test('is written a while later, for every kind of credential, and no request waits for it', async () => {
    const ada = await bed.signUp('Ada');
    const [device, extension, key] = [
      await credential(ada, 'DEVICE'),
      await credential(ada, 'EXTENSION_KEY'),
      await credential(ada, 'API_KEY'),
    ];
    const [session] = await sessionsOf(bed, ada);
    const old = new Date(Date.now() - day).toISOString();
    await pause(300);
    await ageSession(bed, ada, session?.id ?? '', { lastActivityAt: old });
    const began = Date.now();
    await Promise.all([
      ada.ask(whoAmI),
      device.person.ask(whoAmI),
      extension.person.ask(whoAmI),
      key.person.ask(whoAmI),
    ]);
    const unit = personalUnit(bed, ada);
    const inOrganization = unit.as({
      ...unit.scope,
      organizationId: uuidOf(ada.organizationId),
      principals: [uuidOf(ada.organizationId)],
    });
    const written = async () => {
      const [phone] = await unit.run(() => database.select().from(devices).where(eq(devices.id, device.id)));
      const [fox] = await unit.run(() =>
        database.select().from(extensionKeys).where(eq(extensionKeys.id, extension.id)),
      );
      await unit.rest();
      const [cron] = await inOrganization.run(() =>
        database
          .select()
          .from(apiKeys)
          .where(and(eq(apiKeys.organizationId, inOrganization.organizationId), eq(apiKeys.id, key.id))),
      );
      await inOrganization.rest();
      const [mine] = await sessionsOf(bed, ada);
      return {
        times: [mine?.lastActivityAt, phone?.lastSeenAt, fox?.lastUsedAt, cron?.lastUsedAt],
        addresses: [phone?.lastSeenAddress, cron?.lastUsedAddress],
      };
    };
    let now = await written();
    for (const deadline = Date.now() + 5000; Date.now() < deadline; now = await written()) {
      if (now.times.every((time) => Date.parse(time ?? '') >= began)) break;
      await pause(50);
    }
    expect(now.times.every((time) => Date.parse(time ?? '') >= began)).toBe(true);
    expect(now.addresses).toEqual(['127.0.0.1', '127.0.0.1']);
  });

  test('what was noted is written when the process stops, and no more than 10,000 are kept', async () => {
    const ada = await bed.signUp('Ada');
    const { services } = bed.server.installation;
    const [session] = await sessionsOf(bed, ada);
    const { userId, organizationId } = { userId: uuidOf(ada.userId), organizationId: uuidOf(ada.organizationId) };
    const viewer = founderOf(organizationId, userId);
    const noted = (id: string) => ({ ...viewer, credential: { ...viewer.credential, id } });
    const origin = { requestId: 'test', address: null, userAgent: null };
    const activity = new Activity(services, 60_000);
    const old = new Date(Date.now() - day).toISOString();
    await ageSession(bed, ada, session?.id ?? '', { lastActivityAt: old });
    for (let count = 1; count < 10_000; count += 1) activity.note(noted(newId()), origin);
    activity.note(noted(session?.id ?? ''), origin);
    const late = await signInTo(bed, ada.organizationId, ada);
    expect(late.token).not.toBeNull();
    const [, second] = await sessionsOf(bed, ada);
    await ageSession(bed, ada, second?.id ?? '', { lastActivityAt: old });
    activity.note(noted(second?.id ?? ''), origin);
    await activity.stop();
    const times = (await sessionsOf(bed, ada)).map(
      ({ lastActivityAt }) => Date.now() - Date.parse(lastActivityAt) < day / 2,
    );
    expect(times).toEqual([true, false]);
  });
});
