import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { announceChange } from '../src/domains/content/announcing.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { documents } from '../src/domains/content/tables.ts';
import { newId } from '../src/ids.ts';
import { whole } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let viewer: Colleague;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp();
  workspaceId = await workspaceOf(ada);
  viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [workspaceId]: 'VIEWER' });
});
afterAll(async () => {
  await bed.stop();
  await closeParsers();
});

const subscription = `subscription ($id: ID!) { documentEvents(workspaceId: $id) { __typename
  ... on DocumentChanged { document { id title status } } ... on DocumentRemoved { documentId } } }`;

/** What somebody hears of a workspace from now on. */
const listen = async (person: Person, id = workspaceId) => {
  const { results, stop } = person.subscribe(subscription, { id });
  const heard: Data[] = [];
  const ended = (async () => {
    for await (const { data, errors } of results) {
      if (errors) throw new Error(JSON.stringify(errors));
      heard.push((data as Data).documentEvents);
    }
  })();
  ended.catch(() => undefined);
  await pause(300);
  return { heard, stop, ended };
};
const until = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 100 && !holds(); tries += 1) await pause(50);
};
const add = async (title: string): Promise<string> => {
  const text = 'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }';
  const input = { workspaceId, title, text: 'Roses are red.', wait: true };
  return ((await ada.want(text, { input })) as Data).addDocument.document.id;
};

test('documents are told of as they come, are read, change and go', async () => {
  const { heard, stop } = await listen(viewer);
  const id = await add('Roses');
  const ready = (event: Data) => event.document?.id === id && event.document.status === 'READY';
  await until(() => heard.some(ready));
  expect(heard.find(ready)).toEqual({
    __typename: 'DocumentChanged',
    document: { id, title: 'Roses', status: 'READY' },
  });
  const steps: readonly [string, (event: Data) => boolean][] = [
    [`updateDocument(input: { id: "${id}", tags: ["x"] }) { document { id } }`, ready],
    [`pinDocument(input: { id: "${id}" }) { document { id } }`, ready],
    [`deleteDocument(input: { id: "${id}" }) { deletedId }`, (event) => event.documentId === id],
  ];
  for (const [mutation, told] of steps) {
    await pause(300);
    heard.length = 0;
    await ada.want(`mutation { ${mutation} }`);
    await until(() => heard.some(told));
    expect(heard.map((event) => told(event))).toEqual([true]);
  }
  const failing = (await ada.want(
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
    { input: { workspaceId, title: 'Blank', text: '<p> </p>', mimeType: 'text/html' } },
  )) as Data;
  const failed = (event: Data) =>
    event.document?.id === failing.addDocument.document.id && event.document.status === 'FAILED';
  await until(() => heard.some(failed));
  expect(heard.some(failed)).toBe(true);
  await stop();
});

test('nobody hears of what they do not see', async () => {
  const hears = await listen(ada);
  const { heard, stop } = await listen(viewer);
  const id = await add('Secret');
  await until(() => heard.length > 0);
  await pause(300);
  const unit = whole(bed, ada.organizationId);
  const announce = () =>
    unit.transact(async () => {
      await database
        .update(documents)
        .set({ readers: [uuidOf(ada.userId), uuidOf(ada.organizationId)] })
        .where(eq(documents.id, uuidOf(id)));
      announceChange(unit, bed.server.installation.services.bus, { id: uuidOf(id), workspaceId: uuidOf(workspaceId) });
    });
  heard.length = 0;
  hears.heard.length = 0;
  await announce();
  await until(() => hears.heard.length > 0);
  await ada.want(`mutation { deleteDocument(input: { id: "${id}" }) { deletedId } }`);
  await until(() => hears.heard.length > 1);
  expect(hears.heard.map(({ __typename }) => __typename)).toEqual(['DocumentChanged', 'DocumentRemoved']);
  await pause(200);
  expect(heard).toEqual([]);
  await Promise.all([stop(), hears.stop()]);

  const eve = await bed.signUp('Eve');
  const refused = await listen(eve);
  await expect(refused.ended).rejects.toThrow(/NOT_FOUND/);
  await refused.stop();
});

test('a burst is read in batches, each document once', async () => {
  const count = 2000;
  const [organizationId, workspace] = [uuidOf(ada.organizationId), uuidOf(workspaceId)];
  const ids = Array.from({ length: count }, () => newId());
  const unit = whole(bed, ada.organizationId);
  const { heard, stop } = await listen(viewer);
  bed.statements.length = 0;
  const began = performance.now();
  await unit.transact(async () => {
    await database.insert(documents).values(
      ids.map((id) => ({
        organizationId,
        id,
        workspaceId: workspace,
        title: 'Burst',
        mimeType: 'text/plain',
        text: 'x',
      })),
    );
    const { bus } = bed.server.installation.services;
    // As often as each of them changes while it is read.
    for (let times = 0; times < 4; times += 1)
      for (const id of ids) announceChange(unit, bus, { id, workspaceId: workspace });
  });
  const told = () => new Set(heard.map(({ document }) => document?.id));
  for (let tries = 0; tries < 200 && told().size < count; tries += 1) await pause(50);
  const seconds = (performance.now() - began) / 1000;
  expect(told().size).toBe(count);
  expect(heard).toHaveLength(count);
  const reads = bed.statements.filter((text) => /^select .* from "documents"/s.test(text)).length;
  expect(reads).toBeLessThanOrEqual(count / 100 + 1);
  // No more than ten batches a second.
  expect(seconds).toBeGreaterThan(1.8);
  await stop();
  await unit.transact(() => database.delete(documents).where(sql`${documents.title} = 'Burst'`));
});

test('the stream ends for who may no longer see the workspace', async () => {
  const guest = await colleagueOf(bed, ada.organizationId, 'Guest', 'GUEST', { [workspaceId]: 'VIEWER' });
  const { heard, stop, ended } = await listen(guest);
  await ada.want(
    'mutation ($input: RemoveWorkspaceMemberInput!) { removeWorkspaceMember(input: $input) { deletedId } }',
    { input: { workspaceId, userId: guest.userId } },
  );
  await pause(3100);
  await add('Later');
  await Promise.race([ended, pause(2000, undefined, { ref: false })]);
  expect(heard).toEqual([]);
  await stop();
});
