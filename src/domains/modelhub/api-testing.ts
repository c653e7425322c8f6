import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { BadUserInput, Conflict, NotFound, Unavailable } from '../../errors.ts';
import type { TestApiConfigurationInput } from '../../generated/resolvers.ts';
import { Undecipherable, type KeyRing } from '../../secrets/encryption.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { ApiFailure, askApi, faultOfStatus, statusOf } from './api-call.ts';
import { apiColumns, apiOperationById, encryptedKey } from './api-loaders.ts';
import { requestFor, requestForRoot, type ApiRequest } from './api-request.ts';
import { apiConfigurations, type ApiConfigurationRow } from './api-tables.ts';
import { requiredOf } from './argument-schema.ts';

const longestMs = 10_000;

/** The key that an API is called with; null without one. Throws Unavailable when the key ring cannot read it. */
export const openedKey = async (keyRing: KeyRing, stored: string | null): Promise<string | null> => {
  try {
    return stored === null ? null : await keyRing.decrypt(stored);
  } catch (error) {
    if (error instanceof Undecipherable) throw new Unavailable('The key of this API cannot be read: give it again.');
    throw error;
  }
};

/**
 * Asks an API once, with its key, for its root or for an operation that needs no arguments, and writes down what came of it; nothing of the
 * answer's body is read. Throws BadUserInput (operation), Conflict (changed meanwhile), NotFound, RateLimited, Unavailable (unreadable key).
 */
export const testApiConfiguration = async (
  { unit, services }: Context,
  { id, operationId }: TestApiConfigurationInput,
): Promise<ApiConfigurationRow> => {
  const { organizationId } = unit;
  const ofApi = and(eq(apiConfigurations.organizationId, organizationId), eq(apiConfigurations.id, id));
  const [api] = await unit.run(() =>
    database
      .select({ ...apiColumns, encryptedKey })
      .from(apiConfigurations)
      .where(ofApi),
  );
  if (api === undefined) throw new NotFound('ApiConfiguration', id);
  const operation = operationId ? await found('ApiOperation', operationId, apiOperationById(unit)) : null;
  if (operation !== null && operation.configurationId !== id) throw new NotFound('ApiOperation', operation.id);
  if (
    operation !== null &&
    (operation.method !== 'GET' || operation.changes || requiredOf(operation.parameters).length > 0)
  )
    throw new BadUserInput(
      'operationId',
      'A test takes an operation by GET that changes nothing and needs no arguments.',
    );
  await unit.rest();
  await services.throttles.apiTest.spend([`api ${id}`]);
  const key = await openedKey(services.keyRing, api.encryptedKey);
  const request = operation === null ? requestForRoot(api, key) : requestFor(api, operation, {}, key);
  const { testStatus, testError } = await outcomeOf(services, request);
  return unit.transact(async () => {
    const [tested] = await database
      .update(apiConfigurations)
      .set({ testedAt: new Date().toISOString(), testStatus, testError })
      .where(and(ofApi, eq(apiConfigurations.version, api.version)))
      .returning(apiColumns);
    if (tested === undefined) throw new Conflict('id', 'The API was changed while it was tested.');
    unit.record({ action: 'api_configuration.tested', type: 'ApiConfiguration', id, data: { status: testStatus } });
    return tested;
  });
};

const outcomeOf = async (
  { outbound }: Context['services'],
  request: ApiRequest,
): Promise<Pick<ApiConfigurationRow, 'testStatus' | 'testError'>> => {
  try {
    const asking = { outbound, signal: new AbortController().signal, longestMs };
    const status = await askApi(asking, request, statusOf);
    return { testStatus: status, testError: faultOfStatus(status) };
  } catch (error) {
    if (error instanceof ApiFailure) return { testStatus: null, testError: error.message };
    throw error;
  }
};
