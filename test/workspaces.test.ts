import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { slugsFor } from '../src/domains/tenancy/slugs.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, modelFor, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

const settingsOfAnswers =
  'temperature historyLength systemPrompt similarityThreshold topN queryRefusalResponse vectorSearchMode confidenceThreshold';
const fields = `name slug language published chatMode ${settingsOfAnswers} archivedAt viewerRole`;
const create = `mutation ($input: CreateWorkspaceInput!) { createWorkspace(input: $input) { workspace { id ${fields} } } }`;
const update = `mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { ${fields} } } }`;
const read = `query ($id: ID!) { workspace(id: $id) { ${fields} } }`;
const shown = 'branding { primaryColor accentColor logoUrl faviconUrl extra } tone welcomeMessage';
const updateSettings = `mutation ($input: UpdateWorkspaceSettingsInput!) { updateWorkspaceSettings(input: $input) { settings { ${shown} } } }`;
const readSettings = `query ($id: ID!) { workspace(id: $id) { settings { ${shown} } } }`;
const ask =
  'mutation ($input: AskInput!) { ask(input: $input) { question { id } answer { id status error { code } } } }';

let bed: Testbed;
let models: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed(), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
}, 60_000);
afterAll(async () => {
  await models.stop();
  await bed.stop();
});

interface Made {
  createWorkspace: { workspace: Record<string, unknown> & { id: string; slug: string } };
}
const made = async (person: Person, input: object): Promise<Made['createWorkspace']['workspace']> =>
  ((await person.want(create, { input })) as Made).createWorkspace.workspace;
const issuesOf = async (person: Person, text: string, input: object): Promise<unknown> => {
  const { errors } = await person.ask(text, { input });
  const issues = (errors[0]?.extensions.issues ?? []) as { field: string }[];
  return [errors[0]?.extensions.code, ...issues.map(({ field }) => field)];
};

const chosen = {
  name: 'All of it',
  language: 'de',
  published: true,
  chatMode: 'AUTOMATIC',
  temperature: 0,
  historyLength: 0,
  systemPrompt: 'Be kind.',
  similarityThreshold: 1,
  topN: 50,
  queryRefusalResponse: 'No.',
  vectorSearchMode: 'EXACT',
  confidenceThreshold: 0.5,
};
const untouched = {
  language: 'en',
  published: false,
  chatMode: 'CHAT',
  temperature: null,
  historyLength: 20,
  systemPrompt: null,
  similarityThreshold: 0.25,
  topN: 4,
  queryRefusalResponse: null,
  vectorSearchMode: 'HNSW',
  confidenceThreshold: 0,
};

describe('fields', () => {
  test('a new workspace takes every setting, and has defaults for those that nobody names', async () => {
    const own = { archivedAt: null, viewerRole: 'ADMIN' };
    expect(await made(ada, chosen)).toEqual({ id: expect.any(String), slug: 'all-of-it', ...chosen, ...own });
    const plain = { id: expect.any(String), name: 'Plain', slug: 'plain', ...untouched, ...own };
    expect(await made(ada, { name: ' Plain ' })).toEqual(plain);
    const nulls = Object.fromEntries(Object.keys(untouched).map((field) => [field, null]));
    expect(await made(ada, { name: 'Nulls', ...nulls })).toEqual({ ...plain, name: 'Nulls', slug: 'nulls' });
  });

  test('an update changes what it names, clears by null, and leaves the short name', async () => {
    const { id, slug } = await made(ada, chosen);
    const cleared = { temperature: null, systemPrompt: null, queryRefusalResponse: null };
    await ada.want(update, { input: { id, name: 'Renamed', historyLength: 200, ...cleared } });
    const now = { ...chosen, slug, name: 'Renamed', historyLength: 200, ...cleared };
    expect(await ada.want(read, { id })).toMatchObject({ workspace: now });
    await ada.want(update, { input: { id } });
    expect(await ada.want(read, { id })).toMatchObject({ workspace: now });
  });

  const atTheEdge = [
    { name: 'n'.repeat(255) },
    { temperature: 2 },
    { historyLength: 0 },
    { historyLength: 200 },
    { systemPrompt: 'p'.repeat(20_000) },
    { similarityThreshold: 0 },
    { topN: 1 },
    { queryRefusalResponse: 'r'.repeat(2000) },
    { confidenceThreshold: 1 },
  ];
  const beyond: readonly Record<string, unknown>[] = [
    { name: '' },
    { name: '  ' },
    { name: 'n'.repeat(256) },
    { language: 'EN' },
    { language: 'deu' },
    { temperature: -0.001 },
    { temperature: 2.001 },
    { historyLength: -1 },
    { historyLength: 201 },
    { systemPrompt: 'p'.repeat(20_001) },
    { similarityThreshold: -0.001 },
    { similarityThreshold: 1.001 },
    { topN: 0 },
    { topN: 51 },
    { queryRefusalResponse: 'r'.repeat(2001) },
    { confidenceThreshold: -0.001 },
    { confidenceThreshold: 1.001 },
  ];
  const notNull = Object.keys(chosen).filter(
    (field) => !['temperature', 'systemPrompt', 'queryRefusalResponse'].includes(field),
  );

  test('every bound holds, at a workspace that is made and at one that is changed', async () => {
    const { id } = await made(ada, { name: 'Edges' });
    for (const input of atTheEdge) {
      await ada.want(update, { input: { id, ...input } });
      expect(await ada.want(read, { id })).toMatchObject({ workspace: input });
      expect(await made(ada, { name: 'Edge', ...input })).toMatchObject(input);
    }
    const before: object = await ada.want(read, { id });
    const count = await ada.want('{ workspaces { totalCount } }');
    for (const input of beyond) {
      const [field] = Object.keys(input);
      expect(await issuesOf(ada, update, { id, ...input })).toEqual(['BAD_USER_INPUT', field]);
      expect(await issuesOf(ada, create, { name: 'Edge', ...input })).toEqual(['BAD_USER_INPUT', field]);
    }
    for (const field of notNull)
      expect(await issuesOf(ada, update, { id, [field]: null })).toEqual(['BAD_USER_INPUT', field]);
    expect(await issuesOf(ada, update, { id, ...Object.assign({}, ...beyond) })).toEqual([
      'BAD_USER_INPUT',
      ...new Set(beyond.flatMap((input) => Object.keys(input))),
    ]);
    expect(await ada.want(read, { id })).toEqual(before);
    expect(await ada.want('{ workspaces { totalCount } }')).toEqual(count);
  }, 30_000);

  test('publishing and hiding count at once for the members of the organization', async () => {
    const bob = await colleagueOf(bed, ada.organizationId, 'Bob', 'MEMBER');
    const guest = await colleagueOf(bed, ada.organizationId, 'Guest', 'GUEST');
    const { id } = await made(ada, { name: 'Notices' });
    const seen = async (person: Person) => (await person.codes(read, { id })).length === 0;
    expect([await seen(bob), await seen(guest)]).toEqual([false, false]);
    await ada.want(update, { input: { id, published: true } });
    expect([await seen(bob), await seen(guest)]).toEqual([true, false]);
    expect(await bob.want(read, { id })).toMatchObject({ workspace: { viewerRole: 'VIEWER' } });
    expect(await bob.codes(update, { input: { id, name: 'Mine' } })).toEqual(['FORBIDDEN']);
    await ada.want(update, { input: { id, published: false } });
    expect([await seen(bob), await seen(guest)]).toEqual([false, false]);
    const { id: born } = await made(ada, { name: 'Born in public', published: true });
    expect(await bob.codes(read, { id: born })).toEqual([]);
  });
});

describe('short names', () => {
  test.each([
    ['C++', 'c-plus-plus'],
    ['Hello, World!', 'hello-world-bang'],
    ['me@home', 'me-at-home'],
    ['5*', '5-splat'],
    ['v1.2', 'v1-dot-2'],
    [`it's (a|b): "~c~"`, 'its-ab-c'],
    ['GraphQL API', 'graphql-api'],
    ['Gärten & Höfe', 'gaerten-and-hoefe'],
    ['  a --- b  ', 'a-b'],
    [`${'a'.repeat(59)} b`, 'a'.repeat(59)],
    ['n'.repeat(255), 'n'.repeat(60)],
  ])('%s is %s', (name, slug) => expect(slugsFor(name).next().value).toBe(slug));

  test('a name without a letter gets a UUID, a taken one eight digits', async () => {
    const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
    expect((await made(ada, { name: '雪' })).slug).toMatch(uuid);
    expect((await made(ada, { name: '雪' })).slug).toMatch(uuid);
    expect((await made(ada, { name: 'Twice!' })).slug).toBe('twice-bang');
    expect((await made(ada, { name: 'Twice!' })).slug).toMatch(/^twice-bang-\d{8}$/);
    // Unique within the organization alone.
    const eve = await bed.signUp('Eve');
    expect((await made(eve, { name: 'Twice!' })).slug).toBe('twice-bang');
  });

  test('a workspace is found by its short name, where one sees it', async () => {
    const bySlug = 'query ($slug: String!) { workspaceBySlug(slug: $slug) { id name } }';
    const { id } = await made(ada, { name: 'Null' });
    const eve = await bed.signUp('Eve');
    const bob = await colleagueOf(bed, ada.organizationId, 'Bob', 'MEMBER');
    expect(await ada.want(bySlug, { slug: 'null' })).toEqual({ workspaceBySlug: { id, name: 'Null' } });
    for (const person of [eve, bob]) expect(await person.codes(bySlug, { slug: 'null' })).toEqual(['NOT_FOUND']);
    for (const slug of ['NULL', '', '{}', "'; drop table users"])
      expect(await ada.codes(bySlug, { slug })).toEqual(['NOT_FOUND']);
    expect((await ada.ask(bySlug, { slug: 'a'.repeat(10_000) })).errors[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'slug',
    });
  });
});

test('lists filter and order by what they say', async () => {
  const eve = await bed.signUp('Eve');
  await made(eve, { name: 'Bees', language: 'de', published: true });
  await made(eve, { name: 'Ants' });
  const { id } = await made(eve, { name: 'Cows', language: 'de' });
  await eve.want('mutation ($id: ID!) { archiveWorkspace(input: { id: $id }) { workspace { id } } }', { id });
  const names = async (args: string): Promise<string[]> => {
    const data: { workspaces: { totalCount: number; edges: { node: { name: string } }[] } } = await eve.want(
      `{ workspaces(orderBy: [{ field: NAME }], ${args}) { totalCount edges { node { name } } } }`,
    );
    expect(data.workspaces.totalCount).toBe(data.workspaces.edges.length);
    return data.workspaces.edges.map(({ node }) => node.name);
  };
  expect(await names('first: 9')).toEqual(['Ants', 'Bees']);
  expect(await names('filter: { archived: { eq: true } }')).toEqual(['Cows']);
  expect(await names('filter: { archived: { eq: false } }')).toEqual(['Ants', 'Bees']);
  expect(await names('filter: { archived: {} }')).toEqual(['Ants', 'Bees', 'Cows']);
  expect(await names('filter: { language: { eq: "de" } }')).toEqual(['Bees']);
  expect(await names('filter: { or: [{ archived: { eq: true } }, { published: { eq: true } }] }')).toEqual([
    'Bees',
    'Cows',
  ]);
  expect(await names('filter: { published: { eq: false } }')).toEqual(['Ants']);
  expect(await names('filter: { name: { in: ["Ants", "Bees"] }, slug: { ne: "ants" } }')).toEqual(['Bees']);
});

describe('settings', () => {
  let garden: string;
  let viewer: Colleague;
  let keeper: Colleague;
  beforeAll(async () => {
    garden = await workspaceOf(ada);
    viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [garden]: 'VIEWER' });
    keeper = await colleagueOf(bed, ada.organizationId, 'Keeper', 'MEMBER', { [garden]: 'ADMIN' });
  });
  const nothing = {
    branding: { primaryColor: null, accentColor: null, logoUrl: null, faviconUrl: null, extra: null },
    tone: null,
    welcomeMessage: null,
  };
  const all = {
    branding: {
      primaryColor: '#00aaff',
      accentColor: '#123456',
      logoUrl: 'https://example.com/logo.svg',
      faviconUrl: 'https://example.com/icon.png',
      extra: { font: 'Serif', nested: { list: [1, null] } },
    },
    tone: 'Plain and kind.',
    welcomeMessage: 'Good morning.',
  };

  test('there are defaults until somebody says something; absent stays and null clears', async () => {
    const set = (input: object) => keeper.want(updateSettings, { input: { workspaceId: garden, ...input } });
    expect(await keeper.want(readSettings, { id: garden })).toEqual({ workspace: { settings: nothing } });
    const branding = { ...all.branding, primaryColor: '#00AAFF' };
    await set({ ...all, branding });
    expect(await keeper.want(readSettings, { id: garden })).toEqual({ workspace: { settings: all } });
    await set({});
    await set({ tone: null, branding: { logoUrl: null, extra: { a: 1 } } });
    const less = { ...all, tone: null, branding: { ...all.branding, logoUrl: null, extra: { a: 1 } } };
    expect(await keeper.want(readSettings, { id: garden })).toEqual({ workspace: { settings: less } });
    await set({ branding: null, welcomeMessage: ' ' });
    expect(await keeper.want(readSettings, { id: garden })).toEqual({ workspace: { settings: nothing } });
  });

  test('a viewer reads how it presents itself, and changes nothing', async () => {
    await keeper.want(updateSettings, { input: { workspaceId: garden, ...all } });
    const data = await viewer.want(
      `query ($id: ID!) { workspace(id: $id) { settings { branding { primaryColor } tone welcomeMessage } } }`,
      { id: garden },
    );
    expect(data).toEqual({
      workspace: {
        settings: {
          branding: { primaryColor: '#00aaff' },
          tone: all.tone,
          welcomeMessage: all.welcomeMessage,
        },
      },
    });
    const input = { workspaceId: garden, tone: 'Rude.' };
    expect(await viewer.codes(updateSettings, { input })).toEqual(['FORBIDDEN']);
    const stranger = await bed.signUp('Stranger');
    expect(await stranger.codes(updateSettings, { input })).toEqual(['NOT_FOUND']);
    expect(await keeper.want(readSettings, { id: garden })).toMatchObject({ workspace: { settings: all } });
  });

  test('every bound holds, and a refusal changes nothing', async () => {
    const input = (more: object) => ({ workspaceId: garden, ...more });
    const extra = (length: number) => ({ a: 'x'.repeat(length - '{"a":""}'.length) });
    for (const fine of [
      { tone: 't'.repeat(500) },
      { welcomeMessage: 'w'.repeat(2000) },
      { branding: { extra: extra(16_000) } },
    ])
      await keeper.want(updateSettings, { input: input(fine) });
    const before: object = await keeper.want(readSettings, { id: garden });
    const wrong: readonly (readonly [string, object])[] = [
      ['tone', { tone: 't'.repeat(501) }],
      ['welcomeMessage', { welcomeMessage: 'w'.repeat(2001) }],
      ['branding.primaryColor', { branding: { primaryColor: 'red' } }],
      ['branding.accentColor', { branding: { accentColor: '#12345g' } }],
      ['branding.logoUrl', { branding: { logoUrl: 'http://example.com/logo.svg' } }],
      ['branding.faviconUrl', { branding: { faviconUrl: 'data:image/png;base64,AA' } }],
      ['branding.extra', { branding: { extra: extra(16_001) } }],
      ['branding.extra', { branding: { extra: [1] } }],
      ['branding.extra', { branding: { extra: 'text' } }],
    ];
    for (const [field, more] of wrong)
      expect(await issuesOf(keeper, updateSettings, input(more))).toEqual(['BAD_USER_INPUT', field]);
    expect(
      await issuesOf(keeper, updateSettings, input({ branding: { primaryColor: '' }, tone: 't'.repeat(501) })),
    ).toEqual(['BAD_USER_INPUT', 'branding.primaryColor', 'tone']);
    expect(await keeper.want(readSettings, { id: garden })).toEqual(before);
  });

  test('settings of all workspaces of a page cost one statement', async () => {
    await ada.want('{ viewer { role } }');
    const { statements } = await ada.ask(
      '{ workspaces(first: 20) { edges { node { settings { tone } viewerRole } } } }',
    );
    expect(statements).toHaveLength(2);
  });

  test('the tone reaches the model, and the history of 0 messages holds none', async () => {
    const workspaceId = await workspaceOf(ada, { historyLength: 0, systemPrompt: 'You keep a garden.' });
    await modelFor(ada, workspaceId, models.url);
    await ada.want(updateSettings, { input: { workspaceId, tone: 'Like a sailor.' } });
    const conversationId = await conversationIn(ada, workspaceId);
    await ada.want(ask, { input: { conversationId, text: 'First question?' } });
    await ada.want(ask, { input: { conversationId, text: 'Second question?' } });
    const sent = models.seen.at(-1)?.body.messages as { role: string; content: string }[];
    expect(sent.map(({ role }) => role)).toEqual(['system', 'user']);
    expect(sent[0]?.content).toMatch(/^You keep a garden\.\n\nWrite in this tone[^\n]*: Like a sailor\.\n\n/);
    expect(sent[1]?.content).toContain('Second question?');
  });
});

describe('pictures', () => {
  const setAvatar = `mutation ($input: SetWorkspaceAvatarInput!) { setWorkspaceAvatar(input: $input) { workspace { avatarUrl } } }`;
  const onePixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  const readUrl = 'query ($id: ID!) { workspace(id: $id) { avatarUrl } }';
  interface Seen {
    workspace: { avatarUrl: string | null };
  }
  const urlOf = async (id: string) => ((await ada.want(readUrl, { id })) as Seen).workspace.avatarUrl;

  test('a workspace shows its newest picture, until it is taken away or the workspace goes', async () => {
    const id = await workspaceOf(ada);
    expect(await urlOf(id)).toBeNull();
    await ada.want(setAvatar, { input: { workspaceId: id, image: onePixel } });
    const first = (await urlOf(id)) ?? '';
    const response = await fetch(first);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(Buffer.from(await response.arrayBuffer()).toString('base64')).toBe(onePixel);
    await ada.want(setAvatar, { input: { workspaceId: id, image: onePixel } });
    const second = (await urlOf(id)) ?? '';
    expect([(await fetch(first)).status, (await fetch(second)).status]).toEqual([404, 200]);
    await ada.want(setAvatar, { input: { workspaceId: id, image: null } });
    expect([await urlOf(id), (await fetch(second)).status]).toEqual([null, 404]);
    await ada.want(setAvatar, { input: { workspaceId: id, image: onePixel } });
    const third = (await urlOf(id)) ?? '';
    await ada.want('mutation ($id: ID!) { deleteWorkspace(input: { id: $id }) { deletedId } }', { id });
    expect((await fetch(third)).status).toBe(404);
  });

  test('only who manages the workspace sets one, and only a picture', async () => {
    const id = await workspaceOf(ada);
    const editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MEMBER', { [id]: 'EDITOR' });
    const stranger = await bed.signUp('Stranger');
    const input = { workspaceId: id, image: onePixel };
    expect(await editor.codes(setAvatar, { input })).toEqual(['FORBIDDEN']);
    expect(await stranger.codes(setAvatar, { input })).toEqual(['NOT_FOUND']);
    for (const image of ['nonsense', Buffer.from('<svg/>').toString('base64'), ''])
      expect(await issuesOf(ada, setAvatar, { ...input, image })).toEqual(['BAD_USER_INPUT', 'image']);
    expect(await urlOf(id)).toBeNull();
  });
});

test('a workspace has a model for answers and one for tools', async () => {
  const choose = `mutation ($input: SetWorkspaceModelInput!) { setWorkspaceModel(input: $input) { workspace { chatModel { id } agentModel { id } } } }`;
  const workspaceId = await workspaceOf(ada);
  const list: { models: { edges: { node: { id: string } }[] } } = await ada.want(
    '{ models(filter: { name: { in: ["extractive", "hashing-1536"] } }) { edges { node { id } } } }',
  );
  const [modelId, embedding] = list.models.edges.map(({ node }) => node.id);
  const set = (input: object) => ada.want(choose, { input: { workspaceId, ...input } });
  const now = (chatModel: object | null, agentModel: object | null) => ({
    setWorkspaceModel: { workspace: { chatModel, agentModel } },
  });
  expect(await set({ modelId, purpose: 'AGENT' })).toEqual(now(null, { id: modelId }));
  expect(await set({ modelId })).toEqual(now({ id: modelId }, { id: modelId }));
  expect(await set({ modelId: null, purpose: 'CHAT' })).toEqual(now(null, { id: modelId }));
  expect(await ada.codes(choose, { input: { workspaceId, modelId: embedding, purpose: 'AGENT' } })).toEqual([
    'BAD_USER_INPUT',
  ]);
  expect(await set({ modelId: null, purpose: 'AGENT' })).toEqual(now(null, null));
});

test('with a workspace goes what it holds, and the organization keeps the rest', async () => {
  const eve = await bed.signUp('Eve');
  const workspaceId = await workspaceOf(eve);
  const kept = await workspaceOf(eve, { name: 'Kept' });
  await conversationIn(eve, workspaceId);
  await conversationIn(eve, kept);
  await eve.want(updateSettings, { input: { workspaceId, tone: 'Short.' } });
  const document = {
    input: { workspaceId, title: 'Gone', text: 'Roses are watered every three days.', wait: true },
  };
  await eve.want('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', document);
  await eve.want('mutation ($id: ID!) { deleteWorkspace(input: { id: $id }) { deletedId } }', { id: workspaceId });
  const unit = unitOf(bed, eve.organizationId);
  const rows = await unit.run(() =>
    database.execute<{ name: string; rows: number }>(sql`
      select name, rows from (
        select 'documents' as name, count(*)::int as rows from documents where workspace_id = ${uuidOf(workspaceId)}
        union all select 'document_chunks', count(*)::int from document_chunks where workspace_id = ${uuidOf(workspaceId)}
        union all select 'conversations', count(*)::int from conversations where workspace_id = ${uuidOf(workspaceId)}
        union all select 'workspace_settings', count(*)::int from workspace_settings where workspace_id = ${uuidOf(workspaceId)}
        union all select 'workspace_memberships', count(*)::int from workspace_memberships where workspace_id = ${uuidOf(workspaceId)}
      ) counted where rows > 0`),
  );
  await unit.rest();
  expect([...rows]).toEqual([]);
  expect(
    await eve.want('query ($id: ID!) { workspace(id: $id) { conversations { totalCount } } }', { id: kept }),
  ).toEqual({ workspace: { conversations: { totalCount: 1 } } });
});
