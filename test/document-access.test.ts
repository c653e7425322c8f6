import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { UnitOfWork } from '../src/database/unit-of-work.ts';
import { ingest } from '../src/domains/content/ingestion.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { scopeOf, viewerOfMember, discovery } from '../src/domains/tenancy/viewers.ts';
import { quiet, whole } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { startOpenAiServer } from './openai-server.ts';
import { conversationIn, modelFor, promote, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed & { readonly ownerUrl: string | undefined };
let ada: Awaited<ReturnType<Testbed['signUp']>>;
/** ADMIN of the organization, EDITORs and a VIEWER of the workspace, and a MEMBER who is not in it. */
let admin: Colleague;
let editor: Colleague;
let otherEditor: Colleague;
let viewer: Colleague;
let neighbour: Colleague;
let workspaceId: string;
let groupId: string;

const run = async (person: Person, name: string, type: string, input: object, selection: string): Promise<Data> =>
  ((await person.want(`mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} } }`, { input })) as Data)[
    name
  ];

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada, { name: 'Handbook' });
  const join = (name: string, role: 'ADMIN' | 'MEMBER', place?: 'EDITOR' | 'VIEWER') =>
    colleagueOf(bed, ada.organizationId, name, role, place ? { [workspaceId]: place } : {});
  admin = await join('Admin', 'ADMIN');
  editor = await join('Editor', 'MEMBER', 'EDITOR');
  otherEditor = await join('Other', 'MEMBER', 'EDITOR');
  viewer = await join('Viewer', 'MEMBER', 'VIEWER');
  neighbour = await join('Neighbour', 'MEMBER');
  groupId = (await run(ada, 'createGroup', 'CreateGroupInput', { name: 'Board' }, 'group { id }')).group.id;
}, 60_000);
afterAll(async () => {
  await bed.stop();
  await closeParsers();
});

const added = async (person: Person, input: object): Promise<string> =>
  (
    await run(
      person,
      'addDocument',
      'AddDocumentInput',
      {
        workspaceId,
        title: 'Salaries',
        text: 'The salary of the pilot is nine thousand florins.',
        wait: true,
        ...input,
      },
      'document { id }',
    )
  ).document.id;

const set = (person: Person, id: string, access: 'WORKSPACE' | 'RESTRICTED', named: object = {}): Promise<Data> =>
  run(
    person,
    'setDocumentAccess',
    'SetDocumentAccessInput',
    { id, access, ...named },
    'document { access { kind groups { name } users { name } } }',
  );
const setText = 'mutation ($input: SetDocumentAccessInput!) { setDocumentAccess(input: $input) { document { id } } }';
const narrowed = (person: Person, id: string, named: object = {}) => set(person, id, 'RESTRICTED', named);

const members = (name: 'addGroupMembers' | 'removeGroupMembers', userIds: readonly string[]) =>
  run(ada, name, `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`, { groupId, userIds }, 'group { id }');

const uploaded = async (person: Person, text: string): Promise<string> => {
  const bytes = Buffer.from(text);
  const { upload, file } = await run(
    person,
    'createUpload',
    'CreateUploadInput',
    { name: 'salaries.txt', size: bytes.length, mimeType: 'text/plain' },
    'upload { url } file { id }',
  );
  const sent = await fetch(new URL(upload.url, bed.url), { method: 'PUT', body: bytes });
  expect(sent.status).toBe(200);
  return file.id;
};

/** What somebody gets of a document by each way that leads to it. */
const sightOf = async (person: Person, id: string, words = 'salary pilot florins'): Promise<Data> => {
  const { errors, data }: Data = await person.ask(
    `query ($id: ID!, $workspaceId: ID!, $words: String!) {
      document(id: $id) { title text chunks(first: 10) { totalCount edges { node { id } } } }
      node(id: $id) { id }
      workspace(id: $workspaceId) { documents(first: 100) { totalCount edges { node { id } } } }
      search(workspaceId: $workspaceId, query: $words, first: 50) { edges { node { document { id } } } }
    }`,
    { id, workspaceId, words },
  );
  const ids = (edges: Data[]) => edges.map(({ node }: Data) => node.document?.id ?? node.id);
  return {
    codes: errors.map(({ extensions }: Data) => extensions.code),
    listed: ids(data?.workspace?.documents.edges ?? []).includes(id),
    counted: data?.workspace?.documents.totalCount === data?.workspace?.documents.edges.length,
    found: ids(data?.search?.edges ?? []).includes(id),
    chunks: data?.document?.chunks.totalCount ?? 0,
  };
};
const seen = { codes: [], listed: true, counted: true, found: true, chunks: 1 };
const unseen = { codes: ['NOT_FOUND', 'NOT_FOUND'], listed: false, counted: true, found: false, chunks: 0 };

const tables = [
  ['documents', 'id'],
  ['document_versions', 'document_id'],
  ['document_labels', 'document_id'],
  ['document_chunks', 'document_id'],
  ['chunk_postings', 'chunk_id'],
  ['chunk_embeddings', 'chunk_id'],
  ['citations', 'document_id'],
] as const;

/** How many rows of each table that belongs to a document somebody's row policies show; null is a job. */
const rowsSeen = async (person: { readonly userId: string } | null, id: string): Promise<Record<string, number>> => {
  const { services } = bed.server.installation;
  const origin = { requestId: 'test', address: null, userAgent: null };
  let unit = whole(bed, ada.organizationId);
  const chunks = await unit.run(() =>
    database.execute<{ id: string }>(sql`select id from document_chunks where document_id = ${uuidOf(id)}`),
  );
  await unit.rest();
  if (person !== null) {
    const [organizationId, userId] = [uuidOf(ada.organizationId), uuidOf(person.userId)];
    const looking = new UnitOfWork(discovery(organizationId, userId), { ...services, origin });
    const found = await viewerOfMember(looking, { organizationId, userId });
    await looking.rest();
    if (found === null) throw new Error('Nobody of that id is a member.');
    unit = new UnitOfWork(scopeOf(found), { ...services, origin });
  }
  const counts: Record<string, number> = {};
  for (const [name, column] of tables) {
    const keys = column === 'chunk_id' ? chunks.map((chunk) => chunk.id) : [uuidOf(id)];
    const [row] = await unit.run(() =>
      database.execute<{ rows: number }>(
        sql`select count(*)::int as rows from ${sql.raw(name)} where ${sql.raw(column)} = any(${`{${keys.join(',')}}`}::uuid[])`,
      ),
    );
    counts[name] = row?.rows ?? 0;
  }
  await unit.rest();
  return counts;
};

describe('a narrowed document', () => {
  test('is seen by those named, administrators and who narrowed it, by every way that leads to it', async () => {
    const id = await added(otherEditor, {});
    for (const person of [ada, admin, editor, otherEditor, viewer]) expect(await sightOf(person, id)).toEqual(seen);
    expect(await narrowed(editor, id, { userIds: [viewer.userId] })).toEqual({
      document: { access: { kind: 'RESTRICTED', groups: [], users: [{ name: 'Viewer' }, { name: 'Editor' }] } },
    });
    for (const person of [ada, admin, editor, viewer]) expect(await sightOf(person, id)).toEqual(seen);
    expect(await sightOf(otherEditor, id)).toEqual(unseen);
    expect(await set(viewer, id, 'WORKSPACE').catch(() => 'refused')).toBe('refused');
    expect(await set(admin, id, 'WORKSPACE')).toEqual({
      document: { access: { kind: 'WORKSPACE', groups: [], users: [] } },
    });
    expect(await sightOf(otherEditor, id)).toEqual(seen);
  });

  test('takes every row that belongs to it along, there and back', async () => {
    const id = await added(editor, { text: 'The gardener of the orchard has seven apprentices.' });
    const conversation = await conversationIn(editor, workspaceId);
    await run(
      editor,
      'ask',
      'AskInput',
      { conversationId: conversation, text: 'How many apprentices has the gardener of the orchard?' },
      'answer { id }',
    );
    const unit = whole(bed, ada.organizationId);
    const document = uuidOf(id);
    await unit.transact(async () => {
      await database.execute(
        sql`update documents set tags = '{pay}', metadata = '{"author": "Ada"}' where id = ${document}`,
      );
      await database.execute(sql`insert into document_versions
        (organization_id, id, workspace_id, document_id, version, title, mime_type, text, content_hash)
        values (${uuidOf(ada.organizationId)}, gen_random_uuid(), ${uuidOf(workspaceId)}, ${document}, 1, 'Old', 'text/plain', 'Old', '')`);
    });
    const everything = await rowsSeen(null, id);
    expect(everything).toEqual({
      documents: 1,
      document_versions: 1,
      document_labels: 2,
      document_chunks: 1,
      chunk_postings: expect.any(Number),
      chunk_embeddings: 1,
      citations: expect.any(Number),
    });
    expect(Math.min(...Object.values(everything))).toBeGreaterThan(0);
    const nothing = Object.fromEntries(tables.map(([name]) => [name, 0]));
    const callers = { ada, admin, editor, otherEditor, viewer, neighbour };
    const sights = async () =>
      Object.fromEntries(
        await Array.fromAsync(Object.entries(callers), async ([name, person]) => [name, await rowsSeen(person, id)]),
      );
    const all = { ada: everything, admin: everything, editor: everything, neighbour: nothing };
    expect(await sights()).toEqual({ ...all, otherEditor: everything, viewer: everything });
    await narrowed(editor, id, { groupIds: [groupId] });
    expect(await sights()).toEqual({ ...all, otherEditor: nothing, viewer: nothing });
    await members('addGroupMembers', [viewer.userId, neighbour.userId]);
    // Of the group's members those see it who see the workspace.
    expect(await sights()).toEqual({ ...all, otherEditor: nothing, viewer: everything });
    await members('removeGroupMembers', [viewer.userId, neighbour.userId]);
    expect(await sights()).toEqual({ ...all, otherEditor: nothing, viewer: nothing });
    await set(editor, id, 'WORKSPACE');
    expect(await sights()).toEqual({ ...all, otherEditor: everything, viewer: everything });
    expect(await rowsSeen(null, id)).toEqual(everything);
  });

  test('can be brought in as one', async () => {
    const id = await added(editor, { access: { kind: 'RESTRICTED', userIds: [otherEditor.userId] } });
    expect(await sightOf(otherEditor, id)).toEqual(seen);
    expect(await sightOf(viewer, id)).toEqual(unseen);
    expect(await rowsSeen(viewer, id)).toEqual(Object.fromEntries(tables.map(([name]) => [name, 0])));
  });

  test('stays so when it is read while it is being narrowed', async () => {
    const id = await added(editor, {});
    const unit = whole(bed, ada.organizationId);
    const document = uuidOf(id);
    await unit.transact(() =>
      database.execute(
        sql`update documents set status = 'PENDING', version = 2, text = 'A florin is a coin.' where id = ${document}`,
      ),
    );
    const run = {
      signal: new AbortController().signal,
      // The document has been claimed and parsed; its chunks are not written yet.
      progress: () => narrowed(editor, id).then(() => undefined),
    };
    const work = { unit, services: bed.server.installation.services };
    await ingest(work, { documentId: document, version: 2 }, run as unknown as Parameters<typeof ingest>[2]);
    expect(await sightOf(editor, id)).toEqual(seen);
    expect(await sightOf(viewer, id)).toEqual(unseen);
    expect((await rowsSeen(viewer, id)).document_chunks).toBe(0);
    expect((await rowsSeen(viewer, id)).chunk_postings).toBe(0);
    expect((await rowsSeen(null, id)).document_chunks).toBe(1);
  });
});

describe('rights that end', () => {
  const question = 'How many florins does the smuggler pay?';
  const answerFor = async (person: Person): Promise<Data> => {
    const conversationId = await conversationIn(person, workspaceId);
    const { answer } = await run(
      person,
      'ask',
      'AskInput',
      { conversationId, text: question },
      'answer { id content citations { quote document { id } } }',
    );
    return answer;
  };
  const cites = (answer: Data, id: string): boolean =>
    answer.citations.some(({ document }: Data) => document?.id === id) || answer.content.includes('eleven');
  const secretText = 'The smuggler pays eleven florins.';

  const grantedByGroup = async (): Promise<string> => {
    await members('addGroupMembers', [viewer.userId]);
    const id = await added(editor, {
      title: 'Smuggling',
      text: secretText,
      access: { kind: 'RESTRICTED', groupIds: [groupId] },
    });
    expect(await sightOf(viewer, id, question)).toEqual(seen);
    return id;
  };
  const endings: Record<string, { end: (id: string) => Promise<unknown>; restore?: () => Promise<unknown> }> = {
    'who leaves the group': { end: () => members('removeGroupMembers', [viewer.userId]) },
    'a group that is inactive': {
      end: () => run(ada, 'updateGroup', 'UpdateGroupInput', { id: groupId, active: false }, 'group { id }'),
      restore: () => run(ada, 'updateGroup', 'UpdateGroupInput', { id: groupId, active: true }, 'group { id }'),
    },
    'a document that is narrowed further': { end: (id) => narrowed(editor, id) },
    'a group that is deleted': {
      end: () => run(ada, 'deleteGroup', 'DeleteGroupInput', { id: groupId }, 'deletedId'),
      restore: async () => {
        groupId = (await run(ada, 'createGroup', 'CreateGroupInput', { name: 'Board' }, 'group { id }')).group.id;
      },
    },
  };

  test.each(Object.entries(endings))('%s: gone from the next search and answer', async (_name, { end, restore }) => {
    const id = await grantedByGroup();
    expect(cites(await answerFor(viewer), id)).toBe(true);
    await end(id);
    expect(await sightOf(viewer, id, question)).toEqual(unseen);
    expect(cites(await answerFor(viewer), id)).toBe(false);
    expect(cites(await answerFor(editor), id)).toBe(true);
    await restore?.();
    await run(ada, 'deleteDocument', 'DeleteDocumentInput', { id }, 'deletedId');
  });

  test('who leaves the workspace loses what they were named for, and its file', async () => {
    const leaver = await colleagueOf(bed, ada.organizationId, 'Leaver', 'MEMBER', { [workspaceId]: 'VIEWER' });
    const fileId = await uploaded(editor, secretText);
    const id = await added(editor, {
      text: undefined,
      fileId,
      access: { kind: 'RESTRICTED', userIds: [leaver.userId] },
    });
    const file = 'query ($id: ID!) { file(id: $id) { name } }';
    expect(await leaver.codes(file, { id: fileId })).toEqual([]);
    expect(await viewer.codes(file, { id: fileId })).toEqual(['NOT_FOUND']);
    await run(
      ada,
      'removeWorkspaceMember',
      'RemoveWorkspaceMemberInput',
      { workspaceId, userId: leaver.userId },
      'deletedId',
    );
    expect(await leaver.codes(file, { id: fileId })).toEqual(['NOT_FOUND']);
    expect(await leaver.codes('query ($id: ID!) { document(id: $id) { id } }', { id })).toEqual(['NOT_FOUND']);
    await run(ada, 'deleteDocument', 'DeleteDocumentInput', { id }, 'deletedId');
  });

  test('an old answer keeps its words and shows no passage to who may not read it', async () => {
    const id = await added(editor, { title: 'Smuggling', text: secretText });
    const answer = await answerFor(editor);
    const told = 'query ($id: ID!) { node(id: $id) { ... on Message { content citations { id quote } } } }';
    const before: Data = await viewer.want(told, { id: answer.id });
    expect(before.node.citations.length).toBeGreaterThan(0);
    const citation = 'query ($id: ID!) { node(id: $id) { ... on Citation { quote } } }';
    expect(await viewer.codes(citation, { id: before.node.citations[0].id })).toEqual([]);
    await narrowed(editor, id);
    expect(await viewer.want(told, { id: answer.id })).toEqual({ node: { content: answer.content, citations: [] } });
    expect(await viewer.codes(citation, { id: before.node.citations[0].id })).toEqual(['NOT_FOUND']);
    expect(await editor.want(told, { id: answer.id })).toEqual(before);
    // The document goes, and its readers stay what they were.
    await run(ada, 'deleteDocument', 'DeleteDocumentInput', { id }, 'deletedId');
    expect(await viewer.want(told, { id: answer.id })).toEqual({ node: { content: answer.content, citations: [] } });
    expect(await editor.want(told, { id: answer.id })).toEqual(before);
  });

  test('an answer uses what the asker might read when it was looked for, and cites what they may still read at its end', async () => {
    const models = await startOpenAiServer();
    try {
      await promote(bed, ada);
      const place = await workspaceOf(ada, { name: 'Slow' });
      await modelFor(ada, place, models.url);
      await run(
        ada,
        'addWorkspaceMember',
        'AddWorkspaceMemberInput',
        { workspaceId: place, userId: viewer.userId, role: 'VIEWER' },
        'member { id }',
      );
      const id = await added(ada, { workspaceId: place, title: 'Smuggling', text: secretText });
      const answered = async (meanwhile: () => Promise<unknown>): Promise<Data> => {
        models.reset();
        models.script({ deltas: ['The smuggler pays ', 'eleven florins [1].'], gapMs: 400 });
        const conversationId = await conversationIn(viewer, place);
        const input = { conversationId, text: question };
        const asked = run(viewer, 'ask', 'AskInput', input, 'answer { status content citations { quote } }');
        while (models.seen.length === 0) await pause(10);
        await meanwhile();
        return (await asked).answer;
      };
      const words = { status: 'COMPLETED', content: 'The smuggler pays eleven florins [1].' };
      expect(await answered(() => Promise.resolve())).toMatchObject({ ...words, citations: [{ quote: secretText }] });
      expect(await answered(() => narrowed(ada, id, { userIds: [viewer.userId] }))).toMatchObject({
        ...words,
        citations: [{ quote: secretText }],
      });
      expect((await rowsSeen(editor, id)).citations).toBe(0);
      expect(await answered(() => narrowed(ada, id))).toEqual({ ...words, citations: [] });
      expect((await rowsSeen(viewer, id)).citations).toBe(0);
      // What was cited before is still cited, for those who may read it.
      expect((await rowsSeen(admin, id)).citations).toBe(2);
    } finally {
      await models.stop();
    }
  });
});

describe('a file', () => {
  const file = 'query ($id: ID!) { file(id: $id) { name } }';
  const sees = async (fileId: string) => ({
    editor: (await editor.codes(file, { id: fileId })).length === 0,
    otherEditor: (await otherEditor.codes(file, { id: fileId })).length === 0,
    viewer: (await viewer.codes(file, { id: fileId })).length === 0,
    admin: (await admin.codes(file, { id: fileId })).length === 0,
    neighbour: (await neighbour.codes(file, { id: fileId })).length === 0,
  });
  const own = { editor: true, otherEditor: false, viewer: false, admin: true, neighbour: false };

  test('is read by who may read one of the documents made from it, and by who brought it', async () => {
    const fileId = await uploaded(editor, 'A pilot earns florins.');
    expect(await sees(fileId)).toEqual(own);
    const wide = await added(editor, { text: undefined, fileId });
    expect(await sees(fileId)).toEqual({ ...own, otherEditor: true, viewer: true });
    const narrow = await added(editor, {
      text: undefined,
      fileId,
      access: { kind: 'RESTRICTED', userIds: [viewer.userId] },
    });
    expect(await sees(fileId)).toEqual({ ...own, otherEditor: true, viewer: true });
    await narrowed(editor, wide);
    expect(await sees(fileId)).toEqual({ ...own, viewer: true });
    await set(editor, wide, 'WORKSPACE');
    expect(await sees(fileId)).toEqual({ ...own, otherEditor: true, viewer: true });
    await run(editor, 'updateDocument', 'UpdateDocumentInput', { id: wide, text: 'Another text.' }, 'document { id }');
    // An earlier version is made from it still.
    expect(await sees(fileId)).toEqual({ ...own, otherEditor: true, viewer: true });
    await run(editor, 'deleteDocument', 'DeleteDocumentInput', { id: wide }, 'deletedId');
    expect(await sees(fileId)).toEqual({ ...own, viewer: true });
    await run(editor, 'deleteDocument', 'DeleteDocumentInput', { id: narrow }, 'deletedId');
    expect(await sees(fileId)).toEqual(own);
    await quiet(bed, ada.organizationId);
  });

  test('of documents narrowed in two workspaces is read in each by the readers there, as long as they see the workspace', async () => {
    const place = await workspaceOf(ada, { name: 'Annex' });
    const member = { workspaceId: place, userId: neighbour.userId, role: 'VIEWER' };
    await run(ada, 'addWorkspaceMember', 'AddWorkspaceMemberInput', member, 'member { id }');
    const fileId = await uploaded(ada, 'A pilot earns ducats.');
    const input = (userId: string) => ({ text: undefined, fileId, access: { kind: 'RESTRICTED', userIds: [userId] } });
    const first = await added(ada, input(viewer.userId));
    const second = await added(ada, { ...input(neighbour.userId), workspaceId: place });
    const fileOf = async (person: Person, id: string): Promise<Data> =>
      ((await person.want('query ($id: ID!) { document(id: $id) { file { id name } } }', { id })) as Data).document
        .file;
    expect((await fileOf(viewer, first)).id).toBe(fileId);
    // The same bytes by a row of its own, so that each is seen where it belongs.
    const own = await fileOf(neighbour, second);
    expect(own.id).not.toBe(fileId);
    expect((await sees(own.id)).viewer).toBe(false);
    expect((await sees(fileId)).neighbour).toBe(false);
    const left = { workspaceId: place, userId: neighbour.userId };
    await run(ada, 'removeWorkspaceMember', 'RemoveWorkspaceMemberInput', left, 'deletedId');
    expect((await sees(own.id)).neighbour).toBe(false);
  });

  test('of a narrowed document may serve another one of who reads it', async () => {
    const fileId = await uploaded(editor, 'A pilot earns florins.');
    const named = { access: { kind: 'RESTRICTED', userIds: [otherEditor.userId] } };
    await added(editor, { text: undefined, fileId, ...named });
    expect(await sees(fileId)).toEqual({ ...own, otherEditor: true });
    await added(otherEditor, { text: undefined, fileId });
    expect(await sees(fileId)).toEqual({ ...own, otherEditor: true, viewer: true });
    const add = 'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }';
    const hidden = await uploaded(editor, 'Hidden.');
    expect(await otherEditor.codes(add, { input: { workspaceId, title: 'Stolen', fileId: hidden } })).toEqual([
      'NOT_FOUND',
    ]);
  });
});

describe('who may be named', () => {
  const faults = async (input: object): Promise<Data> =>
    (await editor.ask(setText, { input })).errors.flatMap(({ extensions }: Data) =>
      (extensions.issues ?? [extensions]).map(({ field }: Data) => field),
    );

  test('members who see the workspace, and groups there are', async () => {
    const id = await added(editor, {});
    const stranger = await bed.signUp('Stranger');
    const userIds = [viewer.userId, neighbour.userId, admin.userId, stranger.userId];
    expect(await faults({ id, access: 'RESTRICTED', userIds })).toEqual(['userIds.1', 'userIds.3']);
    const gone = groupId.slice(0, -1) + (groupId.endsWith('0') ? '1' : '0');
    expect(await faults({ id, access: 'RESTRICTED', groupIds: [groupId, gone] })).toEqual(['groupIds.1']);
    expect(await faults({ id, access: 'WORKSPACE', groupIds: [groupId] })).toEqual(['groupIds']);
    expect(await faults({ id, access: 'RESTRICTED', userIds: Array(101).fill(viewer.userId) })).toEqual(['userIds']);
    const add = 'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }';
    const access = { kind: 'RESTRICTED', userIds: [neighbour.userId] };
    const { errors }: Data = await editor.ask(add, { input: { workspaceId, title: 'T', text: 'T', access } });
    expect(JSON.stringify(errors)).toContain('access.userIds.0');
    expect(await sightOf(viewer, id)).toEqual(seen);
  });

  test('by EDITORs alone', async () => {
    const id = await added(editor, {});
    const input = { id, access: 'RESTRICTED' };
    expect(await viewer.codes(setText, { input })).toEqual(['FORBIDDEN']);
    expect(await neighbour.codes(setText, { input })).toEqual(['NOT_FOUND']);
    expect(await bed.anonymous.codes(setText, { input })).toEqual(['UNAUTHENTICATED']);
  });

  test('readers of many documents are read in one statement for each kind', async () => {
    for (let made = 0; made < 3; made++)
      await added(editor, { wait: false, access: { kind: 'RESTRICTED', userIds: [viewer.userId] } });
    await quiet(bed, ada.organizationId);
    const statements = async (first: number): Promise<number> => {
      const { statements, errors } = await ada.ask(
        'query ($id: ID!, $first: Int!) { workspace(id: $id) { documents(first: $first) { edges { node { access { kind groups { id } users { id } } } } } } }',
        { id: workspaceId, first },
      );
      expect(errors).toEqual([]);
      // Those of the loaders: who asks may have to be looked up as well.
      return statements.filter((text) => /"(groups"."id|memberships"."user_id)" = any\(/.test(text)).length;
    };
    expect(await statements(3)).toBe(2);
    expect(await statements(1)).toBe(2);
  });
});
