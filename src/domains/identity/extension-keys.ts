import { and, count, eq, gt, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import { newId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { labelIssues } from './labels.ts';
import { extensionKeys, users, type BrowserExtensionKeyRow } from './tables.ts';
import { grantToken, revokeTokens } from './tokens.ts';

const maxLiveKeys = 10;
const prefixLength = 22;
const lifetimeMs = 365 * 86_400_000;

/** When a key ends that was made at a time; it is renewed by a new one. */
export const extensionKeyExpiry = (createdAt: string): string =>
  new Date(Date.parse(createdAt) + lifetimeMs).toISOString();

/** Makes a key of the viewer in their organization; the secret is shown once. Throws BadUserInput, Conflict (10 live keys). */
export const createExtensionKey = async (
  context: Context,
  label: string,
): Promise<{ extensionKey: BrowserExtensionKeyRow; secret: string }> => {
  const issues = labelIssues('label', label);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { unit } = context;
  const { userId } = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    await requireRoom(userId);
    const id = newId();
    const expiresAt = new Date(Date.now() + lifetimeMs);
    const secret = await grantToken(unit, 'EXTENSION_KEY', { organizationId, userId, subjectId: id }, expiresAt);
    const row = { id, userId, organizationId, label: label.trim(), prefix: secret.slice(0, prefixLength) };
    const extensionKey = sole(await database.insert(extensionKeys).values(row).returning());
    unit.record({ action: 'extension_key.created', type: 'BrowserExtensionKey', id, data: { label: row.label } });
    return { extensionKey, secret };
  });
};

/** Takes a key of the viewer away, which ends it at once. Throws NotFound. */
export const revokeExtensionKey = async (context: Context, id: string): Promise<string> => {
  const { unit } = context;
  await unit.transact(async ({ organizationId }) => {
    const [gone] = await database
      .delete(extensionKeys)
      .where(and(eq(extensionKeys.id, id), eq(extensionKeys.organizationId, organizationId)))
      .returning({ label: extensionKeys.label });
    if (gone === undefined) throw new NotFound('BrowserExtensionKey', id);
    await revokeTokens(unit, [id]);
    unit.record({ action: 'extension_key.revoked', type: 'BrowserExtensionKey', id, data: gone });
  });
  context.services.viewers.forgetCredential(id);
  return id;
};

/** The person stays locked, so that no two keys are made at a time. Keys count in all organizations: the policy shows them to their owner. */
const requireRoom = async (userId: string): Promise<void> => {
  await database.select({ id: users.id }).from(users).where(eq(users.id, userId)).for('no key update');
  const unended = gt(extensionKeys.createdAt, sql`now() - make_interval(secs => ${lifetimeMs / 1000})`);
  const { live } = sole(
    await database
      .select({ live: count() })
      .from(extensionKeys)
      .where(and(eq(extensionKeys.userId, userId), unended)),
  );
  if (live >= maxLiveKeys)
    throw new Conflict('extensionKeys', `A person has at most ${maxLiveKeys} live keys; revoke one first.`, {
      limit: maxLiveKeys,
    });
};
