import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { ImportApiOperationsInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { lockApi } from './api-configurations.ts';
import { operationsOf } from './api-document-reading.ts';
import type { Skipped } from './api-documents.ts';
import { apiConfigurationById } from './api-loaders.ts';
import { placeIn, roomIn, tooManyOperations } from './api-operations.ts';
import { apiOperations, type ApiConfigurationRow, type ApiOperationRow } from './api-tables.ts';

/** What an import made, and what it left out. */
export interface Imported {
  readonly apiConfiguration: ApiConfigurationRow;
  readonly operations: ApiOperationRow[];
  readonly skipped: Skipped[];
}

/**
 * Adds the operations of an OpenAPI document to an API, all or none; those whose names are there already stay as they are. The endpoint stays as
 * it was set, whatever servers the document names. Throws BadUserInput, Conflict (more than 100 operations), NotFound, TooBusy.
 */
export const importApiOperations = async (
  { unit }: Context,
  { id, document }: ImportApiOperationsInput,
): Promise<Imported> => {
  await found('ApiConfiguration', id, apiConfigurationById(unit));
  await unit.rest();
  const { operations, skipped } = await operationsOf(document);
  return unit.transact(async ({ organizationId }) => {
    const api = await lockApi(organizationId, id);
    const known = await database
      .select({ name: apiOperations.name })
      .from(apiOperations)
      .where(and(eq(apiOperations.organizationId, organizationId), eq(apiOperations.configurationId, id)));
    const isKnown = (name: string) => known.some((each) => each.name === name);
    const fresh = operations.filter(({ name }) => !isKnown(name));
    if (fresh.length > (await roomIn(api))) throw tooManyOperations();
    const within = placeIn(api);
    const rows = fresh.map((settings) => Object.assign(settings, within));
    const made = rows.length === 0 ? [] : await database.insert(apiOperations).values(rows).returning();
    const names = made.map(({ name }) => name);
    if (made.length > 0)
      unit.record({ action: 'api_configuration.operations_imported', type: 'ApiConfiguration', id, data: { names } });
    const there = operations
      .filter(({ name }) => isKnown(name))
      .map(({ method, path }) => ({
        operation: `${method} ${path}`,
        reason: 'An operation of this name is there already.',
      }));
    return { apiConfiguration: api, operations: made, skipped: [...skipped, ...there].slice(0, 100) };
  });
};
