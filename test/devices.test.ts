import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import { purgeUnapprovedDevices } from '../src/domains/tenancy/devices.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { eventsOf, faultsOf, memberOf, removeMember, tablesHolding, tamper, type Place } from './machines.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';

interface Pairing {
  readonly token: string;
  readonly url: string;
  readonly qrCode: string;
  readonly expiresAt: string;
}
interface Paired {
  readonly deviceId: string;
  readonly secret: string;
  readonly expiresAt: string;
}

const start = 'mutation { startDevicePairing { token url qrCode expiresAt } }';
const pair = 'mutation ($input: PairDeviceInput!) { pairDevice(input: $input) { deviceId secret expiresAt } }';
const deviceFields = '{ id name system approved approvedAt lastSeenAt expiresAt organization { id } }';
const approve = `mutation ($id: ID!) { approveDevice(input: { id: $id }) { device ${deviceFields} } }`;
const rename = `mutation ($id: ID!, $name: String!) { updateDevice(input: { id: $id, name: $name }) { device { name } } }`;
const revoke = 'mutation ($id: ID!) { revokeDevice(input: { id: $id }) { revokedId } }';
const list = `{ viewer { devices { totalCount edges { node ${deviceFields} } } } }`;
const who = '{ viewer { user { id } organization { id } permissions } }';
const refused = ['UNAUTHENTICATED'];

let bed: Testbed;
let owner: Awaited<ReturnType<Testbed['signUp']>>;
let stranger: Awaited<ReturnType<Testbed['signUp']>>;

beforeAll(async () => {
  bed = await startTestbed();
  owner = await bed.signUp();
  stranger = await bed.signUp('Stranger');
});
afterAll(() => bed.stop());

const begun = async (person: Person = owner): Promise<Pairing> => {
  const data: { startDevicePairing: Pairing } = await person.want(start);
  return data.startDevicePairing;
};
const paired = async (person: Person = owner, name = 'Pocket'): Promise<Paired> => {
  const { token } = await begun(person);
  const data: { pairDevice: Paired } = await bed.anonymous.want(pair, { input: { token, name, system: 'ANDROID' } });
  return data.pairDevice;
};
const approved = async (person: Person = owner): Promise<Paired & { device: Person }> => {
  const one = await paired(person);
  await person.want(approve, { id: one.deviceId });
  return { ...one, device: new Person(bed, one.secret) };
};
const pairFaults = async (input: object) => faultsOf(await bed.anonymous.ask(pair, { input }));
const countOf = async (person: Person): Promise<number> => {
  const data: { viewer: { devices: { totalCount: number } } } = await person.want(list);
  return data.viewer.devices.totalCount;
};

test('a device is paired by a token, let in by its owner, and acts as them without personal permissions', async () => {
  const pairing = await begun();
  expect(pairing.token).toMatch(/^tsr_pairing_/);
  expect(pairing.url).toBe(`${bed.url}/pair#token=${pairing.token}`);
  expect(pairing.qrCode).toMatch(/^data:image\/png;base64,iVBORw0KGgo/);
  expect((Date.parse(pairing.expiresAt) - Date.now()) / 60_000).toBeCloseTo(3, 1);

  const input = { token: pairing.token, name: 'Fairphone', system: 'ANDROID' };
  const data: { pairDevice: Paired } = await bed.anonymous.want(pair, { input });
  const { deviceId: id, secret } = data.pairDevice;
  const device = new Person(bed, secret);
  expect(secret).toMatch(/^tsr_device_/);
  expect(await device.codes(who)).toEqual(refused);

  const waiting = { id, name: 'Fairphone', system: 'ANDROID', approved: false, approvedAt: null, lastSeenAt: null };
  const listed: { viewer: { devices: { edges: { node: object }[] } } } = await owner.want(list);
  expect(listed.viewer.devices.edges[0]?.node).toMatchObject({
    ...waiting,
    organization: { id: owner.organizationId },
  });
  const now: { approveDevice: { device: { approved: boolean } } } = await owner.want(approve, { id });
  expect(now.approveDevice.device.approved).toBe(true);
  const { data: seen } = await device.ask(who);
  const { viewer } = seen as { viewer: { user: object; organization: object; permissions: string[] } };
  expect([viewer.user, viewer.organization]).toEqual([{ id: owner.userId }, { id: owner.organizationId }]);
  expect(viewer.permissions).toContain('WORKSPACE_CREATE');
  for (const personal of ['ACCOUNT_MANAGE', 'ORGANIZATION_OWN']) expect(viewer.permissions).not.toContain(personal);
  expect(faultsOf(await device.ask(start))).toEqual([['FORBIDDEN', 'ACCOUNT_MANAGE']]);
  expect(await workspaceOf(device)).toMatch(/^workspace_/);

  for (const text of [pairing.token, secret]) expect(await tablesHolding(bed, owner, text)).toEqual([]);
  expect(await tablesHolding(bed, owner, 'Fairphone')).toEqual(['devices', 'events']);
  const events = await eventsOf(bed, owner, 'device.%');
  expect(events.map(({ action, actor }) => [action, actor])).toEqual(
    ['pairing_started', 'paired', 'approved'].map((act) => [`device.${act}`, uuidOf(owner.userId)]),
  );
});

describe('a pairing', () => {
  const invalid = [['UNAUTHENTICATED', undefined]];
  const named = { name: 'Pocket', system: 'IOS' };

  test('works once, of many at a time', async () => {
    const { token } = await begun();
    const before = await countOf(owner);
    const codes = await Promise.all(
      Array.from({ length: 6 }, () => bed.anonymous.codes(pair, { input: { ...named, token } })),
    );
    expect(codes.filter((each) => each.length === 0)).toHaveLength(1);
    expect(await pairFaults({ ...named, token })).toEqual(invalid);
    expect(await countOf(owner)).toBe(before + 1);
  });

  test('is void after a new one, after its time, and when it is another token', async () => {
    const [first, second] = [await begun(), await begun()];
    expect(await pairFaults({ ...named, token: first.token })).toEqual(invalid);
    await tamper(
      bed,
      owner,
      sql`update access_tokens set expires_at = now() - interval '1 second' where kind = 'PAIRING'`,
    );
    expect(await pairFaults({ ...named, token: second.token })).toEqual(invalid);
    expect(await pairFaults({ ...named, token: owner.token })).toEqual(invalid);
  });

  test('is left alone by bad input', async () => {
    const { token } = await begun();
    for (const name of ['', ' ', 'x'.repeat(101)])
      expect(await pairFaults({ token, name, system: 'IOS' })).toEqual([['BAD_USER_INPUT', 'name']]);
    expect(await pairFaults({ ...named, token })).toEqual([]);
  });

  test('of a member who was suspended meanwhile opens nothing and is used up', async () => {
    const member = await memberOf(bed, owner.organizationId, 'MEMBER');
    const { token } = await begun(member);
    const suspend = (moment: string) =>
      tamper(
        bed,
        owner,
        sql`update memberships set suspended_at = ${sql.raw(moment)} where user_id = ${uuidOf(member.userId)}`,
      );
    await suspend('now()');
    expect(await pairFaults({ ...named, token })).toEqual(invalid);
    await suspend('null');
    expect(await pairFaults({ ...named, token })).toEqual(invalid);
  });
});

test('a device is its owner’s: nobody else finds, approves, renames or revokes it', async () => {
  const { deviceId: id, secret } = await paired();
  const peer = await memberOf(bed, owner.organizationId, 'OWNER');
  for (const person of [stranger, peer]) {
    const node = 'query ($id: ID!) { node(id: $id) { id } }';
    for (const act of [node, approve, revoke]) expect(await person.codes(act, { id })).toEqual(['NOT_FOUND']);
    expect(await person.codes(rename, { id, name: 'Mine' })).toEqual(['NOT_FOUND']);
    expect(await countOf(person)).toBe(0);
  }
  expect(await new Person(bed, secret).codes(who)).toEqual(refused);
  expect(await owner.codes(rename, { id, name: 'x'.repeat(101) })).toEqual(['BAD_USER_INPUT']);
  const data: { updateDevice: object } = await owner.want(rename, { id, name: ' Desk ' });
  expect(data.updateDevice).toEqual({ device: { name: 'Desk' } });
});

describe('a device ends', () => {
  test('at once when it is revoked', async () => {
    const { device, deviceId: id } = await approved();
    expect(await device.codes(who)).toEqual([]);
    const data: { revokeDevice: object } = await owner.want(revoke, { id });
    expect(data.revokeDevice).toEqual({ revokedId: id });
    expect(await device.codes(who)).toEqual(refused);
    expect(await owner.codes(revoke, { id })).toEqual(['NOT_FOUND']);
  });

  test('when its owner is suspended, and for good when they leave', async () => {
    const place: Place & Person = await memberOf(bed, owner.organizationId, 'MEMBER');
    const { device } = await approved(place);
    const is = sql`user_id = ${uuidOf(place.userId)} and organization_id = ${uuidOf(owner.organizationId)}`;
    await tamper(bed, owner, sql`update memberships set suspended_at = now() where ${is}`);
    expect(await device.codes(who)).toEqual(refused);
    await tamper(bed, owner, sql`update memberships set suspended_at = null where ${is}`);
    expect(await device.codes(who)).toEqual([]);
    await removeMember(bed, place);
    expect(await device.codes(who)).toEqual(refused);
    await tamper(
      bed,
      owner,
      sql`insert into memberships (organization_id, id, user_id, role)
      values (${uuidOf(owner.organizationId)}, gen_random_uuid(), ${uuidOf(place.userId)}, 'MEMBER')`,
    );
    expect(await device.codes(who)).toEqual(refused);
  });

  test('after a day without approval, and is purged', async () => {
    const [waiting, other, kept] = [await paired(), await paired(stranger), await paired()];
    const late = [waiting, other].map(({ deviceId }) => uuidOf(deviceId));
    for (const person of [owner, stranger]) {
      await tamper(
        bed,
        person,
        sql`update devices set created_at = now() - interval '25 hours' where id = any(${`{${late.join()}}`})`,
      );
      await tamper(
        bed,
        person,
        sql`update access_tokens set expires_at = now() - interval '1 hour' where subject_id = any(${`{${late.join()}}`})`,
      );
    }
    expect(faultsOf(await owner.ask(approve, { id: waiting.deviceId }))).toEqual([['CONFLICT', 'id']]);
    const { services } = bed.server.installation;
    const unit = new UnitOfWork(nowhere, {
      ...services,
      origin: { requestId: 'test', address: null, userAgent: null },
    });
    expect(await purgeUnapprovedDevices(unit)).toBe(2);
    expect(await purgeUnapprovedDevices(unit)).toBe(0);
    expect(await owner.codes(approve, { id: waiting.deviceId })).toEqual(['NOT_FOUND']);
    expect(await owner.codes(approve, { id: kept.deviceId })).toEqual([]);
  });

  test('a year after its pairing', async () => {
    const { deviceId: id, expiresAt } = await paired();
    expect((Date.parse(expiresAt) - Date.now()) / 86_400_000).toBeCloseTo(1, 2);
    const data: { approveDevice: { device: { expiresAt: string } } } = await owner.want(approve, { id });
    expect((Date.parse(data.approveDevice.device.expiresAt) - Date.now()) / 86_400_000).toBeCloseTo(365, 2);
  });
});

test('all devices with their organization are read by two statements', async () => {
  const { statements } = await owner.ask('{ viewer { devices { edges { node { name organization { name } } } } } }');
  // The viewer's user and organization, and the devices; the organization is known by then.
  expect(statements).toHaveLength(3);
});
