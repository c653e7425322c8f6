import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fingerprint } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { did, refused } from './project-acts.ts';
import { projectOf } from './project-talk.ts';
import { modelAt, runIn, sessionBy } from './prompt-talk.ts';
import { promote, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let olga: Colleague;
let viewer: Colleague;
let emil: Colleague;
let server: OpenAiServer | undefined;
let model: string;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
  workspaceId = await workspaceOf(ada);
  olga = await colleagueOf(bed, ada.organizationId, 'Olga', 'MEMBER', { [workspaceId]: 'EDITOR' });
  viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [workspaceId]: 'VIEWER' });
  emil = await colleagueOf(bed, ada.organizationId, 'Emil', 'MEMBER');
  server = await startOpenAiServer();
  model = await modelAt(ada, server, 'first');
}, 120_000);
afterAll(async () => {
  await bed.stop();
  await server?.stop();
});

const sessionOf = async (person: Person): Promise<string> =>
  (await sessionBy(person, 'createPromptSession', { title: 'Roses', modelId: model })).id;
const move = (person: Person, sessionId: string, projectId: string | null): Promise<Data> =>
  did(person, 'setPromptSessionProject', { sessionId, projectId }, 'promptSession { version project { id } }');
const costOf = async (id: string): Promise<string> => {
  const { project }: Data = await ada.want('query ($id: ID!) { project(id: $id) { modelCost spent } }', { id });
  expect(project.spent).toBe(project.modelCost);
  return project.modelCost;
};
/** Runs a prompt and gives what it cost, in millionths of a millionth of a US dollar. */
const run = async (person: Person, sessionId: string): Promise<bigint> => {
  const { runs } = await runIn(person, sessionId);
  expect(runs.map(({ status }: Data) => status)).toEqual(['SUCCESS']);
  return exact(runs[0].cost);
};
const exact = (dollars: string): bigint => {
  const [whole = '0', places = ''] = dollars.split('.');
  return BigInt(whole + places.padEnd(12, '0'));
};
const changesNothing = async (act: () => Promise<void>): Promise<void> => {
  const before = await fingerprint(bed, ada.organizationId);
  await act();
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
};

test('what prompts cost is the cost of the project that their session belongs to, wherever it moves', async () => {
  const [first, second] = [await projectOf(ada, { workspaceId }), await projectOf(ada, { workspaceId })];
  const session = await sessionOf(olga);
  const before = await run(olga, session);
  expect(before).toBeGreaterThan(0n);
  expect(await costOf(first)).toBe('0');
  expect((await move(olga, session, first)).promptSession).toEqual({ version: 2, project: { id: first } });
  expect(exact(await costOf(first))).toBe(before);
  const more = await run(olga, session);
  expect(exact(await costOf(first))).toBe(before + more);
  // Another session beside it, which stays.
  const other = await sessionOf(olga);
  await move(olga, other, first);
  const beside = await run(olga, other);
  expect(exact(await costOf(first))).toBe(before + more + beside);
  expect((await move(olga, session, second)).promptSession).toMatchObject({ version: 3, project: { id: second } });
  expect([exact(await costOf(first)), exact(await costOf(second))]).toEqual([beside, before + more]);
  // What is so already leaves no trace.
  await changesNothing(async () => {
    expect((await move(olga, session, second)).promptSession.version).toBe(3);
  });
  expect((await move(olga, session, null)).promptSession).toEqual({ version: 4, project: null });
  expect(await costOf(second)).toBe('0');
  // What a session has cost that is deleted, stays.
  await olga.want('mutation ($input: DeletePromptSessionInput!) { deletePromptSession(input: $input) { deletedId } }', {
    input: { id: other },
  });
  expect(exact(await costOf(first))).toBe(beside);
});

test('a project that is deleted lets go of its sessions', async () => {
  const id = await projectOf(ada, { workspaceId });
  const session = await sessionOf(olga);
  await move(olga, session, id);
  await run(olga, session);
  await did(ada, 'archiveProject', { id });
  await changesNothing(async () => {
    expect(await refused(olga, 'setPromptSessionProject', { sessionId: session, projectId: null })).toEqual([
      'CONFLICT sessionId',
    ]);
  });
  await did(ada, 'deleteProject', { id });
  const query = 'query ($id: ID!) { promptSession(id: $id) { promptCount project { id } } }';
  expect(await olga.want(query, { id: session })).toEqual({ promptSession: { promptCount: 1, project: null } });
});

test('who sees a project sees those of its sessions that they see, and who sees a session its project where they see it', async () => {
  const id = await projectOf(ada, { workspaceId });
  const [own, shared] = [await sessionOf(olga), await sessionOf(olga)];
  await move(olga, own, id);
  await move(olga, shared, id);
  const readers = { id: shared, shareWith: { userIds: [viewer.userId, emil.userId] } };
  await sessionBy(olga, 'sharePromptSession', readers);
  await run(olga, own);
  const query =
    'query ($id: ID!) { project(id: $id) { modelCost promptSessions { totalCount edges { node { id project { id } } } } } }';
  const seenBy = async (person: Person) => {
    // Who asks for the first time is looked up first.
    await person.want(query, { id });
    const { data, statements } = await person.ask(query, { id });
    // The project, the place in it that tells who manages it, its sessions, and their number.
    expect(statements).toHaveLength(4);
    const { modelCost, promptSessions } = (data as Data).project;
    const ids = promptSessions.edges.map(({ node }: Data) => node.id);
    expect(promptSessions.totalCount).toBe(ids.length);
    return { modelCost, ids };
  };
  expect(await seenBy(olga)).toEqual({ modelCost: null, ids: [shared, own] });
  expect(await seenBy(viewer)).toEqual({ modelCost: null, ids: [shared] });
  // What a session costs that they do not see counts for who manages the project.
  const manager = await colleagueOf(bed, ada.organizationId, 'Manager', 'MEMBER', { [workspaceId]: 'ADMIN' });
  const seen = await seenBy(manager);
  expect([seen.ids, exact(seen.modelCost) > 0n]).toEqual([[], true]);
  const of: Data = await emil.want('query ($id: ID!) { promptSession(id: $id) { id project { id } } }', { id: shared });
  expect(of.promptSession).toEqual({ id: shared, project: null });
});

test('a session is moved by who made it, to where they work; a double of it begins outside', async () => {
  const id = await projectOf(ada, { workspaceId });
  const secret = await projectOf(ada);
  const closed = await projectOf(ada, { workspaceId });
  await did(ada, 'archiveProject', { id: closed });
  const [session, ofViewer, archived] = [await sessionOf(olga), await sessionOf(viewer), await sessionOf(olga)];
  await sessionBy(olga, 'archivePromptSession', { id: archived });
  const readers = { id: session, shareWith: { userIds: [viewer.userId, emil.userId] } };
  await sessionBy(olga, 'sharePromptSession', readers);
  await changesNothing(async () => {
    const refusals: [Person, string, string, string][] = [
      // They see the session, and did not make it.
      [viewer, session, id, 'FORBIDDEN'],
      // They see the project, and do not work in it.
      [viewer, ofViewer, id, 'FORBIDDEN'],
      [olga, session, secret, 'NOT_FOUND'],
      [olga, session, closed, 'CONFLICT projectId'],
      [olga, archived, id, 'CONFLICT sessionId'],
      [olga, ofViewer, id, 'NOT_FOUND'],
    ];
    for (const [person, sessionId, projectId, error] of refusals)
      expect([error, await refused(person, 'setPromptSessionProject', { sessionId, projectId })]).toEqual([
        error,
        [error],
      ]);
  });
  await move(olga, session, id);
  const double = await sessionBy(emil, 'duplicatePromptSession', { id: session }, 'projectId project { id }');
  expect(double).toEqual({ projectId: null, project: null });
});

test('prompts that end together each count', async () => {
  const id = await projectOf(ada, { workspaceId });
  const sessions = await Promise.all(Array.from({ length: 4 }, () => sessionOf(olga)));
  for (const session of sessions) await move(olga, session, id);
  const costs = await Promise.all([...sessions, ...sessions].map((session) => run(olga, session)));
  expect(exact(await costOf(id))).toBe(costs.reduce((total, cost) => total + cost, 0n));
});
