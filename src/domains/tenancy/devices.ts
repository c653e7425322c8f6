import { and, eq, inArray, isNull, lt, sql } from 'drizzle-orm';
import { toDataURL } from 'qrcode';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound, Unauthenticated } from '../../errors.ts';
import type { PairDeviceInput } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { secretLink } from '../links.ts';
import { labelIssues } from '../identity/labels.ts';
import { accessTokens, devices, users, type DeviceRow } from '../identity/tables.ts';
import { grantToken, redeemToken, revokeTokens } from '../identity/tokens.ts';
import { discovery, viewerOfMember } from './viewers.ts';

const pairingMs = 3 * 60_000;
const dayMs = 86_400_000;
/** How long a device lives after its pairing, until it is approved and then. */
const waitingMs = dayMs;
const approvedMs = 365 * dayMs;

/** A pairing that was begun: what the owner shows to the device. */
export interface Pairing {
  readonly token: string;
  readonly url: string;
  /** A PNG in a data URI. */
  readonly qrCode: string;
  readonly expiresAt: string;
}

/** When a device ends. */
export const deviceExpiry = ({ createdAt, approvedAt }: Pick<DeviceRow, 'createdAt' | 'approvedAt'>): string =>
  new Date(Date.parse(createdAt) + (approvedAt === null ? waitingMs : approvedMs)).toISOString();

/** Begins to pair a device with the viewer's account in their organization; an earlier pairing that was not used is void. */
export const startDevicePairing = async (context: Context): Promise<Pairing> => {
  const { unit, services } = context;
  const { userId } = viewerOf(context);
  const expiresAt = new Date(Date.now() + pairingMs);
  const token = await unit.transact(async ({ organizationId }) => {
    // Locked, so that of two pairings at a time one voids the other.
    await database.select({ id: users.id }).from(users).where(eq(users.id, userId)).for('no key update');
    await database.delete(accessTokens).where(and(eq(accessTokens.userId, userId), eq(accessTokens.kind, 'PAIRING')));
    await forgetUnapproved();
    unit.record({ action: 'device.pairing_started', type: 'User', id: userId });
    return grantToken(unit, 'PAIRING', { organizationId, userId, subjectId: userId }, expiresAt);
  });
  const url = secretLink(services, '/pair', { token });
  return { token, url, qrCode: await toDataURL(url), expiresAt: expiresAt.toISOString() };
};

const invalid = () => new Unauthenticated('This pairing is not valid, or no longer.');

/** A device that was paired, with its secret, which is shown once. */
export interface PairedDevice {
  readonly device: DeviceRow;
  readonly secret: string;
}

/**
 * Pairs the device that shows a pairing's token, which is used up by it. Throws BadUserInput, Unauthenticated alike for whatever is wrong
 * with the token, RateLimited per address.
 */
export const pairDevice = async (context: Context, { token, name, system }: PairDeviceInput): Promise<PairedDevice> => {
  await context.services.throttles.signInByAddress.spend([`pairing ${context.origin.address}`]);
  const issues = labelIssues('name', name);
  if (issues.length > 0) throw new BadUserInput(issues);
  const target = await redeemToken(context.unit.as(nowhere), 'PAIRING', token);
  if (target === null || target.userId === null || target.organizationId === null) throw invalid();
  const { organizationId, userId } = target;
  const owned = context.unit.as(discovery(organizationId, userId));
  if ((await viewerOfMember(owned, { organizationId, userId })) === null) {
    await owned.rest();
    throw invalid();
  }
  return owned.transact(async () => {
    const id = newId();
    const row = { id, userId, organizationId, name: name.trim(), system };
    const device = sole(await database.insert(devices).values(row).returning());
    const expiresAt = new Date(deviceExpiry(device));
    const secret = await grantToken(owned, 'DEVICE', { organizationId, userId, subjectId: id }, expiresAt);
    owned.record({ action: 'device.paired', type: 'Device', id, data: { name: row.name, system } });
    return { device, secret };
  });
};

/** Lets a device of the viewer in. Throws NotFound, Conflict (it waited for too long). */
export const approveDevice = (context: Context, id: string): Promise<DeviceRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const device = await lockedDevice(organizationId, id);
    if (device.approvedAt !== null) return device;
    if (Date.parse(deviceExpiry(device)) <= Date.now())
      throw new Conflict('id', 'This device waited for more than a day; pair it anew.');
    const approved = await changed(id, { approvedAt: sql`now()` });
    await database
      .update(accessTokens)
      .set({ expiresAt: deviceExpiry(approved) })
      .where(eq(accessTokens.subjectId, id));
    context.unit.record({ action: 'device.approved', type: 'Device', id, data: { name: device.name } });
    return approved;
  });

/** Renames a device of the viewer. Throws BadUserInput, NotFound. */
export const renameDevice = async (context: Context, id: string, name: string): Promise<DeviceRow> => {
  const issues = labelIssues('name', name);
  if (issues.length > 0) throw new BadUserInput(issues);
  return context.unit.transact(async ({ organizationId }) => {
    await lockedDevice(organizationId, id);
    context.unit.record({ action: 'device.updated', type: 'Device', id, data: { name: name.trim() } });
    return changed(id, { name: name.trim() });
  });
};

/** Takes a device of the viewer away, which ends its token at once. Throws NotFound. */
export const revokeDevice = async (context: Context, id: string): Promise<string> => {
  const { unit } = context;
  await unit.transact(async ({ organizationId }) => {
    const { name } = await lockedDevice(organizationId, id);
    await database.delete(devices).where(eq(devices.id, id));
    await revokeTokens(unit, [id]);
    unit.record({ action: 'device.revoked', type: 'Device', id, data: { name } });
  });
  context.services.viewers.forgetCredential(id);
  return id;
};

/**
 * Deletes the devices of all people that waited for more than a day, and gives their number. Their tokens, which end at that time, say whose
 * they are: devices themselves are seen by their owners alone. So it goes before whatever deletes old tokens; what it
 * misses then goes when its owner begins the next pairing.
 */
export const purgeUnapprovedDevices = async (unit: UnitOfWork): Promise<number> => {
  const platform = unit.as(nowhere);
  const ended = await platform.run(() =>
    database
      .selectDistinct({ userId: accessTokens.userId })
      .from(accessTokens)
      .where(and(eq(accessTokens.kind, 'DEVICE'), lt(accessTokens.expiresAt, sql`now()`))),
  );
  await platform.rest();
  let purged = 0;
  for (const { userId } of ended)
    if (userId !== null) purged += await unit.as({ ...nowhere, userId }).transact(forgetUnapproved);
  return purged;
};

/** Deletes the devices of the unit's user that waited for more than a day, with their tokens; in the running transaction. */
const forgetUnapproved = async (): Promise<number> => {
  const gone = await database
    .delete(devices)
    .where(
      and(isNull(devices.approvedAt), lt(devices.createdAt, sql`now() - make_interval(secs => ${waitingMs / 1000})`)),
    )
    .returning({ id: devices.id });
  const ids = gone.map(({ id }) => id);
  if (ids.length > 0) await database.delete(accessTokens).where(inArray(accessTokens.subjectId, ids));
  return ids.length;
};

const lockedDevice = async (organizationId: string, id: string): Promise<DeviceRow> => {
  const [device] = await database
    .select()
    .from(devices)
    .where(and(eq(devices.id, id), eq(devices.organizationId, organizationId)))
    .for('update');
  if (device === undefined) throw new NotFound('Device', id);
  return device;
};

const changed = async (
  id: string,
  changes: Parameters<ReturnType<typeof database.update<typeof devices>>['set']>[0],
): Promise<DeviceRow> => sole(await database.update(devices).set(changes).where(eq(devices.id, id)).returning());
