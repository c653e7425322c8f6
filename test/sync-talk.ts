import { setTimeout as pause } from 'node:timers/promises';
import type { Person } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const execution = `id trigger status failure found added updated unchanged removed failed outstanding
  chunksReused chunksNew chunksRemoved startedAt fetchedAt finishedAt`;

/** Connects a datasource that is synced on request alone, and gives it. */
export const connect = async (person: Person, workspaceId: string, input: object = {}): Promise<Data> => {
  const text = `mutation ($input: CreateDatasourceInput!) { createDatasource(input: $input) {
    datasource { id name kind configuration secretsSet sync { id status nextSyncAt schedule staleAfterSeconds } } } }`;
  const all = { workspaceId, name: crypto.randomUUID(), kind: 'JSON_API', staleAfterSeconds: null, ...input };
  return ((await person.want(text, { input: all })) as Data).createDatasource.datasource;
};

/** Asks for a run and gives it as it was begun. */
export const begin = async (person: Person, id: string): Promise<Data> => {
  const text = `mutation ($id: ID!) { syncDatasource(input: { id: $id }) { execution { ${execution} } job { id kind state } } }`;
  return ((await person.want(text, { id })) as Data).syncDatasource.execution;
};

/** A run as it is. */
export const runOf = async (person: Person, id: string): Promise<Data> => {
  const text = `query ($id: ID!) { node(id: $id) { ... on SyncExecution { ${execution}
    queue { status pausedReason failuresInARow nextSyncAt lastSyncedAt } } } }`;
  return ((await person.want(text, { id })) as Data).node;
};

/** A run once it has ended. */
export const ended = async (person: Person, id: string): Promise<Data> => {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await pause(20)) {
    const run = await runOf(person, id);
    if (!['QUEUED', 'RUNNING'].includes(run.status)) return run;
  }
  throw new Error(`The run did not end: ${JSON.stringify(await runOf(person, id))}`);
};

/** Runs a datasource to the end of the run. */
export const sync = async (person: Person, id: string): Promise<Data> => ended(person, (await begin(person, id)).id);

/** Documents of a workspace by their titles. */
export const documentsOf = async (person: Person, workspaceId: string): Promise<Data[]> => {
  const text = `query ($id: ID!) { workspace(id: $id) { documents(first: 100, orderBy: [{ field: TITLE }]) { edges { node {
    id title text status failure version sourceUri chunkCount updatedAt datasource { id } } } } } }`;
  return ((await person.want(text, { id: workspaceId })) as Data).workspace.documents.edges.map(
    ({ node }: Data) => node,
  );
};

/** What of a datasource could not be taken in, by its names there. */
export const failuresOf = async (person: Person, id: string): Promise<Data[]> => {
  const text = `query ($id: ID!) { datasource(id: $id) { failures(first: 100) { edges { node {
    id externalId title reason attempts } } } } }`;
  const { datasource }: Data = await person.want(text, { id });
  return datasource.failures.edges
    .map(({ node }: Data) => node)
    .toSorted((a: Data, b: Data) => a.externalId.localeCompare(b.externalId));
};
