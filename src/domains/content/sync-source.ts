import { and, eq } from 'drizzle-orm';
import { ZodError } from 'zod';
import { database } from '../../database/client.ts';
import { Undecipherable } from '../../secrets/encryption.ts';
import type { Work } from '../services.ts';
import { SourceFailure, type Source } from './connectors/connector.ts';
import { connectorOf, type AnyConnector } from './connectors/registry.ts';
import { openConfiguration, type StoredConfiguration } from './datasource-configuration.ts';
import { datasources } from './datasource-tables.ts';
import type { SyncExecutionRow, SyncQueueRow } from './sync-tables.ts';
import { documents } from './tables.ts';

/** A run that this process does. */
export interface Claimed {
  readonly execution: SyncExecutionRow;
  readonly queue: SyncQueueRow;
}

/** The same with the source it reads. */
export interface Begun extends Claimed {
  readonly connector: AnyConnector;
  readonly source: Source<Readonly<Record<string, unknown>>>;
}

/** The run has been called off, or ended by somebody else. */
export class RunEnded extends Error {}

/** Connects to what the run is of. Throws SourceFailure, and RunEnded when that is gone. */
export const connect = async (work: Work, claimed: Claimed, signal: AbortSignal): Promise<Begun> => {
  const { unit, services } = work;
  const { organizationId, workspaceId, datasourceId, documentId } = claimed.queue;
  const { kind, stored } = await unit.run(async () => {
    if (datasourceId === null) {
      const isDocument = and(eq(documents.organizationId, organizationId), eq(documents.id, documentId ?? ''));
      const [found] = await database.select({ sourceUri: documents.sourceUri }).from(documents).where(isDocument);
      const stored = { configuration: { url: found?.sourceUri ?? '' }, encryptedSecrets: null };
      return { kind: 'WEB_PAGE' as const, stored };
    }
    const isDatasource = and(eq(datasources.organizationId, organizationId), eq(datasources.id, datasourceId));
    const [found] = await database.select().from(datasources).where(isDatasource);
    if (found === undefined) throw new RunEnded();
    return { kind: found.kind, stored: found };
  });
  const connector = await connectorOf(kind);
  if (connector === undefined) throw new SourceFailure('REFUSED', `This server reads no sources of the kind ${kind}.`);
  const configuration = await configurationOf(work, workspaceId, connector, stored);
  return { ...claimed, connector, source: { configuration, outbound: services.outbound, signal } };
};

/** Throws SourceFailure. The unit holds no connection afterwards. */
const configurationOf = async (
  work: Work,
  workspaceId: string,
  connector: AnyConnector,
  stored: StoredConfiguration,
): Promise<Readonly<Record<string, unknown>>> => {
  try {
    return await openConfiguration(work, workspaceId, connector, stored);
  } catch (error) {
    if (error instanceof Undecipherable)
      throw new SourceFailure('UNAUTHORIZED', 'The secrets can no longer be read; store them again.');
    if (error instanceof ZodError)
      throw new SourceFailure('INVALID', 'The configuration is no longer understood; store it again.');
    throw error;
  } finally {
    await work.unit.rest();
  }
};
