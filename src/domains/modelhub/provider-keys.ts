import { and, eq, ne } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { NotFound } from '../../errors.ts';
import type { CreateProviderKeyInput, UpdateProviderKeyInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { keyedProvider, labelTaken, lockKeys, requireFitting } from './key-rules.ts';
import { keyColumns } from './loaders.ts';
import { budgets, type BudgetRow } from './quota-tables.ts';
import { providerKeys, type ProviderKeyRow } from './tables.ts';

const isKey = (organizationId: string, id: string) =>
  and(eq(providerKeys.organizationId, organizationId), eq(providerKeys.id, id));

/** Takes the place of the default so far away from it. */
const dropDefault = (organizationId: string, providerId: string, exceptId: string) =>
  database
    .update(providerKeys)
    .set({ isDefault: false })
    .where(
      and(
        eq(providerKeys.organizationId, organizationId),
        eq(providerKeys.providerId, providerId),
        eq(providerKeys.isDefault, true),
        ne(providerKeys.id, exceptId),
      ),
    );

const nobody = '00000000-0000-0000-0000-000000000000';

/** Bounds what is spent with a key in each window: null takes the bound away, absent leaves it. */
const writeQuotas = async (
  key: Pick<BudgetRow, 'organizationId' | 'subjectId' | 'createdById'>,
  limits: Readonly<Record<'DAY' | 'MONTH', string | null | undefined>>,
): Promise<void> => {
  for (const window of ['DAY', 'MONTH'] as const) {
    const limit = limits[window];
    if (limit === undefined) continue;
    const row = { ...key, subject: 'PROVIDER_KEY' as const, measure: 'COST' as const, window };
    if (limit === null)
      await database
        .delete(budgets)
        .where(
          and(
            eq(budgets.organizationId, row.organizationId),
            eq(budgets.subjectId, row.subjectId),
            eq(budgets.measure, row.measure),
            eq(budgets.window, window),
          ),
        );
    else
      await database
        .insert(budgets)
        .values({ ...row, limit })
        .onConflictDoUpdate({
          target: [budgets.organizationId, budgets.subjectId, budgets.measure, budgets.window],
          set: { limit },
        });
  }
};

/**
 * Stores a key, encrypted, with what may be spent with it; as default it takes the place of the one so far.
 * Throws BadUserInput, Conflict (label taken, provider INACTIVE), NotFound.
 */
export const createProviderKey = async (context: Context, input: CreateProviderKeyInput): Promise<ProviderKeyRow> => {
  const { providerId, label, key, dailyQuota, monthlyQuota } = input;
  requireFitting(input);
  const isDefault = input.isDefault ?? true;
  const { unit, services } = context;
  const { userId: createdById } = viewerOf(context);
  const encryptedKey = await services.keyRing.encrypt(key);
  return unit
    .transact(async ({ organizationId }) => {
      await keyedProvider(unit, providerId);
      await lockKeys(organizationId, providerId);
      if (isDefault) await dropDefault(organizationId, providerId, nobody);
      const row = { organizationId, providerId, label: label.trim(), encryptedKey, lastFour: key.slice(-4), isDefault };
      const stored = sole(
        await database
          .insert(providerKeys)
          .values({ ...row, createdById })
          .returning(keyColumns),
      );
      const { id } = stored;
      await writeQuotas({ organizationId, subjectId: id, createdById }, { DAY: dailyQuota, MONTH: monthlyQuota });
      unit.record({
        action: 'provider_key.created',
        type: 'ProviderKey',
        id,
        data: { providerId, label: stored.label, isDefault },
      });
      return stored;
    })
    .catch(labelTaken);
};

/**
 * Changes a key, or puts another one in its place under the same id: what was spent and bounded stays. Absent leaves as it is, null takes a quota
 * away. Throws BadUserInput, Conflict (label taken), NotFound.
 */
export const updateProviderKey = async (context: Context, input: UpdateProviderKeyInput): Promise<ProviderKeyRow> => {
  const { id, label, key, isDefault, dailyQuota, monthlyQuota } = input;
  requireFitting(input);
  const { unit, services } = context;
  const { userId } = viewerOf(context);
  const encryptedKey = key ? await services.keyRing.encrypt(key) : null;
  return unit
    .transact(async ({ organizationId }) => {
      const [known] = await database.select(keyColumns).from(providerKeys).where(isKey(organizationId, id));
      if (known === undefined) throw new NotFound('ProviderKey', id);
      await lockKeys(organizationId, known.providerId);
      const [current] = await database
        .select(keyColumns)
        .from(providerKeys)
        .where(isKey(organizationId, id))
        .for('update');
      if (current === undefined) throw new NotFound('ProviderKey', id);
      const fields = {
        ...(label && { label: label.trim() }),
        ...(key && encryptedKey && { encryptedKey, lastFour: key.slice(-4) }),
        ...(typeof isDefault === 'boolean' && { isDefault }),
      };
      const changed = [
        ...(label ? ['label'] : []),
        ...(key ? ['key'] : []),
        ...(typeof isDefault === 'boolean' ? ['isDefault'] : []),
        ...(dailyQuota === undefined ? [] : ['dailyQuota']),
        ...(monthlyQuota === undefined ? [] : ['monthlyQuota']),
      ];
      if (changed.length === 0) return current;
      if (isDefault === true) await dropDefault(organizationId, current.providerId, id);
      const [written] =
        Object.keys(fields).length === 0
          ? [current]
          : await database.update(providerKeys).set(fields).where(isKey(organizationId, id)).returning(keyColumns);
      const limits = { DAY: dailyQuota, MONTH: monthlyQuota };
      await writeQuotas({ organizationId, subjectId: id, createdById: userId }, limits);
      unit.record({ action: 'provider_key.updated', type: 'ProviderKey', id, data: { fields: changed } });
      return written ?? current;
    })
    .catch(labelTaken);
};

/** Deletes a key and what bounded it. Throws NotFound. */
export const deleteProviderKey = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const [gone] = await database
      .delete(providerKeys)
      .where(isKey(organizationId, id))
      .returning({ id: providerKeys.id });
    if (gone === undefined) throw new NotFound('ProviderKey', id);
    await database
      .delete(budgets)
      .where(
        and(eq(budgets.organizationId, organizationId), eq(budgets.subjectId, id), eq(budgets.subject, 'PROVIDER_KEY')),
      );
    context.unit.record({ action: 'provider_key.deleted', type: 'ProviderKey', id });
    return id;
  });
