import { randomUUID } from 'node:crypto';
import { database } from '../../src/database/client.ts';
import { sole } from '../../src/database/rows.ts';
import { syncExecutions, syncFailures } from '../../src/domains/content/sync-tables.ts';
import { globalId } from '../../src/ids.ts';
import '../source-connector.ts';
import { uuidOf } from '../talk.ts';
import type { Person, Testbed } from '../testbed.ts';
import { secret, whole } from './cast.ts';
import { byEditors, inWorkspace, type Fixtures } from './fixture.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any
type Ids = Readonly<Record<string, string>>;

const named = async () => ({ Name: `${secret} ${randomUUID()}` });

/** A datasource that is synced at nobody's request but one's own, and its queue. */
const newDatasource = async (owner: Person, ids: Ids) => {
  const { Name } = await named();
  const text = `mutation ($input: CreateDatasourceInput!) { createDatasource(input: $input) { datasource { id sync { id } } } }`;
  const input = { workspaceId: ids.Workspace, name: Name, kind: 'MANUAL', configuration: {} };
  const { datasource } = ((await owner.want(text, { input })) as Data).createDatasource;
  return { Fresh: String(datasource.id), Queue: String(datasource.sync.id), Name };
};

const placeOf = (ids: Ids) => ({
  organizationId: uuidOf(String(ids.Organization)),
  workspaceId: uuidOf(String(ids.Workspace)),
});

/** A run that nobody does. */
const newRun = async (owner: Person, ids: Ids, bed: Testbed) => {
  const { Queue } = await newDatasource(owner, ids);
  const run = { ...placeOf(ids), queueId: uuidOf(Queue), trigger: 'REQUEST' as const };
  await whole(bed, String(ids.Organization)).transact(() => database.insert(syncExecutions).values(run).returning());
  return { Fresh: Queue };
};

const newFailure = async (owner: Person, ids: Ids, bed: Testbed) => {
  const { Fresh } = await newDatasource(owner, ids);
  const failure = { ...placeOf(ids), datasourceId: uuidOf(Fresh), externalId: secret, reason: secret };
  const rows = await whole(bed, String(ids.Organization)).transact(() =>
    database.insert(syncFailures).values(failure).returning({ id: syncFailures.id }),
  );
  return { Fresh: globalId('SyncFailure', sole(rows).id) };
};

const newPage = async (owner: Person, ids: Ids) => {
  const text = 'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }';
  const page = { title: `${secret} page`, text: `${secret} page`, sourceUri: 'http://127.0.0.1:9/page', wait: true };
  const data: Data = await owner.want(text, { input: { workspaceId: ids.Workspace, ...page } });
  return { Fresh: String(data.addDocument.document.id) };
};

const newWatched = async (owner: Person, ids: Ids) => {
  const page = await newPage(owner, ids);
  const text = 'mutation ($id: ID!) { watchDocument(input: { id: $id }) { document { id } } }';
  await owner.want(text, { id: page.Fresh });
  return page;
};

/** Datasources, watched documents and their runs. */
export const fixtures: Fixtures = {
  queries: {
    datasource: { gets: inWorkspace, field: 'datasource(id: $Datasource) { name configuration secretsSet }' },
  },
  mutations: {
    createDatasource: {
      gets: byEditors,
      field:
        'createDatasource(input: { workspaceId: $Workspace, name: $Name, kind: MANUAL, configuration: {} }) { datasource { name } }',
      target: named,
    },
    updateDatasource: {
      gets: byEditors,
      field: 'updateDatasource(input: { id: $Fresh, configuration: {} }) { datasource { name } }',
      target: newDatasource,
    },
    deleteDatasource: {
      gets: byEditors,
      field: 'deleteDatasource(input: { id: $Fresh }) { deletedId }',
      shows: /datasource_/,
      target: newDatasource,
    },
    syncDatasource: {
      gets: byEditors,
      field: 'syncDatasource(input: { id: $Fresh }) { execution { queue { datasource { name } } } job { state } }',
      target: newDatasource,
    },
    syncDocument: {
      gets: byEditors,
      field: 'syncDocument(input: { id: $Fresh }) { execution { queue { document { title } } } job { state } }',
      target: newWatched,
    },
    watchDocument: {
      gets: byEditors,
      field: 'watchDocument(input: { id: $Fresh }) { document { title sync { status } } }',
      target: newPage,
    },
    unwatchDocument: {
      gets: byEditors,
      field: 'unwatchDocument(input: { id: $Fresh }) { document { title } }',
      target: newWatched,
    },
    pauseSync: {
      gets: byEditors,
      field: 'pauseSync(input: { id: $Queue }) { queue { datasource { name } } }',
      target: newDatasource,
    },
    resumeSync: {
      gets: byEditors,
      field: 'resumeSync(input: { id: $Queue }) { queue { datasource { name } } }',
      target: newDatasource,
    },
    cancelSync: {
      gets: byEditors,
      field: 'cancelSync(input: { id: $Fresh }) { execution { status queue { datasource { name } } } }',
      target: newRun,
    },
    updateSyncSchedule: {
      gets: byEditors,
      field: 'updateSyncSchedule(input: { id: $Queue }) { queue { datasource { name } } }',
      target: newDatasource,
    },
    retrySyncFailure: {
      gets: byEditors,
      field: 'retrySyncFailure(input: { id: $Fresh }) { execution { queue { datasource { name } } } job { state } }',
      target: newFailure,
    },
    dismissSyncFailure: {
      gets: byEditors,
      field: 'dismissSyncFailure(input: { id: $Fresh }) { deletedId }',
      shows: /sync_failure_/,
      target: newFailure,
    },
  },
  subscriptions: {
    syncProgress: {
      gets: inWorkspace,
      field: 'syncProgress(datasourceId: $Datasource) { status queue { datasource { name } } }',
    },
  },
  connections: {
    'Datasource.failures': { gets: inWorkspace },
    'SyncQueue.executions': { gets: inWorkspace },
    'Workspace.datasources': { gets: inWorkspace },
  },
};
