import { and, eq, ne, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { NotFound } from '../../errors.ts';
import type { CreatePlatformProviderKeyInput, UpdatePlatformProviderKeyInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { platformKeyColumns } from './key-loaders.ts';
import { keyedProvider, labelTaken, lockKeys, requireFitting } from './key-rules.ts';
import { platformProviderKeys, type PlatformProviderKeyRow } from './tables.ts';

/** Works in the installation's name: what is recorded goes to its log, with the administrator as its actor. */
const inInstallation = async <Result>(
  context: Context,
  work: (installation: UnitOfWork) => Promise<Result>,
): Promise<Result> => {
  const { userId } = viewerOf(context);
  await context.unit.rest();
  const installation = context.unit.as({ ...nowhere, userId });
  return installation.transact(() => work(installation));
};

const isKey = (id: string) => eq(platformProviderKeys.id, id);

const dropDefault = (providerId: string, exceptId?: string) =>
  database
    .update(platformProviderKeys)
    .set({ isDefault: false })
    .where(
      and(
        eq(platformProviderKeys.providerId, providerId),
        eq(platformProviderKeys.isDefault, true),
        exceptId === undefined ? undefined : ne(platformProviderKeys.id, exceptId),
      ),
    );

/**
 * Stores a key of the installation's own, encrypted; as default it takes the place of the one so far.
 * Throws BadUserInput, Conflict (label taken, provider INACTIVE), NotFound.
 */
export const createPlatformProviderKey = async (
  context: Context,
  input: CreatePlatformProviderKeyInput,
): Promise<PlatformProviderKeyRow> => {
  const { providerId, label, key } = input;
  requireFitting(input);
  const isDefault = input.isDefault ?? true;
  const { userId: createdById } = viewerOf(context);
  const encryptedKey = await context.services.keyRing.encrypt(key);
  return inInstallation(context, async (installation) => {
    await keyedProvider(installation, providerId);
    await lockKeys('platform', providerId);
    if (isDefault) await dropDefault(providerId);
    const quotas = { dailyQuota: input.dailyQuota ?? null, monthlyQuota: input.monthlyQuota ?? null };
    const row = { providerId, label: label.trim(), encryptedKey, lastFour: key.slice(-4), isDefault, ...quotas };
    const stored = sole(
      await database
        .insert(platformProviderKeys)
        .values({ ...row, createdById })
        .returning(platformKeyColumns),
    );
    const data = { providerId, label: stored.label, isDefault };
    installation.record({
      action: 'platform_provider_key.created',
      type: 'PlatformProviderKey',
      id: stored.id,
      data,
    });
    return stored;
  }).catch(labelTaken);
};

/**
 * Waits for the calls that are being settled without a quota, so that what they used is in the ledger when its counter begins: `app_settle_call`
 * holds the lock with others.
 */
const awaitSettledCalls = (id: string) =>
  database.execute(sql`select pg_advisory_xact_lock(hashtextextended('platform key ' || ${id}::text, 0))`);

/**
 * Changes a key of the installation, or puts another one in its place. Absent leaves as it is, null takes a quota away.
 * Throws BadUserInput, Conflict (label taken), NotFound.
 */
export const updatePlatformProviderKey = async (
  context: Context,
  input: UpdatePlatformProviderKeyInput,
): Promise<PlatformProviderKeyRow> => {
  const { id, label, key, isDefault, dailyQuota, monthlyQuota } = input;
  requireFitting(input);
  const encryptedKey = key ? await context.services.keyRing.encrypt(key) : null;
  return inInstallation(context, async (installation) => {
    const [known] = await database.select(platformKeyColumns).from(platformProviderKeys).where(isKey(id));
    if (known === undefined) throw new NotFound('PlatformProviderKey', id);
    await lockKeys('platform', known.providerId);
    const [current] = await database
      .select(platformKeyColumns)
      .from(platformProviderKeys)
      .where(isKey(id))
      .for('update');
    if (current === undefined) throw new NotFound('PlatformProviderKey', id);
    const changes = {
      ...(label && { label: label.trim() }),
      ...(typeof isDefault === 'boolean' && { isDefault }),
      ...(dailyQuota !== undefined && { dailyQuota }),
      ...(monthlyQuota !== undefined && { monthlyQuota }),
    };
    const fields = [...Object.keys(changes), ...(key ? ['key'] : [])];
    if (fields.length === 0) return current;
    if (isDefault === true) await dropDefault(current.providerId, id);
    if (dailyQuota !== undefined || monthlyQuota !== undefined) await awaitSettledCalls(id);
    const stored = { ...changes, ...(key && encryptedKey && { encryptedKey, lastFour: key.slice(-4) }) };
    const written = sole(
      await database.update(platformProviderKeys).set(stored).where(isKey(id)).returning(platformKeyColumns),
    );
    installation.record({ action: 'platform_provider_key.updated', type: 'PlatformProviderKey', id, data: { fields } });
    return written;
  }).catch(labelTaken);
};

/** Deletes a key of the installation. Throws NotFound. */
export const deletePlatformProviderKey = (context: Context, id: string): Promise<string> =>
  inInstallation(context, async (installation) => {
    const [gone] = await database
      .delete(platformProviderKeys)
      .where(isKey(id))
      .returning({ id: platformProviderKeys.id });
    if (gone === undefined) throw new NotFound('PlatformProviderKey', id);
    installation.record({ action: 'platform_provider_key.deleted', type: 'PlatformProviderKey', id });
    return id;
  });

/** Writes to the installation's log that a key was tried. */
export const recordPlatformTest = (context: Context, id: string, outcome: string): Promise<void> =>
  inInstallation(context, async (installation) => {
    installation.record({
      action: 'platform_provider_key.tested',
      type: 'PlatformProviderKey',
      id,
      data: { outcome },
    });
  });
