import { and, count, eq, gte, inArray, isNull, lt, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden, NotFound } from '../../errors.ts';
import type {
  ApiKeyStatus,
  CreateApiKeyInput,
  RotateApiKeyInput,
  UpdateApiKeyInput,
} from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { accessTokens } from '../identity/tables.ts';
import { grantToken, revokeTokens } from '../identity/tokens.ts';
import { requirePermission } from '../permissions.ts';
import { apiKeyIssues, defaultLifetimeMs, refuseApiKeys, requireScopes, type ApiKeyFields } from './api-key-rules.ts';
import { apiKeys, apiKeyWorkspaces, memberships, workspaces, type ApiKeyRow } from './tables.ts';

const maxLiveKeys = 50;
const maxOverlapHours = 168;
const defaultOverlapHours = 24;
const prefixLength = 16;
/** Tokens always end; this one outlives its key. */
const never = new Date(Date.UTC(9999, 11, 31));

/** A key with its secret, which is shown once. */
export interface IssuedApiKey {
  readonly apiKey: ApiKeyRow;
  readonly secret: string;
}

/** Whether a key works; its member's standing is another matter. */
export const statusOf = ({ revokedAt, expiresAt }: Pick<ApiKeyRow, 'revokedAt' | 'expiresAt'>): ApiKeyStatus => {
  if (revokedAt !== null) return 'REVOKED';
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? 'EXPIRED' : 'ACTIVE';
};

/**
 * Makes a key of the viewer. Throws BadUserInput, Forbidden (asked by an API key, a scope the viewer lacks, no end without
 * API_KEY_MANAGE), NotFound (a workspace), Conflict (50 live keys).
 */
export const createApiKey = async (context: Context, input: CreateApiKeyInput): Promise<IssuedApiKey> => {
  const viewer = viewerOf(context);
  refuseApiKeys(viewer);
  const expiresAt = input.expiresAt === undefined ? new Date(Date.now() + defaultLifetimeMs) : instant(input.expiresAt);
  refuse({ ...input, expiresAt });
  requireScopes(viewer, input.scopes);
  if (expiresAt === null) requirePermission(viewer, 'API_KEY_MANAGE');
  const { userId } = viewer;
  const workspaceIds = input.workspaceIds ?? null;
  const { unit } = context;
  return unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    await requireRoom(transaction, userId);
    await requireWorkspaces(transaction, workspaceIds ?? []);
    const id = newId();
    const target = { organizationId, userId, subjectId: id };
    const secret = await grantToken(unit, 'API_KEY', target, expiresAt ?? never);
    const row = {
      organizationId,
      id,
      readers: [userId, organizationId],
      userId,
      label: input.label.trim(),
      prefix: secret.slice(0, prefixLength),
      scopes: [...input.scopes],
      allWorkspaces: workspaceIds === null,
      allowedAddresses: input.allowedAddresses ?? null,
      expiresAt: expiresAt?.toISOString() ?? null,
    };
    const apiKey = sole(await database.insert(apiKeys).values(row).returning());
    if (workspaceIds !== null)
      await database
        .insert(apiKeyWorkspaces)
        .values(workspaceIds.map((workspaceId) => ({ organizationId, apiKeyId: id, workspaceId })));
    const { label, scopes, allWorkspaces, allowedAddresses } = row;
    const data = { label, scopes, allWorkspaces, workspaceIds, allowedAddresses, expiresAt: row.expiresAt };
    unit.record({ action: 'api_key.created', type: 'ApiKey', id, data });
    return { apiKey, secret };
  });
};

/**
 * Gives the viewer's key another secret. The one before it works for `overlapHours` more, and those before that end.
 * Throws BadUserInput, Forbidden, NotFound, Conflict (the key has ended).
 */
export const rotateApiKey = async (
  context: Context,
  { id, overlapHours = defaultOverlapHours }: RotateApiKeyInput,
): Promise<IssuedApiKey> => {
  if (overlapHours < 0 || overlapHours > maxOverlapHours)
    throw new BadUserInput('overlapHours', `An overlap is 0 to ${maxOverlapHours} hours.`);
  const { unit } = context;
  const issued = await unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    const key = await lockedOwnKey(context, transaction, id);
    await database.delete(accessTokens).where(and(ofKey(id), lt(accessTokens.createdAt, currentSince(key))));
    await database
      .update(accessTokens)
      .set({ expiresAt: sql`least(${accessTokens.expiresAt}, now() + make_interval(hours => ${overlapHours}))` })
      .where(ofKey(id));
    const target = { organizationId, userId: key.userId, subjectId: id };
    const end = key.expiresAt === null ? never : new Date(key.expiresAt);
    const secret = await grantToken(unit, 'API_KEY', target, end);
    const apiKey = await changed(transaction, id, { prefix: secret.slice(0, prefixLength), rotatedAt: sql`now()` });
    unit.record({ action: 'api_key.rotated', type: 'ApiKey', id, data: { overlapHours } });
    return { apiKey, secret };
  });
  context.services.viewers.forgetCredential(id);
  return issued;
};

/** Changes the viewer's key. Throws BadUserInput, Forbidden, NotFound, Conflict (the key has ended). */
export const updateApiKey = async (context: Context, { id, ...input }: UpdateApiKeyInput): Promise<ApiKeyRow> => {
  const expiresAt = input.expiresAt === undefined ? undefined : instant(input.expiresAt);
  refuse({ ...input, expiresAt });
  const viewer = viewerOf(context);
  const { unit } = context;
  const apiKey = await unit.transact(async (transaction) => {
    const key = await lockedOwnKey(context, transaction, id);
    requireScopes(viewer, input.scopes?.filter((scope) => !key.scopes.includes(scope)) ?? []);
    if (expiresAt === null && key.expiresAt !== null) requirePermission(viewer, 'API_KEY_MANAGE');
    const changes = {
      ...(typeof input.label === 'string' && { label: input.label.trim() }),
      ...(input.scopes && { scopes: [...input.scopes] }),
      ...(input.allowedAddresses !== undefined && { allowedAddresses: input.allowedAddresses }),
      ...(expiresAt !== undefined && { expiresAt: expiresAt?.toISOString() ?? null }),
    };
    if (Object.keys(changes).length === 0) return key;
    if (expiresAt !== undefined)
      await database
        .update(accessTokens)
        .set({ expiresAt: (expiresAt ?? never).toISOString() })
        .where(and(ofKey(id), gte(accessTokens.createdAt, currentSince(key))));
    unit.record({ action: 'api_key.updated', type: 'ApiKey', id, data: changes });
    return changed(transaction, id, changes);
  });
  context.services.viewers.forgetCredential(id);
  return apiKey;
};

/** Ends a key at once. Throws NotFound, Forbidden (another member's without API_KEY_MANAGE). */
export const revokeApiKey = async (context: Context, id: string): Promise<ApiKeyRow> => {
  const viewer = viewerOf(context);
  const { unit } = context;
  const apiKey = await unit.transact(async (transaction) => {
    const key = await lockedKey(transaction, id);
    if (key.userId !== viewer.userId) requirePermission(viewer, 'API_KEY_MANAGE');
    if (key.revokedAt !== null) return key;
    await revokeTokens(unit, [id]);
    unit.record({ action: 'api_key.revoked', type: 'ApiKey', id, data: { ownerId: key.userId } });
    return changed(transaction, id, { revokedAt: sql`now()` });
  });
  context.services.viewers.forgetCredential(id);
  return apiKey;
};

/** The gateway hands a `Date` over, whatever the generated type says. */
const instant = (moment: string | null): Date | null => (moment === null ? null : new Date(moment));

const refuse = (fields: ApiKeyFields): void => {
  const issues = apiKeyIssues(fields);
  if (issues.length > 0) throw new BadUserInput(issues);
};

const is = ({ organizationId }: Transaction, id: string) =>
  and(eq(apiKeys.organizationId, organizationId), eq(apiKeys.id, id));

const ofKey = (id: string) => and(eq(accessTokens.subjectId, id), eq(accessTokens.kind, 'API_KEY'));

/** A secret and the key's word of it are written in one transaction, and so at one time. */
const currentSince = (key: ApiKeyRow): string => key.rotatedAt ?? key.createdAt;

const lockedKey = async (transaction: Transaction, id: string): Promise<ApiKeyRow> => {
  const [key] = await database.select().from(apiKeys).where(is(transaction, id)).for('update');
  if (key === undefined) throw new NotFound('ApiKey', id);
  return key;
};

/** A live key of the viewer's own: nobody gets at a secret by which to act as somebody else. */
const lockedOwnKey = async (context: Context, transaction: Transaction, id: string): Promise<ApiKeyRow> => {
  const viewer = viewerOf(context);
  refuseApiKeys(viewer);
  const key = await lockedKey(transaction, id);
  if (key.userId !== viewer.userId) throw new Forbidden('API_KEY_CREATE', 'Only the member it acts as changes a key.');
  const status = statusOf(key);
  if (status !== 'ACTIVE') throw new Conflict('id', 'This key has ended; make a new one.', { status });
  return key;
};

const changed = async (
  transaction: Transaction,
  id: string,
  changes: Parameters<ReturnType<typeof database.update<typeof apiKeys>>['set']>[0],
): Promise<ApiKeyRow> => sole(await database.update(apiKeys).set(changes).where(is(transaction, id)).returning());

/** The member stays locked, so that no two keys are made at a time. */
const requireRoom = async ({ organizationId }: Transaction, userId: string): Promise<void> => {
  await database
    .select({ id: memberships.id })
    .from(memberships)
    .where(and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId)))
    .for('no key update');
  const ofMember = and(eq(apiKeys.organizationId, organizationId), eq(apiKeys.userId, userId));
  const unended = sql`(${apiKeys.expiresAt} is null or ${apiKeys.expiresAt} > now())`;
  const { live } = sole(
    await database
      .select({ live: count() })
      .from(apiKeys)
      .where(and(ofMember, isNull(apiKeys.revokedAt), unended)),
  );
  if (live >= maxLiveKeys)
    throw new Conflict('apiKeys', `A member has at most ${maxLiveKeys} live keys; revoke one first.`, {
      limit: maxLiveKeys,
    });
};

const requireWorkspaces = async ({ organizationId }: Transaction, ids: readonly string[]): Promise<void> => {
  if (ids.length === 0) return;
  const seen = await database
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(eq(workspaces.organizationId, organizationId), inArray(workspaces.id, [...ids])))
    .for('key share');
  const missing = ids.find((id) => !seen.some((workspace) => workspace.id === id));
  if (missing !== undefined) throw new NotFound('Workspace', missing);
};
