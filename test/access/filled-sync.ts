import { database } from '../../src/database/client.ts';
import { sole } from '../../src/database/rows.ts';
import { syncExecutions, syncFailures } from '../../src/domains/content/sync-tables.ts';
import { globalId } from '../../src/ids.ts';
import { unitOf, uuidOf } from '../talk.ts';
import type { Person, Testbed } from '../testbed.ts';

/** Connects a datasource with a run that failed and something that could not be taken in, all called by a word; gives their ids. */
export const filledSync = async (
  bed: Testbed,
  owner: Person & { readonly organizationId: string },
  workspace: string,
  word: string,
): Promise<Record<string, string>> => {
  const data: { createDatasource: { datasource: { id: string; sync: { id: string } } } } = await owner.want(
    `mutation ($input: CreateDatasourceInput!) { createDatasource(input: $input) { datasource { id sync { id } } } }`,
    { input: { workspaceId: workspace, name: `${word} shelf`, kind: 'MANUAL', configuration: {} } },
  );
  const { id, sync } = data.createDatasource.datasource;
  const place = { organizationId: uuidOf(owner.organizationId), workspaceId: uuidOf(workspace) };
  const run = { ...place, queueId: uuidOf(sync.id), trigger: 'REQUEST', status: 'FAILED', failure: word } as const;
  const failure = { ...place, datasourceId: uuidOf(id), externalId: word, reason: word };
  const [execution, failed] = await unitOf(bed, owner.organizationId).transact(async () => [
    sole(await database.insert(syncExecutions).values(run).returning({ id: syncExecutions.id })),
    sole(await database.insert(syncFailures).values(failure).returning({ id: syncFailures.id })),
  ]);
  return {
    Datasource: id,
    SyncQueue: sync.id,
    SyncExecution: globalId('SyncExecution', execution.id),
    SyncFailure: globalId('SyncFailure', failed.id),
  };
};
