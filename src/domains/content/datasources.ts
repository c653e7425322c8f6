import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound, type InputIssue } from '../../errors.ts';
import type { CreateDatasourceInput, DeleteDatasourceInput, UpdateDatasourceInput } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { workspaces } from '../tenancy/tables.ts';
import { connectorFor, storedConfiguration } from './datasource-configuration.ts';
import { datasources, type DatasourceRow } from './datasource-tables.ts';
import { openRun } from './sync-beginning.ts';
import { endRun, lockOpen } from './sync-ending.ts';
import { cancelTopic } from './sync-events.ts';
import { datasourceFields } from './sync-loaders.ts';
import { syncQueues } from './sync-tables.ts';
import { defaultStaleAfterSeconds, dueOf, firstDue, lookAt, timingIssues, type Timing } from './sync-times.ts';
import { documents } from './tables.ts';
import { issuesOf } from './validation.ts';

const refuse = (issues: readonly InputIssue[]): void => {
  if (issues.length > 0) throw new BadUserInput(issues);
};

const taken = (error: unknown): never => {
  if (violates(error, 'datasources_name_key')) throw new Conflict('name', 'This name is taken.');
  throw error;
};

/** By age after a week where nothing is said; what is put in by hand is never fetched. */
const timingOf = ({ kind, schedule, staleAfterSeconds }: CreateDatasourceInput): Timing => {
  const isSilent = (schedule ?? null) === null && staleAfterSeconds === undefined && kind !== 'MANUAL';
  return {
    schedule: schedule ?? null,
    staleAfterSeconds: isSilent ? defaultStaleAfterSeconds : (staleAfterSeconds ?? null),
  };
};

/** What is wrong with bringing a datasource of this kind up to date by itself. */
export const manualIssues = (kind: DatasourceRow['kind'], { schedule, staleAfterSeconds }: Timing): InputIssue[] =>
  kind === 'MANUAL' && (schedule !== null || staleAfterSeconds !== null)
    ? [
        {
          field: schedule === null ? 'staleAfterSeconds' : 'schedule',
          message: 'A MANUAL datasource is never out of date.',
        },
      ]
    : [];

/** Connects a datasource, and says when its first run is due. Throws BadUserInput, NotFound, Forbidden (needs EDITOR), Conflict (name, archived). */
export const createDatasource = async (context: Context, input: CreateDatasourceInput): Promise<DatasourceRow> => {
  const { workspaceId, name, kind } = input;
  const timing = timingOf(input);
  refuse([...issuesOf('name', name, 200), ...timingIssues(timing), ...manualIssues(kind, timing)]);
  const { unit } = context;
  const stored = await storedConfiguration(context, workspaceId, await connectorFor(kind), input.configuration);
  return unit
    .transact(async (transaction) => {
      const { organizationId } = transaction;
      await requireEditor(context, transaction, workspaceId);
      const { userId: createdById } = viewerOf(context);
      const row = { organizationId, workspaceId, name: name.trim(), kind, ...stored, createdById };
      const datasource = sole(await database.insert(datasources).values(row).returning(datasourceFields));
      const queueId = newId();
      const nextSyncAt = firstDue(timing, new Date());
      const place = { organizationId, workspaceId, datasourceId: datasource.id };
      await database.insert(syncQueues).values({ ...place, id: queueId, ...timing, nextSyncAt });
      await lookAt(queueId, organizationId, dueOf({ status: 'ACTIVE', nextSyncAt }));
      record(context, 'datasource.created', datasource, { name: datasource.name, kind });
      return datasource;
    })
    .catch(taken);
};

/** Changes a datasource. Throws BadUserInput, NotFound, Forbidden (needs EDITOR), Conflict (name, archived). */
export const updateDatasource = async (context: Context, input: UpdateDatasourceInput): Promise<DatasourceRow> => {
  const name = input.name ?? undefined;
  const configuration = input.configuration ?? undefined;
  refuse(issuesOf('name', name, 200));
  const { unit } = context;
  return unit
    .transact(async (transaction) => {
      const current = await lockedDatasource(context, transaction, input.id);
      const changes = {
        ...(name !== undefined && { name: name.trim() }),
        ...(configuration !== undefined &&
          (await storedConfiguration(
            context,
            current.workspaceId,
            await connectorFor(current.kind),
            configuration,
            current,
          ))),
      };
      if (Object.keys(changes).length === 0) return shown(current);
      const updated = sole(
        await database
          .update(datasources)
          .set(changes)
          .where(isDatasource(transaction, input.id))
          .returning(datasourceFields),
      );
      const fields = [name, configuration].flatMap((value, at) =>
        value === undefined ? [] : [['name', 'configuration'][at]],
      );
      record(context, 'datasource.updated', updated, { fields });
      return updated;
    })
    .catch(taken);
};

/** Deletes a datasource, calling a running sync off; its documents go too or become the workspace's own. Throws NotFound, Forbidden (needs EDITOR), Conflict (archived). */
export const deleteDatasource = (context: Context, { id, deleteDocuments }: DeleteDatasourceInput): Promise<string> =>
  context.unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    const { unit, services } = context;
    const seen = await seenDatasource(context, transaction, id);
    const [queue] = await database
      .select()
      .from(syncQueues)
      .where(and(eq(syncQueues.organizationId, organizationId), eq(syncQueues.datasourceId, id)));
    const open = queue === undefined ? null : await openRun(organizationId, queue.id);
    const execution = open === null ? null : await lockOpen(organizationId, open.id);
    if (execution !== null) {
      await endRun({ unit, services }, execution, { status: 'CANCELLED' });
      unit.afterCommit(() => services.bus.publish(cancelTopic(execution.id), {}));
    }
    const [locked] = await database
      .select({ id: datasources.id })
      .from(datasources)
      .where(isDatasource(transaction, id))
      .for('update');
    if (locked === undefined) throw new NotFound('Datasource', id);
    const ofDatasource = and(eq(documents.organizationId, organizationId), eq(documents.datasourceId, id));
    const concerned = deleteDocuments
      ? await database.delete(documents).where(ofDatasource).returning({ id: documents.id })
      : await database
          .update(documents)
          .set({ datasourceId: null, externalId: null, sourceHash: null, sourceVersion: null, seenInId: null })
          .where(ofDatasource)
          .returning({ id: documents.id });
    if (queue !== undefined) await lookAt(queue.id, organizationId, null);
    await database.delete(datasources).where(isDatasource(transaction, id));
    record(context, 'datasource.deleted', seen, { name: seen.name, deleteDocuments, documents: concerned.length });
    return id;
  });

const shown = ({ encryptedSecrets: _encryptedSecrets, ...row }: typeof datasources.$inferSelect): DatasourceRow => row;

const isDatasource = ({ organizationId }: Transaction, id: string) =>
  and(eq(datasources.organizationId, organizationId), eq(datasources.id, id));

const requireEditor = async (context: Context, { organizationId }: Transaction, workspaceId: string): Promise<void> => {
  const [seen] = await database
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(eq(workspaces.organizationId, organizationId), eq(workspaces.id, workspaceId)))
    .for('key share');
  if (seen === undefined) throw new NotFound('Workspace', workspaceId);
  const viewer = viewerOf(context);
  requirePermission(viewer, 'DATASOURCE_MANAGE', workspaceId);
  requireActive(viewer, workspaceId);
};

const allowed = <Row extends { workspaceId: string }>(context: Context, id: string, row: Row | undefined): Row => {
  if (row === undefined) throw new NotFound('Datasource', id);
  const viewer = viewerOf(context);
  requirePermission(viewer, 'DATASOURCE_MANAGE', row.workspaceId);
  requireActive(viewer, row.workspaceId);
  return row;
};

const seenDatasource = async (context: Context, transaction: Transaction, id: string): Promise<DatasourceRow> => {
  const [row] = await database.select(datasourceFields).from(datasources).where(isDatasource(transaction, id));
  return allowed(context, id, row);
};

const lockedDatasource = async (context: Context, transaction: Transaction, id: string) => {
  const [row] = await database.select().from(datasources).where(isDatasource(transaction, id)).for('update');
  return allowed(context, id, row);
};

const record = (
  { unit }: Context,
  action: string,
  { id, workspaceId }: DatasourceRow,
  data: Record<string, unknown>,
): void => unit.record({ action, type: 'Datasource', id, workspaceId, data });
