import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, Forbidden, NotFound } from '../../errors.ts';
import type { CreateApiConfigurationInput, UpdateApiConfigurationInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { groupById } from '../tenancy/group-loaders.ts';
import { apiColumns } from './api-loaders.ts';
import { configurationOf, endpointOf, requireSound, type ApiSettings } from './api-rules.ts';
import { apiConfigurations, apiOperations, type ApiConfigurationRow } from './api-tables.ts';

const ofApi = (organizationId: string, id: string) =>
  and(eq(apiConfigurations.organizationId, organizationId), eq(apiConfigurations.id, id));

const withFreeName = async <Result>(write: Promise<Result>): Promise<Result> => {
  try {
    return await write;
  } catch (error) {
    if (violates(error, 'api_configurations_name_key'))
      throw new Conflict('name', 'The organization has an API of this name already.');
    throw error;
  }
};

/** Who sees an API besides those whom its policy shows all that is for no group. */
const readersOf = (organizationId: string, groupId: string | null): string[] =>
  groupId === null ? [organizationId] : [organizationId, groupId];

/** One gives an API to a group that one belongs to, or as an administrator to any. Throws NotFound, Forbidden. */
const requireGroup = async (context: Context, groupId: string | null): Promise<void> => {
  if (groupId === null) return;
  const { principals, organizationId } = viewerOf(context);
  await found('Group', groupId, groupById(context.unit));
  if (!principals.includes(organizationId) && !principals.includes(groupId))
    throw new Forbidden('API_MANAGE', 'Members of a group and administrators alone can give an API to it.');
};

/** The columns of a key; `null` for none. */
const storedKey = async ({ services }: Context, key: string | null) =>
  key === null
    ? { encryptedKey: null, lastFour: null }
    : { encryptedKey: await services.keyRing.encrypt(key), lastFour: key.slice(-4) };

/**
 * Makes an API known, and stores its key encrypted. Throws BadUserInput, Conflict (name taken), Forbidden (another's group), NotFound (group).
 */
export const createApiConfiguration = async (
  context: Context,
  input: CreateApiConfigurationInput,
): Promise<ApiConfigurationRow> => {
  const { unit } = context;
  const { organizationId, userId } = viewerOf(context);
  const key = input.key ?? null;
  const settings: ApiSettings = {
    name: input.name.trim(),
    kind: input.kind,
    provider: input.provider?.trim() ?? '',
    endpoint: endpointOf(input.endpoint),
    authentication: input.authentication ?? 'NONE',
    authenticationName: input.authenticationName ?? null,
    configuration: configurationOf(input.configuration),
    groupId: input.groupId ?? null,
    isActive: input.isActive ?? true,
  };
  requireSound(settings, key);
  if (settings.authentication !== 'NONE' && key === null)
    throw new BadUserInput('key', 'This authentication needs one.');
  const secret = await storedKey(context, key);
  return withFreeName(
    unit.transact(async () => {
      await requireGroup(context, settings.groupId);
      const readers = readersOf(organizationId, settings.groupId);
      const row = { ...settings, ...secret, organizationId, readers, createdById: userId };
      const api = sole(await database.insert(apiConfigurations).values(row).returning(apiColumns));
      const { name, kind, groupId } = settings;
      unit.record({
        action: 'api_configuration.created',
        type: 'ApiConfiguration',
        id: api.id,
        data: { name, kind, groupId },
      });
      return api;
    }),
  );
};

/** Locks an API that the viewer sees until the running transaction ends. Throws NotFound. */
export const lockApi = async (organizationId: string, id: string): Promise<ApiConfigurationRow> => {
  const [api] = await database
    .select(apiColumns)
    .from(apiConfigurations)
    .where(ofApi(organizationId, id))
    .for('update');
  if (api === undefined) throw new NotFound('ApiConfiguration', id);
  return api;
};

/** An absent key stays; `null` takes it away, and so does an authentication that needs none. Without a key there is no authentication. */
const settingsAfter = (current: ApiConfigurationRow, input: UpdateApiConfigurationInput): ApiSettings => {
  const authentication = input.authentication ?? (input.key === null ? 'NONE' : current.authentication);
  const named = authentication === 'HEADER' || authentication === 'BASIC';
  const nameStays = named && authentication === current.authentication;
  return {
    name: input.name?.trim() ?? current.name,
    kind: input.kind ?? current.kind,
    provider: input.provider === undefined ? current.provider : (input.provider?.trim() ?? ''),
    endpoint: input.endpoint ? endpointOf(input.endpoint) : current.endpoint,
    authentication,
    authenticationName:
      input.authenticationName === undefined
        ? nameStays
          ? current.authenticationName
          : null
        : input.authenticationName,
    configuration: input.configuration === undefined ? current.configuration : configurationOf(input.configuration),
    groupId: input.groupId === undefined ? current.groupId : input.groupId,
    isActive: input.isActive ?? current.isActive,
  };
};

/** A key that is kept goes nowhere but where it went before: else who may change an API could have it sent to themselves. */
const requireKey = (current: ApiConfigurationRow, next: ApiSettings, key: string | null | undefined): void => {
  if (next.authentication === 'NONE' || typeof key === 'string') return;
  if (key === null || current.lastFour === null) throw new BadUserInput('key', 'This authentication needs one.');
  if (new URL(next.endpoint).origin !== new URL(current.endpoint).origin)
    throw new BadUserInput('key', 'The endpoint is on another host: give the key again.');
};

const called = ['endpoint', 'authentication', 'authenticationName', 'configuration'] as const;
const untested = { testedAt: null, testStatus: null, testError: null };

/**
 * Changes an API; its operations follow it to another group in the same transaction, and what a test said of an earlier state is forgotten. Throws
 * BadUserInput, Conflict (name taken; changed since), Forbidden (another's group), NotFound.
 */
export const updateApiConfiguration = async (
  context: Context,
  input: UpdateApiConfigurationInput,
): Promise<ApiConfigurationRow> => {
  const { unit } = context;
  const { id, version, key } = input;
  const given = typeof key === 'string' ? await storedKey(context, key) : null;
  return withFreeName(
    unit.transact(async ({ organizationId }) => {
      const current = await lockApi(organizationId, id);
      if (current.version !== version)
        throw new Conflict('version', `The API has been changed since: its version is ${current.version} now.`, {
          version: current.version,
        });
      const next = settingsAfter(current, input);
      requireSound(next, key ?? null);
      requireKey(current, next, key);
      const { groupId } = next;
      if (groupId !== current.groupId) await requireGroup(context, groupId);
      const secret = given ?? (next.authentication === 'NONE' ? await storedKey(context, null) : {});
      const concernsCalls = given !== null || called.some((field) => !isSame(next[field], current[field]));
      const updated = sole(
        await database
          .update(apiConfigurations)
          .set({
            ...next,
            ...secret,
            ...(concernsCalls && untested),
            readers: readersOf(organizationId, groupId),
            version: version + 1,
          })
          .where(ofApi(organizationId, id))
          .returning(apiColumns),
      );
      if (groupId !== current.groupId)
        await database
          .update(apiOperations)
          .set({ groupId, readers: readersOf(organizationId, groupId) })
          .where(and(eq(apiOperations.organizationId, organizationId), eq(apiOperations.configurationId, id)));
      const fields = Object.keys(input).filter((field) => field !== 'id' && field !== 'version');
      unit.record({ action: 'api_configuration.updated', type: 'ApiConfiguration', id, data: { fields, groupId } });
      return updated;
    }),
  );
};

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Deletes an API with its key and operations. Throws NotFound. */
export const deleteApiConfiguration = ({ unit }: Context, id: string): Promise<string> =>
  unit.transact(async ({ organizationId }) => {
    const [gone] = await database
      .delete(apiConfigurations)
      .where(ofApi(organizationId, id))
      .returning({ name: apiConfigurations.name });
    if (gone === undefined) throw new NotFound('ApiConfiguration', id);
    unit.record({ action: 'api_configuration.deleted', type: 'ApiConfiguration', id, data: { name: gone.name } });
    return id;
  });
