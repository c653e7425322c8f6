import { and, count, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { CreateApiOperationInput, UpdateApiOperationInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import type { ArgumentSchema } from './argument-schema.ts';
import { lockApi } from './api-configurations.ts';
import { faultsOfOperation, type OperationSettings } from './api-operation-rules.ts';
import { apiOperations, type ApiConfigurationRow, type ApiOperationRow } from './api-tables.ts';

/** Operations of one API. */
export const maxOperations = 100;

const requireSound = (settings: OperationSettings): void => {
  const issues = faultsOfOperation(settings);
  if (issues.length > 0) throw new BadUserInput(issues);
};

const withFreeName = async <Result>(write: Promise<Result>): Promise<Result> => {
  try {
    return await write;
  } catch (error) {
    if (violates(error, 'api_operations_name_key'))
      throw new Conflict('name', 'The API has an operation of this name already.');
    throw error;
  }
};

/** Operations that a locked API may still get. */
export const roomIn = async ({ organizationId, id }: ApiConfigurationRow): Promise<number> => {
  const { total } = sole(
    await database
      .select({ total: count() })
      .from(apiOperations)
      .where(and(eq(apiOperations.organizationId, organizationId), eq(apiOperations.configurationId, id))),
  );
  return maxOperations - total;
};

/** Where an operation of an API belongs. */
export const placeIn = ({ organizationId, readers, groupId, id }: ApiConfigurationRow) => ({
  organizationId,
  readers,
  groupId,
  configurationId: id,
});

export const tooManyOperations = (): Conflict =>
  new Conflict('configurationId', `An API has at most ${maxOperations} operations.`);

/** Adds an operation to an API. Throws BadUserInput, Conflict (name taken; 100 operations are there), NotFound. */
export const createApiOperation = (
  { unit }: Context,
  { configurationId, ...input }: CreateApiOperationInput,
): Promise<ApiOperationRow> => {
  const settings: OperationSettings = {
    ...input,
    parameters: schemaOf(input.parameters),
    changes: input.changes ?? input.method !== 'GET',
  };
  requireSound(settings);
  return withFreeName(
    unit.transact(async ({ organizationId }) => {
      const api = await lockApi(organizationId, configurationId);
      if ((await roomIn(api)) < 1) throw tooManyOperations();
      const row = { ...settings, ...placeIn(api) };
      const operation = sole(await database.insert(apiOperations).values(row).returning());
      const { name, method } = settings;
      const data = { configurationId, name, method };
      unit.record({ action: 'api_operation.created', type: 'ApiOperation', id: operation.id, data });
      return operation;
    }),
  );
};

/** The arguments of an operation that says nothing of them are none. */
const schemaOf = (given: unknown): Record<string, unknown> =>
  // The cast is safe: whatever it is, `faultOfSchema` looks at it before anything else does.
  (given ?? { type: 'object', properties: {} }) as ArgumentSchema & Record<string, unknown>;

const ofOperation = (organizationId: string, id: string) =>
  and(eq(apiOperations.organizationId, organizationId), eq(apiOperations.id, id));

/** Changes an operation; absent fields stay. Throws BadUserInput, Conflict (name taken), NotFound. */
export const updateApiOperation = ({ unit }: Context, input: UpdateApiOperationInput): Promise<ApiOperationRow> => {
  const { id } = input;
  return withFreeName(
    unit.transact(async ({ organizationId }) => {
      const [current] = await database
        .select()
        .from(apiOperations)
        .where(ofOperation(organizationId, id))
        .for('update');
      if (current === undefined) throw new NotFound('ApiOperation', id);
      const settings: OperationSettings = {
        name: input.name ?? current.name,
        description: input.description ?? current.description,
        method: input.method ?? current.method,
        path: input.path ?? current.path,
        parameters: input.parameters === undefined ? current.parameters : schemaOf(input.parameters),
        // Another method than GET changes something, unless it is said anew that it does not.
        changes: input.changes ?? ((input.method ?? 'GET') !== 'GET' || current.changes),
      };
      requireSound(settings);
      const updated = sole(
        await database.update(apiOperations).set(settings).where(ofOperation(organizationId, id)).returning(),
      );
      const fields = Object.keys(input).filter((field) => field !== 'id');
      const data = { configurationId: current.configurationId, fields };
      unit.record({ action: 'api_operation.updated', type: 'ApiOperation', id, data });
      return updated;
    }),
  );
};

/** Deletes an operation. Throws NotFound. */
export const deleteApiOperation = ({ unit }: Context, id: string): Promise<string> =>
  unit.transact(async ({ organizationId }) => {
    const [gone] = await database
      .delete(apiOperations)
      .where(ofOperation(organizationId, id))
      .returning({ name: apiOperations.name, configurationId: apiOperations.configurationId });
    if (gone === undefined) throw new NotFound('ApiOperation', id);
    unit.record({ action: 'api_operation.deleted', type: 'ApiOperation', id, data: gone });
    return id;
  });
