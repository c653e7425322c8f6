import { and, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { syncFailures } from './sync-tables.ts';

/** Something of a datasource that could not be taken in. */
export interface Failed {
  readonly externalId: string;
  readonly title: string | null;
  readonly sourceUri: string | null;
  /** For a person. */
  readonly reason: string;
}

/** Where a datasource is. */
export interface DatasourcePlace {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly datasourceId: string;
}

const ofDatasource = ({ organizationId, datasourceId }: Omit<DatasourcePlace, 'workspaceId'>) =>
  and(eq(syncFailures.organizationId, organizationId), eq(syncFailures.datasourceId, datasourceId));

/** Notes that something could not be taken in, once more or for the first time. */
export const noteFailure = async (place: DatasourcePlace, failed: Failed): Promise<void> => {
  const { externalId: _externalId, ...news } = failed;
  await database
    .insert(syncFailures)
    .values({ ...place, ...failed })
    .onConflictDoUpdate({
      target: [syncFailures.organizationId, syncFailures.datasourceId, syncFailures.externalId],
      set: { ...news, attempts: sql`${syncFailures.attempts} + 1`, lastTriedAt: sql`now()` },
    });
};

/** Forgets failures of things that were taken in, or are no longer there. */
export const forgetFailures = async (
  place: Omit<DatasourcePlace, 'workspaceId'>,
  externalIds: readonly string[],
): Promise<void> => {
  if (externalIds.length === 0) return;
  await database
    .delete(syncFailures)
    .where(and(ofDatasource(place), inArray(syncFailures.externalId, [...externalIds])));
};

/** Forgets failures that a complete run, begun at the moment given, did not meet again, and that no document stands for. */
export const forgetUnseen = async (place: Omit<DatasourcePlace, 'workspaceId'>, since: string): Promise<void> => {
  await database.delete(syncFailures).where(
    and(
      ofDatasource(place),
      sql`${syncFailures.lastTriedAt} < ${since}`,
      sql`not exists (select from documents where documents.organization_id = ${syncFailures.organizationId}
        and documents.datasource_id = ${syncFailures.datasourceId} and documents.external_id = ${syncFailures.externalId})`,
    ),
  );
};

/** Which of these things have been tried without success since a moment. */
export const failedSince = async (
  place: Omit<DatasourcePlace, 'workspaceId'>,
  externalIds: readonly string[],
  since: string,
): Promise<Set<string>> => {
  const found = await database
    .select({ externalId: syncFailures.externalId })
    .from(syncFailures)
    .where(
      and(
        ofDatasource(place),
        inArray(syncFailures.externalId, [...externalIds]),
        sql`${syncFailures.lastTriedAt} >= ${since}`,
      ),
    );
  return new Set(found.map(({ externalId }) => externalId));
};
